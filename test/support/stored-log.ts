/** The log of a service, read from its file beside the service or after it. */
import { Effect, Layer, Stream } from "effect"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { beginning } from "../../src/eventstore/position.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"

const reading = (folder: string) => Layer.fresh(Sqlite.layerReadOnly({ file: `${folder}/log.db` }))

/** All that stands on streams whose names begin so, in the order of the log. */
export const storedEvents = (folder: string, prefixes: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const { readAll } = yield* EventStore
    return yield* Stream.runCollect(readAll({ after: beginning, filter: { streams: prefixes } }))
  }).pipe(Effect.provide(reading(folder)))

/** The same, by stream. */
export const storedStreams = (folder: string, prefix: string) =>
  Effect.map(storedEvents(folder, [prefix]), (events) => Map.groupBy(events, ({ stream }) => stream))

/** How many events stand on each of these streams. */
export const streamLengths = (folder: string, streams: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const { revision } = yield* EventStore
    return yield* Effect.forEach(streams, (stream) => Effect.map(revision(stream), (last) => last + 1))
  }).pipe(Effect.provide(reading(folder)))
