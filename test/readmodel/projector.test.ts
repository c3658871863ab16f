import { expect, it } from "@effect/vitest"
import { Effect, Schedule, Stream } from "effect"
import type { SqlClient } from "effect/sql"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import type { Projection } from "../../projections/projection.ts"
import { EventStoreUnavailable } from "../../src/eventstore/errors.ts"
import { beginning } from "../../src/eventstore/position.ts"
import type { Delivery } from "../../src/eventstore/event-store.ts"
import { fromNumber } from "../../src/eventstore/position.ts"
import * as Checkpoints from "../../src/readmodel/checkpoints.ts"
import * as Metrics from "../../src/readmodel/metrics.ts"
import { projected } from "../../src/readmodel/projected.ts"
import type { DatabaseLocation } from "../../src/sql/database.ts"
import { overDatabases } from "../contract/databases.ts"
import {
  append,
  caughtUp,
  countOf,
  type CountRow,
  counts,
  openLog,
  openProjector,
  openSql,
  type Place,
  placeIn,
  raised,
  resolved,
  telemetry,
  unreadable,
} from "./harness.ts"

const messages = (count: number) => Array.from({ length: count }, (_, i) => telemetry(i + 1))

const sumTo = (n: number) => (n * (n + 1)) / 2

/** Counts, and runs `at` on every fold. */
const spying = (at: (folds: number) => void): Projection<CountRow> => {
  let folds = 0
  return {
    ...counts,
    evolve: (vin, rows, record) => {
      at(++folds)
      return counts.evolve(vin, rows, record)
    },
  }
}

/** A process that projects; it is killed, without notice, where the scope closes. */
const startProjecting = (place: Place, batchEvents: number) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [join(import.meta.dirname, "projecting.ts"), JSON.stringify(place), `${batchEvents}`], {
        stdio: "ignore",
      })
    ),
    (child) =>
      Effect.promise(async () => {
        child.kill("SIGKILL")
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
      }),
  )

/** Each write of a row of `counts` adds one to `writes`. */
const notingWrites = (sql: SqlClient.SqlClient) => {
  const statements = sql.onDialectOrElse({
    pg: () => [
      `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN INSERT INTO writes VALUES (new.messages); RETURN NULL; END'`,
      "CREATE TRIGGER on_write AFTER INSERT OR UPDATE ON counts FOR EACH ROW EXECUTE FUNCTION note()",
    ],
    orElse: () => ["INSERT", "UPDATE"].map((event) =>
      `CREATE TRIGGER on_${event} AFTER ${event} ON counts BEGIN INSERT INTO writes VALUES (new.messages); END`),
  })
  return Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
}

overDatabases("projector", (newDatabase) => {
  const newPlace = placeIn(newDatabase)

  it.live("writes a vehicle once a batch, and tells it as it was before the batch and as it is after", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      const { projector, sql, committed } = yield* openProjector(place, store)
      yield* sql`CREATE TABLE writes (messages INTEGER)`
      yield* notingWrites(sql)
      yield* append(store, "vehicle-A", messages(300))
      yield* caughtUp(store, projector)
      yield* append(store, "vehicle-A", messages(200))
      yield* caughtUp(store, projector)

      const batches = committed.filter((batch) => batch.vehicles.length > 0)
      const writes = yield* sql`SELECT messages FROM writes`
      expect(writes.length).toBe(batches.length)
      expect(writes.length).toBeLessThan(20)
      expect(batches.every((batch) => batch.vehicles.length === 1)).toBe(true)
      expect(batches[0]?.vehicles[0]?.before).toBeUndefined()
      for (const [i, batch] of batches.entries()) {
        if (i > 0) expect(batch.vehicles[0]?.before).toEqual(batches[i - 1]?.vehicles[0]?.after)
      }
      expect(batches.at(-1)?.vehicles[0]?.after.revision).toBe(499)
      expect(batches.at(-1)?.position).toBe(yield* store.head)
    }))

  it.live("has a change in the database before it is told", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      const { projector, sql, committed } = yield* openProjector(place, store, { batchEvents: 10 })
      yield* append(store, "vehicle-A", messages(100))
      yield* Effect.gen(function*() {
        const told = committed.length
        const revision = committed.at(-1)?.vehicles[0]?.after.revision ?? -1
        const [row] = yield* sql<{ revision: number }>`SELECT revision FROM vehicles WHERE vin = 'A'`
        expect(row?.revision ?? -1).toBeGreaterThanOrEqual(revision)
        return told
      }).pipe(Effect.repeat({ until: (told) => told >= 10 }))
      yield* caughtUp(store, projector)
    }))

  it.live("tells alerts as they are raised and resolved", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      const { projector, sql, committed } = yield* openProjector(place, store)
      yield* append(store, "maintenance-A", [raised("a1"), raised("a2")])
      yield* caughtUp(store, projector)
      yield* append(store, "maintenance-A", [resolved("a1")])
      yield* caughtUp(store, projector)
      const states = committed.flatMap(({ alerts }) =>
        alerts.map(({ before, after }) => [after.id, before?.state, after.state]))
      expect(states).toEqual([["a1", undefined, "open"], ["a2", undefined, "open"], ["a1", "open", "resolved"]])
      const rows = yield* sql`SELECT id, state FROM alerts ORDER BY id`
      expect(rows).toEqual([{ id: "a1", state: "resolved" }, { id: "a2", state: "open" }])
    }))

  it.live("counts each event once where two projectors meet on one database", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      const setup = { batchEvents: 40 }
      const restarts = yield* countOf(Metrics.restarts)
      const [one, two] = yield* Effect.all([
        openProjector(place, store, setup),
        openProjector(place, store, setup),
      ])
      for (let i = 0; i < 20; i++) {
        yield* append(store, "vehicle-A", messages(50))
        yield* append(store, "vehicle-B", messages(50))
        yield* Effect.sleep("5 millis")
      }
      yield* caughtUp(store, one.projector)
      yield* caughtUp(store, two.projector)
      const rows = yield* one.sql`SELECT * FROM counts ORDER BY vin`
      expect(rows).toEqual(["A", "B"].map((vin) => ({ vin, messages: 1000, speeds: 20 * sumTo(50) })))
      expect(yield* countOf(Metrics.restarts)).toBeGreaterThan(restarts)
      // Who listens to one of them misses nothing without being told that it does.
      for (const { committed } of [one, two]) {
        let heard = beginning
        let known: number | undefined = -1
        for (const { after, position, vehicles } of committed) {
          if (after > heard) known = undefined
          heard = position
          const change = vehicles.find((vehicle) => vehicle.after.vin === "A")
          if (change === undefined) continue
          if (known !== undefined) expect(change.before?.revision ?? -1).toBe(known)
          known = change.after.revision
        }
      }
    }))

  it.live("goes back to its checkpoint after a failure between batches, and counts each event once", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      yield* append(store, "vehicle-A", messages(500))
      const projection = spying((folds) => {
        if (folds === 137 || folds === 300) throw new Error("struck by the test")
      })
      const restarts = yield* countOf(Metrics.restarts)
      const { projector, sql } = yield* openProjector(place, store, {
        projections: [projected(projection)],
        batchEvents: 50,
      })
      yield* caughtUp(store, projector)
      expect(yield* sql`SELECT * FROM counts`).toEqual([{ vin: "A", messages: 500, speeds: sumTo(500) }])
      expect(yield* countOf(Metrics.restarts)).toBe(restarts + 2)
      expect((yield* projector.status).failure).toBeUndefined()
    }))

  it.live("goes on where the log cuts a subscription off", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      let subscriptions = 0
      const cut = new EventStoreUnavailable({ operation: "subscribe", cause: new Error("cut by the test") })
      const subscribeAll: typeof store.subscribeAll = (options) => {
        subscriptions += 1
        const events = Stream.filter(store.subscribeAll(options), ({ _tag }) => _tag === "Events")
        return Stream.concat(Stream.take(events, 1), Stream.fail(cut))
      }
      const { projector, sql } = yield* openProjector(place, { ...store, subscribeAll })
      for (let i = 0; i < 4; i++) {
        yield* append(store, "vehicle-A", messages(100))
        yield* caughtUp(store, projector)
      }
      expect(subscriptions).toBeGreaterThanOrEqual(4)
      expect(yield* sql`SELECT messages FROM counts`).toEqual([{ messages: 400 }])
    }))

  it.live("resumes at the checkpoint after a restart, however it was stopped", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      yield* append(store, "vehicle-A", messages(2_000))
      let folded = 0
      const setup = { projections: [projected(spying(() => void folded++))], batchEvents: 20 }
      const stopped = yield* Effect.scoped(Effect.gen(function*() {
        const { sql, committed } = yield* openProjector(place, store, setup)
        yield* Effect.yieldNow.pipe(Effect.repeat({ until: () => committed.length > 5 }))
        const [checkpoint] = yield* Checkpoints.list(sql)
        return checkpoint?.position ?? ""
      }))
      expect(stopped < (yield* store.head)).toBe(true)
      const before = folded
      const { projector, sql } = yield* openProjector(place, store, setup)
      yield* caughtUp(store, projector)
      expect(yield* sql`SELECT * FROM counts`).toEqual([{ vin: "A", messages: 2_000, speeds: sumTo(2_000) }])
      expect(folded - before).toBeLessThan(2_000)
    }))

  it.live("counts each event once after its process was killed", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      const sql = yield* openSql(place)
      for (let i = 0; i < 20; i++) yield* append(store, "vehicle-A", messages(500))
      const head = yield* store.head
      const positions: Array<string> = []
      for (let kill = 1; kill <= 3; kill++) {
        const before = positions.at(-1) ?? ""
        yield* Effect.scoped(Effect.gen(function*() {
          yield* startProjecting(place, 5)
          const reached = yield* Effect.orElseSucceed(Checkpoints.list(sql), () => []).pipe(
            Effect.map((checkpoints) => checkpoints.find(({ name }) => name === "counts")?.position ?? ""),
            Effect.repeat({
              until: (position) => position > before && position > fromNumber(kill * 100),
              schedule: Schedule.spaced("1 millis"),
            }),
          )
          positions.push(reached)
        }))
      }
      expect(positions.every((position) => position < head)).toBe(true)
      const { projector } = yield* openProjector(place, store)
      yield* caughtUp(store, projector)
      expect(yield* sql`SELECT * FROM counts`).toEqual([{ vin: "A", messages: 10_000, speeds: 20 * sumTo(500) }])
    }), 60_000)

  it.live("passes an unreadable event over and counts it", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      const { projector, sql } = yield* openProjector(place, store)
      const before = yield* countOf(Metrics.unreadable)
      yield* append(store, "vehicle-A", [telemetry(1), unreadable(), telemetry(2)])
      yield* append(store, "vehicle-B", [unreadable()])
      yield* append(store, "vehicle-C", [{ ...telemetry(1), type: "OfANewerService" }])
      yield* caughtUp(store, projector)
      expect(yield* sql`SELECT * FROM counts`).toEqual([{ vin: "A", messages: 2, speeds: 3 }])
      expect((yield* countOf(Metrics.unreadable)) - before).toBe(2)
      expect((yield* projector.status).failure).toBeUndefined()
    }))

  it.live("moves its checkpoint where the log had nothing for it", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      const { position } = yield* append(store, "deadletter-mqtt", [telemetry(1)])
      const checkpoint: Delivery = { _tag: "Checkpoint", upTo: position }
      const subscribeAll = () => Stream.concat(Stream.succeed(checkpoint), Stream.never)
      const { projector, sql } = yield* openProjector(place, { ...store, subscribeAll })
      yield* caughtUp(store, projector)
      const checkpoints = yield* Checkpoints.list(sql)
      expect(checkpoints.map((one) => one.position)).toEqual([position, position, position])
    }))

  it.live("is right with room for one vehicle in its cache", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      const vins = Array.from({ length: 7 }, (_, i) => `V${i}`)
      for (let round = 0; round < 10; round++) {
        for (const vin of vins) yield* append(store, `vehicle-${vin}`, messages(3))
      }
      const { projector, sql } = yield* openProjector(place, store, { cachedVehicles: 1, batchEvents: 5 })
      yield* caughtUp(store, projector)
      expect(yield* sql`SELECT * FROM counts ORDER BY vin`)
        .toEqual(vins.map((vin) => ({ vin, messages: 30, speeds: 10 * sumTo(3) })))
    }))

  it.live("lets others have the event loop during a long run", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      yield* append(store, "vehicle-A", messages(5_000))
      const { projector, committed } = yield* openProjector(place, store)
      let turns = 0
      yield* Effect.yieldNow.pipe(
        Effect.andThen(Effect.sync(() => void turns++)),
        Effect.repeat({ while: () => committed.length === 0 }),
      )
      yield* caughtUp(store, projector)
      expect(turns).toBeGreaterThan(10)
    }))

  it.live("does not start on a database that cannot be used", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      const { database } = place
      const missing: DatabaseLocation = database._tag === "Sqlite"
        ? { ...database, file: `${database.file}/missing` }
        : { ...database, url: `${database.url}_missing` }
      const failure = yield* Effect.flip(openProjector({ ...place, database: missing }, store))
      expect(failure._tag).toBe(database._tag === "Sqlite" ? "SqlError" : "DatabaseUnusable")
    }))
})

