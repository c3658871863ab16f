/** A log, projectors on it and a read model, in places of the test's own; and projections that are easy to check. */
import { Context, Effect, Layer, Metric, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { alerts } from "../../projections/alerts.ts"
import type { Projection } from "../../projections/projection.ts"
import { vehicles } from "../../projections/vehicles.ts"
import { EventStore, type EventToAppend } from "../../src/eventstore/event-store.ts"
import * as SqliteEventStore from "../../src/eventstore/sqlite.ts"
import { Changes, type Committed } from "../../src/live/changes.ts"
import * as ChangesInProcess from "../../src/live/changes-in-process.ts"
import * as Checkpoints from "../../src/readmodel/checkpoints.ts"
import { projected } from "../../src/readmodel/projected.ts"
import * as Projector from "../../src/readmodel/projector.ts"
import * as Rebuild from "../../src/readmodel/rebuild.ts"
import { type DatabaseLocation, layer as databaseLayer } from "../../src/sql/database.ts"
import type { NewDatabase } from "../contract/databases.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

export type Store = EventStore["Service"]

/** Can be handed to a process. */
export interface Place {
  /** The log's. */
  readonly folder: string
  /** The read model's. */
  readonly database: DatabaseLocation
}

export const placeIn = (newDatabase: NewDatabase) => Effect.all({ folder: temporaryFolder, database: newDatabase })

export const openLog = ({ folder }: Place) =>
  Effect.map(
    Layer.build(SqliteEventStore.layer({ file: join(folder, "log.db") })),
    (context) => Context.get(context, EventStore),
  )

export const openSql = ({ database }: Place) =>
  Effect.map(Layer.build(Layer.fresh(databaseLayer(database))), (context) => Context.get(context, SqlClient.SqlClient))

interface ProjectorSetup {
  readonly vehicles?: typeof vehicles
  readonly projections?: ReadonlyArray<ReturnType<typeof projected>>
  readonly batchEvents?: number
  readonly cachedVehicles?: number
}

/** A projector at work on the place's read model until the scope closes, with connections of its own. */
export const openProjector = Effect.fnUntraced(function*(place: Place, store: Store, setup: ProjectorSetup = {}) {
  const { projections = [projected(counts)], vehicles: ofVehicles = vehicles, ...limits } = setup
  const sql = yield* openSql(place)
  const changes = Context.get(yield* Layer.build(Layer.fresh(ChangesInProcess.layer)), Changes)
  const committed: Array<Committed> = []
  yield* changes.listen((batch) => committed.push(batch))
  const known = [projected(ofVehicles), projected(alerts), ...projections]
  const build = (names: ReadonlyArray<string>) =>
    rebuild(place, store, { projections: known.filter(({ name }) => names.includes(name)), ...limits })
  const layer = Layer.fresh(Projector.layer({ vehicles: ofVehicles, alerts, others: projections, build, ...limits }))
  const context = yield* Layer.build(layer).pipe(
    Effect.provideService(SqlClient.SqlClient, sql),
    Effect.provideService(EventStore, store),
    Effect.provideService(Changes, changes),
  )
  return { projector: Context.get(context, Projector.Projector), sql, committed }
})

/** As another process would, with connections of its own. */
export const rebuild = (place: Place, store: Store, options: Omit<Rebuild.Options, "sql" | "store">) =>
  Effect.scoped(Effect.flatMap(openSql(place), (sql) => Rebuild.run({ sql, store, ...options })))

/** Waits until all that is in the log is in what the projector folds. */
export const caughtUp = Effect.fnUntraced(function*(store: Store, projector: Projector.Projector["Service"]) {
  const head = yield* store.head
  yield* projector.status.pipe(
    Effect.repeat({ until: ({ position }) => position >= head, schedule: Schedule.spaced("5 millis") }),
    Effect.timeout("20 seconds"),
  )
})

/** Waits until nothing is being built, and all that is in the log is in every table. */
export const built = Effect.fnUntraced(function*(store: Store, sql: SqlClient.SqlClient) {
  const head = yield* store.head
  yield* Checkpoints.list(sql).pipe(
    Effect.map((all) => all.every(({ position, served }) => served && position >= head)),
    Effect.repeat({ until: (done) => done, schedule: Schedule.spaced("5 millis") }),
    Effect.timeout("20 seconds"),
  )
})

const receivedAt = "2026-03-02T08:00:00.000Z"

const newEvent = (type: string, data: EventToAppend["data"], schema = 1): EventToAppend => ({
  id: randomUUID(),
  type,
  data,
  metadata: { schema, receivedAt, source: { kind: "mqtt" } },
})

export const telemetry = (speed: number, at = receivedAt): EventToAppend =>
  newEvent("TelemetryReceived", { at, readings: { "Vehicle.Speed": speed } })

export const unreadable = (): EventToAppend => newEvent("TelemetryReceived", { at: receivedAt, readings: {} }, 99)

export const raised = (alertId: string): EventToAppend =>
  newEvent("AlertRaised", {
    alertId,
    component: "brakes.front",
    urgency: "service_soon",
    score: 40,
    model: "brakes",
    modelVersion: "1",
    summary: "Worn",
    recommendedAction: "Replace the pads",
    evidence: [],
  })

export const resolved = (alertId: string): EventToAppend => newEvent("AlertResolved", { alertId, reason: "service" })

export const append = (store: Store, stream: string, events: ReadonlyArray<EventToAppend>) =>
  store.append(stream, "any", events)

/** How many telemetry messages came of a vehicle, and the sum of their speeds. Each event counted twice would show. */
export interface CountRow {
  readonly vin: string
  readonly messages: number
  readonly speeds: number
}

const speedOf = (record: Parameters<Projection<CountRow>["evolve"]>[2]): number | undefined => {
  if (record._tag !== "Vehicle" || record.event.type !== "TelemetryReceived") return undefined
  const speed = record.event.data.readings["Vehicle.Speed"]
  return typeof speed === "number" ? speed : 0
}

export const counts: Projection<CountRow> = {
  name: "counts",
  version: 1,
  columns: { vin: "text", messages: "integer", speeds: "real" },
  key: [],
  indexes: [],
  evolve: (vin, [row], record) => {
    const speed = speedOf(record)
    if (speed === undefined) return row === undefined ? [] : [row]
    return [{ vin, messages: (row?.messages ?? 0) + 1, speeds: (row?.speeds ?? 0) + speed }]
  },
}

/**
 * Numbers, of which the fold is given the two highest: a record with 0 takes the highest away, any other adds its
 * number with the sum of those given. Whatever a fold is given wrongly shows in a sum.
 */
export interface NumberRow {
  readonly vin: string
  readonly number: number
  readonly sum: number
}

export const numbers: Projection<NumberRow> = {
  name: "numbers",
  version: 1,
  columns: { vin: "text", number: "integer", sum: "integer" },
  key: ["number"],
  indexes: [],
  recent: { by: "number", count: 2 },
  evolve: (vin, rows, record) => {
    const number = speedOf(record)
    if (number === undefined) return rows
    if (number === 0) return rows.slice(0, -1)
    const sum = (rows.reduce((total, row) => total + row.number + row.sum, 0) + number) % 1_000_003
    return [...rows.filter((row) => row.number !== number), { vin, number, sum }]
  },
}

/** All rows of a table, in one order. */
export const dump = (sql: SqlClient.SqlClient, table: string) =>
  Effect.map(sql`SELECT * FROM ${sql(table)}`, (rows) => rows.map((row) => JSON.stringify(row)).toSorted())

export const countOf = (metric: Metric.Counter<number>) => Effect.map(Metric.value(metric), ({ count }) => count)
