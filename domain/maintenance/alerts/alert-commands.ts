/**
 * What planners do with an alert: take it on, give it to someone, put it off. As `alert.ts` has it, each becomes events
 * on `maintenance-<VIN>`, or none where the alert is so already. Pure.
 */
import { Result, Schema } from "effect"
import { toTime } from "../../vehicle/readings.ts"
import { eventsOf, type OpenAlert, type State } from "./alert.ts"
import type { AlertEvent } from "./alert-events.ts"

interface PlannerCommand {
  readonly alertId: string
  readonly by: string | undefined
  readonly note: string | undefined
  /** Only if the alert's newest event has this revision. */
  readonly ifRevision: number | undefined
  /** Epoch ms. */
  readonly now: number
}

/** A planner takes it on. */
export interface Acknowledge extends PlannerCommand {}

/** It is given to someone; `undefined`: to nobody any more. */
export interface Assign extends PlannerCommand {
  readonly to: string | undefined
}

/** Nobody need look at it before then, epoch ms; `undefined`: it is looked at again. */
export interface Snooze extends PlannerCommand {
  readonly until: number | undefined
}

export class AlertNotFound extends Schema.TaggedError<AlertNotFound>()("AlertNotFound", {
  vin: Schema.String,
  alertId: Schema.String,
}) {
  override get message() {
    return `Vehicle ${this.vin} has no alert ${this.alertId}`
  }
}

export class AlertIsResolved extends Schema.TaggedError<AlertIsResolved>()("AlertIsResolved", {
  vin: Schema.String,
  alertId: Schema.String,
}) {
  override get message() {
    return `Alert ${this.alertId} of vehicle ${this.vin} is resolved already`
  }
}

export class AlertRevisionConflict extends Schema.TaggedError<AlertRevisionConflict>()("AlertRevisionConflict", {
  vin: Schema.String,
  alertId: Schema.String,
  expected: Schema.Int,
  actual: Schema.Int,
}) {
  override get message() {
    return `Alert ${this.alertId} is at revision ${this.actual}, not at ${this.expected}; read it again and decide anew`
  }
}

/** Nobody may put off what is for rescue. */
export class EmergencyNotSnoozed extends Schema.TaggedError<EmergencyNotSnoozed>()("EmergencyNotSnoozed", {
  vin: Schema.String,
  alertId: Schema.String,
}) {
  override get message() {
    return `Alert ${this.alertId} of vehicle ${this.vin} is an emergency, which cannot be snoozed`
  }
}

export class SnoozeOutOfRange extends Schema.TaggedError<SnoozeOutOfRange>()("SnoozeOutOfRange", {
  until: Schema.String,
}) {
  override get message() {
    return `An alert is snoozed until a time in the next ${maxSnoozeDays} days, not until ${this.until}`
  }
}

export type CommandError = AlertNotFound | AlertIsResolved | AlertRevisionConflict
export type SnoozeError = CommandError | EmergencyNotSnoozed | SnoozeOutOfRange

/** What is put off for longer is forgotten. */
export const maxSnoozeDays = 90
const maxSnoozeMs = maxSnoozeDays * 24 * 3_600_000

type Decision<E = never> = Result.Result<ReadonlyArray<AlertEvent>, CommandError | E>

/** No events where the same person has acknowledged it already, or anyone has and no revision is asked for. */
export const acknowledge = (state: State, command: Acknowledge): Decision => {
  const { by, ifRevision, now } = command
  return planned(state, command, {
    isDone: ({ acknowledged }) => acknowledged !== undefined && (acknowledged.by === by || ifRevision === undefined),
    events: ({ acknowledged, id }) =>
      acknowledged === undefined
        ? [eventsOf(state, { at: now })("AlertAcknowledged", id, place("acknowledged", state), told(command))]
        : [],
  })
}

/** No events where it is theirs already. */
export const assign = (state: State, command: Assign): Decision => {
  const { now, to } = command
  const data = { ...told(command), ...(to !== undefined && { to }) }
  return planned(state, command, {
    isDone: ({ assignedTo }) => assignedTo === to,
    events: ({ id }) => [eventsOf(state, { at: now })("AlertAssigned", id, place("assigned", state), data)],
  })
}

/** No events where it is snoozed until then already, or awake and to be so. */
export const snooze = (state: State, command: Snooze): Decision<EmergencyNotSnoozed | SnoozeOutOfRange> => {
  const { alertId, now, until } = command
  const { vin } = state
  const data = { ...told(command), ...(until !== undefined && { until: toTime(until) }) }
  const decided = planned(state, command, {
    isDone: ({ snoozedUntil }) => until === undefined ? !isSnoozed(snoozedUntil, now) : snoozedUntil === until,
    events: ({ id }) => [eventsOf(state, { at: now })("AlertSnoozed", id, place("snoozed", state), data)],
  })
  if (Result.isFailure(decided) || decided.success.length === 0 || until === undefined) return decided
  const isEmergency = Object.values(state.open).some(({ emergency, id }) => id === alertId && emergency)
  if (isEmergency) return Result.fail(new EmergencyNotSnoozed({ vin, alertId }))
  return isSnoozed(until, now) && until <= now + maxSnoozeMs
    ? decided
    : Result.fail(new SnoozeOutOfRange({ until: toTime(until) }))
}

/** `until` is the end of an alert's snooze, both epoch ms. */
export const isSnoozed = (until: number | null | undefined, now: number): boolean =>
  until !== null && until !== undefined && until > now

interface Plan {
  /** Again is as once, even at another revision. */
  readonly isDone: (alert: OpenAlert) => boolean
  readonly events: (alert: OpenAlert) => ReadonlyArray<AlertEvent>
}

const planned = (state: State, { alertId, ifRevision }: PlannerCommand, { events, isDone }: Plan): Decision => {
  const { vin } = state
  const alert = Object.values(state.open).find(({ id }) => id === alertId)
  if (alert === undefined) {
    return Result.fail(
      state.resolved.includes(alertId) ? new AlertIsResolved({ vin, alertId }) : new AlertNotFound({ vin, alertId }),
    )
  }
  if (isDone(alert)) return Result.succeed([])
  if (ifRevision !== undefined && ifRevision !== alert.revision) {
    return Result.fail(new AlertRevisionConflict({ vin, alertId, expected: ifRevision, actual: alert.revision }))
  }
  return Result.succeed(events(alert))
}

/** The same may be done to an alert several times, so that its place is in the event's id. */
const place = (step: string, { revision }: State): string => `${step} ${revision + 1}`

const told = ({ alertId, by, note }: PlannerCommand) => ({
  alertId,
  ...(by !== undefined && { by }),
  ...(note !== undefined && { note }),
})
