/**
 * A vehicle's events that were moved from the log to a file, as the log remembers them: on `archive-<VIN>`, one event a
 * file, in the order of the files. A snapshot of the state after the last of them stays on `snapshot-<VIN>`.
 */
import { Schema } from "effect"

export const eventType = "EventsArchived"

export const version = 1

export const streamOf = (vin: string): string => `archive-${vin}`

const Time = Schema.String.check(Schema.isPattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/))

export const EventsArchived = Schema.Struct({
  /** The file's name, below the archive's folder. */
  file: Schema.String,
  /** Of the first and the last of the events. */
  fromRevision: Schema.Int,
  toRevision: Schema.Int,
  /** When the service had received the first and the last of them. */
  firstReceivedAt: Time,
  lastReceivedAt: Time,
})
export type EventsArchived = typeof EventsArchived.Type
