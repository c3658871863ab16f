/**
 * The 12 V battery, of lead and acid: what it has at rest, what it keeps while the engine is cranked, and what its own
 * sensor says. Of a 24 V supply half is taken.
 *
 * Voltage at rest counts when the low-voltage system has been off for three hours; where nobody tells of the system,
 * when it is the first after three hours without any. While the DC-DC converter or the alternator runs, the battery is
 * held at 13.5 to 15 V, so what is above 13.1 V is never a voltage at rest; a battery that rests just above it is of
 * lithium, and is not judged. Voltage while cranking is brought to 21 °C, for a cold battery gives less.
 *
 * Each week has its medians, and of the last three weeks' the median counts, so that a week at the airport says nothing.
 * The score is 100 for 12.65 V at rest, 25 at 12.2 V (half charged: left so, its plates sulphate) and 0 at 11.8 V; for
 * cranking 100 at 10.8 V, 25 at 9.6 V and 0 at 8.4 V; for the sensor's state of health 25 at 50 %. The lowest counts.
 */
import { booleanOf, numberOf, textOf } from "../../vehicle/good-reading.ts"
import type { EventOf } from "../../vehicle/events.ts"
import { type Assessment, type ComponentModel, type Observed, type Remaining, renews } from "../model.ts"
import {
  closed,
  fallOf,
  type Level,
  levelOf,
  lineOf,
  raiseAt,
  scoreOf,
  type Sign,
  signs,
  type Weekly,
  weeksOfLevel,
} from "./low-voltage-battery-levels.ts"
import { dayMs, hourMs, minuteMs, rounded } from "./score-line.ts"

export type LowVoltageBatteryState = {
  /** Nothing older counts, epoch ms. */
  readonly after: number
  /** Since when the low-voltage system is off or on, epoch ms; null where nobody tells. */
  readonly system: { readonly isOff: boolean; readonly since: number } | null
  /** Where nobody tells of the system, of the last voltage, to ten minutes, epoch ms. */
  readonly voltsAt: number | null
  /** Of the last that counted, epoch ms. */
  readonly takenAt: Readonly<Record<Sign, number>>
  /** Of the battery, else outside. */
  readonly celsius: { readonly value: number; readonly at: number } | null
  readonly nominalVolts: number | null
  /** How many more voltages at rest were those of lithium than of lead. */
  readonly lithium: number
  /** Of the week under way. */
  readonly week: number
  readonly readings: Readonly<Record<Sign, ReadonlyArray<number>>>
  readonly weeks: Readonly<Record<Sign, ReadonlyArray<Weekly>>>
  /** Reckoned when a reading was taken. */
  readonly levels: Readonly<Record<Sign, Level | null>>
  readonly event: string | null
}

const systemPath = "Vehicle.LowVoltageSystemState"
const voltsPath = "Vehicle.LowVoltageBattery.CurrentVoltage"
const ampsPath = "Vehicle.LowVoltageBattery.CurrentCurrent"
const nominalPath = "Vehicle.LowVoltageBattery.NominalVoltage"
const crankPath = "Vehicle.Twin.LowVoltageBattery.CrankingVoltage"
const celsiusPath = "Vehicle.Twin.LowVoltageBattery.Temperature"
const healthPath = "Vehicle.Twin.LowVoltageBattery.StateOfHealth"
const outsidePath = "Vehicle.Exterior.AirTemperature"
const dcdcPath = "Vehicle.Twin.TractionBattery.DCDC.IsActive"

const weekMs = 7 * dayMs

/** After it the charge at the plates' surface has gone. */
const restMs = 3 * hourMs
/** A reading of each kind is taken no more often. */
const pauseMs: Readonly<Record<Sign, number>> = { rest: 6 * hourMs, crank: 10 * minuteMs, health: dayMs }
const voltsStepMs = 10 * minuteMs
/** What sleeping control units draw, A. */
const sleepingAmps = 1
const leadVolts = [8, 13.1] as const
const lithiumVolts = 13.45
const nominals = [6, 50] as const
const lithiumNominal = [13, 14] as const
const lithiumCertain = 5
/** Above it the supply is one of 24 V. */
const twiceAbove = 18
const crankVolts = [3, 12.8] as const

/** The load test's table in car makers' workshop manuals: 9.6 V at 21 °C, 9.1 V at 0 °C, 8.5 V at −18 °C. */
const warmCelsius = 21
const voltsAKelvin = 0.028
/** Where nobody tells, so that the cold does not pass for a weak battery. */
const assumedCelsius = -7
const coldest = -30

const readingsKept = 12
const staleAfterMs = 45 * dayMs

const initial: LowVoltageBatteryState = {
  after: 0,
  system: null,
  voltsAt: null,
  takenAt: { rest: 0, crank: 0, health: 0 },
  celsius: null,
  nominalVolts: null,
  lithium: 0,
  week: 0,
  readings: { rest: [], crank: [], health: [] },
  weeks: { rest: [], crank: [], health: [] },
  levels: { rest: null, crank: null, health: null },
  event: null,
}

const component = "lowVoltageBattery"

const evolve = (before: LowVoltageBatteryState, { at, receivedAt, record: { event } }: Observed): LowVoltageBatteryState => {
  if (event.type === "ServiceRecorded") return renews(event.data, component) ? renewed(before, Math.min(at, receivedAt)) : before
  if (event.type !== "TelemetryReceived" || at > receivedAt + minuteMs || at <= before.after) return before
  const { data, id } = event
  let state = toldIn(before, data, at)
  const volts = numberOf(data, voltsPath, at)
  if (volts !== undefined) state = withVolts(state, data, of12(volts.value, twiceAbove), volts.at, id)
  const crank = isDue(before, "crank", at) ? numberOf(data, crankPath, at) : undefined
  if (crank !== undefined) {
    const left = of12(crank.value, crankVolts[1])
    const isPlausible = left >= crankVolts[0] && left <= crankVolts[1]
    if (isPlausible) state = taken(state, "crank", warmed(state, left, crank.at), crank.at, id)
  }
  const health = isDue(before, "health", at) ? numberOf(data, healthPath, at) : undefined
  return health !== undefined && health.value >= 0 && health.value <= 100
    ? taken(state, "health", health.value, health.at, id)
    : state
}

const isDue = ({ takenAt }: LowVoltageBatteryState, sign: Sign, at: number): boolean =>
  at - takenAt[sign] >= pauseMs[sign]

const of12 = (volts: number, twiceAt: number): number => volts > twiceAt ? volts / 2 : volts

type Telemetry = EventOf<"TelemetryReceived">["data"]

/** The system's state and the temperature, by which the voltages of this message and the next are read. */
const toldIn = (state: LowVoltageBatteryState, data: Telemetry, at: number): LowVoltageBatteryState => {
  let next = state
  const told = textOf(data, systemPath, at)
  if (told !== undefined && told.value !== "UNDEFINED" && !(state.system !== null && told.at < state.system.since)) {
    const isOff = told.value === "OFF" || told.value === "LOCK"
    if (isOff !== state.system?.isOff) next = { ...next, system: { isOff, since: told.at } }
  }
  const nominal = numberOf(data, nominalPath, at)?.value
  if (nominal !== undefined && nominal !== state.nominalVolts && nominal >= nominals[0] && nominal <= nominals[1]) {
    next = { ...next, nominalVolts: nominal }
  }
  const celsius = numberOf(data, celsiusPath, at) ?? numberOf(data, outsidePath, at)
  if (celsius === undefined || celsius.value < -60 || celsius.value > 120) return next
  const value = Math.round(celsius.value) + 0
  const known = state.celsius
  // Whatever is less than an hour old will do.
  if (known !== null && (celsius.at < known.at || (celsius.at - known.at < hourMs / 2 && value === known.value))) return next
  if (known !== null && celsius.at - known.at < voltsStepMs) return next
  return { ...next, celsius: { value, at: celsius.at } }
}

const withVolts = (
  state: LowVoltageBatteryState,
  data: Telemetry,
  volts: number,
  at: number,
  id: string,
): LowVoltageBatteryState => {
  const { system, voltsAt } = state
  const isLong = system === null
    ? voltsAt !== null && at - voltsAt >= restMs
    : system.isOff && at - system.since >= restMs
  // One every ten minutes is enough to know since when there was none.
  const isNoted = system !== null || (voltsAt !== null && at - voltsAt < voltsStepMs)
  const next = isNoted ? state : { ...state, voltsAt: at }
  if (!isLong || !isDue(state, "rest", at) || volts < leadVolts[0] || volts > lithiumVolts) return next
  const amps = numberOf(data, ampsPath, at)?.value
  const isCharged = booleanOf(data, dcdcPath, at)?.value === true
  if (isCharged || (amps !== undefined && Math.abs(amps) > sleepingAmps)) return next
  const lithium = Math.max(0, Math.min(2 * lithiumCertain, next.lithium + (volts > leadVolts[1] ? 1 : -1)))
  const known = lithium === next.lithium ? next : { ...next, lithium }
  return volts > leadVolts[1]
    ? { ...known, takenAt: { ...known.takenAt, rest: at } }
    : taken(known, "rest", volts, at, id)
}

/** As it would be in a warm battery. */
const warmed = ({ celsius }: LowVoltageBatteryState, volts: number, at: number): number => {
  const known = celsius !== null && Math.abs(at - celsius.at) <= hourMs ? celsius.value : assumedCelsius
  return volts + voltsAKelvin * Math.max(0, warmCelsius - Math.max(coldest, known))
}

const taken = (
  state: LowVoltageBatteryState,
  sign: Sign,
  value: number,
  at: number,
  id: string,
): LowVoltageBatteryState => {
  if (at <= state.after || !isDue(state, sign, at)) return state
  const week = Math.floor(at / weekMs)
  const begun = week > state.week ? withWeek(state, week) : state
  const readings = { ...begun.readings, [sign]: [...begun.readings[sign], rounded(value, 3)].slice(-readingsKept) }
  const next = { ...begun, readings, takenAt: { ...begun.takenAt, [sign]: at }, event: id }
  const level = levelOf(next.weeks[sign], week, readings[sign], next.levels[sign]?.fall ?? null)
  return { ...next, levels: { ...next.levels, [sign]: level } }
}

/** A week is over: each sign's median is kept. */
const withWeek = (state: LowVoltageBatteryState, week: number): LowVoltageBatteryState => {
  const weeks = { ...state.weeks }
  const levels = { ...state.levels }
  for (const sign of signs) {
    const after = closed(weeks[sign], state.week, state.readings[sign])
    if (after === weeks[sign]) continue
    weeks[sign] = after
    levels[sign] = levelOf(after, week, [], fallOf(after))
  }
  return { ...state, week, weeks, levels, readings: initial.readings }
}

const renewed = (state: LowVoltageBatteryState, at: number): LowVoltageBatteryState => {
  if (at < state.after) return state
  const { celsius, system, voltsAt } = state
  // The new one may be of another kind.
  return { ...initial, after: at, celsius, system, voltsAt }
}

interface Judged {
  readonly sign: Sign
  readonly level: Level
  readonly score: number
}

const assess = (state: LowVoltageBatteryState, at: number): Assessment | undefined => {
  const events = state.event === null ? [] : [state.event]
  if (isLithium(state)) {
    return {
      score: 100,
      confidence: 0.2,
      evidence: [{ text: "It rests above 13.1 V or is of 12.8 V nominally: lithium, which this does not judge", events }],
      urgency: "drive_on",
      recommendedAction: "Nothing to do",
      summary: "12 V battery is of lithium and not judged",
    }
  }
  const judged: Array<Judged> = []
  for (const sign of signs) {
    const level = state.levels[sign]
    if (level !== null) judged.push({ sign, level, score: scoreOf(sign, level.value) })
  }
  // What one week says does not stand against what more weeks say.
  const certain = judged.filter(({ level }) => level.weeks > 1)
  const lowest = (certain.length > 0 ? certain : judged).toSorted((a, b) => a.score - b.score)[0]
  if (lowest === undefined) return undefined
  const { level, score, sign } = lowest
  const isWeak = score <= raiseAt
  const remaining = remainingOf(lowest, at - state.takenAt[sign])
  return {
    score,
    confidence: confidenceOf(level, at - state.takenAt[sign]),
    evidence: judged.map((one) => ({ text: worded(one), events: one === lowest ? events : [] })),
    urgency: isWeak ? "service_soon" : "drive_on",
    recommendedAction: isWeak
      ? "Charge and test the 12 V battery, and look for what drains it; replace it if it fails the test"
      : "Nothing to do",
    summary: `12 V battery: ${inWords[sign](level.value)}`,
    ...(remaining !== undefined && { remaining }),
  }
}

const isLithium = ({ lithium, nominalVolts }: LowVoltageBatteryState): boolean =>
  lithium >= lithiumCertain ||
  (nominalVolts !== null && nominalVolts >= lithiumNominal[0] && nominalVolts <= lithiumNominal[1])

const confidenceOf = ({ weeks }: Level, age: number): number =>
  age > staleAfterMs ? 0.3 : weeks < 2 ? 0.35 : weeks < weeksOfLevel ? 0.6 : 0.85

const remainingOf = ({ level: { fall, value }, sign }: Judged, age: number): Remaining | undefined => {
  if (fall === null) return undefined
  const above = value - lineOf(sign)
  const until = (slope: number) => Math.round(Math.max(0, above / -slope - age / dayMs)) + 0
  return { days: until(fall.slope), low: until(fall.low), high: until(fall.high) }
}

const inWords: Readonly<Record<Sign, (value: number) => string>> = {
  rest: (volts) => `${volts.toFixed(2)} V at rest`,
  crank: (volts) => `${volts.toFixed(2)} V left while cranking`,
  health: (percent) => `its sensor says ${Math.round(percent)} % of health`,
}

const lines: Readonly<Record<Sign, string>> = {
  rest: "at least 12.4 V is sound, below 12.2 V weak",
  crank: "brought to 21 °C; at least 10 V is sound, below 9.6 V weak",
  health: "below 50 % it is weak",
}

const worded = ({ level: { fall, value, weeks }, sign }: Judged): string =>
  `${inWords[sign](value)}, the median of ${weeks === 1 ? "one week" : `${weeks} weeks`} (${lines[sign]})${
    fall === null ? "" : `, falling by ${(-30 * fall.slope).toFixed(2)} ${sign === "health" ? "points" : "V"} a month`
  }`

export const lowVoltageBattery: ComponentModel<LowVoltageBatteryState> = {
  component,
  name: "low-voltage-battery",
  version: "1",
  signals: [
    voltsPath,
    ampsPath,
    crankPath,
    healthPath,
    celsiusPath,
    outsidePath,
    systemPath,
    nominalPath,
    dcdcPath,
  ],
  predicts: "When the 12 V battery is too weak to start or wake the vehicle",
  horizon: "some weeks ahead",
  horizonDays: 60,
  source: "Workshop practice for lead-acid batteries: voltage at rest by state of charge, and the load test's 9.6 V at 21 °C",
  raiseAt,
  // 12.38 V at rest: what a charged battery has, and beyond what one at the line shows for a week by chance.
  recoverAt: 55,
  confirmations: 1,
  initial,
  evolve,
  assess,
  deadline: () => undefined,
}
