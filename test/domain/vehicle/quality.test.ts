import { describe, expect, it } from "vitest"
import { qualityAt } from "../../../domain/vehicle/quality.ts"

describe("a value's quality", () => {
  const good = { at: 1_000, quality: "GOOD" } as const

  it("is good up to the signal's staleness and stale past it", () => {
    expect(qualityAt(good, 500, 1_500)).toBe("GOOD")
    expect(qualityAt(good, 500, 1_501)).toBe("STALE")
  })

  it("never goes stale where the signal has no staleness", () => {
    expect(qualityAt(good, Infinity, Number.MAX_SAFE_INTEGER)).toBe("GOOD")
  })

  it("is not stale when the device's clock is ahead", () => {
    expect(qualityAt(good, 500, 0)).toBe("GOOD")
  })

  it.each(["ABNORMAL", "INVALID"] as const)("stays %s as sent, however old", (quality) => {
    expect(qualityAt({ at: 0, quality }, 500, 1_000_000)).toBe(quality)
  })
})
