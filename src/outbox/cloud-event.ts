/**
 * An event of the log as a message of Kafka: CloudEvents 1.0 in binary mode, as its Kafka binding has it.
 *
 * The value is the event's data alone, in its current version, and what is known about the event stands in headers. So
 * the published schema of a type is that of the value, nothing is wrapped or renamed, and a job routes, filters and
 * drops repeats by headers without parsing a value. Flink, Spark and Kafka Connect all hand headers out as columns.
 */
import { Result } from "effect"
import * as AlertEvents from "../../domain/maintenance/alerts/alert-events.ts"
import * as AlertRecord from "../../domain/maintenance/alerts/alert-record.ts"
import * as VehicleEvents from "../../domain/vehicle/events.ts"
import * as VehicleRecord from "../../domain/vehicle/record.ts"
import type { RecordedEvent } from "../eventstore/event-store.ts"
import { StoredEvent } from "../eventstore/stored-event.ts"

/** A message as the client library takes it. */
export interface OutMessage {
  /** The VIN: a vehicle's events share a partition, in their order. */
  readonly key: string
  /** JSON. */
  readonly value: string
  readonly headers: Readonly<Record<string, string>>
}

export interface Outgoing {
  readonly message: OutMessage
  /** Of an alert's life, and so for the alerts' topic too. */
  readonly isAlert: boolean
}

/** What `ce_type` begins with; the event's type follows. It stays the same over versions of the schema. */
export const typePrefix = "vehicle-twin."

/** Says which schema the data has; the document's own `$id`. */
export const dataSchemaOf = (type: string, version: number): string => `urn:vehicle-twin:schema:${type}.v${version}`

/** By type, what `ce_type` and `ce_dataschema` say. */
const namesOf = (versions: Readonly<Record<string, number>>) =>
  new Map(Object.entries(versions).map(([type, version]) => [type, {
    type: `${typePrefix}${type}`,
    dataSchema: dataSchemaOf(type, version),
  }]))
const names = new Map([...namesOf(VehicleEvents.versions), ...namesOf(AlertEvents.versions)])

type Decode = (
  stored: RecordedEvent,
) => Result.Result<AlertEvents.AlertRecord | VehicleRecord.VehicleRecord | undefined, VehicleRecord.UnreadableEvent>

/** In whatever version the event was stored; undefined where this service does not know its type. */
export const outgoing = (
  stored: RecordedEvent,
): Result.Result<Outgoing | undefined, VehicleRecord.UnreadableEvent> => {
  const isAlert = AlertRecord.isMaintenanceStream(stored.stream)
  const decode: Decode = isAlert ? AlertRecord.decode : VehicleRecord.decode
  const record = decode(stored)
  if (Result.isFailure(record)) return Result.fail(record.failure)
  const name = names.get(stored.type)
  if (record.success === undefined || name === undefined) return Result.succeed(undefined)
  const { event, vin } = record.success
  const { metadata } = event
  const headers: Record<string, string> = {
    ce_specversion: "1.0",
    ce_id: stored.id,
    // The stream, whose revision `ce_revision` is.
    ce_source: `/streams/${stored.stream}`,
    ce_type: name.type,
    ce_time: metadata.receivedAt,
    ce_subject: vin,
    ce_dataschema: name.dataSchema,
    "content-type": "application/json",
    ce_revision: String(stored.revision),
    ce_position: stored.position,
  }
  // A CloudEvents attribute is never empty.
  if (metadata.brand) headers["ce_brand"] = metadata.brand
  if (metadata.causationId) headers["ce_causationid"] = metadata.causationId
  if ("correlationId" in metadata && metadata.correlationId) headers["ce_correlationid"] = metadata.correlationId
  if ("identity" in metadata && metadata.identity) headers["ce_identity"] = metadata.identity
  if ("keyId" in metadata && metadata.keyId) headers["ce_keyid"] = metadata.keyId
  if ("repeats" in metadata && metadata.repeats) headers["ce_repeats"] = String(metadata.repeats)
  if ("source" in metadata) headers["ce_origin"] = originOf(metadata.source)
  // What is stored in the current version goes out as it is stored, where that text is at hand.
  const value = event.data === stored.data ? StoredEvent.dataText(stored) : JSON.stringify(event.data)
  return Result.succeed({ message: { key: vin, value, headers }, isAlert })
}

/** Where the message came from, such as `mqtt:vehicles/VIN/telemetry`, with the broker's own position after a `#`. */
const originOf = (source: VehicleEvents.Metadata["source"]): string => {
  let origin: string = source.kind
  if ("topic" in source && source.topic !== undefined) origin += `:${source.topic}`
  if ("position" in source && source.position !== undefined) origin += `#${source.position}`
  return origin
}
