/**
 * A vehicle's alerts: what is told of them becomes events on `maintenance-<VIN>`, or nothing. Pure.
 *
 * There is one open alert a component. It is raised when a score falls to the model's line, escalated when it becomes
 * more urgent or an emergency happens again, and resolved when the component is serviced or its score recovers past a
 * second, higher line. What planners do with it is in `alert-commands.ts`.
 *
 * What the reactor tells is told at least once, so a command says which record of the vehicle caused it, and each event
 * keeps that record's revision: a command caused by a record no newer than the last one acted upon is an old one come
 * again, and does nothing.
 */
import * as Identity from "../../vehicle/identity.ts"
import { toTime } from "../../vehicle/readings.ts"
import {
  type AlertEvent,
  type AlertEventType,
  type AlertMetadata,
  type AlertRecord,
  type Urgency,
  versions,
} from "./alert-events.ts"
import { type Assessment, type ComponentModel, covers, isMoreUrgent, minConfidence } from "../model.ts"
import type { Situation } from "../components/situation.ts"

export interface OpenAlert {
  readonly id: string
  readonly component: string
  readonly urgency: Urgency
  /** Epoch ms. */
  readonly raisedAt: number
  readonly emergency: boolean
  /** When what it tells of happened last, epoch ms; of what wears there is no such time. */
  readonly occurredAt: number | undefined
  readonly acknowledged: { readonly by: string | undefined } | undefined
  readonly assignedTo: string | undefined
  /** Epoch ms; it may have passed. */
  readonly snoozedUntil: number | undefined
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
    const { alertId, component, emergency, occurredAt, urgency } = event.data
    return withAlert(told, event.metadata, {
      id: alertId,
      component,
      urgency,
      raisedAt: at,
      emergency: emergency === true,
      occurredAt: timeOf(occurredAt),
      acknowledged: undefined,
      assignedTo: undefined,
      snoozedUntil: undefined,
      revision,
    })
  }
  const alert = Object.values(state.open).find(({ id }) => id === event.data.alertId)
  if (alert === undefined) return told
  switch (event.type) {
    case "AlertEscalated": {
      const { occurredAt, urgency } = event.data
      return withAlert(told, event.metadata, {
        ...alert,
        urgency,
        occurredAt: timeOf(occurredAt) ?? alert.occurredAt,
        // What a planner took note of, or put off, was less urgent.
        acknowledged: undefined,
        snoozedUntil: undefined,
        revision,
      })
    }
    case "AlertAcknowledged":
      return withAlert(told, event.metadata, { ...alert, acknowledged: { by: event.data.by }, revision })
    case "AlertAssigned":
      return withAlert(told, event.metadata, { ...alert, assignedTo: event.data.to, revision })
    case "AlertSnoozed":
      return withAlert(told, event.metadata, { ...alert, snoozedUntil: timeOf(event.data.until), revision })
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

const timeOf = (time: string | undefined): number | undefined => time === undefined ? undefined : Date.parse(time)

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
  readonly model: Pick<ComponentModel, "component" | "name" | "version" | "raiseAt" | "recoverAt" | "emergency">
  readonly assessment: Assessment
  readonly cause: Cause
  /** How the vehicle then was, as far as it is known; of emergencies alone. */
  readonly situation?: Situation
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

const assess = (state: State, command: Assess): ReadonlyArray<AlertEvent> => {
  const { assessment, cause, model } = command
  const { component, emergency } = model
  if (assessment.confidence < minConfidence || isOld(state, component, cause)) return []
  const { occurredAt = -Infinity, score, urgency } = assessment
  const event = eventsOf(state, cause)
  const alert = state.open[component]
  if (alert === undefined) {
    if (score > model.raiseAt || isHistory(state, cause)) return []
    const origin = `${state.vin} ${component} ${model.name}@${model.version} ${cause.eventId}`
    const alertId = Identity.uuid(`alert ${origin}${cause.deadline ? " deadline" : ""}`)
    return [event("AlertRaised", alertId, "raised", {
      alertId,
      component,
      model: model.name,
      modelVersion: model.version,
      ...toldOf(command),
    })]
  }
  if (score >= model.recoverAt) {
    return [event("AlertResolved", alert.id, "resolved", { alertId: alert.id, reason: "recovered", score })]
  }
  if (score > model.raiseAt) return []
  const isAnother = emergency === true && occurredAt > (alert.occurredAt ?? Infinity)
  if (!isAnother && !isMoreUrgent(urgency, alert.urgency)) return []
  const step = `escalated ${urgency}${isAnother ? ` ${toTime(occurredAt)}` : ""}`
  return [event("AlertEscalated", alert.id, step, { alertId: alert.id, ...toldOf(command) })]
}

/** What an alert tells when it is raised, and anew when it is escalated. */
const toldOf = ({ assessment, model: { emergency }, situation }: Assess) => {
  const { confidence, evidence, occurredAt, recommendedAction, remaining, score, summary, urgency } = assessment
  return {
    urgency,
    score,
    summary,
    recommendedAction,
    evidence: situation === undefined ? evidence : [...evidence, ...situation.evidence],
    confidence,
    ...(remaining !== undefined && { remaining }),
    ...(emergency === true && { emergency }),
    ...(occurredAt !== undefined && { occurredAt: toTime(occurredAt) }),
    ...(situation !== undefined && { situation: situation.readings, personal: situation.personal }),
  }
}

/**
 * Of the vehicle something later was acted upon, so that whoever judged it, by models of the time, has judged this. It
 * comes again only where what the reactor had kept is lost, or the log was imported.
 */
const isHistory = ({ actedUpTo }: State, { revision }: Cause): boolean => {
  for (const component in actedUpTo) if (revision < (actedUpTo[component] ?? -1)) return true
  return false
}

/** Workshops tell late: a service from before the alert may explain it, but not one from long before. */
const toldWithinMs = 30 * 24 * 3_600_000

const serviceDone = (state: State, { at, cause, component }: ServiceDone): ReadonlyArray<AlertEvent> =>
  Object.values(state.open)
    .filter((alert) => covers(component, alert.component) && at >= sinceOf(alert))
    .filter((alert) => !isOld(state, alert.component, cause))
    .map((alert) =>
      eventsOf(state, cause)("AlertResolved", alert.id, "resolved", { alertId: alert.id, reason: "service" })
    )

/** What was done before an emergency has not dealt with it. */
const sinceOf = ({ emergency, occurredAt, raisedAt }: OpenAlert): number =>
  emergency ? occurredAt ?? raisedAt : raisedAt - toldWithinMs

/** A deadline comes after its record, with nothing between. */
const isOld = (state: State, component: string, { deadline, revision }: Cause): boolean => {
  const upTo = state.actedUpTo[component] ?? -1
  return deadline ? revision < upTo : revision <= upTo
}

type DataOf<T extends AlertEventType> = Extract<AlertEvent, { readonly type: T }>["data"]

/** Ids derive from the alert and what becomes of it, so that a retry of the same append is the same append. */
export const eventsOf = (state: State, cause: Pick<Cause, "at"> & Partial<Cause>) => {
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
