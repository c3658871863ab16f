/** A log with an archive beside it, on files of the test's own, and vehicles that fill it. */
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { Clock, Context, Effect, Layer, Stream } from "effect"
import { streamOf, type VehicleEvent } from "../../domain/vehicle/events.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import * as Snapshot from "../../domain/vehicle/snapshot.ts"
import * as State from "../../domain/vehicle/state.ts"
import * as Archived from "../../src/eventstore/archived.ts"
import { EventStore, type Filter, type RecordedEvent } from "../../src/eventstore/event-store.ts"
import { beginning, type Position } from "../../src/eventstore/position.ts"
import * as EventStoreDb from "../../src/eventstore/eventstoredb.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"
import type { Told } from "../../src/replay/archive-draft.ts"
import * as Archiving from "../../src/replay/archiving.ts"
import { startEventStoreDb } from "../support/eventstoredb-server.ts"
import { day } from "../support/given.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

export type Store = EventStore["Service"]

/** The log as it is stored, and as it is read. */
export interface Logs {
  readonly folder: string
  readonly log: Store
  readonly store: Store
}

const serviceOf = <E, R>(layer: Layer.Layer<EventStore, E, R>) =>
  Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, EventStore))

export const behindArchive = (log: Store, folder: string) =>
  serviceOf(Layer.provide(Archived.layer({ folder: join(folder, "archive") }), Layer.succeed(EventStore, log)))

const logsOf = Effect.fnUntraced(function*<E>(layer: Layer.Layer<EventStore, E>, folder: string) {
  const log = yield* serviceOf(layer)
  return { folder, log, store: yield* behindArchive(log, folder) } satisfies Logs
})

/** Nothing that is younger than an hour is moved: as if it ran tomorrow. */
const tomorrow = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const at = () => clock.currentTimeMillisUnsafe() + day
    return yield* Effect.provideService(effect, Clock.Clock, {
      currentTimeMillisUnsafe: at,
      currentTimeMillis: Effect.sync(at),
      currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
      currentTimeNanos: clock.currentTimeNanos,
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: clock.monotonicTimeNanos,
      sleep: (duration) => clock.sleep(duration),
    })
  })

export const openLogsIn = (folder: string) => logsOf(Sqlite.layer({ file: join(folder, "log.db") }), folder)

export const openLogs = Effect.flatMap(temporaryFolder, openLogsIn)

/** EventStoreDB over its own wire. */
export const openServerLogs = Effect.gen(function*() {
  const { url } = yield* startEventStoreDb
  return yield* logsOf(EventStoreDb.layer({ url }), yield* temporaryFolder)
})

export const archiveToday = (log: Store, folder: string, options: Partial<Archiving.Options & Told> = {}) => {
  const { left = () => {}, progress = () => {}, ...others } = options
  return Archiving.run(log, Archiving.workHere(log, { left, progress }), {
    folder: join(folder, "archive"),
    before: Date.parse("9999-12-31T23:59:59.999Z"),
    dryRun: false,
    progress,
    ...others,
  })
}

export const archive = (...options: Parameters<typeof archiveToday>) => tomorrow(archiveToday(...options))

export const receivedAt = (time: number, event: VehicleEvent): VehicleEvent =>
  ({ ...event, metadata: { ...event.metadata, receivedAt: toTime(time) } }) as VehicleEvent

/** A vehicle as its actor would hold it. */
export class Driven {
  readonly vin: string
  state: State.State

  constructor(vin: string) {
    this.vin = vin
    this.state = State.initial(vin)
  }

  append = Effect.fnUntraced(function*(this: Driven, log: Store, events: ReadonlyArray<VehicleEvent>) {
    const { revision } = this.state.twin
    yield* log.append(streamOf(this.vin), revision < 0 ? "no_stream" : revision, events)
    for (const event of events) this.state = State.evolve(this.state, event, this.state.twin.revision + 1)
  })

  snapshot(log: Store, alter: (data: ReturnType<typeof Snapshot.encode>) => typeof data = (data) => data) {
    const metadata = Snapshot.metadata(this.state, toTime(this.state.twin.updatedAt))
    return log.append(Snapshot.streamOf(this.vin), "any", [
      { id: randomUUID(), type: Snapshot.eventType, data: alter(Snapshot.encode(this.state)), metadata },
    ])
  }
}

/** What is on streams of vehicles and of other kinds, but for those that speak of the log itself. */
export const historyOf = (store: Store, after: Position = beginning, filter?: Filter) =>
  store.readAll({ after, ...(filter && { filter }) }).pipe(
    Stream.filter(isHistory),
    Stream.runCollect,
  )

export const isHistory = ({ stream }: RecordedEvent): boolean => !/^(?:snapshot|archive)(?:-|$)/.test(stream)
