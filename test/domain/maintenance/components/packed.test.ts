import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { pack, unpack } from "../../../../domain/maintenance/components/packed.ts"

const whole = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.integer(),
  fc.integer({ min: -(2 ** 52 - 1), max: 2 ** 52 - 1 }),
)

describe("packed numbers", () => {
  it("are what they were, and plain text in JSON", () => {
    fc.assert(fc.property(fc.array(whole, { maxLength: 300 }), (values) => {
      const packed = pack(values)
      expect(packed).toMatch(/^[A-Za-z0-9+/]*$/u)
      expect(unpack(packed)).toEqual(values.map((value) => value + 0))
    }))
  })

  it("take two characters a number where it is small", () => {
    expect(pack([0, -1, 15, 511, -511])).toHaveLength(7)
  })

  it("are rounded and scaled", () => {
    expect(unpack(pack([12.4, -12.6, -0.2]), 10)).toEqual([1.2, -1.3, 0])
  })

  it("are finite whatever is packed", () => {
    fc.assert(fc.property(fc.array(fc.double()), (values) => {
      const numbers = unpack(pack(values))
      expect(numbers).toHaveLength(values.length)
      expect(numbers.every(Number.isFinite)).toBe(true)
      expect(pack(numbers)).toBe(pack(numbers.map(Math.round)))
    }))
  })

  it("are whatever comes of a text that was never packed, but numbers", () => {
    fc.assert(fc.property(fc.string(), (text) => {
      for (const value of unpack(text)) expect(value).not.toBeNaN()
    }))
  })
})
