import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue } from "effect"
import type { SqlClient } from "effect/sql"
import * as fc from "fast-check"
import type { Projection } from "../../projections/projection.ts"
import { alerts } from "../../projections/alerts.ts"
import { trips } from "../../projections/trips.ts"
import { vehicles } from "../../projections/vehicles.ts"
import { beginning, fromNumber } from "../../src/eventstore/position.ts"
import type { Committed } from "../../src/live/changes.ts"
import * as Checkpoints from "../../src/readmodel/checkpoints.ts"
import * as Metrics from "../../src/readmodel/metrics.ts"
import { projected } from "../../src/readmodel/projected.ts"
import * as Tables from "../../src/readmodel/tables.ts"
import { type NewDatabase, overDatabases } from "../contract/databases.ts"
import {
  append,
  built,
  caughtUp,
  countOf,
  type CountRow,
  counts,
  dump,
  numbers,
  openLog,
  openProjector,
  openSql,
  placeIn,
  raised,
  rebuild,
  resolved,
  telemetry,
} from "./harness.ts"

/** Counts of which each is `times` as high: which version a row is of can be told from it. */
const multiplied = (version: number, times: number): Projection<CountRow> => ({
  ...counts,
  version,
  evolve: (vin, [row], record) =>
    record._tag === "Vehicle"
      ? [{ vin, messages: (row?.messages ?? 0) + times, speeds: times }]
      : row === undefined
      ? []
      : [row],
})

const vins = Array.from({ length: 50 }, (_, i) => `V${i}`)

const appendRound = (store: Parameters<typeof append>[0], some = vins) =>
  Effect.forEach(some, (vin) => append(store, `vehicle-${vin}`, [telemetry(1), telemetry(2)]), {
    concurrency: "unbounded",
    discard: true,
  })

const revisionsIn = (sql: SqlClient.SqlClient) =>
  Effect.map(
    sql<{ vin: string; revision: number }>`SELECT vin, revision FROM vehicles`,
    (rows) => new Map(rows.map(({ revision, vin }) => [vin, revision])),
  )

/** What a subscriber knows otherwise than the table has it, who reads that only where it is told of a gap. */
const missedBy = Effect.fnUntraced(function*(
  committed: ReadonlyArray<Committed>,
  sql: SqlClient.SqlClient,
  known = new Map<string, number>(),
  upTo = beginning,
) {
  const missed: Array<string> = []
  let heard = upTo
  for (const { after, position, vehicles } of committed) {
    if (after > heard) known.clear()
    for (const { before, after: { revision, vin } } of vehicles) {
      if (known.has(vin) && known.get(vin) !== before?.revision) missed.push(vin)
      known.set(vin, revision)
    }
    heard = position
  }
  for (const [vin, revision] of yield* revisionsIn(sql)) {
    if (known.has(vin) && known.get(vin) !== revision) missed.push(vin)
  }
  return missed
})

/** In the order of their names. */
const tablesIn = (sql: SqlClient.SqlClient) =>
  sql.onDialectOrElse({
    pg: () => sql<{ name: string }>`SELECT relname AS name FROM pg_stat_user_tables ORDER BY relname`,
    orElse: () => sql<{ name: string }>`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`,
  }).pipe(Effect.map((rows) => rows.map(({ name }) => name)))

overDatabases("rebuild", (newDatabase) => {
  const newPlace = placeIn(newDatabase)

  it.live("serves the old table, whole, until a new version takes its place", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      for (let i = 0; i < 10; i++) yield* appendRound(store)
      yield* Effect.scoped(Effect.gen(function*() {
        const { projector } = yield* openProjector(place, store)
        yield* caughtUp(store, projector)
      }))

      const reader = yield* openSql(place)
      const seen = new Set<string>()
      const look = reader`SELECT COUNT(*) AS vehicles, MIN(speeds) AS low, MAX(speeds) AS high FROM counts`
      const watching = yield* look.pipe(
        Effect.map(([row]) => void seen.add(JSON.stringify(row))),
        Effect.andThen(Effect.sleep("1 millis")),
        Effect.forever,
        Effect.forkChild({ startImmediately: true }),
      )
      const { sql } = yield* openProjector(place, store, {
        projections: [projected(multiplied(2, 7))],
        batchEvents: 30,
      })
      // The log goes on meanwhile.
      for (let i = 0; i < 5; i++) yield* appendRound(store)
      yield* built(store, sql)
      yield* Effect.sleep("20 millis")
      yield* Fiber.interrupt(watching)

      expect([...seen]).toEqual([
        JSON.stringify({ vehicles: 50, low: 30, high: 30 }),
        JSON.stringify({ vehicles: 50, low: 7, high: 7 }),
      ])
      yield* appendRound(store)
      yield* built(store, sql)
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 7 * 2 * 16 }])
      expect((yield* Checkpoints.list(sql)).filter(({ name }) => name === "counts"))
        .toEqual([expect.objectContaining({ version: 2, served: true })])
      expect(yield* tablesIn(sql)).toEqual(["alerts", "checkpoints", "counts", "vehicles"])
    }))

  it.live("builds a projection that is new to a database, which has no rows until it is complete", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      for (let i = 0; i < 5; i++) yield* appendRound(store)
      yield* Effect.scoped(Effect.gen(function*() {
        const { projector } = yield* openProjector(place, store, { projections: [] })
        yield* caughtUp(store, projector)
      }))
      const { sql } = yield* openProjector(place, store, { batchEvents: 30 })
      expect(yield* sql`SELECT COUNT(*) AS n FROM counts`).toEqual([{ n: 0 }])
      yield* built(store, sql)
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 10 }])
    }))

  it.live("goes on with a build after a restart", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      for (let i = 0; i < 10; i++) yield* appendRound(store)
      yield* Effect.scoped(Effect.gen(function*() {
        const { projector } = yield* openProjector(place, store)
        yield* caughtUp(store, projector)
      }))
      let folded = 0
      const second: Projection<CountRow> = {
        ...multiplied(2, 7),
        evolve: (vin, rows, record) => {
          folded += 1
          return multiplied(2, 7).evolve(vin, rows, record)
        },
      }
      const setup = { projections: [projected(second)], batchEvents: 20 }
      yield* Effect.scoped(Effect.gen(function*() {
        const { sql } = yield* openProjector(place, store, setup)
        yield* Checkpoints.list(sql).pipe(
          Effect.repeat({ until: (all) => all.some((one) => !one.served && one.position > "0000000000000100") }),
        )
      }))
      const before = folded
      const { sql } = yield* openProjector(place, store, setup)
      yield* built(store, sql)
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 140 }])
      expect(folded - before).toBeLessThan(1_000)
    }))

  it.live("leaves the table of a newer service alone, which then goes on from where it was", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      yield* appendRound(store)
      const both = projected({ ...counts, name: "both" })
      const newer = { projections: [projected(multiplied(2, 7)), both] }
      const older = { projections: [projected(counts), both] }
      yield* Effect.scoped(Effect.gen(function*() {
        const { projector } = yield* openProjector(place, store, newer)
        yield* caughtUp(store, projector)
      }))
      yield* appendRound(store)
      yield* Effect.scoped(Effect.gen(function*() {
        const { projector, sql } = yield* openProjector(place, store, older)
        yield* caughtUp(store, projector)
        const refused = yield* Effect.flip(rebuild(place, store, { projections: [projected(counts)] }))
        expect(refused.message).toContain("counts is of version 2")
        expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 14 }])
        expect(yield* sql`SELECT DISTINCT messages FROM ${sql(both.name)}`).toEqual([{ messages: 4 }])
      }))
      const { sql } = yield* openProjector(place, store, newer)
      yield* appendRound(store)
      yield* built(store, sql)
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 42 }])
      expect(yield* sql`SELECT DISTINCT messages FROM ${sql(both.name)}`).toEqual([{ messages: 6 }])
    }))

  it.live("repairs tables on request while a projector is at work, which then goes on with them", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      for (let i = 0; i < 10; i++) yield* appendRound(store)
      const { committed, projector, sql } = yield* openProjector(place, store, { batchEvents: 40 })
      yield* caughtUp(store, projector)
      yield* sql`UPDATE counts SET speeds = 0`
      const restarts = yield* countOf(Metrics.restarts)

      // Ten events for each batch of forty: by the clock, the log would outgrow a rebuild on a machine that is busy.
      const folded = yield* Queue.unbounded<void>()
      let rounds = 0
      const load = yield* Queue.take(folded).pipe(
        Effect.andThen(Effect.suspend(() => appendRound(store, vins.slice(rounds++ % 10 * 5).slice(0, 5)))),
        Effect.forever,
        Effect.forkChild,
      )
      const reader = yield* openSql(place)
      const seen: Array<{ rows: number; revisions: number; messages: number }> = []
      const watching = yield* reader<typeof seen[number]>`
        SELECT (SELECT COUNT(*) FROM vehicles) AS rows, (SELECT CAST(SUM(revision) AS BIGINT) FROM vehicles) AS revisions,
          (SELECT CAST(SUM(messages) AS BIGINT) FROM counts) AS messages`.pipe(
        Effect.map(([row]) => void (row && seen.push(row))),
        Effect.andThen(Effect.sleep("1 millis")),
        Effect.forever,
        Effect.forkChild,
      )
      const setup = {
        projections: [projected(vehicles), projected(alerts), projected(counts)],
        batchEvents: 40,
        progress: () => void Queue.offerUnsafe(folded, undefined),
      }
      for (let i = 0; i < 3; i++) expect(yield* rebuild(place, store, setup)).toBeGreaterThanOrEqual(1_000)
      yield* Fiber.interrupt(load)
      yield* built(store, sql)
      yield* caughtUp(store, projector)
      yield* Fiber.interrupt(watching)

      expect(rounds).toBeGreaterThan(10)
      for (const vin of vins) {
        const messages = (yield* store.revision(`vehicle-${vin}`)) + 1
        expect(yield* sql`SELECT messages, speeds FROM counts WHERE vin = ${vin}`)
          .toEqual([{ messages, speeds: messages * 1.5 }])
      }
      expect(yield* missedBy(committed, sql)).toEqual([])
      expect(yield* countOf(Metrics.restarts)).toBe(restarts)
      expect(seen.length).toBeGreaterThan(20)
      for (const [i, { messages, revisions, rows }] of seen.entries()) {
        expect(rows).toBe(50)
        expect(revisions).toBeGreaterThanOrEqual(seen[i - 1]?.revisions ?? 0)
        expect(messages).toBeGreaterThanOrEqual(seen[i - 1]?.messages ?? 0)
      }
    }), 120_000)

  it.live("tells who listens what came in while the vehicles were built for a new version", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      for (let i = 0; i < 10; i++) yield* appendRound(store)
      yield* Effect.scoped(Effect.gen(function*() {
        const { projector } = yield* openProjector(place, store)
        yield* caughtUp(store, projector)
      }))
      const known = yield* Effect.flatMap(openSql(place), revisionsIn)
      const heard = yield* store.head
      const newer = { ...vehicles, version: vehicles.version + 1 }
      const { committed, sql } = yield* openProjector(place, store, { vehicles: newer, batchEvents: 30 })
      for (let i = 0; i < 5; i++) {
        yield* appendRound(store)
        yield* append(store, "maintenance-V1", [raised(`alert-${i}`)])
      }
      yield* built(store, sql)
      yield* appendRound(store)
      yield* built(store, sql)
      yield* Effect.sleep("20 millis")
      expect(yield* missedBy(committed, sql, known, heard)).toEqual([])
      const positions = committed.map(({ position }) => position)
      expect(positions).toEqual(positions.toSorted())
    }))

  it.live("swaps without a projector, and the next one goes on from there", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      for (let i = 0; i < 5; i++) yield* appendRound(store)
      yield* Effect.scoped(Effect.gen(function*() {
        const { projector } = yield* openProjector(place, store)
        yield* caughtUp(store, projector)
      }))
      yield* appendRound(store)
      yield* rebuild(place, store, { projections: [projected(counts)], batchEvents: 30 })
      const { sql } = yield* openProjector(place, store)
      yield* built(store, sql)
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 12 }])
    }))

  it.live("builds a read model that is not there yet, up to the end of the log", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      for (let i = 0; i < 5; i++) yield* appendRound(store)
      const sql = yield* openSql(place)
      yield* Tables.prepare(sql, [projected(counts)])
      expect(yield* rebuild(place, store, { projections: [projected(counts)], batchEvents: 30 })).toBe(500)
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 10 }])
    }))

  it.live("goes on where it was broken off, or begins again where that is wanted", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      for (let i = 0; i < 5; i++) yield* appendRound(store)
      const sql = yield* openSql(place)
      yield* Tables.prepare(sql, [projected(counts)])
      const setup = { projections: [projected(counts)], batchEvents: 30 }
      const breakOff = Effect.gen(function*() {
        const reached = yield* Deferred.make<number>()
        const building = yield* rebuild(place, store, {
          ...setup,
          progress: ({ events }) => events >= 90 && Deferred.doneUnsafe(reached, Effect.succeed(events)),
        }).pipe(Effect.forkChild)
        yield* Deferred.await(reached)
        yield* Fiber.interrupt(building)
      })
      yield* breakOff
      const rest = yield* rebuild(place, store, setup)
      expect(rest).toBeGreaterThan(0)
      expect(rest).toBeLessThanOrEqual(410)
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 10 }])
      yield* breakOff
      expect(yield* rebuild(place, store, { ...setup, restart: true })).toBe(500)
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 10 }])
    }))

  it.live("is done once where two are at it", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      for (let i = 0; i < 10; i++) yield* appendRound(store)
      const { projector, sql } = yield* openProjector(place, store)
      yield* caughtUp(store, projector)
      const once = rebuild(place, store, { projections: [projected(counts)], batchEvents: 30 })
      yield* Effect.all([once, once], { concurrency: 2 })
      yield* built(store, sql)
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 20 }])
    }))

  it.live("begins a build again while another is at work on it", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const [one, other] = [yield* openSql(place), yield* openSql(place)]
      yield* Tables.prepare(one, [projected(counts)])
      yield* Tables.beginBuilds(one, [projected(counts)], false)
      const build = Tables.buildOf(projected(counts), yield* Checkpoints.list(one))
      if (build === undefined) throw new Error("no build was begun")
      const again = yield* one.withTransaction(Effect.gen(function*() {
        yield* Checkpoints.advance(one, [build], fromNumber(1))
        const again = yield* Tables.beginBuilds(other, [projected(counts)], true).pipe(Effect.forkDetach)
        yield* Effect.sleep("100 millis")
        yield* one`INSERT INTO ${one(Checkpoints.tableOf(build))} ${one.insert({ vin: "A", messages: 1, speeds: 1 })}`
        return again
      }))
      yield* Fiber.join(again)
      const moved = yield* Effect.flip(Checkpoints.advance(one, [{ ...build, position: fromNumber(1) }], fromNumber(2)))
      expect(moved._tag).toBe("CheckpointMoved")
    }))

  it.live("drops a table that was replaced by a process that did not live to do so", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      for (let i = 0; i < 3; i++) yield* appendRound(store)
      const sql = yield* openSql(place)
      yield* Effect.scoped(Effect.gen(function*() {
        const { projector } = yield* openProjector(place, store)
        yield* caughtUp(store, projector)
      }))
      yield* Tables.beginBuilds(sql, [projected(counts)], false)
      const begun = Tables.buildOf(projected(counts), yield* Checkpoints.list(sql))
      if (begun === undefined) throw new Error("no build was begun")
      yield* sql.withTransaction(Tables.swap(sql, begun))
      yield* openProjector(place, store)
      yield* built(store, sql)
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 6 }])
      expect(yield* tablesIn(sql)).toEqual(["alerts", "checkpoints", "counts", "vehicles"])
    }))

  it.live("gives the rows that the live run gave, whatever the batches and the caches were", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(histories, fc.integer({ min: 1, max: 9 }), (history, batchEvents) =>
          Effect.runPromise(Effect.scoped(liveAndRebuilt(newDatabase, history, batchEvents)))),
        { numRuns: 12, interruptAfterTimeLimit: 40_000 },
      )
    ), 60_000)
})

interface Step {
  readonly vin: string
  /** 0 to 4, where 0 takes a number away; see `numbers`. */
  readonly speed: number
  /** Minutes of device time: late and out of order. */
  readonly minute: number
  readonly alert: "raised" | "resolved" | undefined
}

const histories = fc.array(
  fc.record<Step>({
    vin: fc.constantFrom("A", "B", "C"),
    speed: fc.integer({ min: 0, max: 4 }),
    minute: fc.integer({ min: 0, max: 59 }),
    alert: fc.constantFrom("raised", "resolved", undefined, undefined, undefined),
  }),
  { minLength: 1, maxLength: 60, size: "max" },
)

const all = [projected(counts), projected(numbers), projected(trips)]
const everything = [projected(vehicles), projected(alerts), ...all]
const tables = [vehicles, alerts, counts, numbers, trips].map(({ name }) => name)

const liveAndRebuilt = Effect.fnUntraced(function*(
  newDatabase: NewDatabase,
  history: ReadonlyArray<Step>,
  batchEvents: number,
) {
  const newPlace = placeIn(newDatabase)
  const place = yield* newPlace
  const store = yield* openLog(place)
  const live = yield* openProjector(place, store, { projections: all, batchEvents, cachedVehicles: 1 })
  for (const [i, { vin, speed, minute, alert }] of history.entries()) {
    const at = `2026-03-02T08:${String(minute).padStart(2, "0")}:00.000Z`
    yield* append(store, `vehicle-${vin}`, [telemetry(speed, at)])
    if (alert === "raised") yield* append(store, `maintenance-${vin}`, [raised(`alert-${i % 5}`)])
    if (alert === "resolved") yield* append(store, `maintenance-${vin}`, [resolved(`alert-${i % 5}`)])
  }
  yield* caughtUp(store, live.projector)
  const rows = yield* Effect.forEach(tables, (table) => dump(live.sql, table))

  const elsewhere = yield* newPlace
  const atOnce = yield* openProjector(elsewhere, store, { projections: all })
  yield* caughtUp(store, atOnce.projector)
  expect(yield* Effect.forEach(tables, (table) => dump(atOnce.sql, table))).toEqual(rows)

  yield* rebuild(place, store, { projections: everything, batchEvents })
  expect(yield* Effect.forEach(tables, (table) => dump(live.sql, table))).toEqual(rows)
})
