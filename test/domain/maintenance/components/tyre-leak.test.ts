import { describe, expect, it } from "@effect/vitest"
import { minConfidence, observe } from "../../../../domain/maintenance/model.ts"
import { tyreLeaks } from "../../../../domain/maintenance/components/tyre-leak.ts"
import { at20Celsius } from "../../../../domain/maintenance/components/tyre-pressure.ts"
import * as Watch from "../../../../domain/maintenance/watch.ts"
import { expectSound, foldOf } from "../../../support/component-models.ts"
import { day, minute } from "../../../support/given.ts"
import { recordsOf, serviced } from "../../../support/maintenance.ts"
import { epoch, message, randomOf, tyreMessages, type TyreWorld } from "../../../support/tyres.ts"

const [frontLeft] = tyreLeaks
const path = (wheel: string) => `Vehicle.Chassis.Axle.${wheel}.Tire`
const wheels = ["Row1.Wheel.Left", "Row1.Wheel.Right", "Row2.Wheel.Left", "Row2.Wheel.Right"]

/** Days since the epoch at which each tyre raised an alert. */
const alertsOf = (world: TyreWorld): ReadonlyArray<{ readonly wheel: number; readonly day: number }> => {
  const alerts: Array<{ readonly wheel: number; readonly day: number }> = []
  const watches = tyreLeaks.map((model) => Watch.begin(model, "well"))
  for (const observed of tyreMessages(world)) {
    for (const [wheel, model] of tyreLeaks.entries()) {
      const before = watches[wheel]
      if (before === undefined) continue
      const { news, watch } = Watch.evolve(model, before, observed)
      watches[wheel] = watch
      if (news !== undefined && news.score <= model.raiseAt) alerts.push({ wheel, day: (observed.at - epoch) / day })
    }
  }
  return alerts
}

/** Drives of an hour a day at 20 °C, front left at a pressure of its own. */
function* plain(days: number, pressureAt: (day: number) => number, noise = 0, others: (day: number) => number = () => 250) {
  const { normal } = randomOf(3)
  let revision = 0
  for (let today = 0; today < days; today++) {
    for (let into = 0; into < 60; into += 10) {
      const at = epoch + today * day + 8 * 60 * minute + into * minute
      const x = (at - epoch) / day
      const values: Record<string, number> = { "Vehicle.Speed": 50 }
      for (const [i, wheel] of wheels.entries()) {
        values[`${path(wheel)}.Pressure`] = Math.max(0, (i === 0 ? pressureAt(x) : others(x)) + noise * normal())
        values[`${path(wheel)}.AirTemperature`] = 20
      }
      yield message(at, values, revision++)
    }
  }
}

const assess = (observed: Iterable<ReturnType<typeof message>>) => {
  const all = [...observed]
  return frontLeft?.assess(foldOf(frontLeft, all), all.at(-1)?.receivedAt ?? 0)
}

describe("the tyre-leak models", () => {
  it("bring pressures to 20 °C", () => {
    expect(at20Celsius(250, 20)).toBeCloseTo(250, 10)
    // 351.3 kPa of absolute pressure at 45 °C are 323.7 at 20 °C.
    expect(at20Celsius(250, 45)).toBeCloseTo(222.4, 1)
  })

  it("find a leak of 3 kPa a day in a simulated year's weather, mostly within five days, and no other tyre's", () => {
    const delays: Array<number> = []
    for (let vehicle = 0; vehicle < 16; vehicle++) {
      const wheel = vehicle % 4
      const from = 20 + (vehicle * 3.77) % 15
      const alerts = alertsOf({ seed: 100 + vehicle, days: 50, step: 2.5, hasTemperature: true, leak: { wheel, rate: 3, from } })
      delays.push((alerts.find((alert) => alert.wheel === wheel && alert.day >= from)?.day ?? Infinity) - from)
    }
    delays.sort((a, b) => a - b)
    expect(delays.filter((delay) => delay <= 5).length).toBeGreaterThanOrEqual(12)
    expect(delays.at(-1)).toBeLessThan(12)
  })

  it("raise nothing in a simulated year of two vehicles whose tyres hold", () => {
    for (const seed of [1, 2]) {
      expect(alertsOf({ seed, days: 365, step: 2.5, hasTemperature: true })).toEqual([])
    }
  })

  it("say how much is lost, and when a fifth will be", () => {
    const told = assess(plain(12, (x) => 250 - Math.max(0, x - 4) * 3))
    expect(told?.score).toBeLessThanOrEqual(40)
    expect(told?.summary).toMatch(/Front left tyre loses 3/u)
    expect(told?.confidence).toBeGreaterThanOrEqual(minConfidence)
    // 250 − 3 · 7.3 = 228; the fifth is lost at 200.
    expect(told?.remaining?.days).toBeGreaterThan(7)
    expect(told?.remaining?.days).toBeLessThan(12)
    expect(told?.evidence[0]?.events).toHaveLength(1)
  })

  it("see through a filling, but take neither one that is let out nor what all tyres do for a leak", () => {
    const filled = assess(plain(14, (x) => 250 - Math.max(0, x - 3) * 3 + (x > 6 ? 15 : 0)))
    expect(filled?.score).toBeLessThanOrEqual(40)
    expect(assess(plain(14, (x) => x > 8 ? 235 : 250))?.score).toBeGreaterThan(70)
    const falling = (x: number) => 250 - Math.max(0, x - 4) * 3
    expect(assess(plain(12, falling, 0, falling))?.score).toBeGreaterThan(70)
  })

  it("ask to stop for a puncture within minutes, and to fill up where a fifth went slowly", () => {
    const puncture = [...plain(5, () => 250)]
    const end = puncture.at(-1)?.at ?? 0
    for (let m = 1; m <= 8; m++) {
      puncture.push(message(end + m * minute, { [`${path("Row1.Wheel.Left")}.Pressure`]: 250 - 12 * m, [`${path("Row1.Wheel.Left")}.AirTemperature`]: 20 }, 1000 + m))
    }
    expect(assess(puncture)).toMatchObject({ urgency: "stop" })
    expect(assess(puncture)?.score).toBeLessThanOrEqual(10)
    const slow = assess(plain(250, (x) => 250 - 0.21 * x, 0, (x) => 250 - 0.21 * x))
    expect(slow).toMatchObject({ urgency: "service_soon" })
    expect(slow?.score).toBeLessThanOrEqual(40)
  })

  it("are unsure where a trend is too short, stale, or no temperature is known", () => {
    expect(assess(plain(2, () => 250))?.confidence).toBeLessThan(minConfidence)
    const all = [...plain(14, () => 250)]
    const state = frontLeft && foldOf(frontLeft, all)
    expect(state && frontLeft?.assess(state, epoch + 40 * day)?.confidence).toBeLessThan(minConfidence)
    const bare = all.map((one, i) => message(one.at, { [`${path("Row1.Wheel.Left")}.Pressure`]: 250 - i }, i))
    expect(assess(bare)?.confidence ?? 0).toBeLessThan(minConfidence)
  })

  it("begin anew after a service", () => {
    const leaking = [...plain(12, (x) => 250 - Math.max(0, x - 4) * 3)]
    const service = recordsOf([serviced((leaking.at(-1)?.at ?? 0) + minute, { component: "tyres" })]).map(observe)
    expect(assess([...leaking, ...service])).toBeUndefined()
  })

  it("never score higher for a faster leak", () => {
    let before = 100
    for (let rate = 0; rate <= 12; rate += 1) {
      const score = assess(plain(12, (x) => 250 - Math.max(0, x - 5) * rate, 1))?.score ?? NaN
      expect(score).toBeLessThanOrEqual(before)
      before = score
    }
  })

  it("raise one alert of a leak that goes on, and resolve nothing", () => {
    if (frontLeft === undefined) return
    let watch = Watch.begin(frontLeft, "well")
    const told: Array<number> = []
    for (const observed of plain(25, (x) => 250 - Math.max(0, x - 4) * 1.2, 1.5)) {
      const step = Watch.evolve(frontLeft, watch, observed)
      watch = step.watch
      if (step.news !== undefined) told.push(step.news.score)
    }
    expect(told.filter((score) => score > 40)).toEqual([])
    expect(told.length).toBeGreaterThanOrEqual(1)
    expect(told.length).toBeLessThanOrEqual(2)
  })

  it.each(tyreLeaks.map((model) => [model.component, model] as const))("of %s take whatever comes", (_, model) => {
    expectSound(model)
  })
})
