import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as IntervalSet from "../../../domain/vehicle/interval-set.ts"

const of = (numbers: Iterable<number>) => [...numbers].reduce(IntervalSet.add, IntervalSet.empty)

describe("an interval set", () => {
  it("joins what touches, and shows the gaps between", () => {
    expect(of([1, 2, 3])).toEqual([1, 3])
    expect(of([3, 1])).toEqual([1, 1, 3, 3])
    expect(of([3, 1, 2])).toEqual([1, 3])
    expect(IntervalSet.gaps(of([0, 1, 5, 9, 10]))).toEqual([[2, 4], [6, 8]])
    expect(IntervalSet.gaps(IntervalSet.empty)).toEqual([])
  })

  it("holds the ends of what a JSON number can count", () => {
    const set = of([0, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1])
    expect(set).toEqual([0, 0, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER])
    expect(IntervalSet.has(set, 1)).toBe(false)
    expect(IntervalSet.has(set, Number.MAX_SAFE_INTEGER)).toBe(true)
  })

  it("is the same set where a number was there already", () => {
    const set = of([1, 2, 9])
    expect(IntervalSet.add(set, 2)).toBe(set)
    expect(set).toEqual([1, 2, 9, 9])
  })

  it("is a set of numbers, whatever the order they come in", () => {
    const few = fc.array(fc.nat({ max: 60 }), { maxLength: 80 })
    fc.assert(fc.property(few, (numbers) => {
      let set = IntervalSet.empty
      const model = new Set<number>()
      for (const n of numbers) {
        const before = set
        const copy = [...set]
        set = IntervalSet.add(set, n)
        model.add(n)
        expect(before).toEqual(copy)
        expect(IntervalSet.isIntervalSet(set)).toBe(true)
      }
      for (let n = 0; n <= 61; n++) expect(IntervalSet.has(set, n)).toBe(model.has(n))
      expect(IntervalSet.size(set)).toBe(model.size)
      const missing = IntervalSet.gaps(set).reduce((count, [from, to]) => count + to - from + 1, 0)
      const span = model.size === 0 ? 0 : Math.max(...model) - Math.min(...model) + 1
      expect(missing).toBe(span - model.size)
    }), { numRuns: 1000 })
  })

  it.each([[[1]], [[2, 1]], [[1, 3, 4, 5]], [[1, 3, 2, 9]], [[-1, 3]]])("is not what %j is", (numbers) => {
    expect(IntervalSet.isIntervalSet(numbers)).toBe(false)
  })
})
