import { describe, expect, it } from "@effect/vitest"
import type { StoredReading } from "../../../domain/vehicle/events.ts"
import { booleanOf, numberOf, numbersOf, timeOf } from "../../../domain/vehicle/good-reading.ts"
import { toTime } from "../../../domain/vehicle/readings.ts"
import { now } from "../../support/given.ts"

const message = (reading: StoredReading, clockFault = false) => {
  const data = { at: toTime(now), readings: { a: reading }, ...(clockFault && { clockFault: true as const }) }
  const at = timeOf(data)
  return { number: numberOf(data, "a", at), boolean: booleanOf(data, "a", at), numbers: numbersOf(data, "a", at) }
}

describe("a good reading", () => {
  it("has the message's time, or its own", () => {
    expect(message(5).number).toEqual({ value: 5, at: now })
    expect(message({ value: 5, at: toTime(now - 1000) }).number).toEqual({ value: 5, at: now - 1000 })
    expect(message(false).boolean).toEqual({ value: false, at: now })
  })

  it("is of the type that is asked for", () => {
    expect(message(true).number).toBeUndefined()
    expect(message([5]).number).toBeUndefined()
    expect(message("5").number).toBeUndefined()
    expect(message(1).boolean).toBeUndefined()
    expect(message({ value: null, quality: "GOOD" }).number).toBeUndefined()
  })

  it("may be a vector, of nothing but finite numbers", () => {
    expect(message([3.7, 3.8]).numbers).toEqual({ value: [3.7, 3.8], at: now })
    expect(message({ value: [3.7], at: toTime(now - 1000) }).numbers).toEqual({ value: [3.7], at: now - 1000 })
    expect(message([]).numbers).toEqual({ value: [], at: now })
    for (const value of [3.7, "3.7", ["3.7"], [3.7, true], [3.7, Number.NaN], [Infinity]]) {
      expect(message(value).numbers).toBeUndefined()
    }
    expect(message({ value: [3.7], quality: "INVALID" }).numbers).toBeUndefined()
  })

  it("is none where its sender does not vouch for it, or its clock is at fault", () => {
    expect(message({ value: 5, quality: "ABNORMAL" }).number).toBeUndefined()
    expect(message(5, true).number).toBeUndefined()
    expect(message({ value: 5, at: toTime(now + 1), clockFault: true }).number).toBeUndefined()
    expect(message({ value: 5, at: toTime(now - 1) }, true).number).toEqual({ value: 5, at: now - 1 })
  })

  it("may be one that could say where the vehicle is", () => {
    const data = { at: toTime(now), readings: {}, personal: { a: 5 } }
    expect(numberOf(data, "a", now)).toEqual({ value: 5, at: now })
  })
})
