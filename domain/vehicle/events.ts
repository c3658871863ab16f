/**
 * What is stored of a vehicle. These shapes are a promise kept for years: a change of one is a new version with an
 * upcaster from the one before it, and every version ever stored stands in `test/domain/vehicle/golden-events.jsonl`.
 *
 * Times are RFC 3339 in UTC with milliseconds: `at` is the vehicle's clock, `receivedAt` is this service's.
 */
import { Schema } from "effect"

const Time = Schema.String.check(Schema.isPattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u))
// JSON has no word for what is not finite.
const Scalar = Schema.Union([Schema.Finite, Schema.String, Schema.Boolean])
export const SignalValue = Schema.Union([Scalar, Schema.Array(Scalar)])

/** A bare value is good and from the message's own time; else the parts that differ are written out. */
const StoredReading = Schema.Union([
  SignalValue,
  Schema.Struct({
    value: Schema.NullOr(SignalValue),
    at: Schema.optionalKey(Time),
    quality: Schema.optionalKey(Schema.Literals(["GOOD", "ABNORMAL", "INVALID"])),
    clockFault: Schema.optionalKey(Schema.Literal(true)),
  }),
])
export type StoredReading = typeof StoredReading.Type
const Readings = Schema.Record(Schema.String, StoredReading)

export const Powertrain = Schema.Literals(["BEV", "PHEV", "HEV", "ICE", "FCEV"])
export type Powertrain = typeof Powertrain.Type

export const Description = Schema.Struct({
  brand: Schema.optionalKey(Schema.String),
  model: Schema.optionalKey(Schema.String),
  /** The model year. */
  year: Schema.optionalKey(Schema.Int),
  powertrain: Schema.optionalKey(Powertrain),
  tags: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Where it is kept and seen to, and what part of the fleet's area that is in. */
  depot: Schema.optionalKey(Schema.String),
  region: Schema.optionalKey(Schema.String),
})
export type Description = typeof Description.Type

/** What a vehicle's absence was told by. */
const Absence = Schema.Struct({
  /** Receipt of the last that was heard of it. */
  lastSeenAt: Time,
  /** The longest interval that was usual between its messages, ms; left out where too few had come to tell. */
  rhythmMs: Schema.optionalKey(Schema.Int),
  /** How long it might have been quiet while this service listened, ms. */
  limitMs: Schema.Int,
})

/** The current version of each type, by name. */
export const schemas = {
  VehicleRegistered: Description,
  VehicleDescribed: Description,
  /** One accepted message with all its readings. */
  TelemetryReceived: Schema.Struct({
    at: Time,
    session: Schema.optionalKey(Schema.String),
    seq: Schema.optionalKey(Schema.Int),
    reissued: Schema.optionalKey(Schema.Literal(true)),
    /** `at` is not to be believed: the readings that take it leave the current values alone. */
    clockFault: Schema.optionalKey(Schema.Literal(true)),
    readings: Readings,
    /** Position and driver: apart, so that one day they can be encrypted by vehicle and erased. */
    personal: Schema.optionalKey(Readings),
  }),
  /** The vehicle's clock was so far off that readings of the message just stored leave the current values alone. */
  ClockFaultDetected: Schema.Struct({
    /** Device time of the reading that is furthest off. */
    at: Time,
    /** That time less the receipt time. */
    offsetMs: Schema.Int,
  }),
  VehicleConnected: Schema.Struct({ session: Schema.String, at: Schema.optionalKey(Time) }),
  VehicleDisconnected: Schema.Struct({ session: Schema.String, at: Schema.optionalKey(Time) }),
  TroubleCodeRaised: Schema.Struct({
    at: Time,
    code: Schema.String,
    severity: Schema.Literals(["info", "warning", "critical"]),
    ecu: Schema.optionalKey(Schema.String),
    text: Schema.optionalKey(Schema.String),
    freezeFrame: Schema.optionalKey(Schema.Record(Schema.String, SignalValue)),
  }),
  TroubleCodeCleared: Schema.Struct({ at: Time, code: Schema.String, ecu: Schema.optionalKey(Schema.String) }),
  ServiceRecorded: Schema.Struct({
    at: Time,
    component: Schema.String,
    kind: Schema.Literals(["inspected", "repaired", "replaced", "updated"]),
    odometerKm: Schema.optionalKey(Schema.Finite),
    parts: Schema.optionalKey(Schema.Array(Schema.String)),
    workshop: Schema.optionalKey(Schema.String),
  }),
  /** It should have reported and did not: late by its own rhythm, and then for so long that something is amiss. */
  VehicleWentStale: Absence,
  VehicleWentSilent: Absence,
} as const

export type VehicleEventType = keyof typeof schemas
export type DataOf<T extends VehicleEventType> = (typeof schemas)[T]["Type"]

/** Where a message came from. `position` is the broker's own and is kept for tracing alone. */
export const Source = Schema.Struct({
  kind: Schema.Literals(["mqtt", "kafka", "api", "import"]),
  topic: Schema.optionalKey(Schema.String),
  position: Schema.optionalKey(Schema.String),
})
export type Source = typeof Source.Type

/** What an event came of: a message, or a time that passed. */
export const Origin = Schema.Struct({
  ...Source.fields,
  kind: Schema.Union([Source.fields.kind, Schema.Literal("deadline")]),
})
export type Origin = typeof Origin.Type

export const Metadata = Schema.Struct({
  /** The version of the type's schema. */
  schema: Schema.Int,
  receivedAt: Time,
  source: Origin,
  /** The identity of the message that the event came from; see `identity.ts`. */
  identity: Schema.optionalKey(Schema.String),
  brand: Schema.optionalKey(Schema.String),
  correlationId: Schema.optionalKey(Schema.String),
  causationId: Schema.optionalKey(Schema.String),
  /** The key that `personal` is encrypted with. */
  keyId: Schema.optionalKey(Schema.String),
  /**
   * How many messages of telemetry had come again since the event before. They leave no event of their own; those that
   * no event followed, before the process ended or put the vehicle to rest, are not counted.
   */
  repeats: Schema.optionalKey(Schema.Int),
})
export type Metadata = typeof Metadata.Type

/** An event before it has a place in the log. */
export type VehicleEvent = {
  readonly [T in VehicleEventType]: {
    readonly id: string
    readonly type: T
    readonly data: DataOf<T>
    readonly metadata: Metadata
  }
}[VehicleEventType]

export type EventOf<T extends VehicleEventType> = Extract<VehicleEvent, { readonly type: T }>

/** The current version of each type. Raise one only together with an upcaster from the version before. */
export const versions: Readonly<Record<VehicleEventType, number>> = {
  VehicleRegistered: 1,
  VehicleDescribed: 1,
  TelemetryReceived: 1,
  ClockFaultDetected: 1,
  VehicleConnected: 1,
  VehicleDisconnected: 1,
  TroubleCodeRaised: 1,
  TroubleCodeCleared: 1,
  ServiceRecorded: 1,
  VehicleWentStale: 1,
  VehicleWentSilent: 1,
}

export const isVehicleEventType = (type: string): type is VehicleEventType => Object.hasOwn(schemas, type)

export const streamOf = (vin: string): string => `vehicle-${vin}`
