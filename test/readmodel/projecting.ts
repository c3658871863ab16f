/** A process that projects a log until it is killed: its arguments are the folder, and the events a batch. */
import { Effect, Layer } from "effect"
import { join } from "node:path"
import { EventStore } from "../../src/eventstore/event-store.ts"
import * as SqliteEventStore from "../../src/eventstore/sqlite.ts"
import { openProjector } from "./harness.ts"

const [folder = "", batchEvents] = process.argv.slice(2)

await Effect.runPromise(
  Effect.gen(function*() {
    const store = yield* EventStore
    yield* openProjector(folder, store, { batchEvents: Number(batchEvents) })
    console.log("ready")
    yield* Effect.never
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.fresh(SqliteEventStore.layerReadOnly({ file: join(folder, "log.db") }))),
  ),
)
