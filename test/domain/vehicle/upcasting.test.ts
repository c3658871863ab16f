import { Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { inCurrentShape, inCurrentVersion, type Upcaster } from "../../../domain/vehicle/record.ts"

/** Version 2 gave the speed its unit, version 3 gathered it. */
const steps: ReadonlyArray<Upcaster> = [
  ({ speed, ...rest }) => ({ ...rest, speedKmh: speed }),
  ({ speedKmh, ...rest }) => ({ ...rest, measured: { speedKmh } }),
]
const current = Schema.Struct({ measured: Schema.Struct({ speedKmh: Schema.Number }) })

describe("what was stored in an older version", () => {
  it("comes up to the current one by as many steps as it is behind", () => {
    expect(inCurrentShape({ speed: 50 }, 1, 3, steps)).toEqual({ measured: { speedKmh: 50 } })
    expect(inCurrentShape({ speedKmh: 50 }, 2, 3, steps)).toEqual({ measured: { speedKmh: 50 } })
    expect(inCurrentShape({ measured: { speedKmh: 50 } }, 3, 3, steps)).toEqual({ measured: { speedKmh: 50 } })
  })

  it("is none where there never was such a version, or is none yet", () => {
    for (const version of [0, 4, -1, 1.5, "1", null, undefined, NaN]) {
      expect(inCurrentShape({ speed: 50 }, version, 3, steps), String(version)).toBeUndefined()
    }
  })

  it("is told to be unreadable as an event where it does not fit even so", () => {
    const stored = { id: "", stream: "vehicle-1", type: "Measured", revision: 7, position: "7" }
    const read = (data: { readonly speed: unknown }) =>
      inCurrentVersion({ ...stored, data, metadata: { schema: 1 } }, 3, steps, current)
    expect(Result.getOrThrow(read({ speed: 50 }))).toEqual({ measured: { speedKmh: 50 } })
    const failed = read({ speed: "fast" })
    expect(Result.isFailure(failed) && failed.failure.message).toBe(
      "Event 7 of vehicle-1: Measured of version 1 does not fit after upcasting",
    )
  })
})
