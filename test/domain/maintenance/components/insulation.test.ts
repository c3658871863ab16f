import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { insulation, type InsulationState } from "../../../../domain/maintenance/components/insulation.ts"
import { minConfidence, observe } from "../../../../domain/maintenance/model.ts"
import * as Watch from "../../../../domain/maintenance/watch.ts"
import type { StoredReading, VehicleEvent } from "../../../../domain/vehicle/events.ts"
import { day, minute, now } from "../../../support/given.ts"
import { readings, recordsOf, serviced } from "../../../support/maintenance.ts"
import * as Random from "../../../../src/simulator/random.ts"
import { normal } from "../../../support/packs.ts"

const path = {
  resistance: "Vehicle.Twin.TractionBattery.InsulationResistance",
  volts: "Vehicle.Powertrain.TractionBattery.CurrentVoltage",
  nominal: "Vehicle.Powertrain.TractionBattery.NominalVoltage",
} as const

const hour = 60 * minute
const noon = now - (now % day) + 12 * hour
const volts = 400

const fold = (events: ReadonlyArray<VehicleEvent>, from = insulation.initial) =>
  recordsOf(events).reduce((state, record) => insulation.evolve(state, observe(record)), from)
const assess = (state: InsulationState, at: number) => insulation.assess(state, at)

/** Four hours of driving a day, a reading every ten minutes; of the day and the reading of it, ohm a volt. */
const driven = (days: number, ohmAVolt: (day: number, i: number) => number, from = noon): ReadonlyArray<VehicleEvent> =>
  Array.from({ length: days * 24 }, (_, i) => {
    const of = Math.floor(i / 24)
    return readings(from + of * day + (i % 24) * 10 * minute, {
      [path.resistance]: (ohmAVolt(of, i % 24) * volts) / 1000,
      [path.volts]: volts,
    })
  })

const newsOf = (events: ReadonlyArray<VehicleEvent>) => {
  let watch = Watch.begin(insulation, "well")
  const news: Array<{ readonly at: number; readonly score: number; readonly urgency: string }> = []
  for (const record of recordsOf(events)) {
    const observed = observe(record)
    const step = Watch.evolve(insulation, watch, observed)
    watch = step.watch
    if (step.news !== undefined) news.push({ at: observed.at, score: step.news.score, urgency: step.news.urgency })
  }
  return news
}

describe("the insulation model", () => {
  it("says nothing before the first day is over, and too little to act upon before the third", () => {
    expect(assess(fold(driven(1, () => 300)), noon)).toBeUndefined()
    expect(assess(fold(driven(3, () => 300)), noon + 3 * day)?.confidence).toBeLessThan(minConfidence)
    expect(assess(fold(driven(4, () => 300)), noon + 4 * day)?.confidence).toBeGreaterThanOrEqual(minConfidence)
  })

  it.each([
    [20_000, 100, "drive_on"],
    [5_000, 100, "drive_on"],
    [510, 30.6, "drive_on"],
    [500, 30, "service_soon"],
    [300, 20.5, "service_soon"],
    [100, 0, "service_soon"],
  ])("at %d ohm a volt scores %d and says %s", (ohmAVolt, score, urgency) => {
    expect(assess(fold(driven(10, () => ohmAVolt)), noon + 10 * day)).toMatchObject({ score, urgency })
  })

  it("says stop within two days below what is safe", () => {
    const news = newsOf([...driven(20, () => 3_000), ...driven(4, () => 60, noon + 20 * day)])
    expect(news.map(({ urgency }) => urgency)).toEqual(["stop"])
    expect((news[0]?.at ?? 0) - (noon + 20 * day)).toBeLessThan(2 * day)
  })

  it("is not moved by a wet morning, nor by a glitch", () => {
    const random = Random.make(5, "insulation")
    const wet = driven(60, (of, i) => of % 9 === 4 && i < 14 ? 40 : 4_000 * Math.exp(0.2 * normal(random)))
    const glitches = driven(60, () => random.chance(0.05) ? 0 : 2_500)
    expect(newsOf(wet)).toEqual([])
    expect(newsOf(glitches)).toEqual([])
  })

  it("holds a monitor at the end of its scale for well", () => {
    const told = assess(fold(driven(40, () => 60_000_000 / volts)), noon + 40 * day)
    expect(told).toMatchObject({ score: 100, urgency: "drive_on" })
    expect(told?.remaining).toBeUndefined()
  })

  it("sees a slow fall before the line is reached, and says when it will be", () => {
    const random = Random.make(8, "insulation")
    // A tenth a week, from 5,000: at 500 after 153 days.
    const falling = (of: number) => 5_000 * Math.exp(-0.015 * of + 0.15 * normal(random))
    const state = fold(driven(110, falling))
    const { remaining } = assess(state, noon + 110 * day) ?? {}
    expect(remaining?.low).toBeLessThanOrEqual(43)
    expect(remaining?.high ?? Infinity).toBeGreaterThanOrEqual(43)
    expect(Math.abs((remaining?.days ?? 0) - 43)).toBeLessThan(15)
    const news = newsOf(driven(150, falling))
    expect(news.length).toBeGreaterThanOrEqual(1)
    const lead = 153 - ((news[0]?.at ?? 0) - noon) / day
    expect(lead).toBeGreaterThan(10)
    expect(lead).toBeLessThan(45)
  })

  it("judges nothing without the pack's voltage, for which the nominal one will do", () => {
    const bare = driven(10, () => 200).map((event) => {
      if (event.type !== "TelemetryReceived") return event
      const { [path.volts]: _, ...rest } = event.data.readings
      return { ...event, data: { ...event.data, readings: rest } }
    })
    expect(assess(fold(bare), noon + 10 * day)).toBeUndefined()
    const told = assess(fold([readings(noon - day, { [path.nominal]: volts }), ...bare]), noon + 10 * day)
    expect(told?.score).toBeLessThan(30)
  })

  it("grows unsure when it was long since the last reading", () => {
    const state = fold(driven(10, () => 200))
    expect(assess(state, noon + 50 * day)?.confidence).toBeLessThan(minConfidence)
  })

  it("begins anew after a repair, and takes no reading from before it", () => {
    const at = noon + 10 * day
    const state = fold([...driven(10, () => 200), serviced(at, { component: "tractionBattery.insulation" })])
    expect(assess(state, at)).toBeUndefined()
    expect(fold(driven(2, () => 200, at - 5 * day), state)).toBe(state)
    expect(assess(fold(driven(6, () => 4_000, at + day), state), at + 7 * day)?.score).toBeGreaterThan(90)
  })

  it("counts the days since a repair that is told of later, and none before it", () => {
    const done = noon + 10 * day
    const events = [...driven(10, () => 200), ...driven(6, () => 4_000, done + day)]
    const repair = serviced(done, { component: "tractionBattery.insulation" })
    const state = fold([repair], fold(events))
    expect(assess(state, noon + 17 * day)?.score).toBeGreaterThan(90)
    expect(state.days.map(([of]) => of >= done / day - 1)).not.toContain(false)
    const early = serviced(noon - 90 * day, { component: "tractionBattery.insulation" })
    expect(fold([early], state)).toBe(state)
  })

  it("takes a repair dated ahead of its receipt as done by then", () => {
    const [repair] = recordsOf([serviced(noon + 900 * day, { component: "tractionBattery.insulation" })])
    if (repair === undefined) throw new Error("no record")
    const state = insulation.evolve(fold(driven(10, () => 200)), { ...observe(repair), receivedAt: noon + 10 * day })
    expect(assess(fold(driven(6, () => 4_000, noon + 11 * day), state), noon + 17 * day)?.score).toBeGreaterThan(90)
  })

  it("leaves its state alone within ten minutes of the last reading, and for messages without one", () => {
    const state = fold(driven(2, () => 900))
    const last = noon + day + 23 * 10 * minute
    for (
      const idle of [
        readings(last + minute, { [path.resistance]: 5, [path.volts]: volts }),
        readings(last + hour, { [path.volts]: volts }),
        readings(last - hour, { [path.resistance]: 5 }),
        readings(last + hour, { [path.resistance]: { value: 5, quality: "ABNORMAL" } }),
      ]
    ) expect(fold([idle], state)).toBe(state)
  })

  it("never flaps while the resistance stays about the line", () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 300, max: 620, noNaN: true }), (seed, ohmAVolt) => {
        const random = Random.make(seed, "insulation")
        const news = newsOf(driven(80, () => ohmAVolt * Math.exp(0.25 * normal(random))))
        expect(news.filter(({ score }) => score <= insulation.raiseAt).length).toBeLessThanOrEqual(1)
        expect(news.filter(({ score }) => score >= insulation.recoverAt)).toEqual([])
      }),
      { numRuns: 15 },
    )
  }, 30_000)

  it("never scores higher for more wear", () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.array(fc.double({ min: 0, max: 0.1, noNaN: true }), { minLength: 45, maxLength: 45 }),
        (seed, losses) => {
          const noise = Random.make(seed, "insulation")
          const base = Array.from({ length: 45 * 24 }, () => 2_000 * Math.exp(0.3 * normal(noise)))
          let remains = 1
          const left = losses.map((loss) => remains *= 1 - loss)
          const of = (wear: (day: number) => number) =>
            assess(fold(driven(45, (one, i) => (base[one * 24 + i] ?? 0) * wear(one))), noon + 45 * day)?.score ?? NaN
          expect(of((one) => left[one] ?? 0)).toBeLessThanOrEqual(of(() => 1) + 0.2)
        },
      ),
      { numRuns: 12 },
    )
  }, 30_000)

  const anything: fc.Arbitrary<StoredReading> = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.double({ min: 0, max: 5_000, noNaN: true }),
    fc.boolean(),
    fc.record({ value: fc.constant(null), quality: fc.constant("INVALID" as const) }),
  )

  it("comes through whatever is read; stored between messages it says the same", () => {
    fc.assert(fc.property(
      fc.array(
        fc.record({
          after: fc.integer({ min: -hour, max: 2 * day }),
          values: fc.dictionary(fc.constantFrom(...Object.values(path)), anything),
        }),
        { maxLength: 80 },
      ),
      (told) => {
        let at = noon
        let state = insulation.initial
        for (const { after, values } of told) {
          at += after
          state = fold([readings(at, values)], state)
          expect(JSON.parse(JSON.stringify(state))).toEqual(state)
          const assessment = assess(state, at)
          expect(assessment?.score ?? 0).toBeGreaterThanOrEqual(0)
          expect(assessment?.score ?? 0).toBeLessThanOrEqual(100)
          const { remaining } = assessment ?? {}
          for (const days of [remaining?.days, remaining?.low, remaining?.high]) {
            expect(Number.isFinite(days ?? 0)).toBe(true)
          }
        }
      },
    ))
  })
})
