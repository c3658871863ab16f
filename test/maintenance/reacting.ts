/** A reactor over a log and a database of its own, and what a test tells it and asks of it. */
import { Context, Effect, Layer, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { join } from "node:path"
import { streamOf as alertStreamOf } from "../../domain/maintenance/alerts/alert-events.ts"
import * as Models from "../../domain/maintenance/models.ts"
import { streamOf, type VehicleEvent } from "../../domain/vehicle/events.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import { EventStore, type RecordedEvent } from "../../src/eventstore/event-store.ts"
import { beginning } from "../../src/eventstore/position.ts"
import * as SqliteEventStore from "../../src/eventstore/sqlite.ts"
import * as Alerts from "../../src/maintenance/alerts.ts"
import * as Reactor from "../../src/maintenance/reactor.ts"
import { layer as databaseLayer } from "../../src/sql/database.ts"
import { Past } from "../../src/vehicles/past.ts"
import type { NewDatabase } from "../contract/databases.ts"
import { day } from "../support/given.ts"
import { readings, signal } from "../support/maintenance.ts"
import { vinOf } from "../support/observations.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

export type Store = EventStore["Service"]

export const worldIn = Effect.fnUntraced(function*(newDatabase: NewDatabase) {
  const folder = yield* temporaryFolder
  const context = yield* Layer.build(SqliteEventStore.layer({ file: join(folder, "log.db") }))
  return { database: yield* newDatabase, store: Context.get(context, EventStore) }
})

export type World = Effect.Success<ReturnType<typeof worldIn>>

/** A reactor at work while `use` runs, on what the one before it left behind. */
export const reacting = <A, E>(
  { database, store }: World,
  use: (services: {
    readonly reactor: Reactor.Reactor["Service"]
    readonly alerts: Alerts.Alerts["Service"]
    readonly sql: SqlClient.SqlClient
  }) => Effect.Effect<A, E>,
  { cachedVehicles = 100, models = Models.models, tickEvery = "20 millis" as "20 millis" | "1 hour" } = {},
) =>
  Effect.gen(function*() {
    const services = { reactor: yield* Reactor.Reactor, alerts: yield* Alerts.Alerts, sql: yield* SqlClient.SqlClient }
    return yield* use(services)
  }).pipe(
    Effect.provide(
      Layer.fresh(
        Reactor.layer({ cachedVehicles, models, tickEvery }).pipe(
          Layer.provideMerge(Alerts.layer),
          Layer.provideMerge(databaseLayer(database)),
          Layer.provide(Past.layer),
          Layer.provide(Layer.succeed(EventStore, store)),
        ),
      ),
    ),
  )

export const append = (store: Store, vin: string, events: ReadonlyArray<VehicleEvent>) =>
  Effect.gen(function*() {
    const revision = yield* store.revision(streamOf(vin))
    const named = events.map((event, i) => ({ ...event, id: Identity.uuid(`${vin} ${revision + i}`) }))
    return yield* store.append(streamOf(vin), revision < 0 ? "no_stream" : revision, named)
  })

export const eventually = <A, E>(check: Effect.Effect<A | undefined, E>) =>
  Effect.gen(function*() {
    while (true) {
      const found = yield* check
      if (found !== undefined) return found
      yield* Effect.sleep("5 millis")
    }
  }).pipe(Effect.timeout("15 seconds"))

/** Everything in the log has been acted upon, and that is stored. */
export const settled = (store: Store, { reactor, sql }: { reactor: Reactor.Reactor["Service"]; sql: SqlClient.SqlClient }) =>
  eventually(Effect.gen(function*() {
    const log = yield* Stream.runCollect(store.readAll({ after: beginning, filter: { streams: ["vehicle-"] } }))
    const last = log.at(-1)?.position ?? beginning
    const [row] = yield* sql`SELECT position FROM reactor_checkpoint`.values
    const { caughtUp } = yield* reactor.status
    return caughtUp && `${row?.[0]}` >= last ? true : undefined
  }))

export const alertsOf = (store: Store, vin: string) => Stream.runCollect(store.read(alertStreamOf(vin)))
export const types = (events: ReadonlyArray<RecordedEvent>) => events.map(({ type }) => type)

export const vin = vinOf(1)
export const today = Date.now() - 100 * day

/** Three readings, so that it is believed. */
export const says = (km: number, from: number) =>
  [0, 1, 2].map((i) => readings(from + i * 60_000, { [signal.distance]: km - i, [signal.time]: 6e7 }))

/** What stands of alerts in the whole log. */
export const allAlerts = (store: Store) =>
  Stream.runCollect(store.readAll({ after: beginning, filter: { streams: ["maintenance-"] } }))
