/**
 * A charge as it is counted: ampere-hours between one change of the state of charge and another. It is sampled once a
 * minute, which of the current and of a coarse state of charge loses little. Times are epoch ms.
 */
import { numberOf } from "../../vehicle/good-reading.ts"
import type { EventOf } from "../../vehicle/events.ts"
import type { Window } from "./battery-capacity-statistics.ts"
import { minuteOf } from "../model.ts"
import { hourMs, minuteMs, rounded } from "./score-line.ts"

export type Charge = {
  readonly at: number
  readonly amps: number
  /** Since it began. */
  readonly ah: number
  /** State of charge last read, percent; null before the first. */
  readonly soc: number | null
  /** At the first change of the state of charge, and at the last. */
  readonly first: Mark | null
  readonly last: Mark | null
  readonly celsiusSum: number
  readonly celsiusCount: number
}
type Mark = { readonly at: number; readonly soc: number; readonly ah: number }

const pack = "Vehicle.Powertrain.TractionBattery"
const currentPath = `${pack}.CurrentCurrent`
const socPath = `${pack}.StateOfCharge.Current`
const averagePath = `${pack}.Temperature.Average`
const coldestPath = `${pack}.Temperature.Min`
const hottestPath = `${pack}.Temperature.Max`

export const chargePaths = [currentPath, socPath, averagePath, coldestPath, hottestPath]

const maxGapMs = 5 * minuteMs
/** Beyond it the state of charge was corrected rather than charged, points: at once, or a minute. */
const jump = 2
const jumpAMinute = 4
/** No passenger car or bus charges at more, A. */
const maxAmps = 1_500
/** Where the car does not say that it charges, a current of more begins it, and none ends it. */
const minAmps = 1

type Telemetry = EventOf<"TelemetryReceived">["data"]

/** `isCharging` is what the car says of it, null if nothing. Null while there is no charge. */
export const begin = (data: Telemetry, at: number, isCharging: boolean | null): Charge | null => {
  if (isCharging === false) return null
  const amps = currentOf(data, at)
  if (amps === undefined || (isCharging === null && amps <= minAmps)) return null
  const celsius = celsiusOf(data, at)
  return {
    at,
    amps,
    ah: 0,
    soc: socOf(data, at) ?? null,
    first: null,
    last: null,
    celsiusSum: celsius ?? 0,
    celsiusCount: celsius === undefined ? 0 : 1,
  }
}

/** Undefined where the count has ended; the same where the message adds nothing. */
export const proceed = (
  charge: Charge,
  data: Telemetry,
  at: number,
  isCharging: boolean | null,
): Charge | undefined => {
  if (isCharging === false || at - charge.at > maxGapMs) return undefined
  if (minuteOf(at) === minuteOf(charge.at)) return charge
  const amps = currentOf(data, at)
  // Without the current there is no telling; the next message may have it.
  if (amps === undefined) return charge
  if (isCharging === null && amps <= 0) return undefined
  const minutes = (at - charge.at) / minuteMs
  const ah = rounded(charge.ah + (minutes / 60) * ((charge.amps + amps) / 2), 4)
  const celsius = celsiusOf(data, at)
  const next: Charge = {
    ...charge,
    at,
    amps,
    ah,
    celsiusSum: rounded(charge.celsiusSum + (celsius ?? 0), 1),
    celsiusCount: celsius === undefined ? charge.celsiusCount : charge.celsiusCount + 1,
  }
  const soc = socOf(data, at)
  if (soc === undefined || soc === charge.soc) return next
  if (charge.soc === null) return { ...next, soc }
  const step = soc - charge.soc
  if (step < -jump || step > Math.max(jump, jumpAMinute * minutes)) return undefined
  // Whole percents change somewhere between the two messages; finer ones are as read.
  const isCoarse = Number.isInteger(soc) && Number.isInteger(charge.soc)
  const mark: Mark = { at, soc, ah: isCoarse ? rounded((charge.ah + ah) / 2, 4) : ah }
  return { ...next, soc, first: charge.first ?? mark, last: mark }
}

export const windowOf = ({ celsiusCount, celsiusSum, first, last }: Charge): Window | undefined =>
  first === null || last === null ? undefined : {
    from: first.soc,
    to: last.soc,
    ah: last.ah - first.ah,
    hours: (last.at - first.at) / hourMs,
    celsius: celsiusCount === 0 ? undefined : celsiusSum / celsiusCount,
  }

/** A reading of the message's own time, or of about then. */
const currentlyOf = (data: Telemetry, path: string, at: number, low: number, high: number): number | undefined => {
  const reading = numberOf(data, path, at)
  if (reading === undefined || Math.abs(reading.at - at) > minuteMs) return undefined
  return reading.value >= low && reading.value <= high ? rounded(reading.value, 2) : undefined
}

const currentOf = (data: Telemetry, at: number) => currentlyOf(data, currentPath, at, -maxAmps, maxAmps)

const socOf = (data: Telemetry, at: number) => currentlyOf(data, socPath, at, 0, 100)

const celsiusOf = (data: Telemetry, at: number): number | undefined => {
  const average = currentlyOf(data, averagePath, at, -50, 100)
  if (average !== undefined) return average
  const coldest = currentlyOf(data, coldestPath, at, -50, 100)
  const hottest = currentlyOf(data, hottestPath, at, -50, 100)
  return coldest === undefined || hottest === undefined ? undefined : (coldest + hottest) / 2
}
