/**
 * How far the brake pads of an axle are worn, and how long they last.
 *
 * Where the vehicle measures the wear, that is the score; how fast it grows is told for each megajoule braked away
 * (`brake-energy.ts`), as pads wear with the energy that goes through them, whoever drives. Both axles are told the
 * same energy: their shares are in what each wears by it.
 *
 * Without a sensor, the energy since the pads were replaced gives a rough guess, which never alarms.
 */
import type { DataOf, EventOf } from "../../vehicle/events.ts"
import { booleanOf, type GoodReading, numberOf } from "../../vehicle/good-reading.ts"
import { brakedBy, speedPath } from "./brake-energy.ts"
import { assessOf, raiseAt } from "./brake-pads-health.ts"
import { type BrakePadsState, initial, levelOf, type Mark } from "./brake-pads-state.ts"
import { type ComponentModel, type Observed, renews } from "../model.ts"
import { hourMs, minuteMs, rounded } from "./score-line.ts"
import { trendOf } from "../statistics.ts"

const wearKept = 5
const marksKept = 16
const fewestMarks = 4
const markStep = 1
/** Pads that were replaced without a word. */
const asNewDrop = 20
/** Hourly looks in a row that the car's word takes to count, either way. */
const wornHours = 3
const notWornHours = 24

const recoverAt = 35

const odometerPath = "Vehicle.TraveledDistance"

const axles = [
  { component: "brakes.front", name: "Front brake pads", row: "Vehicle.Chassis.Axle.Row1" },
  { component: "brakes.rear", name: "Rear brake pads", row: "Vehicle.Chassis.Axle.Row2" },
].map(({ row, ...axle }) => ({
  ...axle,
  wear: [`${row}.Wheel.Left.Brake.PadWear`, `${row}.Wheel.Right.Brake.PadWear`],
  worn: [`${row}.Wheel.Left.Brake.IsBrakesWorn`, `${row}.Wheel.Right.Brake.IsBrakesWorn`],
}))
type Axle = (typeof axles)[number]

const evolveOf = (axle: Axle) =>
  (state: BrakePadsState, { at, receivedAt, record: { event } }: Observed): BrakePadsState => {
    if (event.type === "ServiceRecorded") {
      return renews(event.data, axle.component) && at > state.servicedAt ? serviced(state, event.data, at) : state
    }
    if (event.type !== "TelemetryReceived" || at > receivedAt + minuteMs) return state
    return worn(looked(state, event.data, at), axle, event, at)
  }

const looked = (state: BrakePadsState, data: DataOf<"TelemetryReceived">, at: number): BrakePadsState => {
  // Where neither a sensor nor a replacement is known, energy tells nothing.
  if (state.wearAt === 0 && state.toldAt === 0 && state.replacedAt === 0) return state
  const braked = brakedBy(state.braked, data, at)
  return braked === state.braked ? state : { ...state, braked }
}

const serviced = (state: BrakePadsState, { kind }: EventOf<"ServiceRecorded">["data"], at: number): BrakePadsState =>
  kind === "inspected"
    // What was measured is to be measured again; what was learned holds.
    ? { ...state, wear: [], toldAt: 0, isWorn: false, contradictions: 0, servicedAt: at }
    : { ...initial, odometer: state.odometer, replacedAt: at, servicedAt: at }

const hourOf = (at: number): number => Math.floor(at / hourMs)

/** The wear, and the car's word, each once an hour: they may come in different messages. */
const worn = (
  before: BrakePadsState,
  axle: Axle,
  { data, id }: EventOf<"TelemetryReceived">,
  messageAt: number,
): BrakePadsState => {
  let state = before
  const hour = hourOf(messageAt)
  const flag = hour > hourOf(state.toldAt) ? flagOf(axle, data, messageAt) : undefined
  if (flag !== undefined && flag.at > state.servicedAt && hourOf(flag.at) > hourOf(state.toldAt)) {
    state = flaggedBy(state, flag.value, flag.at, id)
  }
  const wear = hour > hourOf(state.wearAt) ? wearOf(axle, data, messageAt) : undefined
  if (wear === undefined || wear.at <= state.servicedAt || hourOf(wear.at) <= hourOf(state.wearAt)) return state
  return measured({ ...kilometres(state, data, messageAt), wearAt: wear.at, wearEvent: id }, wear.value, wear.at)
}

/** Of the pad that is worn most. */
const wearOf = ({ wear }: Axle, data: DataOf<"TelemetryReceived">, messageAt: number) => {
  let most: GoodReading<number> | undefined
  for (const path of wear) {
    const reading = data.readings[path] === undefined ? undefined : numberOf(data, path, messageAt)
    if (reading === undefined || reading.value < 0 || reading.value > 100) continue
    if (most === undefined || reading.value > most.value) most = reading
  }
  return most
}

/** Of either wheel. */
const flagOf = ({ worn }: Axle, data: DataOf<"TelemetryReceived">, messageAt: number) => {
  let flag: GoodReading<boolean> | undefined
  for (const path of worn) {
    const reading = data.readings[path] === undefined ? undefined : booleanOf(data, path, messageAt)
    if (reading !== undefined && (flag === undefined || reading.value)) flag = reading
  }
  return flag
}

const kilometres = (state: BrakePadsState, data: DataOf<"TelemetryReceived">, at: number): BrakePadsState => {
  const metres = numberOf(data, odometerPath, at)?.value
  if (metres === undefined || metres < 0 || metres > 1e10) return state
  return { ...state, odometer: Math.max(state.odometer ?? 0, rounded(metres / 1000, 1)) }
}

const flaggedBy = (before: BrakePadsState, isWorn: boolean, at: number, event: string): BrakePadsState => {
  const state = { ...before, toldAt: at, toldEvent: event }
  if (isWorn === state.isWorn) return { ...state, contradictions: 0 }
  const contradictions = state.contradictions + 1
  return contradictions < (isWorn ? wornHours : notWornHours)
    ? { ...state, contradictions }
    : { ...state, isWorn, contradictions: 0 }
}

const measured = (before: BrakePadsState, value: number, at: number): BrakePadsState => {
  const state = { ...before, wear: [...before.wear, rounded(value, 1)].slice(-wearKept) }
  const level = levelOf(state)
  if (level === undefined) return state
  const last = state.marks.at(-1)
  if (last !== undefined && level <= last[1] - asNewDrop) {
    const { odometer, wear, wearEvent } = state
    return { ...initial, odometer, wear, wearAt: at, wearEvent, replacedAt: at }
  }
  if (last !== undefined && level < last[1] + markStep) return state
  const marks: ReadonlyArray<Mark> = [...state.marks, [rounded(state.braked.energy, 3), level, at, state.odometer]]
  // Of too many every other goes, so that they still tell of the whole life.
  const trend = marks.length < fewestMarks ? undefined : trendOf(marks.map(([x, y]) => ({ x, y })))
  return {
    ...state,
    marks: marks.length <= marksKept ? marks : marks.filter((_, i) => i % 2 === 0 || i === marks.length - 1),
    rate: trend === undefined
      ? state.rate
      : { likely: rounded(trend.slope, 6), low: rounded(trend.low, 6), high: rounded(trend.high, 6) },
  }
}

export const brakePads: ReadonlyArray<ComponentModel<BrakePadsState>> = axles.map((axle) => ({
  component: axle.component,
  name: "brake-pads",
  version: "1",
  signals: [...axle.wear, ...axle.worn, speedPath],
  predicts: "When the brake pads will be worn",
  horizon: "Weeks to months ahead, where the vehicle measures the wear",
  horizonDays: 90,
  source: "Wear grows with the energy dissipated: Archard's law; Ren and Ostermeyer, EuroBrake 2014-DF-004",
  raiseAt,
  recoverAt,
  confirmations: 3,
  initial,
  evolve: evolveOf(axle),
  assess: assessOf(axle.name),
  deadline: () => undefined,
}))
