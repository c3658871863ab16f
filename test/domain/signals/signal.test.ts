import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { checkValue, type DataType, define, type Signal } from "../../../domain/signals/signal.ts"

const signal = (type: DataType, more: Partial<Signal> = {}) =>
  define({ path: "Vehicle.Test", type, deadband: 0, staleAfter: 1000, personal: false, description: "", ...more })

const reason = (definition: ReturnType<typeof signal>, value: unknown) => checkValue(definition, value)?.reason

const wholeRanges = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65_535],
  int16: [-32_768, 32_767],
  uint32: [0, 4_294_967_295],
  int32: [-2_147_483_648, 2_147_483_647],
  uint64: [0, Number.MAX_SAFE_INTEGER],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
} as const
const wholeTypes = Object.keys(wholeRanges) as Array<keyof typeof wholeRanges>
const scalarTypes: Array<DataType> = [...wholeTypes, "float", "double", "boolean", "string"]
const types = scalarTypes.flatMap((type): Array<DataType> => [type, `${type}[]` as DataType])

const anySignal = fc.record({
  type: fc.constantFrom(...types),
  unit: fc.constantFrom("km/h", undefined),
  min: fc.option(fc.integer({ min: -300, max: 300 }), { nil: undefined }),
  max: fc.option(fc.integer({ min: -300, max: 300 }), { nil: undefined }),
  allowed: fc.option(fc.array(fc.oneof(fc.string(), fc.integer(), fc.boolean()), { minLength: 1 }), { nil: undefined }),
}).map(({ type, unit, min, max, allowed }) =>
  signal(type, {
    ...(unit === undefined ? {} : { unit }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(allowed === undefined ? {} : { allowed }),
  })
)
const anyValue = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSparseArray: true }),
  fc.array(fc.oneof(fc.integer(), fc.double(), fc.string(), fc.boolean(), fc.constant(null))),
  fc.double(),
)

describe("a value of a signal", () => {
  it("is judged without a throw whatever it is, and a refusal says where, what and why in a short line", () => {
    fc.assert(fc.property(anySignal, anyValue, (definition, value) => {
      const refused = checkValue(definition, value)
      expect(refused === undefined).toBe(definition.accepts(value))
      if (refused === undefined) return
      expect(refused).toMatchObject({ _tag: "InvalidValue", path: "Vehicle.Test" })
      expect(refused.message).toMatch(/^Vehicle\.Test(\[\d+\])?: found .+, expected .+/s)
      expect(refused.message.length).toBeLessThan(1500)
    }), { numRuns: 2000 })
  })

  it("fits a whole-number type exactly if it is whole and within the type's range", () => {
    for (const type of wholeTypes) {
      const [min, max] = wholeRanges[type]
      const definition = signal(type)
      expect([min, max].map((value) => reason(definition, value))).toEqual([undefined, undefined])
      expect([min - 1, max + 1].map((value) => reason(definition, value))).toEqual(["OutOfTypeRange", "OutOfTypeRange"])
      expect(reason(definition, 1.5)).toBe("WrongType")
      expect(reason(definition, "1")).toBe("WrongType")
      expect(reason(definition, NaN)).toBe("OutOfTypeRange")
      fc.assert(fc.property(fc.double({ noNaN: true }), (value) => {
        expect(definition.accepts(value)).toBe(Number.isInteger(value) && value >= min && value <= max)
      }))
    }
  })

  it("fits a float if it is finite, whole numbers too", () => {
    expect(reason(signal("float"), 3)).toBeUndefined()
    expect(reason(signal("float"), 3.5)).toBeUndefined()
    expect(reason(signal("float"), 3.4028234663852886e38)).toBeUndefined()
    expect(reason(signal("float"), 3.5e38)).toBe("OutOfTypeRange")
    expect(reason(signal("double"), 3.5e38)).toBeUndefined()
    for (const type of ["float", "double"] as const) {
      for (const value of [NaN, Infinity, -Infinity]) expect(reason(signal(type), value)).toBe("OutOfTypeRange")
    }
  })

  it("is of its own type and no other", () => {
    expect(reason(signal("boolean"), true)).toBeUndefined()
    expect(reason(signal("boolean"), 1)).toBe("WrongType")
    expect(reason(signal("string"), "")).toBeUndefined()
    expect(reason(signal("string"), 1)).toBe("WrongType")
    expect(reason(signal("float"), "3.5")).toBe("WrongType")
    expect(reason(signal("float"), null)).toBe("WrongType")
    expect(reason(signal("float"), [3.5])).toBe("WrongType")
    expect(reason(signal("float[]"), 3.5)).toBe("WrongType")
  })

  it("lies within min and max, both included", () => {
    const percent = signal("float", { unit: "percent", min: 0, max: 100 })
    fc.assert(fc.property(fc.double({ min: -200, max: 200, noNaN: true }), (value) => {
      expect(reason(percent, value)).toBe(value >= 0 && value <= 100 ? undefined : "OutOfRange")
    }))
    expect(checkValue(percent, 100.5)?.message).toBe("Vehicle.Test: found 100.5, expected 0 to 100 percent")
    expect(checkValue(signal("float", { min: 0, unit: "m" }), -1)?.message).toBe(
      "Vehicle.Test: found -1, expected at least 0 m",
    )
    const upTo100 = signal("uint8", { max: 100 })
    expect(checkValue(upTo100, 101)?.message).toBe("Vehicle.Test: found 101, expected at most 100")
    expect(checkValue(upTo100, 300)?.message).toBe("Vehicle.Test: found 300, expected 0 to 255 (uint8)")
  })

  it("is one of those allowed", () => {
    const gear = signal("string", { allowed: ["PARK", "DRIVE"] })
    expect(reason(gear, "DRIVE")).toBeUndefined()
    expect(checkValue(gear, "drive")).toEqual({
      _tag: "InvalidValue",
      path: "Vehicle.Test",
      reason: "NotAllowed",
      message: `Vehicle.Test: found "drive", expected one of "PARK", "DRIVE"`,
    })
    expect(reason(signal("uint8", { allowed: [1, 2] }), 3)).toBe("NotAllowed")
    expect(reason(signal("uint8", { allowed: [1, 2] }), 2)).toBeUndefined()
    expect(reason(signal("boolean", { allowed: [true] }), false)).toBe("NotAllowed")
  })

  it("is, in an array, judged element by element, and the first wrong one is named", () => {
    const cells = signal("float[]", { unit: "V", min: 0, max: 5 })
    fc.assert(fc.property(fc.array(fc.double({ min: -1, max: 6, noNaN: true })), (values) => {
      const first = values.findIndex((value) => value < 0 || value > 5)
      const refused = checkValue(cells, values)
      expect(refused?.index).toBe(first < 0 ? undefined : first)
      expect(refused?.reason).toBe(first < 0 ? undefined : "OutOfRange")
    }))
    expect(checkValue(cells, [3.7, 9])?.message).toBe("Vehicle.Test[1]: found 9, expected 0 to 5 V")
    const holed = [3.7, 3.7, 3.8]
    delete holed[1]
    expect(checkValue(cells, holed)).toMatchObject({ index: 1, reason: "WrongType" })
    expect(reason(cells, [])).toBeUndefined()
    expect(reason(signal("string[]", { allowed: ["A", "B"] }), ["A", "C"])).toBe("NotAllowed")
  })

  it("is cut short in the message however long it is", () => {
    const message = checkValue(signal("uint8"), "x".repeat(100_000))?.message ?? ""
    expect(message).toContain("(100000 characters)")
    expect(message.length).toBeLessThan(200)
  })
})
