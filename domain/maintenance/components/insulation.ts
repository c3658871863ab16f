/**
 * The insulation between the high-voltage system and the body, in ohm a volt of the pack. UN R100 and GB 18384 ask for
 * at least 100 where there is direct current alone and 500 where alternating current is connected to it, as in a
 * vehicle with a drive.
 *
 * Readings are taken every ten minutes. An hour's is their median, a day's the lower quartile of its hours, and what
 * counts is the median of a week's days, so that neither a glitch nor a wet morning says anything. A fall of weeks shows
 * in the trend of the logarithm; where that is sure, the score is that of a month ahead. Below 100 for six hours on two
 * days without relief, it does not wait for the week.
 *
 * The score is 100 at 5,000 ohm a volt and more, 30 at 500 and 0 at 100, in proportion to the logarithm.
 */
import { numberOf } from "../../vehicle/good-reading.ts"
import { type Assessment, type ComponentModel, type Observed, type Remaining, renews, tenMinutesOf } from "../model.ts"
import { along, dateText, dayMs, minuteMs, rounded } from "./score-line.ts"
import { median, quantileOf, type Trend, trendOf } from "../statistics.ts"

/** A day since the epoch and its insulation, ohm a volt. */
type Day = readonly [day: number, ohmAVolt: number]

type Unsafe = { readonly hours: number; readonly since: number; readonly until: number; readonly ohmAVolt: number }

export type InsulationState = {
  /** Ten minutes' number since the epoch, of the last reading. */
  readonly slot: number
  /** Of the hour under way and of the day under way, kiloohm. */
  readonly readings: ReadonlyArray<number>
  readonly hours: ReadonlyArray<number>
  /** The highest of the pack today, and the last known before, V. */
  readonly volts: number | null
  readonly nominalVolts: number | null
  readonly days: ReadonlyArray<Day>
  /** Hours below what is safe, with none of relief between them, and the days of the first and the last. */
  readonly unsafe: Unsafe | null
  /** Reckoned when a day ends, ohm a volt. */
  readonly level: number | null
  /** Of its logarithm, a day. */
  readonly trend: { readonly slope: number; readonly low: number; readonly high: number } | null
  readonly event: string | null
}

const resistancePath = "Vehicle.Twin.TractionBattery.InsulationResistance"
const voltsPath = "Vehicle.Powertrain.TractionBattery.CurrentVoltage"
const nominalPath = "Vehicle.Powertrain.TractionBattery.NominalVoltage"

const slotMs = 10 * minuteMs
const slotsAnHour = 6
const hoursADay = 24

/** UN R100, 5.1.3; GB 18384-2020: ohm a volt. */
const directLine = 100
const alternatingLine = 500
/** Ten times what is asked for: nothing is amiss. */
const ample = 5_000
/** More than any monitor can tell, kiloohm; a pack below 20 V needs none. */
const maxKiloohm = 1e6
const minVolts = 20
const maxVolts = 2_000

const raiseAt = 30
const unsafeHours = 6
/** A reading this much above what is unsafe is relief. */
const relief = 1.2

const daysOfLevel = 7
const daysKept = 42
const minDays = 3
const enoughDays = 5
const minTrendDays = 10
/** A monitor at the end of its scale says nothing of a trend. */
const fullScale = 0.97
const aheadDays = 30
const staleAfterDays = 30

const initial: InsulationState = {
  slot: 0,
  readings: [],
  hours: [],
  volts: null,
  nominalVolts: null,
  days: [],
  unsafe: null,
  level: null,
  trend: null,
  event: null,
}

const component = "tractionBattery.insulation"

const evolve = (state: InsulationState, { at, receivedAt, record: { event } }: Observed): InsulationState => {
  if (event.type === "ServiceRecorded") return renews(event.data, component) ? renewed(state, Math.min(at, receivedAt)) : state
  if (event.type !== "TelemetryReceived" || at > receivedAt + minuteMs) return state
  const { data, id } = event
  const nominal = plausible(numberOf(data, nominalPath, at)?.value)
  const known = nominal === undefined || nominal === state.nominalVolts ? state : { ...state, nominalVolts: nominal }
  const resistance = numberOf(data, resistancePath, at)
  if (resistance === undefined || resistance.value < 0 || resistance.value > maxKiloohm) return known
  const slot = tenMinutesOf(resistance.at)
  if (slot <= state.slot) return known
  const hourEnded = hourOf(slot) !== hourOf(state.slot)
  const dayEnded = dayOf(slot) !== dayOf(state.slot)
  const afterHour = hourEnded ? withHour(known) : known
  const afterDay = dayEnded ? withDay(afterHour) : afterHour
  const now = plausible(numberOf(data, voltsPath, at)?.value)
  const volts = now === undefined ? afterDay.volts : dayEnded ? now : Math.max(now, afterDay.volts ?? now)
  return {
    ...afterDay,
    slot,
    volts: volts === null ? null : rounded(volts, 1),
    readings: [...afterDay.readings, rounded(resistance.value, 1)],
    event: hourEnded ? id : state.event,
  }
}

const plausible = (volts: number | undefined): number | undefined =>
  volts !== undefined && volts >= minVolts && volts <= maxVolts ? volts : undefined

const hourOf = (slot: number): number => Math.floor(slot / slotsAnHour)
const dayOf = (slot: number): number => Math.floor(slot / (slotsAnHour * hoursADay))

const voltsOf = ({ nominalVolts, volts }: InsulationState): number | null => volts ?? nominalVolts

const withHour = (state: InsulationState): InsulationState => {
  const kiloohm = median(state.readings)
  if (kiloohm === undefined) return state
  const volts = voltsOf(state)
  const next = { ...state, readings: [], hours: [...state.hours, kiloohm] }
  if (volts === null) return next
  const ohmAVolt = rounded((1000 * kiloohm) / volts, 1)
  if (ohmAVolt >= directLine * relief) return { ...next, unsafe: isCertain(state.unsafe) ? state.unsafe : null }
  if (ohmAVolt >= directLine) return next
  const until = dayOf(state.slot)
  const { hours, since } = state.unsafe ?? { hours: 0, since: until }
  return { ...next, unsafe: { hours: hours + 1, since, until, ohmAVolt } }
}

const isCertain = (unsafe: Unsafe | null): unsafe is Unsafe =>
  unsafe !== null && unsafe.hours >= unsafeHours && unsafe.until > unsafe.since

const withDay = (state: InsulationState): InsulationState => {
  const volts = voltsOf(state)
  const kiloohm = quantileOf(state.hours.toSorted((a, b) => a - b), 0.25)
  if (kiloohm === undefined) return state
  if (volts === null) return { ...state, hours: [] }
  const day: Day = [dayOf(state.slot), Math.max(0.1, rounded((1000 * kiloohm) / volts, 1))]
  const days = [...state.days, day].slice(-daysKept)
  // Once it was unsafe for certain, an hour of relief is not enough.
  const isSafe = days.slice(-minDays).every(([, ohmAVolt]) => ohmAVolt >= alternatingLine)
  return { ...state, hours: [], ...reckoned(days), unsafe: isSafe ? null : state.unsafe }
}

const reckoned = (days: ReadonlyArray<Day>): Pick<InsulationState, "days" | "level" | "trend"> => ({
  days,
  level: median(days.slice(-daysOfLevel).map(([, ohmAVolt]) => ohmAVolt)) ?? null,
  trend: logTrendOf(days),
})

const logTrendOf = (days: ReadonlyArray<Day>): InsulationState["trend"] => {
  const most = Math.max(...days.map(([, ohmAVolt]) => ohmAVolt))
  const telling = days.filter(([, ohmAVolt]) => ohmAVolt < fullScale * most)
  if (telling.length < minTrendDays) return null
  const trend: Trend | undefined = trendOf(telling.map(([x, ohmAVolt]) => ({ x, y: Math.log(ohmAVolt) })))
  return trend === undefined
    ? null
    : { slope: rounded(trend.slope, 5), low: rounded(trend.low, 5), high: rounded(trend.high, 5) }
}

/**
 * What it was says nothing of what it is; readings from before are not taken any more. Where the work is told of later,
 * whole days since then count.
 */
const renewed = (state: InsulationState, at: number): InsulationState => {
  const { days, nominalVolts, slot, volts } = state
  const done = tenMinutesOf(at)
  if (done >= slot) return { ...initial, slot: done, volts, nominalVolts }
  const since = days.filter(([day]) => day > dayOf(done))
  if (dayOf(done) === dayOf(slot)) return { ...initial, slot, volts, nominalVolts }
  return since.length === days.length ? state : { ...state, ...reckoned(since), unsafe: null }
}

const scores = [[Math.log(directLine), 0], [Math.log(alternatingLine), raiseAt], [Math.log(ample), 100]] as const

const scoreOf = (ohmAVolt: number): number => rounded(along(scores, Math.log(ohmAVolt)), 1)

const assess = (state: InsulationState, at: number): Assessment | undefined => {
  const { days, event, level, slot, trend, unsafe } = state
  const events = event === null ? [] : [event]
  const isStale = at - slot * slotMs > staleAfterDays * dayMs
  if (isCertain(unsafe)) {
    return {
      score: 0,
      confidence: isStale ? 0.3 : 0.85,
      evidence: [{
        text: `Below ${directLine} ohm a volt for ${unsafe.hours} hours of driving or charging since ${
          dateOf(unsafe.since)
        }, last ${whole(unsafe.ohmAVolt)}`,
        events,
      }],
      ...stopping,
      summary: `Insulation is ${whole(unsafe.ohmAVolt)} ohm a volt, below the safe ${directLine}`,
      remaining: { days: 0, low: 0, high: 0 },
    }
  }
  if (level === null) return undefined
  const fall = Math.min(0, trend?.high ?? 0)
  const ahead = level * Math.exp(aheadDays * fall)
  const remaining = remainingOf(state, at)
  const last = days.at(-1)?.[0] ?? 0
  const score = scoreOf(ahead)
  return {
    score,
    confidence: isStale ? 0.3 : days.length < minDays ? 0.3 : days.length < enoughDays ? 0.6 : 0.9,
    evidence: [
      {
        text: `${whole(level)} ohm a volt, the median of ${Math.min(daysOfLevel, days.length)} days up to ${
          dateOf(last)
        }; at least ${alternatingLine} is asked for, ${directLine} where there is direct current alone`,
        events,
      },
      ...(trend === null || fall === 0 ? [] : [{
        text: `Falls by ${percentAWeek(trend.slope)} % a week (${percentAWeek(trend.high)} to ${
          percentAWeek(trend.low)
        }): ${whole(ahead)} or less a month from then`,
        events: [],
      }]),
    ],
    ...(level < directLine ? stopping : score <= raiseAt ? checking : well),
    summary: level >= alternatingLine && ahead < alternatingLine
      ? `Insulation is ${whole(level)} ohm a volt and falls towards ${alternatingLine}`
      : `Insulation is ${whole(level)} ohm a volt`,
    ...(remaining !== undefined && { remaining }),
  }
}

const well = { urgency: "drive_on", recommendedAction: "Nothing to do" } as const
const checking = {
  urgency: "service_soon",
  recommendedAction: "Have the high-voltage cables, connectors and the pack's seals checked for moisture and chafing",
} as const
const stopping = {
  urgency: "stop",
  recommendedAction: "Take the vehicle out of service; the high-voltage system is to be checked by a qualified workshop",
} as const

/** Until it is at the line for alternating current, where the trend leads there. */
const remainingOf = ({ days, level, trend }: InsulationState, at: number): Remaining | undefined => {
  // The level is that of the middle of its days.
  const then = median(days.slice(-daysOfLevel).map(([day]) => day))
  if (level === null || trend === null || then === undefined || trend.slope >= 0) return undefined
  const above = Math.log(level / alternatingLine)
  const until = (slope: number) => Math.max(0, rounded(above / -slope - (at / dayMs - then), 0))
  return { days: until(trend.slope), low: until(trend.low), high: trend.high < 0 ? until(trend.high) : null }
}

const whole = (value: number): string => String(Math.round(value))
const percentAWeek = (slope: number): number => rounded(100 * (1 - Math.exp(7 * slope)), 1)
const dateOf = (day: number): string => dateText(day * dayMs)

export const insulation: ComponentModel<InsulationState> = {
  component,
  name: "insulation",
  version: "1",
  signals: [resistancePath, voltsPath, nominalPath],
  predicts: "When the insulation of the high-voltage system falls below 500 ohm a volt",
  horizon: "about a month ahead, by the trend of six weeks",
  horizonDays: 30,
  source: "UN R100 and GB 18384-2020: 100 ohm a volt (DC), 500 (AC); Theil-Sen trend of the logarithm",
  raiseAt,
  // 800 ohm a volt.
  recoverAt: 45,
  confirmations: 1,
  initial,
  evolve,
  assess,
  deadline: () => undefined,
}
