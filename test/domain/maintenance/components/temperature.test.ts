import { describe, expect, it } from "@effect/vitest"
import { coolantTemperature } from "../../../../domain/maintenance/components/coolant-temperature.ts"
import { minConfidence, observe } from "../../../../domain/maintenance/model.ts"
import { motorTemperature } from "../../../../domain/maintenance/components/motor-temperature.ts"
import * as Watch from "../../../../domain/maintenance/watch.ts"
import type { StoredReading } from "../../../../domain/vehicle/events.ts"
import { expectSound, foldOf } from "../../../support/component-models.ts"
import { day, minute, now } from "../../../support/given.ts"
import { readings, recordsOf, serviced } from "../../../support/maintenance.ts"
import { epoch, message, randomOf } from "../../../support/tyres.ts"

const motorPath = "Vehicle.Powertrain.ElectricMotor.Temperature"
const coolantPath = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature"

interface World {
  readonly days: number
  readonly seed?: number
  /** Hotter by so many K on a day. */
  readonly faultAt?: (day: number) => number
  readonly noise?: number
}

/** A motor that warms by 1.2 K a kW behind a lag of eight minutes, driven 75 minutes a day through the seasons. */
function* motor({ days, faultAt = () => 0, noise = 2, seed = 1 }: World) {
  const { between, normal } = randomOf(seed)
  let revision = 0
  for (let today = 0; today < days; today++) {
    const season = 11 - 10 * Math.cos(2 * Math.PI * today / 365) + 3 * normal()
    const style = between(10, 35)
    let heat = 0
    for (let into = 0; into < 75; into++) {
      const kw = Math.max(-20, style + style * normal())
      heat += (1.2 * Math.abs(kw) - heat) / 8
      yield message(epoch + today * day + 8 * 60 * minute + into * minute, {
        "Vehicle.Powertrain.TractionBattery.CurrentVoltage": 400,
        "Vehicle.Powertrain.TractionBattery.CurrentCurrent": -kw * 2.5,
        "Vehicle.Exterior.AirTemperature": Math.round(2 * season) / 2,
        [motorPath]: Math.round(season + 8 + heat + faultAt(today) + noise * normal()),
      }, revision++)
    }
  }
}

/** A thermostat holds 92 °C; only at full load and in summer it is a few K more. */
function* coolant({ days, faultAt = () => 0, noise = 1, seed = 1 }: World) {
  const { between, normal } = randomOf(seed)
  let revision = 0
  for (let today = 0; today < days; today++) {
    const air = 11 - 10 * Math.cos(2 * Math.PI * today / 365) + 3 * normal()
    const kw = between(15, 60)
    for (let into = 0; into < 60; into++) {
      const warm = 1 - Math.exp(-into / 5)
      yield message(epoch + today * day + 9 * 60 * minute + into * minute, {
        "Vehicle.Powertrain.CombustionEngine.Power": Math.round(Math.max(0, kw + 10 * normal())),
        "Vehicle.Exterior.AirTemperature": Math.round(air),
        [coolantPath]: Math.round(air + warm * (92 - air + 0.05 * kw + 0.1 * air + faultAt(today)) + noise * normal()),
      }, revision++)
    }
  }
}

const cases = [
  { model: motorTemperature, drive: motor, path: motorPath, hot: 155, stop: 180 },
  { model: coolantTemperature, drive: coolant, path: coolantPath, hot: 116, stop: 123 },
] as const

describe.each(cases)("the $model.name model", ({ drive, hot, model, path, stop }) => {
  const newsOf = (world: World) => {
    const news: Array<{ readonly day: number; readonly score: number }> = []
    let watch = Watch.begin(model, "well")
    for (const observed of drive(world)) {
      const step = Watch.evolve(model, watch, observed)
      watch = step.watch
      if (step.news !== undefined) news.push({ day: (observed.at - epoch) / day, score: step.news.score })
    }
    return news
  }

  it("raises nothing through two years of seasons and drivers", () => {
    expect(newsOf({ days: 730 })).toEqual([])
  })

  it("raises an alert within ten days of cooling that is 20 K worse, and none of its own recovery", () => {
    const news = newsOf({ days: 160, faultAt: (today) => today >= 120 ? 20 : 0 })
    expect(news).toHaveLength(1)
    expect(news[0]?.day).toBeGreaterThan(120)
    expect(news[0]?.day).toBeLessThan(130)
  })

  it("finds what creeps up over weeks", () => {
    const news = newsOf({ days: 260, faultAt: (today) => Math.max(0, today - 120) * 0.5 })
    expect(news[0]?.score).toBeLessThanOrEqual(40)
    expect(news[0]?.day).toBeGreaterThan(125)
  })

  it("does not flap while noise plays about the line", () => {
    const news = newsOf({ days: 300, faultAt: (today) => today >= 120 ? 10 : 0, noise: 3 })
    expect(news.length).toBeLessThanOrEqual(1)
  })

  it("never scores higher for more heat", () => {
    let before = 100
    for (const fault of [0, 4, 8, 12, 16, 24, 40]) {
      const state = foldOf(model, drive({ days: 130, faultAt: (today) => today >= 120 ? fault : 0 }))
      const score = model.assess(state, epoch + 130 * day)?.score ?? NaN
      expect(score).toBeLessThanOrEqual(before)
      before = score
    }
  })

  const minutes = (...values: ReadonlyArray<StoredReading>) =>
    recordsOf(values.map((value, i) => readings(now + i * minute, { [path]: value }))).map(observe)

  it("alarms on heat that lasts for minutes, and not on one wild reading", () => {
    const assess = (...values: ReadonlyArray<StoredReading>) => model.assess(foldOf(model, minutes(...values)), now)
    expect(assess(80, hot, 80, 80)).toBeUndefined()
    expect(assess(80, hot, hot, hot)).toMatchObject({ urgency: "service_soon", score: 20 })
    expect(assess(80, hot, stop, stop)).toMatchObject({ urgency: "stop", score: 5 })
  })

  it("learns nothing while the vehicle stands, as where it charges, but alarms on heat then too", () => {
    const standing = (celsius: number) => recordsOf(Array.from({ length: 200 }, (_, i) =>
      readings(now + i * minute, { [path]: celsius, "Vehicle.Speed": 0 }))).map(observe)
    expect(foldOf(model, standing(40))).toBe(model.initial)
    expect(model.assess(foldOf(model, standing(stop)), now)).toMatchObject({ urgency: "stop" })
  })

  it("knows no more after a service", () => {
    const service = recordsOf([serviced(now + day, { component: model.component })]).map(observe)
    expect(model.assess(foldOf(model, [...minutes(hot, hot, hot, hot), ...service]), now + day)).toBeUndefined()
  })

  it("is unsure of what is stale", () => {
    const state = foldOf(model, drive({ days: 130 }))
    expect(model.assess(state, epoch + 130 * day)?.confidence).toBeGreaterThanOrEqual(minConfidence)
    expect(model.assess(state, epoch + 170 * day)?.confidence).toBeLessThan(minConfidence)
  })

  it("takes whatever comes", () => {
    expectSound(model)
  })
})

describe("the motor-temperature model", () => {
  it("reads the hottest of several motors", () => {
    const all = [0, 1, 2].map((i) => readings(now + i * minute, { "Vehicle.Twin.ElectricMotors.Temperature": [60, 160] }))
    const state = foldOf(motorTemperature, recordsOf(all).map(observe))
    expect(motorTemperature.assess(state, now)?.summary).toBe("Motor reached 160 °C")
  })
})
