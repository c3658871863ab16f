import { describe, expect, it } from "@effect/vitest"
import { brakePads } from "../../../../domain/maintenance/components/brake-pads.ts"
import { minConfidence, type Observed } from "../../../../domain/maintenance/model.ts"
import { observe } from "../../../../domain/maintenance/model.ts"
import * as Watch from "../../../../domain/maintenance/watch.ts"
import type { StoredReading } from "../../../../domain/vehicle/events.ts"
import { expectSound, foldOf } from "../../../support/component-models.ts"
import { day, minute, now } from "../../../support/given.ts"
import { readings, recordsOf, serviced } from "../../../support/maintenance.ts"
import { message, randomOf } from "../../../support/tyres.ts"

const [front] = brakePads
const speed = "Vehicle.Speed"
const left = "Vehicle.Chassis.Axle.Row1.Wheel.Left.Brake.PadWear"
const right = "Vehicle.Chassis.Axle.Row1.Wheel.Right.Brake.PadWear"
const flag = "Vehicle.Chassis.Axle.Row1.Wheel.Left.Brake.IsBrakesWorn"
const hour = 60 * minute

const times = <A>(count: number, value: A): ReadonlyArray<A> => Array.from({ length: count }, () => value)

const assess = (at: number, observed: Iterable<Observed>) => front?.assess(foldOf(front, observed), at)
const hourly = (...values: ReadonlyArray<Readonly<Record<string, StoredReading>>>) =>
  recordsOf(values.map((value, i) => readings(now + i * hour, value))).map(observe)

/** So many days of town traffic: a stop in 67 s from 50 km/h, a message in 2 s or so; wear follows the energy. */
function* town(days: number, { perStop, noise = 0, seed = 1 }: { readonly perStop: number; readonly noise?: number; readonly seed?: number }) {
  const { normal, between } = randomOf(seed)
  let revision = 0
  let stops = 0
  for (let today = 0; today < days; today++) {
    const start = now + today * day + between(0, 60) * minute
    let stopsToday = 0
    for (let second = 0; second < 40 * 60; second += between(1, 3)) {
      const phase = second % 67
      if (second >= 67 * (stopsToday + 1)) {
        stopsToday++
        stops++
      }
      const kmh = phase < 40 ? 50 : phase < 50 ? 50 - 5 * (phase - 40) : 0
      const wear = Math.min(100, Math.max(0, Math.round(stops * perStop + noise * normal())))
      yield message(Math.round(start + second * 1000), {
        [speed]: kmh,
        ...(second < 3 && { [left]: wear, [right]: Math.max(0, wear - 2), "Vehicle.TraveledDistance": today * 25_000 }),
      }, revision++)
    }
  }
}

describe("the brake-pads models", () => {
  it("score by the pad that is worn most", () => {
    expect(assess(now, hourly(...times(3, { [left]: 20, [right]: 35 })))).toMatchObject({
      score: 65,
      urgency: "drive_on",
      summary: "Front brake pads are worn to 35 %",
    })
    expect(assess(now, hourly(...times(3, { [left]: 96 })))).toMatchObject({ score: 4, urgency: "service_soon" })
  })

  it("say nothing of what was read once or twice", () => {
    expect(assess(now, hourly({ [left]: 93 }, { [left]: 93 }))).toBeUndefined()
    expect(assess(now, hourly({ [left]: 10 }, { [left]: 10 }, { [left]: 99 }, { [left]: 10 }))?.score).toBe(90)
  })

  it("take the car's word that pads are worn once it is said in three hours", () => {
    expect(assess(now, hourly({ [flag]: false }))).toMatchObject({ score: 100, summary: "Front brake pads are not worn, says the car" })
    const doubted = assess(now, hourly({ [flag]: false }, { [flag]: true }, { [flag]: true }))
    expect(doubted?.confidence).toBeLessThan(minConfidence)
    expect(doubted?.summary).not.toMatch(/not worn/u)
    expect(assess(now, hourly({ [flag]: true }, { [flag]: true }, { [flag]: true }))).toMatchObject({
      score: 5,
      urgency: "service_soon",
    })
  })

  it("find how long pads last from what they wore by the energy braked away", () => {
    const perDay = 35 * 0.01
    const told = assess(now + 60 * day, town(60, { perStop: 0.01, noise: 0.4 }))
    const truth = (100 - 60 * perDay) / perDay
    expect(told?.remaining?.days).toBeGreaterThan(0.8 * truth)
    expect(told?.remaining?.days).toBeLessThan(1.2 * truth)
    expect(told?.remaining?.low).toBeLessThan(truth)
    expect(told?.remaining?.high).toBeGreaterThan(truth)
    expect(told?.evidence.at(-1)?.text).toMatch(/MJ a tonne.*km remain/u)
  })

  it("count the energy of braking, and neither that of rolling out nor what goes into the battery", () => {
    const service = observe(recordsOf([serviced(now - 1, { component: "brakes.front" })])[0] ?? expect.fail())
    const energyOf = (decelerate: number, extra: Record<string, number> = {}) => {
      const { between } = randomOf(11)
      let into = 0
      // 100 hours, a message each five to fifteen seconds: 2,835 stops from 100 km/h.
      const messages = Array.from({ length: 36_000 }, (_, i) => {
        into += between(5_000, 15_000)
        const second = into / 1000
        return message(Math.round(now + into), { [speed]: Math.min(100, Math.max(0, 100 - (second % 127 - 40) * decelerate * 3.6)), ...extra }, i)
      })
      return front === undefined ? NaN : foldOf(front, [service, ...messages]).braked.energy
    }
    // Each stop takes 386 kJ a tonne, less what rolling and air take.
    expect(energyOf(2)).toBeGreaterThan(0.7 * 2_835 * 0.386)
    expect(energyOf(2)).toBeLessThan(1.1 * 2_835 * 0.386)
    expect(energyOf(0.1)).toBe(0)
    const recuperating = { "Vehicle.Powertrain.TractionBattery.CurrentVoltage": 400, "Vehicle.Powertrain.TractionBattery.CurrentCurrent": 200 }
    expect(energyOf(2, recuperating)).toBeLessThan(0.5 * energyOf(2))
  })

  it("guess without a sensor, and never so surely that it alarms", () => {
    const service = recordsOf([serviced(now - 1, { component: "brakes" })]).map(observe)
    const drive = Array.from({ length: 600 }, (_, i) => message(now + i * 1000, { [speed]: 100 - (i % 20) * 5 }, i))
    const told = assess(now + day, [...service, ...drive])
    expect(told?.confidence).toBeLessThan(minConfidence)
    expect(told?.score).toBeLessThan(100)
    expect(assess(now + day, drive)).toBeUndefined()
  })

  it("are as new after a service, even one that nobody recorded", () => {
    const spent = hourly(...times(5, { [left]: 95 }))
    const service = recordsOf([serviced(now + day, { component: "brakes" })]).map(observe)
    expect(assess(now + day, [...spent, ...service])?.score ?? 100).toBe(100)
    const replaced = hourly(...times(5, { [left]: 95 }), ...times(6, { [left]: 1 }))
    expect(assess(now + day, replaced)?.score).toBe(99)
  })

  it("never score higher for more wear", () => {
    let before = 100
    for (let wear = 0; wear <= 100; wear += 5) {
      const score = assess(now, hourly(...times(4, { [left]: wear })))?.score ?? NaN
      expect(score).toBeLessThanOrEqual(before)
      before = score
    }
  })

  it("raise one alert while noise plays about the line", () => {
    if (front === undefined) return
    const { normal } = randomOf(5)
    let watch = Watch.begin(front, "well")
    let news = 0
    for (let i = 0; i < 2_000; i++) {
      const wear = Math.min(100, Math.max(0, Math.round(85 + 3 * normal())))
      const step = Watch.evolve(front, watch, message(now + i * hour, { [left]: wear }, i))
      watch = step.watch
      if (step.news !== undefined) news++
    }
    expect(news).toBe(1)
  })

  it.each(brakePads.map((model) => [model.component, model] as const))("of %s take whatever comes", (_, model) => {
    expectSound(model)
  })
})
