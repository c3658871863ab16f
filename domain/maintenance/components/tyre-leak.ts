/**
 * Whether a tyre leaks: slowly, by the trend of its pressure, or fast, by the pressure itself.
 *
 * Pressures are brought to 20 °C by the gas law with the temperature in the tyre; where that is not known, with that of
 * the air outside, and then only while the tyre is cold. A day's value is the mean of the middle half of its samples,
 * which evens out a sensor's coarse steps and leaves wild values out. The loss is the robust slope of some days'
 * values, of the tyre alone and, less its error, against its siblings: what weather and age do, they do to all. It must
 * be spread over days, as the work of a leak is; what is let out in a moment is not. Filling up joins the
 * days before to those after it, so that a leak shows through it.
 *
 * A tyre that lost a fifth of what it is usually filled to is too low, however that came about.
 */
import type { StoredReading } from "../../vehicle/events.ts"
import { type ComponentModel, minuteOf, type Observed, renews, tenMinutesOf } from "../model.ts"
import { dayMs, hourMs, minuteMs, rounded } from "./score-line.ts"
import { median } from "../statistics.ts"
import { assessOf, raiseAt } from "./tyre-leak-health.ts"
import {
  initial,
  levelOf,
  type Low,
  lowLineOf,
  lowSamples,
  lowShare,
  type TyreLeakState,
  usualOf,
  wellShare,
} from "./tyre-leak-state.ts"
import { type Day, filledKPa, lossOf } from "./tyre-loss.ts"
import {
  ambientPath,
  type Sample,
  sampleOf,
  speedPath,
  surroundings,
  type Telemetry,
  type Wheel,
  wheels,
} from "./tyre-pressure.ts"

/** So much below the sample before; and what as told, not at 20 °C, is not worth a look. */
const oddlyLowKPa = 15
const steadyKPa = 10
const samplesADay = 24
/** A day under way joins the trend at its fourth sample, and again at every fourth. */
const lossEvery = 4
/** As warm as this one is. */
const siblingHoldsMs = 10 * minuteMs

/** More than sensors, steps and a wrong temperature make of nothing; so many samples in a row confirm it. */
const filledSamples = 3
const letOutKPa = 8
const letOutSamples = 2
const fillingsKept = 3
const daysKept = 14

const recoverAt = 70

const tenth = (value: number): number => rounded(value, 1)

const dayOf = (at: number): number => Math.floor(at / dayMs)

const evolveOf = (wheel: Wheel) => {
  const others = wheels.filter((other) => other !== wheel)
  return (state: TyreLeakState, { at: messageAt, receivedAt, record: { event } }: Observed): TyreLeakState => {
    if (event.type === "ServiceRecorded") {
      if (!renews(event.data, wheel.component) || messageAt <= state.servicedAt) return state
      const { ambient, movedAt, startedAt } = state
      return { ...initial, ambient, movedAt, startedAt, servicedAt: messageAt }
    }
    if (event.type !== "TelemetryReceived" || messageAt > receivedAt + minuteMs) return state
    const { data, id } = event
    // Of a vehicle that never tells a tyre's pressure nothing is kept.
    if (state.at === 0 && data.readings[wheel.pressure] === undefined) return state
    const next = besides(surroundings(state, data, messageAt), others, data, messageAt)
    // Within the ten minutes only what is oddly low counts, at most once a minute.
    const isTaken = tenMinutesOf(messageAt) <= tenMinutesOf(next.at)
    if (isTaken && next.low === null && isSteady(data.readings[wheel.pressure], next.told)) return next
    const sample = sampleOf(next, wheel, data, messageAt)
    if (sample === undefined || sample.at <= next.servicedAt) return next
    const isOdd = sample.kPa < next.kPa - oddlyLowKPa || next.low !== null
    const isDue = isOdd ? minuteOf(sample.at) > minuteOf(next.at) : tenMinutesOf(sample.at) > tenMinutesOf(next.at)
    return isDue ? sampled(next, sample, id) : next
  }
}

/** With what the siblings tell, each once in ten minutes. */
const besides = (
  state: TyreLeakState,
  others: ReadonlyArray<Wheel>,
  data: Telemetry,
  messageAt: number,
): TyreLeakState => {
  const slot = tenMinutesOf(messageAt)
  let { siblings } = state
  for (let i = 0; i < others.length; i++) {
    const other = others[i]
    const knownAt = siblings[i]?.[0] ?? 0
    if (other === undefined || slot <= tenMinutesOf(knownAt) || data.readings[other.pressure] === undefined) continue
    const sample = sampleOf(state, other, data, messageAt)
    if (sample === undefined || tenMinutesOf(sample.at) <= tenMinutesOf(knownAt)) continue
    siblings = siblings.with(i, [sample.at, sample.kPa])
  }
  return siblings === state.siblings ? state : { ...state, siblings }
}

/** As told, whatever the temperature: nothing to reckon with. */
const isSteady = (stored: StoredReading | undefined, before: number): boolean =>
  stored === undefined || (typeof stored === "number" && stored > before - steadyKPa)

const sampled = (before: TyreLeakState, { at, kPa, sure, told }: Sample, event: string): TyreLeakState => {
  const low = lowAfter(before, at, kPa, event)
  const usual = usualOf(before)
  const wellAt = usual === undefined || kPa >= wellShare * usual ? at : before.wellAt
  // What is oddly low shows at once, and joins the day's values once in ten minutes like the rest.
  const joins = tenMinutesOf(at) > tenMinutesOf(before.at)
  const state = { ...before, low, wellAt, at, event, told, kPa: sure || low !== null ? kPa : before.kPa }
  if (!joins) return state
  const level = sure ? levelOf(before) : undefined
  const isSameDay = dayOf(before.firstAt) === dayOf(at)
  const isOfDay = isSameDay && before.samples.length >= 3
  const off = level === undefined ? before.off : offAfter(before.off, kPa - level, isOfDay)
  const isLetOut = sure && off <= -letOutSamples
  const isFilled = sure && level !== undefined && off >= filledSamples
  if (sure && off !== 0 && !isLetOut && !isFilled) return { ...state, off }
  const near = state.siblings.filter((sibling) => Math.abs(at - sibling[0]) < siblingHoldsMs)
  const siblings = near.length >= 2 ? median(near.map((sibling) => sibling[1])) : undefined
  const whole = isFilled ? raised(state, kPa - level, siblings === undefined ? undefined : kPa - siblings) : state
  // A day has one value: that after something was let out.
  const fresh = isLetOut ? { ...whole, samples: [], relative: [] } : whole
  const open = isSameDay ? fresh : closeDay(fresh)
  const joined = {
    ...open,
    off: sure ? 0 : off,
    firstAt: isSameDay && !isLetOut ? before.firstAt : at,
    samples: sure ? joinedTo(open.samples, kPa) : open.samples,
    relative: siblings === undefined ? open.relative : joinedTo(open.relative, kPa - siblings),
  }
  if (!isSameDay) return { ...joined, loss: lossOf(joined.days, state.loss, true) }
  const today = sure && joined.samples.length % lossEvery === 0 ? dayFrom(joined) : undefined
  return today === undefined ? joined : { ...joined, loss: lossOf([...joined.days, today], state.loss, false) }
}

/** What was known, as if it had been filled to its level now from the first. */
const raised = (state: TyreLeakState, by: number, aside: number | undefined): TyreLeakState => {
  const before = middleOf(state.relative) ?? state.days.at(-1)?.[2] ?? undefined
  const byAside = aside === undefined || before === undefined ? undefined : aside - before
  return {
    ...state,
    isFilled: true,
    samples: state.samples.map((value) => tenth(value + by)),
    relative: byAside === undefined ? [] : state.relative.map((value) => tenth(value + byAside)),
    days: state.days.map(([day, kPa, value]): Day => [
      day,
      tenth(kPa + by),
      value === null || byAside === undefined ? null : tenth(value + byAside),
    ]),
  }
}

/** Above the level of before; or, since tyres leak overnight, below that of the same day. */
const offAfter = (off: number, above: number, isOfDay: boolean): number => {
  if (above >= filledKPa) return Math.max(0, off) + 1
  return isOfDay && above <= -letOutKPa ? Math.min(0, off) - 1 : 0
}

const joinedTo = (samples: ReadonlyArray<number>, kPa: number): ReadonlyArray<number> =>
  samples.length >= samplesADay ? samples : [...samples, tenth(kPa)]

/** The mean of the middle half. */
const middleOf = (values: ReadonlyArray<number>): number | undefined => {
  if (values.length === 0) return undefined
  const cut = Math.floor(values.length / 4)
  const middle = values.toSorted((a, b) => a - b).slice(cut, values.length - cut)
  return tenth(middle.reduce((sum, value) => sum + value, 0) / middle.length)
}

const dayFrom = ({ firstAt, relative, samples }: TyreLeakState): Day | undefined => {
  const kPa = middleOf(samples)
  if (kPa === undefined) return undefined
  return [dayOf(firstAt), kPa, middleOf(relative) ?? null]
}

const closeDay = (state: TyreLeakState): TyreLeakState => {
  const day = dayFrom(state)
  const open = { ...state, samples: [], relative: [] }
  if (day === undefined) return open
  // The day of filling says what it was filled to.
  const fillings = state.isFilled ? [...state.fillings, day[1]].slice(-fillingsKept) : state.fillings
  return { ...open, fillings, isFilled: false, days: [...state.days, day].slice(-daysKept) }
}

const lowAfter = (state: TyreLeakState, at: number, kPa: number, event: string): Low | null => {
  const usual = usualOf(state)
  if (usual === undefined) return null
  const line = lowLineOf(usual)
  if (state.low !== null) {
    // Noise about the line neither confirms nor contradicts.
    if (kPa > line + (wellShare - lowShare) / 2 * usual) return null
    return kPa > line || state.low.samples >= lowSamples ? state.low : { ...state.low, samples: state.low.samples + 1 }
  }
  return kPa > line ? null : { since: at, event, samples: 1, fast: at - state.wellAt < hourMs }
}

export const tyreLeaks: ReadonlyArray<ComponentModel<TyreLeakState>> = wheels.map((wheel) => ({
  component: wheel.component,
  name: "tyre-leak",
  version: "1",
  signals: [...wheels.flatMap(({ pressure, temperature }) => [pressure, temperature]), ambientPath, speedPath],
  predicts: "When a leaking tyre will have lost a fifth of its pressure",
  horizon: "Days to weeks ahead; a puncture within minutes",
  horizonDays: 30,
  source: "Gas law; slopes by Theil and Sen; a fifth below, or 150 kPa: UN Regulation No. 141",
  raiseAt,
  recoverAt,
  confirmations: 1,
  initial,
  evolve: evolveOf(wheel),
  assess: assessOf(wheel.name),
  deadline: () => undefined,
}))
