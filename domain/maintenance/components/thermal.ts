/**
 * Whether something runs hotter than its load and the weather explain: what the models of motor and coolant have in
 * common.
 *
 * Load goes through a first-order lag, as heat does. Once a machine has run warm, an hour's mean temperature is
 * compared with what the vehicle's own past says of that load and that air outside (`thermal-past.ts`). Where the vehicle tells
 * its speed, that is while it moves: a pack that charges loads no motor. What is far off is learned only up to a limit,
 * so that a fault does not become the rule; and an hour outside what has been seen so far is learned but not judged.
 * What counts is the median of the last hours. Heat beyond limits counts by itself, and whether it moves or not.
 */
import type { DataOf } from "../../vehicle/events.ts"
import { numberOf } from "../../vehicle/good-reading.ts"
import { type ComponentModel, minuteOf, type Observed, renews } from "../model.ts"
import { hourMs, minuteMs, rounded } from "./score-line.ts"
import { median } from "../statistics.ts"
import { assessOf, raiseAt, type ThermalWords } from "./thermal-health.ts"
import { expectedAt, withHour } from "./thermal-past.ts"
import { type Hot, hotMinutes, initial, lineOf, type ThermalState } from "./thermal-state.ts"

type Telemetry = DataOf<"TelemetryReceived">

export interface Thermal extends ThermalWords {
  readonly component: string
  readonly name: string
  readonly signals: ReadonlyArray<string>
  readonly temperatureOf: (data: Telemetry, at: number) => { readonly value: number; readonly at: number } | undefined
  /** kW, of either sign. */
  readonly loadOf: (data: Telemetry, at: number) => number | undefined
  /** °C that no healthy one reaches. */
  readonly hotAt: number
  readonly source: string
}

/** Windings and coolant follow their load in some minutes. */
const lagMs = 10 * minuteMs
/** A run this long is warm; a gap longer than that ends it. */
const warmMs = 15 * minuteMs
const gapMs = 5 * minuteMs
const ambientHoldsMs = 2 * hourMs
const samplesAnHour = 8
const learnedHours = 40
const excessKept = 8
const leastDeviation = 1
/** How far beyond what was seen is still judged: kW and K. */
const beyond = { load: 2, air: 3 }
const coolHours = 5
const coolBelow = 10
const temperatures = { least: -60, most: 400 }
const mostKw = 2_000

const recoverAt = 70

const ambientPath = "Vehicle.Exterior.AirTemperature"
const speedPath = "Vehicle.Speed"
const movingKmh = 3

const evolveOf = (thermal: Thermal) =>
  (state: ThermalState, { at, receivedAt, record: { event } }: Observed): ThermalState => {
    if (event.type === "ServiceRecorded") {
      return renews(event.data, thermal.component) && at > state.servicedAt
        ? { ...initial, ambient: state.ambient, servicedAt: at }
        : state
    }
    if (event.type !== "TelemetryReceived" || at > receivedAt + minuteMs) return state
    if (minuteOf(at) <= minuteOf(state.at) || at <= state.servicedAt) return state
    const { data, id } = event
    const temperature = thermal.temperatureOf(data, at)
    // Of a vehicle that never tells this temperature nothing is kept.
    if (temperature === undefined && state.at === 0) return state
    const isCool = state.hot === null && !(temperature !== undefined && temperature.value >= thermal.hotAt)
    if (isCool && stands(data, at)) return state
    const load = thermal.loadOf(data, at)
    const aired = airOf(state, data, at)
    const celsius = temperature !== undefined && Math.abs(temperature.at - at) <= minuteMs &&
        temperature.value >= temperatures.least && temperature.value <= temperatures.most
      ? temperature.value
      : undefined
    if (celsius === undefined) return aired
    const hot = hotAfter(thermal, aired, celsius, at, id)
    const kw = load === undefined || Math.abs(load) > mostKw ? undefined : load
    return sampled({ ...aired, hot }, thermal, kw, celsius, at, id)
  }

const stands = (data: Telemetry, at: number): boolean => (numberOf(data, speedPath, at)?.value ?? movingKmh) < movingKmh

const airOf = (state: ThermalState, data: Telemetry, messageAt: number): ThermalState => {
  const air = numberOf(data, ambientPath, messageAt)
  if (air === undefined || air.value < -60 || air.value > 70) return state
  const [knownAt, known] = state.ambient ?? [-Infinity, 0]
  const isNews = air.at - knownAt >= hourMs || (air.at > knownAt && Math.abs(air.value - known) >= 1)
  return isNews ? { ...state, ambient: [air.at, rounded(air.value, 1)] } : state
}

const hotAfter = (thermal: Thermal, { hot }: ThermalState, celsius: number, at: number, event: string): Hot | null => {
  if (celsius < thermal.hotAt) return hot !== null && hot.minutes < hotMinutes ? null : hot
  if (hot === null) return { celsius: rounded(celsius, 1), at, event, minutes: 1, coolHours: 0 }
  const isHotter = celsius > hot.celsius
  return {
    celsius: isHotter ? rounded(celsius, 1) : hot.celsius,
    at: isHotter ? at : hot.at,
    event: isHotter ? event : hot.event,
    minutes: Math.min(hotMinutes, hot.minutes + 1),
    coolHours: 0,
  }
}

const sampled = (
  before: ThermalState,
  thermal: Thermal,
  load: number | undefined,
  celsius: number,
  at: number,
  event: string,
): ThermalState => {
  const hour = Math.floor(at / hourMs)
  const state = hour === before.hour ? before : closeHour({ ...before, hour }, before, thermal, event)
  if (load === undefined) return { ...state, at, highest: Math.max(state.highest, rounded(celsius, 1)) }
  const gap = at - before.at
  const runs = before.since > 0 && gap <= gapMs
  const share = Math.exp(-Math.min(gap, gapMs) / lagMs)
  const lagged = rounded((runs ? before.load * share : 0) + (1 - (runs ? share : 0)) * Math.abs(load), 3)
  const since = runs ? before.since : at
  const next = { ...state, at, load: lagged, since, highest: Math.max(state.highest, rounded(celsius, 1)) }
  const { ambient, sums } = next
  if (at - since < warmMs || ambient === null || Math.abs(at - ambient[0]) > ambientHoldsMs) return next
  return {
    ...next,
    sums: [sums[0] + 1, rounded(sums[1] + lagged, 3), rounded(sums[2] + ambient[1], 1), rounded(sums[3] + celsius, 2)],
  }
}

const closeHour = (
  next: ThermalState,
  { highest, hot, sums }: ThermalState,
  thermal: Thermal,
  event: string,
): ThermalState => {
  const cooled = hot === null || highest === 0 || highest >= thermal.hotAt - coolBelow
    ? hot
    : hot.coolHours + 1 >= coolHours
    ? null
    : { ...hot, coolHours: hot.coolHours + 1 }
  const state = { ...next, hot: cooled, sums: initial.sums, highest: 0 }
  const [count, loads, airs, celsius] = sums
  return count < samplesAnHour ? state : learned(state, loads / count, airs / count, celsius / count, event)
}

const learned = (state: ThermalState, load: number, air: number, celsius: number, event: string): ThermalState => {
  const { deviation, excess, past, seen } = state
  const isKnown = past.n >= learnedHours
  const expected = isKnown ? expectedAt(past, load, air) : undefined
  const off = expected === undefined ? 0 : celsius - expected
  const limit = 2 * Math.max(leastDeviation, deviation)
  const taken = expected === undefined ? celsius : expected + Math.min(limit, Math.max(-limit, off))
  const isSeen = seen !== null && load >= seen[0] - beyond.load && load <= seen[1] + beyond.load &&
    air >= seen[2] - beyond.air && air <= seen[3] + beyond.air
  const isJudged = expected !== undefined && isSeen
  const judged = isJudged ? [...excess, rounded(off, 1)].slice(-excessKept) : excess
  const standsOut = (median(judged) ?? 0) > lineOf(deviation) / 2
  return {
    ...state,
    // What stands out for hours is a fault, and never becomes the rule.
    past: standsOut ? past : withHour(past, load, air, taken),
    seen: seen === null
      ? [rounded(load, 1), rounded(load, 1), rounded(air, 1), rounded(air, 1)]
      : [
        Math.min(seen[0], rounded(load, 1)),
        Math.max(seen[1], rounded(load, 1)),
        Math.min(seen[2], rounded(air, 1)),
        Math.max(seen[3], rounded(air, 1)),
      ],
    deviation: expected === undefined || standsOut
      ? deviation
      : rounded(deviation + (Math.min(limit, Math.abs(off)) - deviation) / 50, 3),
    excess: judged,
    judgedAt: isJudged ? state.at : state.judgedAt,
    event: isJudged ? event : state.event,
  }
}

export const thermalModel = (thermal: Thermal): ComponentModel<ThermalState> => ({
  component: thermal.component,
  name: thermal.name,
  version: "1",
  signals: [...thermal.signals, ambientPath],
  predicts: "Failing cooling, before the temperature itself alarms",
  horizon: "Days to weeks ahead; heat beyond limits within minutes",
  horizonDays: 30,
  source: thermal.source,
  raiseAt,
  recoverAt,
  confirmations: 1,
  initial,
  evolve: evolveOf(thermal),
  assess: assessOf(thermal),
  deadline: () => undefined,
})
