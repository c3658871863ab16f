/** A process that projects a log until it is killed: its arguments are the place, as JSON, and the events a batch. */
import { Effect, Layer } from "effect"
import { join } from "node:path"
import { EventStore } from "../../src/eventstore/event-store.ts"
import * as SqliteEventStore from "../../src/eventstore/sqlite.ts"
import { openProjector, type Place } from "./harness.ts"

const [json = "", batchEvents] = process.argv.slice(2)
const place: Place = JSON.parse(json)

await Effect.runPromise(
  Effect.gen(function*() {
    const store = yield* EventStore
    yield* openProjector(place, store, { batchEvents: Number(batchEvents) })
    console.log("ready")
    yield* Effect.never
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.fresh(SqliteEventStore.layerReadOnly({ file: join(place.folder, "log.db") }))),
  ),
)
