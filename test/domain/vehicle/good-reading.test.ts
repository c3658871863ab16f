import { describe, expect, it } from "@effect/vitest"
import type { StoredReading } from "../../../domain/vehicle/events.ts"
import { booleanOf, numberOf, timeOf } from "../../../domain/vehicle/good-reading.ts"
import { toTime } from "../../../domain/vehicle/readings.ts"
import { now } from "../../support/given.ts"

const message = (reading: StoredReading, clockFault = false) => {
  const data = { at: toTime(now), readings: { a: reading }, ...(clockFault && { clockFault: true as const }) }
  return { number: numberOf(data, "a", timeOf(data)), boolean: booleanOf(data, "a", timeOf(data)) }
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
