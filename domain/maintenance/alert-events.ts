/**
 * What is stored of a vehicle's alerts, on `maintenance-<VIN>`: shapes kept for years, as those of `vehicle/events.ts`.
 * Times are RFC 3339 in UTC with milliseconds.
 */
import { Schema } from "effect"

/** Drive on; have it seen to soon; stop. */
export const Urgency = Schema.Literals(["drive_on", "service_soon", "stop"])
export type Urgency = typeof Urgency.Type

/** Why a score is what it is, in words a planner reads, with the events it rests on. */
export const Evidence = Schema.Struct({
  text: Schema.String,
  /** Ids of events on the vehicle's stream. */
  events: Schema.Array(Schema.String),
})
export type Evidence = typeof Evidence.Type

export const schemas = {
  AlertRaised: Schema.Struct({
    /** The alert's own id, a UUID; the later events of the same alert carry it too. */
    alertId: Schema.String,
    component: Schema.String,
    urgency: Urgency,
    /** 0–100 at the time. */
    score: Schema.Finite,
    model: Schema.String,
    modelVersion: Schema.String,
    summary: Schema.String,
    recommendedAction: Schema.String,
    evidence: Schema.Array(Evidence),
  }),
  AlertEscalated: Schema.Struct({
    alertId: Schema.String,
    urgency: Urgency,
    score: Schema.Finite,
    summary: Schema.String,
    evidence: Schema.Array(Evidence),
  }),
  AlertAcknowledged: Schema.Struct({
    alertId: Schema.String,
    by: Schema.optionalKey(Schema.String),
    note: Schema.optionalKey(Schema.String),
  }),
  AlertResolved: Schema.Struct({
    alertId: Schema.String,
    reason: Schema.Literals(["service", "recovered"]),
    score: Schema.optionalKey(Schema.Finite),
  }),
} as const

export type AlertEventType = keyof typeof schemas

/** The current version of each type. */
export const versions: Readonly<Record<AlertEventType, number>> = {
  AlertRaised: 1,
  AlertEscalated: 1,
  AlertAcknowledged: 1,
  AlertResolved: 1,
}

export const AlertMetadata = Schema.Struct({
  schema: Schema.Int,
  receivedAt: Schema.String,
  /** The event on the vehicle's stream that made the score cross its line, or the request of the planner. */
  causationId: Schema.optionalKey(Schema.String),
  /** That event's revision on the vehicle's stream. */
  causationRevision: Schema.optionalKey(Schema.Int),
  brand: Schema.optionalKey(Schema.String),
})
export type AlertMetadata = typeof AlertMetadata.Type

export type AlertEvent = {
  readonly [T in AlertEventType]: {
    readonly id: string
    readonly type: T
    readonly data: (typeof schemas)[T]["Type"]
    readonly metadata: AlertMetadata
  }
}[AlertEventType]

/** An alert's event in its place. */
export interface AlertRecord {
  readonly _tag: "Alert"
  readonly vin: string
  readonly revision: number
  /** Opaque; ordered as strings are. */
  readonly position: string
  readonly event: AlertEvent
}

export const isAlertEventType = (type: string): type is AlertEventType => Object.hasOwn(schemas, type)

export const streamOf = (vin: string): string => `maintenance-${vin}`
