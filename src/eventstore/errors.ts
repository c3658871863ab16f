/** Everything that can go wrong between us and the log. */
import { Schema } from "effect"

/** Somebody else appended first, or the stream is not what was expected. Nothing was written. */
export class WrongExpectedRevision
  extends Schema.TaggedError<WrongExpectedRevision>()("WrongExpectedRevision", {
    stream: Schema.String,
    expected: Schema.Union([Schema.Int, Schema.Literals(["no_stream", "stream_exists", "any"])]),
    /** The stream's last revision, −1 where it does not exist. */
    actual: Schema.Int,
  })
{
  override get message() {
    return `Stream ${this.stream} is at revision ${this.actual}, not at ${this.expected}`
  }
}

/** The stream was deleted for ever; or softly, and the append expected it to exist. */
export class StreamDeleted extends Schema.TaggedError<StreamDeleted>()("StreamDeleted", {
  stream: Schema.String,
}) {
  override get message() {
    return `Stream ${this.stream} was deleted`
  }
}

/** The append is larger than the store takes in one. Nothing was written; smaller appends will pass. */
export class AppendTooLarge extends Schema.TaggedError<AppendTooLarge>()("AppendTooLarge", {
  stream: Schema.String,
  bytes: Schema.Int,
  limit: Schema.Int,
}) {
  override get message() {
    return `An append of ${this.bytes} bytes to ${this.stream} is over the store's limit of ${this.limit}`
  }
}

/** The store did not answer, or not with success. Whether an append was written is unknown. */
export class EventStoreUnavailable extends Schema.TaggedError<EventStoreUnavailable>()("EventStoreUnavailable", {
  operation: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message() {
    return `The event store did not ${this.operation}: ${String(this.cause)}`
  }
}

/** What was stored cannot be read: the file is damaged, or something else wrote into it. */
export class EventUnreadable extends Schema.TaggedError<EventUnreadable>()("EventUnreadable", {
  position: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message() {
    return `The event at position ${this.position} cannot be read: ${String(this.cause)}`
  }
}

/**
 * A file of the archive is not there, or damaged. Comes as the cause of `EventStoreUnavailable`: once the file is back,
 * the same read passes.
 */
export class ArchiveFileUnreadable extends Schema.TaggedError<ArchiveFileUnreadable>()("ArchiveFileUnreadable", {
  file: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message() {
    return `the archive's file ${this.file} cannot be read (${reasonOf(this.cause)}): bring it back, it holds events`
      + " that the log has no more"
  }
}

/** What is known of a foreign failure, in words. */
export const reasonOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/** A reader has seen more than the log holds: it is not the log that was read, or it was brought back from a backup. */
export class PositionPastEnd extends Schema.TaggedError<PositionPastEnd>()("PositionPastEnd", {
  position: Schema.String,
  end: Schema.String,
}) {
  override get message() {
    return `Read up to ${this.position} before, but the log ends at ${this.end}: an older or another log is in its place.`
      + " Bring back the newer one, or remove what was derived from it, to have it built anew"
  }
}

export type EventStoreError = AppendTooLarge | EventStoreUnavailable | EventUnreadable

export type SubscriptionError = EventStoreError | PositionPastEnd
