import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as fc from "fast-check"
import type { Projection } from "../../projections/projection.ts"
import { alerts } from "../../projections/alerts.ts"
import { trips } from "../../projections/trips.ts"
import { vehicles } from "../../projections/vehicles.ts"
import * as Checkpoints from "../../src/readmodel/checkpoints.ts"
import { projected } from "../../src/readmodel/projected.ts"
import {
  append,
  caughtUp,
  counts,
  type CountRow,
  dump,
  newFolder,
  numbers,
  openLog,
  openProjector,
  openSql,
  raised,
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

const appendRound = (store: Parameters<typeof append>[0]) =>
  Effect.forEach(vins, (vin) => append(store, `vehicle-${vin}`, [telemetry(1), telemetry(2)]), {
    concurrency: "unbounded",
    discard: true,
  })

describe("rebuild", () => {
  it.live("serves the old table, whole, until a new version takes its place", () =>
    Effect.gen(function*() {
      const folder = yield* newFolder
      const store = yield* openLog(folder)
      for (let i = 0; i < 10; i++) yield* appendRound(store)
      yield* Effect.scoped(Effect.gen(function*() {
        const { projector } = yield* openProjector(folder, store)
        yield* caughtUp(store, projector)
      }))

      const reader = yield* openSql(folder)
      const seen = new Set<string>()
      const look = reader`SELECT COUNT(*) AS vehicles, MIN(speeds) AS low, MAX(speeds) AS high FROM counts`
      const watching = yield* look.pipe(
        Effect.map(([row]) => void seen.add(JSON.stringify(row))),
        Effect.andThen(Effect.sleep("1 millis")),
        Effect.forever,
        Effect.forkChild({ startImmediately: true }),
      )
      const { projector, sql } = yield* openProjector(folder, store, {
        projections: [projected(multiplied(2, 7))],
        batchEvents: 30,
      })
      expect((yield* projector.status).projections).toContainEqual(
        expect.objectContaining({ name: "counts", state: "building" }),
      )
      // The log goes on meanwhile.
      for (let i = 0; i < 5; i++) yield* appendRound(store)
      yield* caughtUp(store, projector)
      yield* Effect.sleep("20 millis")
      yield* Fiber.interrupt(watching)

      expect([...seen]).toEqual([
        JSON.stringify({ vehicles: 50, low: 30, high: 30 }),
        JSON.stringify({ vehicles: 50, low: 7, high: 7 }),
      ])
      yield* appendRound(store)
      yield* caughtUp(store, projector)
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 7 * 2 * 16 }])
      expect((yield* Checkpoints.list(sql)).filter(({ name }) => name === "counts"))
        .toEqual([expect.objectContaining({ version: 2, served: true })])
      const tables = yield* sql<{ name: string }>`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`
      expect(tables.map(({ name }) => name)).toEqual(["alerts", "checkpoints", "counts", "vehicles"])
    }))

  it.live("builds a projection that is new to a database, which has no rows until it is complete", () =>
    Effect.gen(function*() {
      const folder = yield* newFolder
      const store = yield* openLog(folder)
      for (let i = 0; i < 5; i++) yield* appendRound(store)
      yield* Effect.scoped(Effect.gen(function*() {
        const { projector } = yield* openProjector(folder, store, { projections: [] })
        yield* caughtUp(store, projector)
      }))
      const { projector, sql } = yield* openProjector(folder, store, { batchEvents: 30 })
      expect(yield* sql`SELECT COUNT(*) AS n FROM counts`).toEqual([{ n: 0 }])
      yield* caughtUp(store, projector)
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 10 }])
    }))

  it.live("serves the old table, whole, where it is asked for before the projector is at work", () =>
    Effect.gen(function*() {
      const folder = yield* newFolder
      const store = yield* openLog(folder)
      yield* appendRound(store)
      yield* Effect.scoped(Effect.gen(function*() {
        const { projector } = yield* openProjector(folder, store)
        yield* caughtUp(store, projector)
      }))
      const { projector, sql } = yield* openProjector(folder, store)
      yield* projector.rebuild("counts")
      expect(yield* sql`SELECT COUNT(*) AS n FROM counts`).toEqual([{ n: 50 }])
    }))

  it.live("goes on with a build after a restart", () =>
    Effect.gen(function*() {
      const folder = yield* newFolder
      const store = yield* openLog(folder)
      for (let i = 0; i < 10; i++) yield* appendRound(store)
      yield* Effect.scoped(Effect.gen(function*() {
        const { projector } = yield* openProjector(folder, store)
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
        const { sql } = yield* openProjector(folder, store, setup)
        yield* Checkpoints.list(sql).pipe(
          Effect.repeat({ until: (all) => all.some((one) => !one.served && one.position > "0000000000000100") }),
        )
      }))
      const before = folded
      const { projector, sql } = yield* openProjector(folder, store, setup)
      yield* caughtUp(store, projector)
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 140 }])
      expect(folded - before).toBeLessThan(1_000)
    }))

  it.live("leaves the table of a newer service alone, which then goes on from where it was", () =>
    Effect.gen(function*() {
      const folder = yield* newFolder
      const store = yield* openLog(folder)
      yield* appendRound(store)
      const both = projected({ ...counts, name: "both" })
      const newer = { projections: [projected(multiplied(2, 7)), both] }
      const older = { projections: [projected(counts), both] }
      yield* Effect.scoped(Effect.gen(function*() {
        const { projector } = yield* openProjector(folder, store, newer)
        yield* caughtUp(store, projector)
      }))
      yield* appendRound(store)
      yield* Effect.scoped(Effect.gen(function*() {
        const { projector, sql } = yield* openProjector(folder, store, older)
        yield* caughtUp(store, projector)
        expect((yield* projector.status).projections).toContainEqual(
          expect.objectContaining({ name: "counts", version: 2, state: "newer" }),
        )
        expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 14 }])
        expect(yield* sql`SELECT DISTINCT messages FROM both`).toEqual([{ messages: 4 }])
      }))
      const { projector, sql } = yield* openProjector(folder, store, newer)
      yield* appendRound(store)
      yield* caughtUp(store, projector)
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 42 }])
      expect(yield* sql`SELECT DISTINCT messages FROM both`).toEqual([{ messages: 6 }])
    }))

  it.live("repairs a table on request, and refuses one that does not exist", () =>
    Effect.gen(function*() {
      const folder = yield* newFolder
      const store = yield* openLog(folder)
      for (let i = 0; i < 5; i++) yield* appendRound(store)
      const { projector, sql } = yield* openProjector(folder, store, { batchEvents: 30 })
      yield* caughtUp(store, projector)
      yield* sql`UPDATE counts SET messages = 0`
      yield* Effect.all([projector.rebuild("counts"), projector.rebuild("counts")], { concurrency: 2 })
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 10 }])
      yield* projector.rebuild("counts")
      yield* appendRound(store)
      yield* caughtUp(store, projector)
      expect(yield* sql`SELECT DISTINCT messages FROM counts`).toEqual([{ messages: 12 }])
      expect((yield* Effect.flip(projector.rebuild("nothing"))).message).toContain("counts")
    }))

  it.live("gives the rows that the live run gave, whatever the batches and the caches were", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(histories, fc.integer({ min: 1, max: 9 }), (history, batchEvents) =>
          Effect.runPromise(Effect.scoped(liveAndRebuilt(history, batchEvents)))),
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
const tables = [vehicles, alerts, counts, numbers, trips].map(({ name }) => name)

const liveAndRebuilt = Effect.fnUntraced(function*(history: ReadonlyArray<Step>, batchEvents: number) {
  const folder = yield* newFolder
  const store = yield* openLog(folder)
  const live = yield* openProjector(folder, store, { projections: all, batchEvents, cachedVehicles: 1 })
  for (const [i, { vin, speed, minute, alert }] of history.entries()) {
    const at = `2026-03-02T08:${String(minute).padStart(2, "0")}:00.000Z`
    yield* append(store, `vehicle-${vin}`, [telemetry(speed, at)])
    if (alert === "raised") yield* append(store, `maintenance-${vin}`, [raised(`alert-${i % 5}`)])
    if (alert === "resolved") yield* append(store, `maintenance-${vin}`, [resolved(`alert-${i % 5}`)])
  }
  yield* caughtUp(store, live.projector)
  const rows = yield* Effect.forEach(tables, (table) => dump(live.sql, table))

  const elsewhere = yield* newFolder
  const atOnce = yield* openProjector(elsewhere, store, { projections: all })
  yield* caughtUp(store, atOnce.projector)
  expect(yield* Effect.forEach(tables, (table) => dump(atOnce.sql, table))).toEqual(rows)

  for (const table of tables) yield* live.projector.rebuild(table)
  expect(yield* Effect.forEach(tables, (table) => dump(live.sql, table))).toEqual(rows)
})
