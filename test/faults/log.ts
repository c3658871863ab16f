/** Where the service keeps its log, and how a test looks into it from outside. */
import { Effect, Layer, type Scope, Stream } from "effect"
import { EventStore, type RecordedEvent } from "../../src/eventstore/event-store.ts"
import * as EventStoreDb from "../../src/eventstore/eventstoredb.ts"
import { beginning } from "../../src/eventstore/position.ts"
import { type EventStoreDbServer, startEventStoreDb } from "../support/eventstoredb-server.ts"
import { storedEvents, streamLengths } from "../support/stored-log.ts"

export interface Log {
  /** For the service. */
  readonly settings: Readonly<Record<string, string>>
  /** How many events stand on these streams together. */
  readonly count: (streams: ReadonlyArray<string>) => Effect.Effect<number>
  /** All on streams whose names begin so, in the order of the log. */
  readonly events: (prefixes: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<RecordedEvent>>
  /** Nothing where the log is embedded. */
  readonly server: EventStoreDbServer | undefined
}

/** In the service's folder. */
export const embedded = (folder: string): Effect.Effect<Log> =>
  Effect.succeed({
    settings: {},
    count: (streams) =>
      Effect.map(streamLengths(folder, streams), (lengths) => lengths.reduce((sum, length) => sum + length, 0)).pipe(
        Effect.orDie,
      ),
    events: (prefixes) => Effect.orDie(storedEvents(folder, prefixes)),
    server: undefined,
  })

/** A server of the tests' own that speaks EventStoreDB's protocol, and fails when it is told to. */
export const eventStoreDb: Effect.Effect<Log, never, Scope.Scope> = Effect.map(startEventStoreDb, (server) => ({
  settings: { EVENTSTORE_URL: server.url },
  count: (streams) => Effect.sync(() => streams.reduce((sum, stream) => sum + server.countOf(stream), 0)),
  events: (streams) =>
    EventStore.use(({ readAll }) => Stream.runCollect(readAll({ after: beginning, filter: { streams } }))).pipe(
      Effect.provide(Layer.fresh(EventStoreDb.layer({ url: server.url }))),
      Effect.orDie,
    ),
  server,
}))
