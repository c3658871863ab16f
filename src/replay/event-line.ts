/**
 * An event of the log as one line of an export: a JSON object with the columns that a Parquet export has too, so that
 * what is written for the one reads the other. `vin`, `observedAt` and `receivedAt` are there for whoever reads; what
 * brings an export back takes them from the stream, the data and the metadata.
 */
import type { JsonObject, RecordedEvent } from "../eventstore/event-store.ts"

export interface EventLine {
  /** Where it stood in the log. Opaque, but for its order. */
  readonly position: string
  readonly stream: string
  /** Its number on the stream, from 0. */
  readonly revision: number
  /** A UUID. */
  readonly id: string
  readonly type: string
  /** Null for events of streams that are no vehicle's. */
  readonly vin: string | null
  /** The vehicle's clock, RFC 3339 in UTC; null where it did not say. */
  readonly observedAt: string | null
  /** The clock of the service that took it, RFC 3339 in UTC. */
  readonly receivedAt: string
  /** The log's own clock when it was written, RFC 3339 in UTC. */
  readonly created: string
  readonly data: JsonObject
  readonly metadata: JsonObject
}

const ofVehicles: ReadonlySet<string> = new Set(["vehicle", "maintenance", "snapshot", "archive"])

/** `vin` of events on this stream. */
export const vinOf = (stream: string): string | null => {
  const end = stream.indexOf("-")
  return ofVehicles.has(stream.slice(0, end)) && end + 1 < stream.length ? stream.slice(end + 1) : null
}

/** `observedAt`. */
export const observedAtOf = ({ data }: Pick<RecordedEvent, "data">): string | null => {
  const { at } = data
  return typeof at === "string" ? at : null
}

/** `receivedAt`; null for an event that does not say, which has `created` there. */
export const receivedAtOf = ({ metadata }: Pick<RecordedEvent, "metadata">): string | null => {
  const { receivedAt } = metadata
  return typeof receivedAt === "string" ? receivedAt : null
}
