import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as ExactSum from "../../projections/exact-sum.ts"

/** A double in units of the smallest one, 2^-1074. */
const exactly = (x: number): bigint => {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, x)
  const bits = view.getBigUint64(0)
  const exponent = Number((bits >> 52n) & 0x7ffn)
  const fraction = bits & 0xfffffffffffffn
  const magnitude = exponent === 0 ? fraction : (fraction | 0x10000000000000n) << BigInt(exponent - 1)
  return bits >> 63n === 1n ? -magnitude : magnitude
}

const total = (summands: ReadonlyArray<number>): bigint => summands.reduce((sum, x) => sum + exactly(x), 0n)

const sumOf = (summands: ReadonlyArray<number>) =>
  summands.reduce((sum, x) => ExactSum.add(sum, x), ExactSum.none)

const summand = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -ExactSum.largestSummand, max: ExactSum.largestSummand }),
  fc.integer({ min: -2_000, max: 2_000 }).map((n) => n / 10),
  // Powers of two next to one another, where roundings are ties.
  fc.tuple(fc.integer({ min: -70, max: 70 }), fc.constantFrom(1, -1, 1.5, 3)).map(([n, times]) => times * 2 ** n),
).map((x) => x + 0)
const summands = fc.array(summand, { maxLength: 40, size: "max" })

describe("a sum", () => {
  it("lacks nothing", () => {
    fc.assert(fc.property(summands, (all) => {
      expect(total(sumOf(all))).toBe(total(all))
    }))
  })

  it("is rounded to the nearest double, once", () => {
    fc.assert(fc.property(summands, (all) => {
      const exact = total(all)
      const rounded = ExactSum.rounded(sumOf(all))
      const distance = (x: number) => {
        const difference = exactly(x) - exact
        return difference < 0n ? -difference : difference
      }
      // A step as small as doubles of that size have: none lies nearer.
      const view = new DataView(new ArrayBuffer(8))
      for (const step of [-1n, 1n]) {
        view.setFloat64(0, rounded)
        view.setBigUint64(0, BigInt.asUintN(64, view.getBigUint64(0) + step))
        const neighbour = view.getFloat64(0)
        if (Number.isFinite(neighbour)) expect(distance(rounded) <= distance(neighbour)).toBe(true)
      }
    }))
  })

  it("is written in one way, in whatever order and parts it is made", () => {
    fc.assert(fc.property(
      summands.chain((all) =>
        fc.tuple(
          fc.constant(all),
          fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
          fc.nat({ max: all.length }),
        )),
      ([all, shuffled, cut]) => {
        const merged = ExactSum.merge(sumOf(shuffled.slice(0, cut)), sumOf(shuffled.slice(cut)))
        expect(merged).toEqual(sumOf(all))
      },
    ))
  })

  it("of nothing, and of what cancels out, is no number at all", () => {
    expect(sumOf([0.1, 0.2, -0.1, -0.2])).toEqual([])
    expect(ExactSum.rounded(ExactSum.none)).toBe(0)
  })
})
