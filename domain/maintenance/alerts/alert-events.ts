/**
 * What is stored of a vehicle's alerts, on `maintenance-<VIN>`: shapes kept for years, as those of `vehicle/events.ts`.
 * Times are RFC 3339 in UTC with milliseconds.
 */
import { Schema } from "effect"
import { SignalValue } from "../../vehicle/events.ts"

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

/** Remaining useful life in days; it lies between the two others in nine of ten cases, `null` being without end. */
const Remaining = Schema.Struct({ days: Schema.Finite, low: Schema.Finite, high: Schema.NullOr(Schema.Finite) })

/** What an emergency has beside. */
const emergency = {
  /** For rescue, not for a workshop: it is told at once, whatever the hour. */
  emergency: Schema.optionalKey(Schema.Literal(true)),
  /** When what it tells of happened, by the vehicle's clock where that can be believed. */
  occurredAt: Schema.optionalKey(Schema.String),
  /** The vehicle as it then was, where that may matter to who helps: good readings by path. */
  situation: Schema.optionalKey(Schema.Record(Schema.String, SignalValue)),
  /** Position and driver: apart, as on the vehicle's stream. */
  personal: Schema.optionalKey(Schema.Record(Schema.String, SignalValue)),
} as const

const by = Schema.optionalKey(Schema.String)
const note = Schema.optionalKey(Schema.String)

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
    confidence: Schema.optionalKey(Schema.Finite),
    remaining: Schema.optionalKey(Remaining),
    ...emergency,
  }),
  AlertEscalated: Schema.Struct({
    alertId: Schema.String,
    urgency: Urgency,
    score: Schema.Finite,
    summary: Schema.String,
    recommendedAction: Schema.optionalKey(Schema.String),
    evidence: Schema.Array(Evidence),
    confidence: Schema.optionalKey(Schema.Finite),
    remaining: Schema.optionalKey(Remaining),
    ...emergency,
  }),
  AlertAcknowledged: Schema.Struct({ alertId: Schema.String, by, note }),
  /** To whom it is given; left out: to nobody any more. */
  AlertAssigned: Schema.Struct({ alertId: Schema.String, to: Schema.optionalKey(Schema.String), by, note }),
  /** Nobody need look at it before then; left out: it is looked at again. */
  AlertSnoozed: Schema.Struct({ alertId: Schema.String, until: Schema.optionalKey(Schema.String), by, note }),
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
  AlertAssigned: 1,
  AlertSnoozed: 1,
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
