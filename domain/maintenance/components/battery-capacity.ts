/**
 * The traction battery's state of health: what it holds, as a share of what it held when new.
 *
 * Each charge over 30 points or more is an estimate of the capacity: the charge counted at the pack, over the change of
 * the state of charge, corrected for the temperature. A charge is counted from one change of the state of charge to
 * another, so that a coarse one does no harm; a gap of five minutes or a jump of the state of charge ends the count.
 * One estimate is good to 3 to 5 %; the weighted middle of the last forty, each brought to today by the trend, to about
 * 1 to 2 %. The state of health is that over the capacity as new: for a vehicle seen from its first kilometres on, the
 * median of its first quarter, in which the sensor's own error cancels; else as the maker gives it; else what it was
 * when first seen, which is said, and believed less.
 *
 * The score is 100 at a state of health of 100 %, 20 at 80 %, which is where makers' warranties and buyers of used
 * vehicles draw lines, and 0 at 75 %. Time to 80 % comes from the trend of the quarters' medians.
 */
import { booleanOf, numberOf } from "../../vehicle/good-reading.ts"
import type { EventOf } from "../../vehicle/events.ts"
import {
  daysAYear,
  type Estimate,
  estimateOf,
  levelOf,
  minWindow,
  type Quarter,
  quarterDays,
  quarterOf,
} from "./battery-capacity-statistics.ts"
import { begin, type Charge, chargePaths, proceed, windowOf } from "./battery-capacity-charge.ts"
import { type Health, healthOf, type Known } from "./battery-capacity-health.ts"
import type { Evidence } from "../alerts/alert-events.ts"
import { type Assessment, type ComponentModel, type Observed, type Remaining, renews } from "../model.ts"
import { along, dateText, dayMs, minuteMs, rounded } from "./score-line.ts"

export type BatteryCapacityState = Known & {
  readonly isCharging: boolean | null
  readonly charge: Charge | null
  /** No charge before this counts, epoch ms. */
  readonly after: number
  /** The odometer when it was first heard of. */
  readonly firstSeen: { readonly km: number; readonly day: number } | null
  /** What the car says, percent. */
  readonly said: { readonly value: number; readonly at: number; readonly event: string } | null
  readonly health: Health | null
  /** Of the messages that ended the last counts. */
  readonly events: ReadonlyArray<string>
}

const pack = "Vehicle.Powertrain.TractionBattery"
const chargingPath = `${pack}.Charging.IsCharging`
const sohPath = `${pack}.StateOfHealth`
const grossPath = `${pack}.GrossCapacity`
const voltsPath = `${pack}.NominalVoltage`
const odometerPath = "Vehicle.TraveledDistance"

const recentKept = 40
const earlyKept = 16
const earlyNeeded = 8
const earlyDays = 91
const quartersKept = 40
const eventsKept = 3

/** A vehicle first seen before it went so far is new, if its charges are seen soon after. */
const newKm = 2_000
const newDays = 120
const raiseAt = 20
const line = 80
/** By the state of health, percent. */
const scores = [[75, 0], [line, raiseAt], [100, 100]] as const
const endOfLife = 70

const minEstimates = 6
const enoughEstimates = 12
/** So long after the last charge that counted, the pack may be another. */
const staleAfterDays = 180

const initial: BatteryCapacityState = {
  isCharging: null,
  charge: null,
  after: 0,
  grossKwh: null,
  volts: null,
  firstSeen: null,
  isNew: null,
  said: null,
  early: [],
  asSeen: null,
  recent: [],
  quarters: [],
  health: null,
  events: [],
}

const component = "tractionBattery.capacity"

const evolve = (before: BatteryCapacityState, { at, receivedAt, record: { event } }: Observed): BatteryCapacityState => {
  if (event.type === "ServiceRecorded") return renews(event.data, component) ? renewed(before, event.data.kind, Math.min(at, receivedAt)) : before
  if (event.type !== "TelemetryReceived" || at > receivedAt + minuteMs) return before
  const { data, id } = event
  const state = toldIn(before, data, at, id)
  const { charge } = state
  if (at <= state.after || (charge !== null && at < charge.at)) return state
  const flag = booleanOf(data, chargingPath, at)
  const isCharging = flag !== undefined && Math.abs(flag.at - at) <= minuteMs ? flag.value : state.isCharging
  if (charge === null) {
    const begun = begin(data, at, isCharging)
    return begun === null && isCharging === state.isCharging ? state : { ...state, isCharging, charge: begun }
  }
  const going = proceed(charge, data, at, isCharging)
  if (going === charge) return state
  return going === undefined
    ? { ...counted(state, charge, id), isCharging, charge: begin(data, at, isCharging) }
    : { ...state, isCharging, charge: going }
}

type Telemetry = EventOf<"TelemetryReceived">["data"]

/** What the car says of its pack, and how far it had gone when first heard of. */
const toldIn = (state: BatteryCapacityState, data: Telemetry, at: number, id: string): BatteryCapacityState => {
  let next = state
  const gross = numberOf(data, grossPath, at)?.value
  if (gross !== undefined && gross !== state.grossKwh && gross > 0 && gross < 2_000) next = { ...next, grossKwh: gross }
  const volts = numberOf(data, voltsPath, at)?.value
  if (volts !== undefined && volts !== state.volts && volts > 20 && volts < 2_000) next = { ...next, volts }
  if (state.firstSeen === null) {
    const metres = numberOf(data, odometerPath, at)
    if (metres !== undefined && metres.value > 0) {
      next = { ...next, firstSeen: { km: Math.round(metres.value / 1000) + 0, day: Math.floor(metres.at / dayMs) + 0 } }
    }
  }
  const soh = numberOf(data, sohPath, at)
  if (soh === undefined || soh.value < 0 || soh.value > 100 || soh.at <= (state.said?.at ?? state.after)) return next
  const value = rounded(soh.value, 1)
  return value === state.said?.value ? next : { ...next, said: { value, at: soh.at, event: id } }
}

/** The charge has ended: what it says of the capacity is taken in. */
const counted = (state: BatteryCapacityState, charge: Charge, id: string): BatteryCapacityState => {
  const done = { ...state, charge: null, after: charge.at }
  const day = rounded(charge.at / dayMs, 1)
  const window = windowOf(charge)
  const estimate = window && estimateOf(window, day)
  if (estimate === undefined) return done
  const known = {
    ...done,
    ...seen(state, estimate),
    quarters: quartersWith(state, day),
    recent: [...state.recent, estimate].slice(-recentKept),
    events: [...state.events, id].slice(-eventsKept),
  }
  return { ...known, health: healthOf(known, day) }
}

/** The first estimates, until they are enough to say what the pack had when first seen. */
const seen = (
  { asSeen, early: known, firstSeen, isNew }: BatteryCapacityState,
  estimate: Estimate,
): Pick<BatteryCapacityState, "asSeen" | "early" | "isNew"> => {
  if (asSeen !== null) return { asSeen, early: known, isNew }
  const [day] = estimate
  const early = known.length < earlyKept ? [...known, estimate] : known
  const isFromNew = isNew ??
    (firstSeen !== null && firstSeen.km <= newKm && Math.abs(day - firstSeen.day) <= newDays)
  const isEnough = early.length >= earlyNeeded && day - (early[0]?.[0] ?? day) >= earlyDays
  const level = isEnough ? levelOf(early) : undefined
  return level === undefined
    ? { asSeen: null, early, isNew: isFromNew }
    : { asSeen: { ah: rounded(level.ah, 2), sigma: rounded(level.sigma, 2) }, early: [], isNew: isFromNew }
}

/** With the quarter that has ended, if this day is in another. */
const quartersWith = ({ quarters, recent }: BatteryCapacityState, day: number): ReadonlyArray<Quarter> => {
  const last = recent.at(-1)
  if (last === undefined || quarterAt(last[0]) === quarterAt(day)) return quarters
  const quarter = quarterOf(recent.filter(([then]) => quarterAt(then) === quarterAt(last[0])))
  return quarter === undefined ? quarters : [...quarters, quarter].slice(-quartersKept)
}

const quarterAt = (day: number): number => Math.floor(day / quarterDays)

/**
 * A new pack is known from new; one that was repaired is measured anew, by what is known of it as new. Where the work is
 * told of after charges that followed it, those count.
 */
const renewed = (
  state: BatteryCapacityState,
  kind: EventOf<"ServiceRecorded">["data"]["kind"],
  at: number,
): BatteryCapacityState => {
  const { after, asSeen, early, firstSeen, grossKwh, isCharging, isNew, volts } = state
  const isLate = at < after
  const recent = isLate ? state.recent.filter(([day]) => day > at / dayMs) : []
  if (isLate && recent.length === state.recent.length) return state
  const known = {
    ...initial,
    after: isLate ? after : at,
    charge: isLate ? state.charge : null,
    firstSeen,
    grossKwh,
    isCharging,
    volts,
    ...(kind === "replaced" ? { isNew: true, early: recent.slice(0, earlyKept) } : { asSeen, early, isNew }),
    recent,
  }
  const last = recent.at(-1)
  return last === undefined ? known : { ...known, health: healthOf(known, last[0]) }
}

const z90 = 1.645

/** Fade may speed up (a knee): so many times what it was is within the interval. */
const knee = 2

const remainingOf = ({ basis, fade, fadeSigma, percent, sigma }: Health, days: number): Remaining | undefined => {
  // Of a pack whose first years are not known it would be too long.
  if (basis === "seen" || fade < leastFade) return undefined
  const until = (from: number, aYear: number) => rounded(Math.max(0, (daysAYear * (from - line)) / aYear - days), 0)
  const slowest = fade - z90 * fadeSigma
  return {
    days: until(percent, fade),
    low: until(percent - z90 * sigma, knee * fade + z90 * fadeSigma),
    high: slowest < leastFade ? null : until(percent + z90 * sigma, slowest),
  }
}

/** Points a year, below which there is no telling when. */
const leastFade = 0.2

const assess = (state: BatteryCapacityState, at: number): Assessment | undefined => {
  const { events, health, recent, said } = state
  if (health === null) return undefined
  const days = Math.max(0, at / dayMs - health.day)
  const percent = Math.min(100, health.percent)
  const score = rounded(along(scores, percent), 1)
  const remaining = remainingOf(health, days)
  const isBelow = score <= raiseAt
  return {
    score,
    confidence: confidenceOf(state, health, days),
    evidence: [
      { text: measured(health, recent), events },
      { text: compared[health.basis](health.reference), events: [] },
      ...(said === null ? [] : [{ text: `The car says ${said.value} %, on ${dateText(said.at)}`, events: [said.event] }]),
      { text: fading(health), events: [] },
    ] satisfies ReadonlyArray<Evidence>,
    urgency: percent <= endOfLife ? "service_soon" : "drive_on",
    recommendedAction: isBelow
      ? "Have the capacity measured at the workshop; check the warranty on the pack and plan for shorter range"
      : "Nothing to do",
    summary: `Traction battery holds ${Math.round(percent)} % of its capacity as new`,
    ...(remaining !== undefined && { remaining }),
  }
}

const confidenceOf = ({ recent }: BatteryCapacityState, { basis, sigma }: Health, days: number): number => {
  if (days > staleAfterDays) return 0.3
  if (recent.length < minEstimates) return 0.4
  const known = Math.min(1, (recent.length + 6) / (enoughEstimates + 6))
  const sure = basis === "new" ? 0.95 : basis === "maker" ? 0.75 : 0.65
  return rounded(sure * known * (sigma > wideSigma ? 0.6 : 1), 2)
}

/** The interval is wider than eight points either way. */
const wideSigma = 5

const measured = ({ ah, day, percent, sigma }: Health, { length }: ReadonlyArray<Estimate>): string =>
  `${ah} Ah by ${length === 1 ? "one charge" : `the last ${length} charges`} over ${minWindow} points or more, up to ${
    dateText(day * dayMs)
  }: ${rounded(percent, 1)} % ± ${rounded(z90 * sigma, 1)} (9 in 10 cases)`

const compared: Readonly<Record<Health["basis"], (ah: number) => string>> = {
  new: (ah) => `Compared with ${ah} Ah, measured when it was new`,
  maker: (ah) => `Compared with ${ah} Ah by the maker's figures, which may be off by 5 %`,
  seen: (ah) => `Compared with ${ah} Ah when first seen: what it had lost by then is not known and comes on top`,
}

const fading = ({ fade, fadeSigma }: Health): string =>
  `Loses ${rounded(fade, 1)} ± ${rounded(z90 * fadeSigma, 1)} points a year`

export const batteryCapacity: ComponentModel<BatteryCapacityState> = {
  component,
  name: "battery-capacity",
  version: "1",
  signals: [
    chargingPath,
    ...chargePaths,
    sohPath,
    grossPath,
    voltsPath,
    odometerPath,
  ],
  predicts: "State of health of the traction battery, and when it falls to 80 %",
  horizon: "up to two years ahead, by the trend of the last two",
  horizonDays: 730,
  source: "Coulomb counting over a window of the state of charge (Ng et al. 2009, Applied Energy 86, 1506); Theil-Sen trend",
  raiseAt,
  recoverAt: 40,
  confirmations: 1,
  initial,
  evolve,
  assess,
  deadline: () => undefined,
}
