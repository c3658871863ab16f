import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import * as fc from "fast-check"
import { streamOf } from "../../domain/vehicle/events.ts"
import * as VehicleRecords from "../../domain/vehicle/record.ts"
import { day, history, type HistoryRow, hour, minute } from "../../projections/history.ts"
import { beginning } from "../../src/eventstore/position.ts"
import * as Checkpoints from "../../src/readmodel/checkpoints.ts"
import { keyed } from "../../src/readmodel/projected.ts"
import { Table } from "../../src/readmodel/table.ts"
import { overDatabases } from "../contract/databases.ts"
import { HistoryRows } from "../support/history-rows.ts"
import { append, caughtUp, openLog, openProjector, placeIn, rebuild, type Store, telemetry } from "./harness.ts"

const vins = ["A", "B", "C"]
const t0 = Date.parse("2026-03-02T08:00:00.000Z")

/** Drives of three vehicles on several days; every fifth message comes days, hours or minutes late. */
const messages = (count: number, seed: number) => {
  const [offsets = []] = fc.sample(
    fc.array(fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 4 }), fc.nat({ max: 90 * minute })), {
      minLength: count,
      maxLength: count,
      size: "max",
    }),
    { seed, numRuns: 1 },
  )
  return offsets.map(([vehicle, form, late], i) => {
    const driven = t0 + Math.floor(i / 60) * 7 * hour + i * 20_000
    const at = form === 0 ? driven - late - (i % 3) * day : driven
    return { vin: vins[vehicle] ?? "A", event: telemetry(i / 10, new Date(at).toISOString()) }
  })
}

type Messages = ReturnType<typeof messages>

const appendAll = (store: Store, all: Messages) =>
  Effect.forEach(all, ({ event, vin }) => append(store, streamOf(vin), [event]), { discard: true })

/** What the log has, folded in memory, one at a time. */
const expected = (all: Messages): ReadonlyArray<HistoryRow> =>
  vins.flatMap((vin) => {
    const rows = new HistoryRows()
    for (const { event, vin: of } of all) {
      if (of !== vin) continue
      const stored = { ...event, stream: streamOf(vin), revision: 0, position: "" }
      const record = VehicleRecords.decode(stored)
      if (record._tag === "Success" && record.success !== undefined) rows.fold(vin, [record.success])
    }
    return rows.all
  })

const stored = (sql: SqlClient.SqlClient) => {
  const table = new Table(sql, history)
  return table.all(sql`SELECT ${table.selected} FROM history t ORDER BY t.vin, t.bucket_ms, t.start_at`)
}

overDatabases("a projection with rows by key", (newDatabase) => {
  const newPlace = placeIn(newDatabase)

  for (const [batchEvents, cachedVehicles] of [[1, 100], [7, 1], [2_000, 100]] as const) {
    it.live(`has the same rows in batches of ${batchEvents} with room for ${cachedVehicles} vehicles`, () =>
      Effect.gen(function*() {
        const place = yield* newPlace
        const store = yield* openLog(place)
        const all = messages(300, 1)
        yield* appendAll(store, all)
        const setup = { projections: [keyed(history)], batchEvents, cachedVehicles }
        const { projector, sql } = yield* openProjector(place, store, setup)
        yield* caughtUp(store, projector)
        expect(yield* stored(sql)).toEqual(expected(all))
      }))
  }

  it.live("goes on from its checkpoint with the rows that are there", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      const all = messages(400, 2)
      const setup = { projections: [keyed(history)], batchEvents: 20 }
      for (let start = 0; start < 400; start += 100) {
        yield* appendAll(store, all.slice(start, start + 100))
        // The scope closes wherever the projector happens to be.
        yield* Effect.scoped(Effect.gen(function*() {
          const { sql } = yield* openProjector(place, store, setup)
          yield* Checkpoints.list(sql).pipe(
            Effect.map((known) => known.some((one) => one.name === "history" && one.position > beginning)),
            Effect.repeat({ until: (begun) => begun }),
          )
        }))
      }
      const { projector, sql } = yield* openProjector(place, store, setup)
      yield* caughtUp(store, projector)
      expect(yield* stored(sql)).toEqual(expected(all))
    }))

  it.live("is rebuilt to the same rows", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      const all = messages(200, 3)
      yield* appendAll(store, all)
      const { projector, sql } = yield* openProjector(place, store, { projections: [keyed(history)] })
      yield* caughtUp(store, projector)
      yield* sql`UPDATE history SET signals = '{}'`
      yield* rebuild(place, store, { projections: [keyed(history)], batchEvents: 30 })
      yield* caughtUp(store, projector)
      expect(yield* stored(sql)).toEqual(expected(all))
      const more = messages(100, 4)
      yield* appendAll(store, more)
      yield* caughtUp(store, projector)
      expect(yield* stored(sql)).toEqual(expected([...all, ...more]))
    }))

  it.live("drops the rows that are not to be kept, of that vehicle alone, with the batch that says so", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      const setup = { projections: [keyed(history)], batchEvents: 40 }
      const { projector, sql } = yield* openProjector(place, store, setup)
      const early = messages(120, 5)
      yield* appendAll(store, early)
      yield* caughtUp(store, projector)
      const months = { vin: "A", event: telemetry(1, new Date(t0 + 300 * day).toISOString()) }
      const late = { vin: "A", event: telemetry(2, new Date(t0).toISOString()) }
      yield* appendAll(store, [months, late])
      yield* caughtUp(store, projector)
      const rows = yield* stored(sql)
      expect(rows.filter(({ bucketMs, vin }) => vin === "A" && bucketMs === minute)).toHaveLength(1)
      expect(rows).toEqual(expected([...early, months, late]))
    }))

  it.live("reads none of a vehicle's rows again while messages come in order", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      const { projector, sql } = yield* openProjector(place, store, { projections: [keyed(history)], batchEvents: 10 })
      const inOrder = (from: number) =>
        Array.from({ length: 200 }, (_, i) => telemetry(1, new Date(t0 + (from + i) * 20_000).toISOString()))
      yield* append(store, streamOf("A"), inOrder(0))
      yield* caughtUp(store, projector)
      // Whatever was read from the table from here on would be found again in what is written.
      yield* sql`UPDATE history SET signals = '{"Vehicle.Speed":[0,-1]}' WHERE bucket_ms = ${minute}`
      yield* append(store, streamOf("A"), inOrder(200))
      yield* caughtUp(store, projector)
      const rows = (yield* stored(sql)).filter(({ bucketMs }) => bucketMs > minute)
      expect(rows.length).toBeGreaterThan(2)
      for (const { signals } of rows) expect(signals["Vehicle.Speed"]?.[5]).toBe(1)
    }))
})
