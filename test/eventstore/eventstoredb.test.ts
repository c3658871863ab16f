/**
 * The contract over EventStoreDB's wire: served by `test/support`, or by the server of `EVENTSTORE_URL`, where only
 * streams with names of these tests are written, and deleted afterwards.
 */
import { Effect, Layer } from "effect"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { layer } from "../../src/eventstore/eventstoredb.ts"
import { eventStoreContract } from "../contract/event-store.ts"
import { startEventStoreDb } from "../support/eventstoredb-server.ts"
import { skipped } from "../support/say.ts"

/** Deletes what was appended to through it. */
const clearedAway = (url: string) =>
  Layer.effect(EventStore, Effect.gen(function*() {
    const store = yield* EventStore
    const written = new Set<string>()
    yield* Effect.addFinalizer(() =>
      Effect.forEach(written, (stream) => Effect.ignore(store.deleteStream(stream)), { concurrency: 16, discard: true }))
    return EventStore.of({
      ...store,
      append: (stream, expected, events) => {
        written.add(stream)
        return store.append(stream, expected, events)
      },
    })
  })).pipe(Layer.provide(layer({ url })))

const real = process.env["EVENTSTORE_URL"]

if (real === undefined) {
  const served = Layer.unwrap(Effect.map(startEventStoreDb, ({ url }) => layer({ url })))
  eventStoreContract("the EventStoreDB event store", served)
} else {
  skipped("EVENTSTORE_URL is set: nothing is made to fail on its server")
  eventStoreContract("the EventStoreDB event store, on the server of EVENTSTORE_URL", clearedAway(real))
}
