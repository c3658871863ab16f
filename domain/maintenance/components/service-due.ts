/**
 * Whether the regular service is due, by distance or by date, whichever comes first.
 *
 * Where the car says how far and how long it has to go (`Vehicle.Service`), that counts; else the interval since the
 * last recorded service of the component `vehicle`: 30,000 km by the odometer, or 24 months (730 days), which is the
 * longest that makers commonly allow. A recorded service voids what the car said before it.
 *
 * Each of the two is scored by what remains of it: 100 at a full interval or more, falling in a straight line to 20
 * where 1,500 km or 30 days remain, and on to 10 where it is due and 0 where it is overdue by as much. `IsServiceDue`
 * scores 20. The lowest counts. A reading older than 30 days is stale; on its own it raises no alert, and resolves none.
 */
import { booleanOf, numberOf } from "../../vehicle/good-reading.ts"
import type { EventOf } from "../../vehicle/events.ts"
import type { Evidence } from "../alerts/alert-events.ts"
import { type Assessment, type ComponentModel, type Observed, renews } from "../model.ts"

/** `at` is device time, epoch ms; `event` the id of the event that brought it. */
type Known<Value> = { readonly value: Value; readonly at: number; readonly event: string }

export type ServiceDueState = {
  /** Remaining, km. */
  readonly distance: Known<number> | null
  /** Remaining at that time, s. */
  readonly time: Known<number> | null
  readonly due: Known<boolean> | null
  /** km. */
  readonly odometer: Known<number> | null
  /** The last recorded service: the odometer then, km, where it is known. */
  readonly service: Known<number | null> | null
}

const distancePath = "Vehicle.Service.DistanceToService"
const timePath = "Vehicle.Service.TimeToService"
const duePath = "Vehicle.Service.IsServiceDue"
const odometerPath = "Vehicle.TraveledDistance"

const dayMs = 24 * 3_600_000
export const intervalKm = 30_000
export const intervalMs = 730 * dayMs
/** What remains when it is time to plan the service. */
const leadKm = 1_500
const leadMs = 30 * dayMs
const staleAfterMs = 30 * dayMs

const raiseAt = 20
const dueAt = 10
const flagScore = raiseAt

/** A reading that differs by less than this and comes sooner than that is not worth a new state. */
const noteworthyKm = 1
const noteworthyMs = 3_600_000

const initial: ServiceDueState = { distance: null, time: null, due: null, odometer: null, service: null }

const component = "vehicle"

const evolve = (state: ServiceDueState, { at: messageAt, record: { event } }: Observed): ServiceDueState => {
  if (event.type === "ServiceRecorded") return renews(event.data, component) ? serviced(state, event) : state
  if (event.type !== "TelemetryReceived") return state
  const { data, id } = event
  const metres = numberOf(data, odometerPath, messageAt)
  const kilometres = metres && { value: metres.value / 1000, at: metres.at }
  const odometer = newer(state.odometer, kilometres, id, isNear)
  const servicedAt = state.service?.at
  const distance = newer(state.distance, numberOf(data, distancePath, messageAt), id, isNear, servicedAt)
  const time = newer(state.time, numberOf(data, timePath, messageAt), id, isNearInTime, servicedAt)
  const due = newer(state.due, booleanOf(data, duePath, messageAt), id, isEqual, servicedAt)
  return odometer === state.odometer && distance === state.distance && time === state.time && due === state.due
    ? state
    : { ...state, odometer, distance, time, due }
}

const serviced = (state: ServiceDueState, { data, id }: EventOf<"ServiceRecorded">): ServiceDueState => {
  const at = Date.parse(data.at)
  if (state.service !== null && at < state.service.at) return state
  // The odometer of about then will do where the workshop wrote none down.
  const near = state.odometer !== null && Math.abs(state.odometer.at - at) < dayMs ? state.odometer.value : null
  const since = <Value>(known: Known<Value> | null) => known !== null && known.at > at ? known : null
  return {
    odometer: state.odometer,
    distance: since(state.distance),
    time: since(state.time),
    due: since(state.due),
    service: { value: data.odometerKm ?? near, at, event: id },
  }
}

interface Reading<Value> {
  readonly value: Value
  readonly at: number
}

const newer = <Value>(
  known: Known<Value> | null,
  reading: Reading<Value> | undefined,
  event: string,
  isSame: (a: Reading<Value>, b: Reading<Value>) => boolean,
  after = -Infinity,
): Known<Value> | null => {
  if (reading === undefined || reading.at <= after) return known
  if (known !== null && reading.at < known.at) return known
  if (known !== null && reading.at - known.at < noteworthyMs && isSame(known, reading)) return known
  return { value: reading.value, at: reading.at, event }
}

const isNear = (a: Reading<number>, b: Reading<number>) => Math.abs(a.value - b.value) < noteworthyKm
const isEqual = (a: Reading<boolean>, b: Reading<boolean>) => a.value === b.value
/** Both say the same date. */
const isNearInTime = (a: Reading<number>, b: Reading<number>) =>
  Math.abs(dueDate(a) - dueDate(b)) < noteworthyMs

const dueDate = ({ at, value }: Reading<number>): number => at + value * 1000

/** One way to tell how near the service is. */
interface Sign {
  readonly score: number
  readonly confidence: number
  readonly evidence: Evidence
}

/** `remaining`, the lead and the whole in the same unit. */
const scoreOf = (remaining: number, lead: number, interval: number): number => {
  const score = remaining > lead
    ? raiseAt + (100 - raiseAt) * (remaining - lead) / (interval - lead)
    : dueAt + (raiseAt - dueAt) * remaining / lead
  return Math.min(100, Math.max(0, score))
}

const byDistance = ({ distance, odometer, service }: ServiceDueState, at: number): Sign | undefined => {
  if (distance !== null) {
    return {
      score: scoreOf(distance.value, leadKm, intervalKm),
      confidence: isStale(distance, at) ? 0.3 : 0.95,
      evidence: { text: `The car says: ${remainingKm(distance.value)}`, events: [distance.event] },
    }
  }
  if (odometer === null || service === null || service.value === null) return undefined
  const remaining = intervalKm - (odometer.value - service.value)
  return {
    score: scoreOf(remaining, leadKm, intervalKm),
    confidence: isStale(odometer, at) ? 0.3 : 0.7,
    evidence: {
      text: `${Math.round(odometer.value - service.value)} km since the last recorded service: ${
        remainingKm(remaining)
      } of ${intervalKm} km`,
      events: [service.event, odometer.event],
    },
  }
}

const byDate = (state: ServiceDueState, at: number): Sign | undefined => {
  const date = dateOf(state)
  if (date === undefined) return undefined
  const { time, service } = state
  const day = new Date(date).toISOString().slice(0, 10)
  return {
    score: scoreOf(date - at, leadMs, intervalMs),
    // A date grows no less sure with time.
    confidence: time === null ? 0.7 : 0.95,
    evidence: time === null
      ? { text: `24 months after the last recorded service: ${day}`, events: service === null ? [] : [service.event] }
      : { text: `The car says: due on ${day}`, events: [time.event] },
  }
}

const dateOf = ({ service, time }: ServiceDueState): number | undefined => {
  if (time !== null) return dueDate(time)
  return service === null ? undefined : service.at + intervalMs
}

const byFlag = ({ due }: ServiceDueState, at: number): Sign | undefined =>
  due?.value !== true ? undefined : {
    score: flagScore,
    confidence: isStale(due, at) ? 0.3 : 0.8,
    evidence: { text: "The car says: service now or soon", events: [due.event] },
  }

const isStale = (known: Known<unknown>, at: number): boolean => at - known.at > staleAfterMs

const remainingKm = (km: number): string =>
  km >= 0 ? `${Math.round(km)} km remain` : `overdue by ${Math.round(-km)} km`

/** Only one of distance and date is known. */
const halfKnown = 0.7

const assess = (state: ServiceDueState, at: number): Assessment | undefined => {
  const distance = byDistance(state, at)
  const date = byDate(state, at)
  const signs: Array<Sign> = []
  for (const sign of [distance, date, byFlag(state, at)]) if (sign !== undefined) signs.push(sign)
  const lowest = signs.toSorted((a, b) => a.score - b.score)[0]
  if (lowest === undefined) return undefined
  const { score } = lowest
  // Any sign at the line suffices for an alert; to be well takes distance and date.
  const confidence = score <= raiseAt
    ? Math.max(...signs.filter((sign) => sign.score <= raiseAt).map((sign) => sign.confidence))
    : lowest.confidence * (distance === undefined || date === undefined ? halfKnown : 1)
  const isOverdue = score <= dueAt
  return {
    score,
    confidence,
    evidence: signs.map((sign) => sign.evidence),
    urgency: isOverdue ? "service_soon" : "drive_on",
    recommendedAction: isOverdue ? "Book the regular service now" : "Plan the regular service",
    summary: isOverdue ? "Regular service is due" : score <= raiseAt ? "Regular service is due soon" : "Serviced",
  }
}

const deadline = (state: ServiceDueState, after: number): number | undefined => {
  const date = dateOf(state)
  if (date === undefined) return undefined
  if (date - leadMs > after) return date - leadMs
  return date > after ? date : undefined
}

export const serviceDue: ComponentModel<ServiceDueState> = {
  component,
  name: "service-due",
  version: "1",
  signals: [distancePath, timePath, duePath, odometerPath],
  predicts: "When the regular service is due",
  horizon: "1,500 km or 30 days ahead",
  horizonDays: 30,
  source: "The car's own service computer; else the common longest interval of 30,000 km or 24 months",
  raiseAt,
  recoverAt: 35,
  confirmations: 3,
  initial,
  evolve,
  assess,
  deadline,
}
