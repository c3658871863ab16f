/** The log of a service, read from its file beside the service or after it. */
import { Effect, Layer, Stream } from "effect"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { beginning } from "../../src/eventstore/position.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"

const reading = (folder: string) => Layer.fresh(Sqlite.layerReadOnly({ file: `${folder}/log.db` }))

/** All that stands on streams whose names begin so, by stream. */
export const storedStreams = (folder: string, prefix: string) =>
  Effect.gen(function*() {
    const { readAll } = yield* EventStore
    const events = yield* Stream.runCollect(readAll({ after: beginning, filter: { streams: [prefix] } }))
    return Map.groupBy(events, ({ stream }) => stream)
  }).pipe(Effect.provide(reading(folder)))

/** How many events stand on each of these streams. */
export const streamLengths = (folder: string, streams: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const { revision } = yield* EventStore
    return yield* Effect.forEach(streams, (stream) => Effect.map(revision(stream), (last) => last + 1))
  }).pipe(Effect.provide(reading(folder)))
