/**
 * The log in EventStoreDB, from version 22.6 on (23.10 or later advised): one node or a cluster, as the connection
 * string says. Many processes may append to it and read it.
 *
 * A server that cannot be reached is waited for, at the start as later: until then appends and reads fail with
 * `EventStoreUnavailable`, and subscriptions wait. What cannot mend by itself fails at once: a connection string that
 * is none, and credentials that the server does not take.
 */
import { Effect, Layer, Schedule, Stream } from "effect"
import { EventStoreUnavailable } from "./errors.ts"
import { EventStore } from "./event-store.ts"
import { Appender } from "./eventstoredb-appender.ts"
import { append } from "./eventstoredb-appends.ts"
import { deleteStream, truncate } from "./eventstoredb-boundaries.ts"
import { Connection } from "./eventstoredb-connection.ts"
import { isLasting } from "./eventstoredb-errors.ts"
import { Reads } from "./eventstoredb-reads.ts"
import { subscribe } from "./eventstoredb-subscription.ts"

/** When the layer closes, what was accepted is finished first. */
export const layer = (options: { readonly url: string }): Layer.Layer<EventStore, EventStoreUnavailable> =>
  Layer.effect(EventStore, Effect.gen(function*() {
    const connection = yield* Effect.acquireRelease(
      Effect.mapError(Connection.make(options.url), (cause) => new EventStoreUnavailable({ operation: "open", cause })),
      (opened) => opened.close,
    )
    const context = yield* Effect.context()
    const reads = new Reads(connection)
    yield* reads.head.pipe(Effect.catch((error) =>
      isLasting(error)
        ? Effect.fail(new EventStoreUnavailable({ operation: "open", cause: error.cause }))
        : Effect.logWarning(`Waiting for the log: ${error.message}`)
    ))
    const appender = yield* Effect.acquireRelease(
      Effect.sync(() => new Appender(connection, context)),
      (opened) => Effect.promise(() => opened.close()),
    )
    const head = reads.head.pipe(
      Effect.retry({ schedule: Schedule.exponential("50 millis"), times: 4, while: (error) => !isLasting(error) }),
    )
    const settled = append(appender, reads)
    return EventStore.of({
      append: settled,
      read: (stream, range) => reads.stream(stream, "forwards", range),
      readBackwards: (stream, range) => reads.stream(stream, "backwards", range),
      revision: (stream) => Effect.map(reads.newest(stream), (event) => event?.revision ?? -1),
      readAll: ({ after, ...range }) => Stream.unwrap(Effect.map(head, (end) => reads.log(after, end, range))),
      subscribeAll: ({ after, filter }) => subscribe(connection, reads, after, filter),
      head,
      truncate: truncate(reads, settled),
      deleteStream: deleteStream(connection, reads),
    })
  }))
