import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { locationOf, median, quantileOf, trendOf } from "../../../domain/maintenance/statistics.ts"

const values = fc.array(fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double({ min: -1e6, max: 1e6, noNaN: true })), {
  minLength: 1,
  maxLength: 400,
})

describe("robust statistics", () => {
  it("know no median of nothing", () => {
    expect(median([])).toBeUndefined()
    expect(locationOf([])).toBeUndefined()
  })

  it("select the median that sorting finds, and leave the values as they were", () => {
    fc.assert(fc.property(values, (all) => {
      const before = [...all]
      expect(median(all)).toBeCloseTo(quantileOf(all.toSorted((a, b) => a - b), 0.5) ?? NaN, 9)
      expect(all).toEqual(before)
    }))
  })

  it("are not swayed by one wild value in three", () => {
    const located = locationOf([1, 2, 3, 2, 1, 2, 1e9, -1e9, 1e9])
    expect(located?.median).toBe(2)
    expect(located?.spread).toBeLessThan(2)
  })

  it("see a trend through wild points, within its interval", () => {
    const points = Array.from({ length: 40 }, (_, x) => ({ x, y: x % 5 === 0 ? 1e3 : 3 - 0.5 * x + 0.1 * Math.sin(x) }))
    const trend = trendOf(points)
    expect(trend?.slope).toBeCloseTo(-0.5, 1)
    expect(trend?.low).toBeLessThanOrEqual(trend?.slope ?? NaN)
    expect(trend?.high).toBeGreaterThanOrEqual(trend?.slope ?? NaN)
    expect(trendOf([{ x: 1, y: 1 }, { x: 1, y: 2 }])).toBeUndefined()
  })
})
