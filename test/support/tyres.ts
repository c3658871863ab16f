/**
 * Simulated tyres, for models that watch them. Pressure follows the gas law; the air in a tyre warms by 10 to 25 K on a
 * drive; outside, there are seasons, weather and day and night. Sensors have an offset, noise and coarse steps, and the
 * thermometer sits on the rim, which brakes warm. Air goes through the rubber, drivers fill up and let out, by gauges
 * that are off, wheels are changed from axle to axle, and on some days nobody drives.
 */
import type { Observed } from "../../domain/maintenance/model.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import { day, vin } from "./given.ts"

/** Uniform in [0, 1): mulberry32. */
export const randomOf = (seed: number) => {
  let state = seed >>> 0
  const uniform = () => {
    state = (state + 0x6D2B79F5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (low: number, high: number) => low + (high - low) * uniform()
  /** Standard normal. */
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  return { uniform, between, normal }
}

export interface TyreWorld {
  readonly seed: number
  readonly days: number
  /** Of the pressure sensor, kPa. */
  readonly step: number
  /** The thermometers in the tyres report. */
  readonly hasTemperature: boolean
  /** Which tyre (0 to 3) leaks how much, kPa a day, from when on, in days. */
  readonly leak?: { readonly wheel: number; readonly rate: number; readonly from: number }
}

export const epoch = Date.parse("2025-01-01T00:00:00.000Z")
const minute = 60_000

const paths = ["Row1.Wheel.Left", "Row1.Wheel.Right", "Row2.Wheel.Left", "Row2.Wheel.Right"]
  .map((wheel) => `Vehicle.Chassis.Axle.${wheel}.Tire`)

const toStep = (value: number, step: number): number => Math.round(Math.round(value / step) * step)

/** Messages of a vehicle's drives, one in five minutes. */
export function* tyreMessages({ days, hasTemperature, leak, seed, step }: TyreWorld): Generator<Observed> {
  const { between, normal, uniform } = randomOf(seed)
  const front = between(220, 290)
  const placard = [front, front + between(-20, 20)]
  const wanted = [placard[0], placard[0], placard[1], placard[1]].map((kPa) => kPa ?? 0)
  const tyres = wanted.map((kPa) => ({
    kPa: kPa + 5 * normal(),
    permeation: uniform() < 0.1 ? between(0.1, 0.33) : between(0.03, 0.1),
    offset: 4 * normal(),
    heat: between(0.85, 1.15),
    celsiusOffset: 1.5 * normal(),
    lag: between(0, 0.2),
  }))
  const season = between(5, 12)
  let weather = 0
  let revision = 0
  let nextFilling = between(25, 60)
  let nextRotation = between(200, 500)
  let lastAt = 0
  for (let today = 0; today < days; today++) {
    weather = 0.8 * weather + 2.5 * normal()
    if (today >= nextFilling) {
      nextFilling = today + between(25, 60)
      const over = uniform() < 0.2 ? between(10, 30) : 0
      const gauge = 4 * normal()
      // Some fill up all four, some those that look low, and a few only one.
      const enough = uniform() < 0.5 ? Infinity : -10
      const only = uniform() < 0.2 ? Math.floor(4 * uniform()) : undefined
      tyres.forEach((tyre, i) => {
        const target = (wanted[i] ?? 0) + over + gauge + 3 * normal()
        const isLow = tyre.kPa < (wanted[i] ?? 0) - 10
        if (isLow || (tyre.kPa < target + enough && (only === undefined || only === i))) tyre.kPa = target
      })
    }
    if (today >= nextRotation) {
      nextRotation = today + between(200, 500)
      tyres.push(...tyres.splice(0, 2))
      tyres.forEach((tyre, i) => (tyre.kPa = (wanted[i] ?? 0) + 5 * normal()))
    }
    const drives = uniform() < 0.12 ? 0 : 1 + Math.floor(2.5 * uniform())
    for (let drive = 0; drive < drives; drive++) {
      const start = Math.max(lastAt + 20 * minute, epoch + today * day + between(5.5, 9) * 3_600_000 + drive * 5 * 3_600_000)
      const length = between(12, 75)
      const warmth = between(10, 25)
      // The sun stands on one side of a parked vehicle.
      const sunny = uniform() < 0.5 ? between(0, drive === 0 ? 3 : 8) : 0
      const side = uniform() < 0.5 ? 0 : 1
      for (let into = 0; into < length; into += 5) {
        const at = Math.round(start + into * minute)
        const x = (at - epoch) / day
        const hour = (x % 1) * 24
        const outside = 11 - season * Math.cos(2 * Math.PI * (x - 20) / 365) + weather + 4 * Math.sin(2 * Math.PI * (hour - 9) / 24)
        const readings: Record<string, number> = {
          "Vehicle.Speed": into === 0 ? 8 : Math.round(between(20, 100)),
          "Vehicle.Exterior.AirTemperature": Math.round(2 * (outside + 0.7 * normal())) / 2,
        }
        tyres.forEach((tyre, i) => {
          const heated = warmth * tyre.heat * (1 - Math.exp(-into / 20))
          const sun = i % 2 === side ? sunny * Math.exp(-into / 20) : 0
          const inside = outside + heated + sun
          const lost = tyre.permeation * (x - today)
          const leaked = leak !== undefined && leak.wheel === i ? leak.rate * Math.max(0, x - leak.from) : 0
          const kPa = (tyre.kPa - lost - leaked + 101.325) * (inside + 273.15) / 293.15 - 101.325
          const path = paths[i] ?? ""
          readings[`${path}.Pressure`] = Math.max(0, toStep(kPa + tyre.offset + normal(), step))
          if (hasTemperature) {
            readings[`${path}.AirTemperature`] = Math.round(inside + tyre.lag * heated + tyre.celsiusOffset + 0.5 * normal())
          }
        })
        lastAt = at
        yield message(at, readings, revision++)
      }
    }
    for (const tyre of tyres) tyre.kPa -= tyre.permeation
  }
}

/** A message received when it was made. */
export const message = (at: number, readings: Readonly<Record<string, number>>, revision: number): Observed => ({
  at,
  receivedAt: at,
  record: {
    _tag: "Vehicle",
    vin,
    revision,
    position: String(revision),
    event: {
      id: `event ${revision}`,
      type: "TelemetryReceived",
      data: { at: toTime(at), readings },
      metadata: { schema: 1, receivedAt: toTime(at), source: { kind: "mqtt" } },
    },
  },
})
