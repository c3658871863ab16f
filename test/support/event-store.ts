/** The real embedded log on a file of the test's own, with the faults a test asks for. */
import { Effect, FileSystem, Layer, Stream } from "effect"
import { NodeServices } from "@effect/platform-node"
import { EventStoreUnavailable } from "../../src/eventstore/errors.ts"
import { EventStore } from "../../src/eventstore/event-store.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"

export const temporary: Layer.Layer<EventStore> = Layer.unwrap(
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const folder = yield* files.makeTempDirectoryScoped({ prefix: "vehicle-twin-log-" })
    return Sqlite.layer({ file: `${folder}/log.db` })
  }),
).pipe(Layer.provide(NodeServices.layer), Layer.orDie)

type Store = EventStore["Service"]

/** A log in which some of the methods are others, built on the real ones. */
export const altered = (alter: (store: Store) => Partial<Store>): Layer.Layer<EventStore> =>
  Layer.effect(EventStore, Effect.map(EventStore, (store) => EventStore.of({ ...store, ...alter(store) }))).pipe(
    Layer.provide(temporary),
  )

export const unavailable = (operation: string): EventStoreUnavailable =>
  new EventStoreUnavailable({ operation, cause: new Error("cut by the test") })

export const eventsOf = (store: Store, stream: string) => Stream.runCollect(store.read(stream))
