import { expect, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import * as fc from "fast-check"
import { randomUUID } from "node:crypto"
import { streamOf } from "../../domain/vehicle/events.ts"
import * as VehicleRecords from "../../domain/vehicle/record.ts"
import { limits } from "../../domain/vehicle/rhythm.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import { decodeLetter } from "../../projections/letter-record.ts"
import type { Record } from "../../projections/projection.ts"
import { day, nothing, reporting, type ReportingRow } from "../../projections/reporting.ts"
import type { EventToAppend } from "../../src/eventstore/event-store.ts"
import { projected } from "../../src/readmodel/projected.ts"
import { ReadModel } from "../../src/readmodel/read-model.ts"
import * as Reporting from "../../src/readmodel/reporting.ts"
import * as SqlReadModel from "../../src/readmodel/sql-read-model.ts"
import { Table } from "../../src/readmodel/table.ts"
import { overDatabases } from "../contract/databases.ts"
import { append, caughtUp, openLog, openProjector, openSql, placeIn, rebuild, type Store } from "./harness.ts"

const vins = ["A", "B", "C"]
const t0 = Date.parse("2026-03-02T08:00:00.000Z")

interface Appended {
  readonly stream: string
  readonly event: EventToAppend
}

/** Of three vehicles over a week: numbered messages in no good order, comings and goings, and dead letters. */
const history = (count: number, seed: number): ReadonlyArray<Appended> => {
  const [steps = []] = fc.sample(
    fc.array(fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 9 }), fc.nat({ max: 40 })), {
      minLength: count,
      maxLength: count,
      size: "max",
    }),
    { seed, numRuns: 1 },
  )
  return steps.map(([vehicle, form, n], i) => {
    const vin = vins[vehicle] ?? "A"
    const receivedAt = toTime(t0 + Math.floor(i * 7 * day / count))
    const metadata = { schema: 1, receivedAt, source: { kind: "mqtt" }, ...(vin !== "C" && { brand: `brand ${vin}` }) }
    const event = (type: string, data: EventToAppend["data"]): Appended => ({
      stream: streamOf(vin),
      event: { id: randomUUID(), type, data, metadata },
    })
    if (form === 0) return event("VehicleConnected", { session: "boot-1" })
    if (form === 1) return event("VehicleDisconnected", { session: "boot-1" })
    if (form === 2) {
      const data = n % 2 === 0 ? { reason: "json", vin } : { reason: "json" }
      return { stream: "deadletter-mqtt", event: { id: randomUUID(), type: "DeadLettered", data, metadata } }
    }
    return event("TelemetryReceived", { at: receivedAt, session: "boot-1", seq: n, readings: { "Vehicle.Speed": i } })
  })
}

const appendAll = (store: Store, all: ReadonlyArray<Appended>) =>
  Effect.forEach(all, ({ event, stream }) => append(store, stream, [event]), { discard: true })

const inOrder = (rows: ReadonlyArray<ReportingRow>) =>
  rows.toSorted((a, b) => a.vin < b.vin ? -1 : a.vin > b.vin ? 1 : a.day - b.day)

/** What the log has, folded in memory, one at a time. */
const expected = (all: ReadonlyArray<Appended>): ReadonlyArray<ReportingRow> => {
  const rows = new Map<string, ReadonlyArray<ReportingRow>>()
  const revisions = new Map<string, number>()
  for (const { event, stream } of all) {
    const revision = (revisions.get(stream) ?? -1) + 1
    revisions.set(stream, revision)
    const stored = { ...event, stream, revision, position: "" }
    const decoded = VehicleRecords.decode(stored)
    const ofVehicle = decoded._tag === "Success" ? decoded.success : undefined
    const record: Record | undefined = decodeLetter(stored) ?? ofVehicle
    if (record === undefined) continue
    const known = rows.get(record.vin) ?? []
    rows.set(record.vin, [...known.slice(0, -1), ...inOrder(reporting.evolve(record.vin, known.slice(-1), record))])
  }
  return inOrder([...rows.values()].flat())
}

const stored = (sql: SqlClient.SqlClient) => {
  const table = new Table(sql, reporting)
  return Effect.map(table.all(sql`SELECT ${table.selected} FROM reporting t`), inOrder)
}

const readModelOn = (sql: SqlClient.SqlClient) =>
  Layer.build(Layer.fresh(SqlReadModel.layer)).pipe(
    Effect.provideService(SqlClient.SqlClient, sql),
    Effect.map((context) => Context.get(context, ReadModel)),
  )

const row = (vin: string, at: number, rest: Partial<ReportingRow> = {}): ReportingRow => ({
  vin,
  day: at,
  brand: null,
  ...nothing,
  state: "REPORTING",
  since: t0,
  lastSeenAt: t0,
  rhythmMs: null,
  limitMs: 30_000,
  revision: 0,
  memory: null,
  ...rest,
})

overDatabases("how vehicles report", (newDatabase) => {
  const newPlace = placeIn(newDatabase)

  /** A read model of these rows alone. */
  const holding = Effect.fnUntraced(function*(rows: ReadonlyArray<ReportingRow>) {
    const sql = yield* openSql(yield* newPlace)
    const table = new Table(sql, reporting)
    yield* table.create(reporting.name, "0")
    yield* sql.withTransaction(table.upsert(reporting.name, rows))
    return { sql, table, readModel: yield* readModelOn(sql) }
  })

  for (const [batchEvents, cachedVehicles] of [[1, 100], [7, 1], [2_000, 100]] as const) {
    it.live(`has the same rows in batches of ${batchEvents} with room for ${cachedVehicles} vehicles, and rebuilt`, () =>
      Effect.gen(function*() {
        const place = yield* newPlace
        const store = yield* openLog(place)
        const all = history(250, 1)
        yield* appendAll(store, all)
        const projections = [projected(reporting)]
        const { projector, sql } = yield* openProjector(place, store, { projections, batchEvents, cachedVehicles })
        yield* caughtUp(store, projector)
        expect(yield* stored(sql)).toEqual(expected(all))
        yield* sql`UPDATE reporting SET messages = 0, memory = NULL`
        yield* rebuild(place, store, { projections, batchEvents: 30 })
        yield* caughtUp(store, projector)
        const more = history(50, 2)
        yield* appendAll(store, more)
        yield* caughtUp(store, projector)
        expect(yield* stored(sql)).toEqual(expected([...all, ...more]))
      }))
  }

  it.live("is told by the newest day", () =>
    Effect.gen(function*() {
      const rows = [row("A", 0, { state: null }), row("A", day), row("B", 0, { state: "STALE" })]
      const { readModel } = yield* holding(rows)
      const found = yield* readModel.reportingByVin(["A", "B", "none"])
      expect(new Map([...found].map(([vin, { state }]) => [vin, state]))).toEqual(
        new Map([["A", "REPORTING"], ["B", "STALE"]]),
      )
    }))

  it.live("is counted over the days that lie in a range, whole or in part", () =>
    Effect.gen(function*() {
      const { readModel } = yield* holding(
        [0, 1, 2, 3].map((i) => row("A", i * day, { messages: 10 ** i, missed: 2 ** 50 })),
      )
      const messages = (from: number, to: number) =>
        Effect.map(readModel.qualityByVin(["A"], { from, to }), (found) => found.get("A")?.messages)
      expect(yield* messages(0, 4 * day)).toBe(1111)
      expect(yield* messages(day, 2 * day)).toBe(10)
      expect(yield* messages(day + 1, 2 * day + 1)).toBe(110)
      expect(yield* messages(9 * day, 10 * day)).toBe(undefined)
    }))

  it.live("is counted by brand, and for vehicles without one", () =>
    Effect.gen(function*() {
      const { readModel } = yield* holding([
        row("A", 0, { brand: "Ningbo", messages: 1 }),
        row("A", day, { brand: "Ningbo", messages: 2 }),
        row("B", day, { brand: "Ningbo", messages: 4 }),
        row("C", day, { brand: "Yutai", messages: 8 }),
        row("D", day, { messages: 16 }),
      ])
      const of = (brands: ReadonlyArray<string> | undefined, from = 0) =>
        Effect.map(readModel.qualityByBrand(brands, { from, to: 2 * day }), (found) =>
          found.map(({ brand, counts, vehicleDays }) => [brand, vehicleDays, counts.messages]))
      expect(yield* of(undefined)).toEqual([["Ningbo", 3, 7], ["Yutai", 1, 8], [null, 1, 16]])
      expect(yield* of(undefined, day)).toEqual([["Ningbo", 2, 6], ["Yutai", 1, 8], [null, 1, 16]])
      expect(yield* of(["Yutai", "nobody"])).toEqual([["Yutai", 1, 8]])
      expect(yield* of(["Yutai", "Ningbo"], day)).toEqual([["Ningbo", 2, 6], ["Yutai", 1, 8]])
    }))

  it.live("finds those who were quiet for as long as they may be, so many at most", () =>
    Effect.gen(function*() {
      const { readModel } = yield* holding([
        row("A", 0, { lastSeenAt: t0 - 31_000 }),
        row("B", 0, { lastSeenAt: t0 - 29_000 }),
        row("C", 0, { lastSeenAt: t0 - 31_000, limitMs: 60_000 }),
        row("D", 0, { lastSeenAt: t0 - 61_000, limitMs: 60_000, state: "STALE", rhythmMs: 10_000, revision: 7 }),
        row("E", 0, { lastSeenAt: 0, limitMs: null, state: "SILENT" }),
      ])
      const quiet = [30_000, 60_000].map((limitMs) => ({ limitMs, since: t0 - limitMs }))
      const found = yield* readModel.quiet(quiet, 10)
      expect(found.toSorted((a, b) => a.vin < b.vin ? -1 : 1)).toEqual([
        { vin: "A", state: "REPORTING", lastSeenAt: t0 - 31_000, limitMs: 30_000, revision: 0, rhythmMs: undefined },
        { vin: "D", state: "STALE", lastSeenAt: t0 - 61_000, limitMs: 60_000, revision: 7, rhythmMs: 10_000 },
      ])
      expect(yield* readModel.quiet(quiet, 1)).toHaveLength(1)
      expect(yield* readModel.quiet([], 10)).toEqual([])
    }))

  it.live("is read off indexes", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 3_000 }, (_, i) =>
        row(`V${i}`, 0, {
          brand: `brand ${i % 50}`,
          limitMs: limits[i % limits.length] ?? null,
          lastSeenAt: t0 - i * 60_000,
        }))
      const { sql, table } = yield* holding(many)
      yield* sql`ANALYZE`
      const plan = Effect.fnUntraced(function*(statement: ReturnType<typeof Reporting.brandStatement>) {
        const [text, parameters] = statement.compile()
        const explain = sql.onDialectOrElse({ pg: () => "EXPLAIN", orElse: () => "EXPLAIN QUERY PLAN" })
        return JSON.stringify(yield* sql.unsafe(`${explain} ${text}`, parameters).values)
      })
      const quiet = limits.map((limitMs) => ({ limitMs, since: t0 - 2_900 * 60_000 }))
      const due = yield* plan(Reporting.dueStatement(sql, table, quiet, 100))
      const ofBrand = yield* plan(Reporting.brandStatement(sql, "brand 1", 0))
      expect(due).toContain("limit_ms_last_seen_at")
      expect(ofBrand).toContain("brand_day")
      for (const one of [due, ofBrand]) expect(one).not.toMatch(/Seq Scan|"SCAN t/)
    }))
})
