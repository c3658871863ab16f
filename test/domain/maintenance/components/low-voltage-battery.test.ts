import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { lowVoltageBattery, type LowVoltageBatteryState } from "../../../../domain/maintenance/components/low-voltage-battery.ts"
import { minConfidence, observe } from "../../../../domain/maintenance/model.ts"
import * as Watch from "../../../../domain/maintenance/watch.ts"
import type { StoredReading, VehicleEvent } from "../../../../domain/vehicle/events.ts"
import * as Random from "../../../../src/simulator/random.ts"
import { day, minute, now } from "../../../support/given.ts"
import { readings, recordsOf, serviced } from "../../../support/maintenance.ts"
import { normal } from "../../../support/packs.ts"

const path = {
  system: "Vehicle.LowVoltageSystemState",
  volts: "Vehicle.LowVoltageBattery.CurrentVoltage",
  amps: "Vehicle.LowVoltageBattery.CurrentCurrent",
  nominal: "Vehicle.LowVoltageBattery.NominalVoltage",
  crank: "Vehicle.Twin.LowVoltageBattery.CrankingVoltage",
  celsius: "Vehicle.Twin.LowVoltageBattery.Temperature",
  health: "Vehicle.Twin.LowVoltageBattery.StateOfHealth",
  outside: "Vehicle.Exterior.AirTemperature",
  dcdc: "Vehicle.Twin.TractionBattery.DCDC.IsActive",
} as const

const hour = 60 * minute
const morning = now - (now % day) + 6 * hour

const fold = (events: ReadonlyArray<VehicleEvent>, from = lowVoltageBattery.initial) =>
  recordsOf(events).reduce((state, record) => lowVoltageBattery.evolve(state, observe(record)), from)
const assess = (state: LowVoltageBatteryState, at: number) => lowVoltageBattery.assess(state, at)

/** Each day it wakes at six with the voltage of the night, drives for an hour and is put to rest at seven. */
const days = (
  count: number,
  atRest: (day: number) => number,
  more: (day: number) => Readonly<Record<string, StoredReading>> = () => ({}),
  from = morning,
): ReadonlyArray<VehicleEvent> =>
  Array.from({ length: count }, (_, i) => [
    readings(from + i * day, { [path.volts]: atRest(i) }),
    readings(from + i * day + minute, { [path.system]: "ON", [path.volts]: 14.3, ...more(i) }),
    readings(from + i * day + 30 * minute, { [path.volts]: 14.1 }),
    readings(from + i * day + hour, { [path.system]: "OFF", [path.volts]: 13.4 }),
  ]).flat()

const newsOf = (events: ReadonlyArray<VehicleEvent>) => {
  let watch = Watch.begin(lowVoltageBattery, "well")
  const scores: Array<number> = []
  for (const record of recordsOf(events)) {
    const step = Watch.evolve(lowVoltageBattery, watch, observe(record))
    watch = step.watch
    if (step.news !== undefined) scores.push(step.news.score)
  }
  return scores
}

describe("the low-voltage-battery model", () => {
  it("says nothing until it knows a week, and too little to act upon until it knows two", () => {
    expect(assess(lowVoltageBattery.initial, now)).toBeUndefined()
    expect(assess(fold(days(3, () => 11.9)), now + 3 * day)).toBeUndefined()
    expect(assess(fold(days(6, () => 11.9)), now + 6 * day)?.confidence).toBeLessThan(minConfidence)
    expect(assess(fold(days(16, () => 11.9)), now + 16 * day)?.confidence).toBeGreaterThanOrEqual(minConfidence)
  })

  it.each([
    [12.9, 100, "drive_on"],
    [12.65, 100, "drive_on"],
    [12.2, 25, "service_soon"],
    [12, 12.5, "service_soon"],
    [11.5, 0, "service_soon"],
  ])("at %d V at rest scores %d and says %s", (volts, score, urgency) => {
    const told = assess(fold(days(25, () => volts)), now + 25 * day)
    expect(told).toMatchObject({ score, urgency })
    expect(told?.summary).toBe(`12 V battery: ${volts.toFixed(2)} V at rest`)
  })

  it("never takes the voltage of the converter for one at rest", () => {
    expect(assess(fold(days(30, () => 14.4)), now + 30 * day)).toBeUndefined()
    const charging = Array.from({ length: 300 }, (_, i) =>
      readings(morning + i * 2 * hour, { [path.volts]: 12.9, [path.dcdc]: true, [path.system]: "OFF" }))
    expect(assess(fold(charging), now + 25 * day)).toBeUndefined()
    const drained = Array.from({ length: 300 }, (_, i) =>
      readings(morning + i * 2 * hour, { [path.volts]: 11.6, [path.amps]: -18, [path.system]: "OFF" }))
    expect(assess(fold(drained), now + 25 * day)).toBeUndefined()
  })

  it("takes the first voltage after three hours for one at rest where nobody tells of the system", () => {
    const silent = Array.from({ length: 25 }, (_, i) => [
      readings(morning + i * day, { [path.volts]: 12.1 }),
      ...Array.from({ length: 40 }, (_, j) => readings(morning + i * day + (j + 1) * 2 * minute, { [path.volts]: 12.9 })),
    ]).flat()
    expect(assess(fold(silent), now + 25 * day)?.summary).toBe("12 V battery: 12.10 V at rest")
  })

  it("halves a supply of 24 V", () => {
    const heavy = Array.from({ length: 25 }, (_, i) => [
      readings(morning + i * day, { [path.volts]: 24.2 }),
      readings(morning + i * day + hour, { [path.volts]: 28.2, [path.crank]: 18.4, [path.celsius]: 21 }),
    ]).flat()
    const told = assess(fold(heavy), now + 25 * day)
    expect(told?.evidence.map(({ text }) => text.slice(0, 20))).toEqual(["12.10 V at rest, the", "9.20 V left while cr"])
    expect(told?.score).toBeCloseTo(16.7, 1)
  })

  it("does not judge a battery of lithium", () => {
    const byRest = assess(fold(days(30, () => 13.25)), now + 30 * day)
    const byName = assess(
      fold([readings(now - day, { [path.nominal]: 13 }), ...days(30, () => 12.0)]),
      now + 30 * day,
    )
    for (const told of [byRest, byName]) {
      expect(told?.confidence).toBeLessThan(minConfidence)
      expect(told?.summary).toBe("12 V battery is of lithium and not judged")
    }
  })

  it("forgives the cold a low voltage while cranking, and none knows of", () => {
    const cranking = (volts: number, celsius?: number) =>
      assess(
        fold(days(25, () => 12.7, () => ({
          [path.crank]: volts,
          ...(celsius !== undefined && { [path.celsius]: celsius }),
        }))),
        now + 25 * day,
      )?.score ?? NaN
    expect(cranking(9.4, 22)).toBeLessThan(lowVoltageBattery.raiseAt)
    expect(cranking(9.4, -18)).toBeGreaterThan(60)
    expect(cranking(8.4, -18)).toBeLessThan(lowVoltageBattery.raiseAt)
    expect(cranking(9.4)).toBeGreaterThan(lowVoltageBattery.recoverAt)
  })

  it("says nothing of one drained week, and something of a battery that stays weak", () => {
    expect(newsOf(days(80, (i) => i > 40 && i < 47 ? 11.7 : 12.6))).toEqual([])
    expect(newsOf(days(80, (i) => i > 40 ? 12.05 : 12.6))).toHaveLength(1)
  })

  it("sees the fall of months, and when it will be at the line", () => {
    const random = Random.make(4, "fall")
    const state = fold(days(100, (i) => 12.7 - 0.003 * i + 0.03 * normal(random)))
    // 12.4 V then, and 12.2 V after 67 days more.
    const { remaining } = assess(state, morning + 100 * day) ?? {}
    expect(remaining?.low).toBeLessThanOrEqual(67)
    expect(remaining?.high ?? Infinity).toBeGreaterThanOrEqual(67)
    expect(Math.abs((remaining?.days ?? 0) - 67)).toBeLessThan(20)
    expect(assess(fold(days(100, () => 12.4 + 0.03 * normal(random))), now + 100 * day)?.remaining).toBeUndefined()
  })

  it("takes the sensor's word of its health", () => {
    const told = assess(fold(days(25, () => 12.7, () => ({ [path.health]: 42 }))), now + 25 * day)
    expect(told?.summary).toBe("12 V battery: its sensor says 42 % of health")
    expect(told?.score).toBeLessThan(lowVoltageBattery.raiseAt)
  })

  it("grows unsure when it was long since the last reading", () => {
    expect(assess(fold(days(25, () => 12)), now + 80 * day)?.confidence).toBeLessThan(minConfidence)
  })

  it("begins anew with a new battery, and takes no reading from before it", () => {
    const at = morning + 30 * day
    const state = fold([...days(30, () => 12), serviced(at, { component: "lowVoltageBattery" })])
    expect(assess(state, at)).toBeUndefined()
    expect(fold(days(10, () => 12, undefined, at - 12 * day), state)).toBe(state)
    expect(assess(fold(days(20, () => 12.7, undefined, at + day), state), at + 21 * day)?.score).toBe(100)
  })

  it("leaves its state alone where a message says nothing new", () => {
    const state = fold(days(10, () => 12.6, () => ({ [path.celsius]: 12 })))
    const last = morning + 9 * day + hour
    for (
      const idle of [
        readings(last + minute, { [path.volts]: 12.9, [path.system]: "OFF" }),
        readings(last + minute, { [path.amps]: 3 }),
        readings(last - 2 * hour, { [path.volts]: 11 }),
        readings(last + 10 * hour, { [path.volts]: { value: 11, quality: "INVALID" } }),
      ]
    ) expect(fold([idle], state)).toBe(state)
  })

  it("never flaps while the battery stays about the line", () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 12.08, max: 12.26, noNaN: true }), (seed, volts) => {
        const random = Random.make(seed, "noise")
        const news = newsOf(days(150, () => volts + 0.08 * normal(random)))
        expect(news.length).toBeLessThanOrEqual(1)
        expect(news.every((score) => score <= lowVoltageBattery.raiseAt)).toBe(true)
      }),
      { numRuns: 30 },
    )
  }, 30_000)

  it("never scores higher for more wear", () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(fc.double({ min: 0, max: 0.02, noNaN: true }), { minLength: 40 }), (seed, losses) => {
        const random = Random.make(seed, "wear")
        const base = losses.map(() => ({ rest: 12.5 + 0.1 * normal(random), crank: 10.2 + 0.2 * normal(random) }))
        let lost = 0
        const lostBy = losses.map((loss) => lost += loss)
        const of = (wear: (day: number) => number) =>
          assess(
            fold(days(
              losses.length,
              (i) => (base[i]?.rest ?? 0) - wear(i),
              (i) => ({ [path.crank]: (base[i]?.crank ?? 0) - wear(i), [path.celsius]: 15 }),
            )),
            now + losses.length * day,
          )?.score ?? NaN
        expect(of((i) => lostBy[i] ?? 0)).toBeLessThanOrEqual(of(() => 0))
      }),
      { numRuns: 30 },
    )
  }, 30_000)

  const anything: fc.Arbitrary<StoredReading> = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.double({ min: 5, max: 30, noNaN: true }),
    fc.boolean(),
    fc.constantFrom("OFF", "ON", "UNDEFINED", ""),
    fc.record({ value: fc.constant(null), quality: fc.constant("INVALID" as const) }),
  )

  it("comes through whatever is read; stored between messages it says the same", () => {
    fc.assert(fc.property(
      fc.array(
        fc.record({
          after: fc.integer({ min: -hour, max: 4 * day }),
          values: fc.dictionary(fc.constantFrom(...Object.values(path)), anything),
        }),
        { maxLength: 80 },
      ),
      (told) => {
        let at = morning
        let state = lowVoltageBattery.initial
        for (const { after, values } of told) {
          at += after
          state = fold([readings(at, values)], state)
          expect(JSON.parse(JSON.stringify(state))).toEqual(state)
          const assessment = assess(state, at)
          expect(assessment?.score ?? 0).toBeGreaterThanOrEqual(0)
          expect(assessment?.score ?? 0).toBeLessThanOrEqual(100)
          const { remaining } = assessment ?? {}
          for (const left of [remaining?.days, remaining?.low, remaining?.high]) {
            expect(Number.isFinite(left ?? 0)).toBe(true)
          }
        }
      },
    ))
  })
})
