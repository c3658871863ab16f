import { Schema } from "effect"
import { toTime } from "../../domain/vehicle/readings.ts"

/** The vehicle's stream cannot be read or written, now or at all. */
export class VehicleUnavailable extends Schema.TaggedError<VehicleUnavailable>()("VehicleUnavailable", {
  vin: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message() {
    return `Vehicle ${this.vin} cannot be reached: ${String(this.cause)}`
  }
}

/** Events that a state rests on are no more in the log, and no snapshot after them can be read. */
export class EventsMissing extends Schema.TaggedError<EventsMissing>()("EventsMissing", {
  vin: Schema.String,
  /** The revisions of the first and the last of them. */
  from: Schema.Int,
  to: Schema.Int,
  /** The newest of the archive's files that have them. */
  file: Schema.String,
}) {
  override get message() {
    return `Events ${this.from} to ${this.to} of vehicle ${this.vin} are in the archive, the last in ${this.file}, and `
      + "no snapshot after them can be read: bring the archive's files back"
  }
}

/** What was known of a vehicle at a time rests on events that were moved to the archive. */
export class HistoryArchived extends Schema.TaggedError<HistoryArchived>()("HistoryArchived", {
  vin: Schema.String,
  /** Epoch ms. */
  at: Schema.Number,
  /** The archive's file that has the newest event known then. */
  file: Schema.String,
  /** Epoch ms: from here on the log has the answer. */
  since: Schema.Number,
}) {
  override get message() {
    return `What was known of vehicle ${this.vin} at ${toTime(this.at)} is in the archive, in ${this.file}; `
      + `the log answers from ${toTime(this.since)} on`
  }
}

/** At that time nothing was known of the vehicle. */
export class NotKnownYet extends Schema.TaggedError<NotKnownYet>()("NotKnownYet", {
  vin: Schema.String,
  /** Epoch ms. */
  at: Schema.Number,
  /** Epoch ms: receipt of its first event. */
  since: Schema.Number,
}) {
  override get message() {
    return `Vehicle ${this.vin} was not known at ${toTime(this.at)}; it is known since ${toTime(this.since)}`
  }
}

export { RevisionConflict, VehicleNotFound } from "../../domain/vehicle/decide.ts"
