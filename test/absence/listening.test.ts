import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { quietSince, type Spell } from "../../src/absence/listening.ts"

const spell = (from: number, to: number): Spell => ({ from, to })

describe("time that counts towards silence", () => {
  it("is what lies before now, where the service listened throughout", () => {
    expect(quietSince([spell(0, 100)], 100, 30)).toBe(70)
    expect(quietSince([spell(0, 200)], 100, 30)).toBe(70)
  })

  it("leaves out what it missed", () => {
    expect(quietSince([spell(0, 50), spell(90, 100)], 100, 30)).toBe(30)
    expect(quietSince([spell(0, 50)], 100, 30)).toBe(20)
  })

  it("is never enough where it did not listen for long enough", () => {
    expect(quietSince([], 100, 30)).toBe(Number.NEGATIVE_INFINITY)
    expect(quietSince([spell(90, 100)], 100, 30)).toBe(Number.NEGATIVE_INFINITY)
  })

  it("counts once what several processes heard, in whatever order they come", () => {
    const spells = fc.array(fc.tuple(fc.nat({ max: 50 }), fc.nat({ max: 20 })), { maxLength: 8 })
      .map((all) => all.map(([from, length]) => spell(from, from + length)))
    fc.assert(fc.property(spells, fc.nat({ max: 80 }), fc.integer({ min: 1, max: 30 }), (all, now, limit) => {
      let since = now
      let listened = 0
      while (since >= 0 && listened < limit) {
        since--
        if (all.some(({ from, to }) => from <= since && since < to)) listened++
      }
      expect(quietSince(all, now, limit)).toBe(listened < limit ? Number.NEGATIVE_INFINITY : since)
    }), { numRuns: 1000 })
  })
})
