/**
 * A vehicle's alerts: what is told of them becomes events on `maintenance-<VIN>`, or nothing. Pure.
 *
 * There is one open alert a component. It is raised when a score falls to the model's line, escalated when it becomes
 * more urgent, and resolved when the component is serviced or its score recovers past a second, higher line.
 *
 * What the reactor tells is told at least once, so a command says which record of the vehicle caused it, and each event
 * keeps that record's revision: a command caused by a record no newer than the last one acted upon is an old one come
 * again, and does nothing.
 */
import { Result, Schema } from "effect"
import * as Identity from "../vehicle/identity.ts"
import { toTime } from "../vehicle/readings.ts"
import {
  type AlertEvent,
  type AlertEventType,
  type AlertMetadata,
  type AlertRecord,
  type Urgency,
  versions,
} from "./alert-events.ts"
import { type Assessment, type ComponentModel, covers, isMoreUrgent, minConfidence } from "./model.ts"

export interface OpenAlert {
  readonly id: string
  readonly component: string
  readonly urgency: Urgency
  /** Epoch ms. */
  readonly raisedAt: number
  readonly acknowledged: { readonly by: string | undefined } | undefined
  /** Of its newest event. */
  readonly revision: number
}

export interface State {
  readonly vin: string
  /** Of the newest event; −1 where there is none. */
  readonly revision: number
  /** Receipt time of the newest event, epoch ms. Never goes back. */
  readonly updatedAt: number
  /** By component. */
  readonly open: Readonly<Record<string, OpenAlert>>
  /** Ids, the newest last; of older ones it is no longer known that they were. */
  readonly resolved: ReadonlyArray<string>
  /** By component, the newest record of the vehicle that was acted upon. */
  readonly actedUpTo: Readonly<Record<string, number>>
}

const resolvedKept = 64

export const initial = (vin: string): State => ({
  vin,
  revision: -1,
  updatedAt: 0,
  open: {},
  resolved: [],
  actedUpTo: {},
})

export const evolve = (state: State, { event, revision }: Pick<AlertRecord, "event" | "revision">): State => {
  const at = Date.parse(event.metadata.receivedAt)
  const told = { ...state, revision, updatedAt: Math.max(state.updatedAt, at) }
  if (event.type === "AlertRaised") {
    const { alertId, component, urgency } = event.data
    return withAlert(told, event.metadata, {
      id: alertId,
      component,
      urgency,
      raisedAt: at,
      acknowledged: undefined,
      revision,
    })
  }
  const alert = Object.values(state.open).find(({ id }) => id === event.data.alertId)
  if (alert === undefined) return told
  switch (event.type) {
    case "AlertEscalated":
      return withAlert(told, event.metadata, { ...alert, urgency: event.data.urgency, revision })
    case "AlertAcknowledged":
      return withAlert(told, event.metadata, { ...alert, acknowledged: { by: event.data.by }, revision })
    case "AlertAssigned":
    case "AlertSnoozed":
      return withAlert(told, event.metadata, { ...alert, revision })
    case "AlertResolved": {
      const { [alert.component]: _, ...open } = told.open
      return {
        ...told,
        open,
        resolved: [...told.resolved, alert.id].slice(-resolvedKept),
        actedUpTo: acted(told, alert.component, event.metadata),
      }
    }
  }
}

const withAlert = (state: State, metadata: AlertMetadata, alert: OpenAlert): State => ({
  ...state,
  open: { ...state.open, [alert.component]: alert },
  actedUpTo: acted(state, alert.component, metadata),
})

const acted = (state: State, component: string, { causationRevision }: AlertMetadata): State["actedUpTo"] =>
  causationRevision === undefined ? state.actedUpTo : { ...state.actedUpTo, [component]: causationRevision }

/** What on the vehicle's stream a command of the reactor comes from. */
export interface Cause {
  /** The record's event. */
  readonly eventId: string
  /** The record's revision. */
  readonly revision: number
  /** Receipt time of the record, or when the deadline was found to have passed, epoch ms. */
  readonly at: number
  /** Nothing came after the record, and time has run out. */
  readonly deadline: boolean
  readonly brand: string | undefined
}

/** A component's score has crossed a line. */
export interface Assess {
  readonly _tag: "Assess"
  readonly model: Pick<ComponentModel, "component" | "name" | "version" | "raiseAt" | "recoverAt">
  readonly assessment: Assessment
  readonly cause: Cause
}

/** Work was done on a component. */
export interface ServiceDone {
  readonly _tag: "ServiceDone"
  readonly component: string
  /** When it was done, epoch ms. */
  readonly at: number
  readonly cause: Cause
}

export type Command = Assess | ServiceDone

export const decide = (state: State, command: Command): ReadonlyArray<AlertEvent> =>
  command._tag === "Assess" ? assess(state, command) : serviceDone(state, command)

const assess = (state: State, { assessment, cause, model }: Assess): ReadonlyArray<AlertEvent> => {
  const { component } = model
  if (assessment.confidence < minConfidence || isOld(state, component, cause)) return []
  const { evidence, recommendedAction, score, summary, urgency } = assessment
  const event = eventsOf(state, cause)
  const alert = state.open[component]
  if (alert === undefined) {
    if (score > model.raiseAt) return []
    const origin = `${state.vin} ${component} ${model.name}@${model.version} ${cause.eventId}`
    const alertId = Identity.uuid(`alert ${origin}${cause.deadline ? " deadline" : ""}`)
    return [event("AlertRaised", alertId, "raised", {
      alertId,
      component,
      urgency,
      score,
      model: model.name,
      modelVersion: model.version,
      summary,
      recommendedAction,
      evidence,
    })]
  }
  if (score >= model.recoverAt) {
    return [event("AlertResolved", alert.id, "resolved", { alertId: alert.id, reason: "recovered", score })]
  }
  return score <= model.raiseAt && isMoreUrgent(urgency, alert.urgency)
    ? [event("AlertEscalated", alert.id, `escalated ${urgency}`, { alertId: alert.id, urgency, score, summary, evidence })]
    : []
}

/** Workshops tell late: a service from before the alert may explain it, but not one from long before. */
const toldWithinMs = 30 * 24 * 3_600_000

const serviceDone = (state: State, { at, cause, component }: ServiceDone): ReadonlyArray<AlertEvent> =>
  Object.values(state.open)
    .filter((alert) => covers(component, alert.component) && at >= alert.raisedAt - toldWithinMs)
    .filter((alert) => !isOld(state, alert.component, cause))
    .map((alert) =>
      eventsOf(state, cause)("AlertResolved", alert.id, "resolved", { alertId: alert.id, reason: "service" })
    )

/** A deadline comes after its record, with nothing between. */
const isOld = (state: State, component: string, { deadline, revision }: Cause): boolean => {
  const upTo = state.actedUpTo[component] ?? -1
  return deadline ? revision < upTo : revision <= upTo
}

/** A planner takes it on. */
export interface Acknowledge {
  readonly alertId: string
  readonly by: string | undefined
  readonly note: string | undefined
  /** Only if the alert's newest event has this revision. */
  readonly ifRevision: number | undefined
  /** Epoch ms. */
  readonly now: number
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

export type AcknowledgeError = AlertNotFound | AlertIsResolved | AlertRevisionConflict

/** No events where the same person has acknowledged it already, or anyone has and no revision is asked for. */
export const acknowledge = (
  state: State,
  { alertId, by, ifRevision, note, now }: Acknowledge,
): Result.Result<ReadonlyArray<AlertEvent>, AcknowledgeError> => {
  const { vin } = state
  const alert = Object.values(state.open).find(({ id }) => id === alertId)
  if (alert === undefined) {
    return Result.fail(
      state.resolved.includes(alertId) ? new AlertIsResolved({ vin, alertId }) : new AlertNotFound({ vin, alertId }),
    )
  }
  if (alert.acknowledged !== undefined && alert.acknowledged.by === by) return Result.succeed([])
  if (ifRevision !== undefined && ifRevision !== alert.revision) {
    return Result.fail(new AlertRevisionConflict({ vin, alertId, expected: ifRevision, actual: alert.revision }))
  }
  if (alert.acknowledged !== undefined) return Result.succeed([])
  const event = eventsOf(state, { at: now })
  return Result.succeed([event("AlertAcknowledged", alertId, "acknowledged", {
    alertId,
    ...(by !== undefined && { by }),
    ...(note !== undefined && { note }),
  })])
}

type DataOf<T extends AlertEventType> = Extract<AlertEvent, { readonly type: T }>["data"]

/** Ids derive from the alert and what becomes of it, so that a retry of the same append is the same append. */
const eventsOf = (state: State, cause: Pick<Cause, "at"> & Partial<Cause>) => {
  const { brand, eventId, revision } = cause
  return <T extends AlertEventType>(type: T, alertId: string, step: string, data: DataOf<T>): AlertEvent => {
    const metadata: AlertMetadata = {
      schema: versions[type],
      receivedAt: toTime(Math.max(cause.at, state.updatedAt)),
      ...(eventId !== undefined && { causationId: eventId }),
      ...(revision !== undefined && { causationRevision: revision }),
      ...(brand !== undefined && { brand }),
    }
    return { id: Identity.uuid(`${alertId} ${step}`), type, data, metadata } as AlertEvent
  }
}
