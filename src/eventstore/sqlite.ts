/**
 * The embedded log: one SQLite file. One process appends to it, as many as like read it.
 *
 * Appends go through the committer, which gathers them into transactions; reads through the reader, on a connection
 * of its own; subscribers at the end of the log are served from the tail in memory.
 */
import { Effect, Layer, Option, Schedule, Stream } from "effect"
import { EventStoreUnavailable, PositionPastEnd } from "./errors.ts"
import { EventStore, type RecordedEvent } from "./event-store.ts"
import { fromNumber, toNumber } from "./position.ts"
import { Committer } from "./sqlite-committer.ts"
import { Reader } from "./sqlite-reader.ts"
import { lock } from "./sqlite-schema.ts"
import { subscribe } from "./subscription.ts"
import { Tail } from "./tail.ts"

/** How far live subscribers may lag behind and still be served from memory. */
const tailEvents = 16_384
const tailBytes = 32 * 1024 * 1024
/** How often a process that only reads looks for what another has appended. */
const pollMillis = 100

/**
 * The log in this file, which is created if it is not there. Fails if another process appends to it. When the layer
 * closes, what was accepted is finished first.
 */
export const layer = (options: { readonly file: string }) =>
  Layer.effect(EventStore, Effect.gen(function*() {
    const { file } = options
    const context = yield* Effect.context()
    const tail = new Tail(tailEvents, tailBytes)
    yield* Effect.acquireRelease(opening(() => lock(file)), (held) => Effect.sync(() => held.close()))
    const committer = yield* Effect.acquireRelease(
      opening(() => new Committer(file, tail, context)),
      (opened) => Effect.promise(() => opened.close()),
    )
    const reader = yield* reading(file)
    return EventStore.of({
      ...queries(reader, tail, Effect.sync(() => tail.head)),
      append: (stream, expected, events) =>
        committer.submit(events.length, (writer, now) => writer.append(stream, expected, events, now)),
      truncate: (stream, before) => committer.submit(1, (writer) => writer.truncate(stream, before)),
      deleteStream: (stream, deletion) =>
        committer.submit(1, (writer) => writer.delete(stream, deletion?.tombstone === true)),
    })
  }))

/**
 * The log in this file, for reading beside the process that appends to it, or without one. What is appended elsewhere
 * is seen within 0.1 s; appends, truncations and deletions fail.
 */
export const layerReadOnly = (options: { readonly file: string }) =>
  Layer.effect(EventStore, Effect.gen(function*() {
    const tail = new Tail(0, 0)
    const reader = yield* reading(options.file)
    const poll = Effect.map(reader.head, (head) => tail.advance(head))
    yield* poll
    // A failure shows where something is read; the next look may succeed.
    yield* Effect.ignore(poll).pipe(Effect.repeat(Schedule.spaced(pollMillis)), Effect.forkScoped)
    return EventStore.of({
      ...queries(reader, tail, reader.head),
      append: () => refuse("append"),
      truncate: () => refuse("truncate"),
      deleteStream: () => refuse("delete"),
    })
  }))

const refuse = (operation: string) =>
  Effect.fail(new EventStoreUnavailable({ operation, cause: new Error("it is opened for reading only") }))

const opening = <A>(open: () => A): Effect.Effect<A, EventStoreUnavailable> =>
  Effect.try({ try: open, catch: (cause) => new EventStoreUnavailable({ operation: "open", cause }) })

const reading = (file: string) =>
  Effect.acquireRelease(Effect.sync(() => new Reader(file)), (reader) => Effect.sync(() => reader.close()))

const queries = (reader: Reader, tail: Tail, head: Reader["head"]) => ({
  read: (stream, options) =>
    paged(options?.from ?? 0, options?.limit, (from, max) =>
      Effect.map(reader.forwards(stream, from, max), (events) => ({ events, next: nextAfter(events, 1) }))),

  readBackwards: (stream, options) =>
    paged(options?.from ?? Number.MAX_SAFE_INTEGER, options?.limit, (from, max) =>
      Effect.map(reader.backwards(stream, from, max), (events) => ({ events, next: nextAfter(events, -1) }))),

  revision: (stream) => reader.revision(stream),

  readAll: (options) =>
    Stream.unwrap(Effect.map(head, (end) =>
      paged(toNumber(options.after), options.limit, (after, max) =>
        after >= end
          ? Effect.succeed({ events: [], next: undefined })
          : Effect.map(reader.log(options.filter, after, end, max), ({ events, upTo }) => ({ events, next: upTo }))))),

  subscribeAll: ({ after, filter }) =>
    Stream.unwrap(Effect.flatMap(head, (end) =>
      toNumber(after) > end
        ? Effect.fail(new PositionPastEnd({ position: after, end: fromNumber(end) }))
        : Effect.succeed(subscribe(reader, tail, toNumber(after), filter)))),

  head: Effect.map(head, fromNumber),
} satisfies Partial<EventStore["Service"]>)

const nextAfter = (events: ReadonlyArray<RecordedEvent>, step: 1 | -1): number | undefined => {
  const last = events.at(-1)
  return last && last.revision + step
}

/** At most `limit` events, page by page. Each page blocks the event loop, so that others come between two. */
const paged = <E>(
  start: number,
  limit = Number.MAX_SAFE_INTEGER,
  page: (
    from: number,
    max: number,
  ) => Effect.Effect<{ readonly events: ReadonlyArray<RecordedEvent>; readonly next: number | undefined }, E>,
): Stream.Stream<RecordedEvent, E> =>
  Stream.paginate({ from: start, left: limit }, ({ from, left }) => {
    if (left <= 0) return Effect.succeed([[], Option.none()])
    const read = Effect.map(page(from, left), ({ events, next }) => {
      const rest = left - events.length
      const end = next === undefined || rest === 0
      return [events, end ? Option.none() : Option.some({ from: next, left: rest })] as const
    })
    return from === start ? read : Effect.andThen(Effect.yieldNow, read)
  })
