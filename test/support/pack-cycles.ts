/**
 * Years of charges of a simulated traction battery whose capacity is known. It errs in ways that no model of it knows:
 * the estimator of the state of charge is off by up to 2 points with a shape and a drift of its own, the current sensor
 * by a gain, an offset and their ageing, the temperature's effect is each pack's own and not linear, fade has a
 * calendar and a cycle part and may have a knee, messages are lost, and charges are interrupted.
 */
import type { StoredReading, VehicleEvent } from "../../domain/vehicle/events.ts"
import type { Observed } from "../../domain/maintenance/model.ts"
import { day, vin } from "./given.ts"
import * as Random from "../../src/simulator/random.ts"
import { normal as normalOf } from "./packs.ts"

export interface Pack {
  readonly random: Random.Random
  /** As new at 25 °C, Ah. */
  readonly ah: number
  readonly volts: number
  readonly grossKwh: number
  /** Whether the car tells what the maker says of the pack. */
  readonly tellsMaker: boolean
  /** Years that had passed when it was first heard of; 0 from new. */
  readonly years: number
  readonly kmAYear: number
  /** Share of the capacity as new that is left after so many years. */
  readonly health: (years: number) => number
}

const day0 = Date.parse("2016-03-01T00:00:00.000Z")
const minuteMs = 60_000

export const timeAfter = (years: number): number => day0 + years * 365.25 * day

export const packOf = (seed: number, { seenFromNew = 0.7 } = {}): Pack => {
  const random = Random.make(seed, "pack cycles")
  const { between, chance } = random
  const normal = () => normalOf(random)
  const nominalAh = between(90, 210)
  const volts = Math.round(between(330, 400))
  const calendar = between(0.012, 0.035)
  const cyclesAYear = between(25, 110)
  const cycle = between(0.00008, 0.00028)
  const poor = chance(0.2) ? between(1.5, 2.2) : 1
  const kneeAt = between(0.78, 0.93)
  const kneeFactor = between(1.3, 4)
  const before = (years: number) => 1 - poor * (calendar * Math.sqrt(years) + cycle * cyclesAYear * years)
  const health = (years: number) => {
    const smooth = before(years)
    return smooth >= kneeAt ? smooth : Math.max(0.4, kneeAt - kneeFactor * (kneeAt - smooth))
  }
  const usable = between(0.91, 0.985)
  return {
    random,
    ah: nominalAh * (1 + 0.012 * normal()),
    volts,
    grossKwh: Math.round((nominalAh * volts) / 1000 / usable),
    tellsMaker: chance(0.5),
    years: chance(seenFromNew) ? 0 : between(1, 5),
    kmAYear: cyclesAYear * 320,
    health,
  }
}

const path = {
  charging: "Vehicle.Powertrain.TractionBattery.Charging.IsCharging",
  current: "Vehicle.Powertrain.TractionBattery.CurrentCurrent",
  voltage: "Vehicle.Powertrain.TractionBattery.CurrentVoltage",
  soc: "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current",
  celsius: "Vehicle.Powertrain.TractionBattery.Temperature.Average",
  coldest: "Vehicle.Powertrain.TractionBattery.Temperature.Min",
  hottest: "Vehicle.Powertrain.TractionBattery.Temperature.Max",
  gross: "Vehicle.Powertrain.TractionBattery.GrossCapacity",
  volts: "Vehicle.Powertrain.TractionBattery.NominalVoltage",
  odometer: "Vehicle.TraveledDistance",
} as const

export interface ChargeSettings {
  /** Of a year, on average. */
  readonly chargesAYear: number
  /** Seconds between messages. */
  readonly period: readonly [from: number, to: number]
}

/** What is told of `years` years of driving and charging, given to `tell` one after another. */
export const drive = (
  pack: Pack,
  years: number,
  { chargesAYear, period }: ChargeSettings,
  tell: (observed: Observed, trueYears: number) => void,
): void => {
  const { random } = pack
  const { between, chance } = random
  const normal = () => normalOf(random)
  let revision = 0
  const say = (at: number, readings: Record<string, StoredReading>) => {
    const event: VehicleEvent = {
      id: `e${revision}`,
      type: "TelemetryReceived",
      data: { at: "", readings },
      metadata: { schema: 1, receivedAt: "", source: { kind: "mqtt" } },
    }
    const record = { _tag: "Vehicle" as const, vin, revision: revision++, position: "", event }
    tell({ record, at, receivedAt: at + 500 }, (at - day0) / (365.25 * day))
  }

  // The sensor: gain and offset within a percent and 0.2 A, both drifting a little with the years.
  let gain = 1 + between(-0.01, 0.01)
  let offset = between(-0.2, 0.2)
  // The estimator: points it is off by at the middle, at the ends and between, and from day to day.
  let tilt = between(-1, 1)
  let bow = between(-0.8, 0.8)
  let wander = 0.8 * normal()
  const rushes = between(-0.8, 0.8)
  const isCoarse = chance(0.7)
  const isFloor = chance(0.5)
  const coldLinear = between(0.0005, 0.0033)
  const coldSquare = between(0, 0.00006)
  const warm = between(0, 0.0008)
  const climate = between(6, 17)
  const season = between(5, 11)
  const probe = normal()
  const tellsAverage = chance(0.7)
  const homeKw = between(3.5, 11)
  const fastShare = chance(0.3) ? between(0.5, 0.9) : between(0, 0.35)

  let at = timeAfter(pack.years)
  const end = timeAfter(pack.years + years)
  say(at, {
    [path.odometer]: Math.round(1000 * (30 + pack.kmAYear * pack.years)),
    ...(pack.tellsMaker && { [path.gross]: pack.grossKwh, [path.volts]: pack.volts }),
  })
  const yearsAt = () => (at - day0) / (365.25 * day)
  let soc = 60

  const charge = () => {
    const capacity = pack.ah * pack.health(yearsAt())
    const isFast = chance(fastShare)
    const ambient = climate - season * Math.cos((2 * Math.PI * (yearsAt() + 0.15))) + 3.5 * normal()
    const began = Math.max(ambient, isFast ? between(8, 20) : between(-5, 12)) + between(0, 6)
    const heating = isFast ? between(6, 16) : between(0, 5)
    const target = chance(0.45) ? 80 : chance(0.5) ? 100 : between(75, 97)
    const start = soc
    let drift = 0
    let loss = 0
    let skips = chance(0.1) ? between(0.1, 0.9) : 2
    const isUntold = chance(0.05)
    const rate = (isFast ? between(45, 110) : homeKw * between(0.9, 1)) * 1000 / pack.volts
    while (soc < target) {
      const share = (soc - start) / Math.max(1, target - start)
      const celsius = began + heating * share
      const below = Math.max(0, 25 - celsius)
      const held = capacity * (1 - coldLinear * below - coldSquare * below ** 2 + warm * Math.max(0, celsius - 25))
      const taper = isFast ? Math.max(0.25, 1 - Math.max(0, soc - 45) / 65) : soc > 96 ? Math.max(0.3, (101 - soc) / 5) : 1
      const amps = rate * taper
      const step = between(period[0], period[1])
      drift += 0.018 * Math.sqrt(step) * normal() - 0.0006 * step * drift
      soc += (100 * amps * step) / 3600 / held
      at += step * 1000
      if (share > skips) {
        skips = 2
        const gap = between(60, 1200)
        at += gap * 1000
        soc += (100 * amps * gap) / 3600 / held
      }
      soc = Math.min(100, soc)
      loss = chance(0.02) ? 1 : 0
      if (loss === 1) continue
      const bent = tilt * ((soc - 50) / 50) + bow * Math.sin((Math.PI * soc) / 100)
      const error = bent + wander + drift + (isFast ? rushes * Math.min(1, share * 5) : 0)
      const told = Math.min(100, Math.max(0, soc + Math.max(-2, Math.min(2, error))))
      const sensed = Math.round(10 * (gain * amps + offset + 0.4 * normal())) / 10
      const probed = Math.round(celsius + probe)
      say(Math.round(at), {
        [path.charging]: true,
        [path.current]: chance(0.005) ? { value: 0, quality: "INVALID" } : sensed,
        [path.voltage]: Math.round(pack.volts * (0.92 + 0.0016 * soc)),
        [path.soc]: isCoarse ? (isFloor ? Math.floor(told) : Math.round(told)) : Math.round(told * 10) / 10,
        ...(isUntold ? {} : tellsAverage
          ? { [path.celsius]: probed }
          : { [path.coldest]: probed - 2, [path.hottest]: probed + 3 }),
      })
    }
    at += 2 * minuteMs
    say(Math.round(at), { [path.charging]: false, [path.current]: 0 })
  }

  while (at < end) {
    const idle = (365.25 / chargesAYear) * -Math.log(Math.max(1e-3, random.next()))
    at += idle * day
    const days = Math.sqrt(Math.max(idle, 0.05))
    gain += 0.00008 * days * normal()
    offset = Math.max(-0.2, Math.min(0.2, offset + 0.002 * days * normal()))
    tilt += 0.012 * days * normal()
    bow += 0.012 * days * normal()
    const kept = Math.exp(-idle / 12)
    wander = wander * kept + 0.8 * Math.sqrt(1 - kept ** 2) * normal()
    gain = Math.max(0.99, Math.min(1.01, gain))
    soc = between(4, 60)
    if (at < end) charge()
  }
}
