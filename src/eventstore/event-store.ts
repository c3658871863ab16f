/**
 * The log: streams of events, and all of them in one order.
 *
 * The vehicle actor appends here and only then is a broker acknowledged; projections, the maintenance reactor and
 * replay subscribe from here. Layers: `sqlite.ts` (embedded; its `layerReadOnly` reads beside it) and
 * `eventstoredb.ts`; `location.ts` chooses. What an append does
 * with ids and revisions is what EventStoreDB does, in every layer; `test/contract/event-store.ts` checks each case.
 */
import { Context, type Effect, type Stream } from "effect"
import type { EventStoreError, StreamDeleted, SubscriptionError, WrongExpectedRevision } from "./errors.ts"
import type { Position } from "./position.ts"

/**
 * A JSON object: nothing in it but what JSON has (no undefined, no NaN, no Date), so that an event handed out from
 * memory is the one that would be read. Who appends or reads an event must not write into its data.
 */
export type JsonObject = { readonly [key: string]: unknown }

/** An event on its way into the log. */
export interface EventToAppend {
  /** A UUID, derived from what the event is about, so that a retry is recognised. Lower case. */
  readonly id: string
  readonly type: string
  readonly data: JsonObject
  readonly metadata: JsonObject
}

/** An event in the log. */
export interface RecordedEvent extends EventToAppend {
  readonly stream: string
  /** 0 for a stream's first event, then one more for each. */
  readonly revision: number
  readonly position: Position
  /** Epoch milliseconds: the store's own clock at the write. */
  readonly created: number
}

/**
 * What an append expects of its stream: a revision (0 or more), that it does not exist, that it exists, or nothing.
 */
export type ExpectedRevision = number | "no_stream" | "stream_exists" | "any"

/** Which events of the whole log a reader wants: those on streams, or of types, that begin with one of these. */
export type Filter =
  | { readonly streams: ReadonlyArray<string> }
  | { readonly types: ReadonlyArray<string> }

/**
 * What a subscription to the whole log hands out. Batches are never empty; positions only grow.
 *
 * - `Events`: matching events in log order. `upTo` is the position up to which the log has now been seen, at or past
 *   the last event's: resume after it and nothing is missed or repeated.
 * - `Checkpoint`: nothing matched since, but the log was seen up to `upTo`, so that a reader of rare events moves on.
 * - `CaughtUp`: everything that was in the log is handed out; what comes next is live. May come again after a lag.
 */
export type Delivery =
  | { readonly _tag: "Events"; readonly events: ReadonlyArray<RecordedEvent>; readonly upTo: Position }
  | { readonly _tag: "Checkpoint"; readonly upTo: Position }
  | { readonly _tag: "CaughtUp" }

export class EventStore extends Context.Service<EventStore, {
  /**
   * Appends events to one stream, all or none, and succeeds once they are durable, with the revision of the last.
   * An append that stands there already, with the same ids at the same expected revision, succeeds again and writes
   * nothing. Several appends may share a disk write; one that fails leaves the others alone. `events` is not empty.
   *
   * Fails with `WrongExpectedRevision` (nothing was written), `StreamDeleted` (by a tombstone; or softly, where the
   * stream is expected to exist), `AppendTooLarge`, or `EventStoreUnavailable`, after which it is unknown whether the
   * events were written: append again with the same ids at the same expected revision, or read.
   */
  readonly append: (
    stream: string,
    expected: ExpectedRevision,
    events: ReadonlyArray<EventToAppend>,
  ) => Effect.Effect<AppendResult, WrongExpectedRevision | StreamDeleted | EventStoreError>

  /**
   * A stream's events in ascending revision, from `from` on (0 by default), at most `limit`. A stream that does not
   * exist has no events. Reads in pages: memory does not grow with the stream.
   */
  readonly read: (
    stream: string,
    options?: { readonly from?: number; readonly limit?: number },
  ) => Stream.Stream<RecordedEvent, StreamDeleted | EventStoreError>

  /** A stream's events in descending revision, from `from` on (the newest by default), at most `limit`. */
  readonly readBackwards: (
    stream: string,
    options?: { readonly from?: number; readonly limit?: number },
  ) => Stream.Stream<RecordedEvent, StreamDeleted | EventStoreError>

  /** The revision of a stream's last event, −1 where there is none. */
  readonly revision: (stream: string) => Effect.Effect<number, StreamDeleted | EventStoreError>

  /** All events after a position, in the log's order, up to what is there now. Ends. */
  readonly readAll: (
    options: { readonly after: Position; readonly filter?: Filter; readonly limit?: number },
  ) => Stream.Stream<RecordedEvent, EventStoreError>

  /**
   * All events after a position, from history over into what is appended from now on, without gap or repeat. Does not
   * end. A slow consumer costs no memory: it goes back to reading history. Fails with `PositionPastEnd` where the log
   * ends before `after`.
   */
  readonly subscribeAll: (
    options: { readonly after: Position; readonly filter?: Filter },
  ) => Stream.Stream<Delivery, SubscriptionError>

  /** The position of the newest event, or the beginning. */
  readonly head: Effect.Effect<Position, EventStoreError>

  /**
   * Takes the events before a revision out of reach, for ever; the others keep their revisions. The last event always
   * stays: of a stream that has no event at this revision, or that was truncated as far already, nothing changes. Who
   * reads the whole log may meet the truncated events for a while yet, and so may an append of them that is retried:
   * either it is recognised, or refused.
   */
  readonly truncate: (stream: string, before: number) => Effect.Effect<void, StreamDeleted | EventStoreError>

  /**
   * Deletes a stream. Softly: its events are gone, and its revisions go on from where they were when it is written
   * again. With `tombstone`, the name can never be used again. Who reads the whole log may meet the deleted events
   * for a while yet.
   */
  readonly deleteStream: (
    stream: string,
    options?: { readonly tombstone?: boolean },
  ) => Effect.Effect<void, StreamDeleted | EventStoreError>
}>()("vehicle-twin/eventstore/EventStore") {}

export interface AppendResult {
  /** The revision of the last of the appended events. */
  readonly revision: number
  /** The position of the last of them. */
  readonly position: Position
}
