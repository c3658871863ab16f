import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient, type Statement } from "effect/sql"
import { alerts } from "../../projections/alerts.ts"
import { health } from "../../projections/health.ts"
import { day, history, minute } from "../../projections/history.ts"
import { trips } from "../../projections/trips.ts"
import { vehicles } from "../../projections/vehicles.ts"
import { fromNumber } from "../../src/eventstore/position.ts"
import { alertConditions, vehicleConditions } from "../../src/readmodel/filters.ts"
import * as FailureOutlook from "../../src/readmodel/failure-outlook.ts"
import * as History from "../../src/readmodel/history.ts"
import * as Keyset from "../../src/readmodel/keyset.ts"
import { allProjected } from "../../src/readmodel/projections.ts"
import type { AlertFilter, VehicleFilter, VehicleOrder } from "../../src/readmodel/read-model.ts"
import * as Risk from "../../src/readmodel/risk.ts"
import {
  alertOrder,
  layer as readModelLayer,
  tripsOfEach,
  vehicleOrder,
  vehiclesAfter,
} from "../../src/readmodel/sql-read-model.ts"
import { Table } from "../../src/readmodel/table.ts"
import * as Tables from "../../src/readmodel/tables.ts"
import { layer as databaseLayer } from "../../src/sql/database.ts"
import { inPostgres } from "../contract/databases.ts"
import { plannerContract } from "../contract/read-model-planner.ts"
import { fill, vehicleRow } from "../contract/read-model-rows.ts"
import { readModelContract } from "../contract/read-model.ts"
import { postgresIsThere } from "../support/postgres.ts"

/** So many rows that PostgreSQL looks for an index, not to be had otherwise; and its statistics. */
const fillMany = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* Tables.prepare(sql, allProjected())
  const text = (number: string) => `lpad((${number})::text, 20, '0')`
  for (const statement of [
    `INSERT INTO vehicles (vin, brand, model, tags, online, last_seen_at, revision, position, twin)
      SELECT 'V' || i, CASE WHEN i % 10 > 0 THEN 'B' || i % 9 END, 'M', '[]', i % 2 = 0,
        CASE WHEN i % 7 > 0 THEN i END, i, ${text("i")}, '{}' FROM generate_series(1, 10000) i`,
    `INSERT INTO alerts (vin, id, brand, component, state, urgency, raised_at, position)
      SELECT 'V' || i % 3000, 'A' || i, 'B' || i % 30, 'c', CASE WHEN i % 20 = 0 THEN 'open' ELSE 'resolved' END,
        'watch', i, ${text("i")} FROM generate_series(1, 10000) i`,
    `INSERT INTO health (vin, component, priority, worst, confidence, fails_from, fails_at, fails_to)
      SELECT 'V' || i / 3, 'c' || i % 3, i % 400, i % 3 = 0, 1, i * 1000, i * 1000, i * 1000 FROM generate_series(1, 30000) i`,
    `INSERT INTO trips (vin, start_at) SELECT 'V' || i % 100, i * 1000 FROM generate_series(1, 20000) i`,
    `INSERT INTO history (vin, bucket_ms, start_at, signals)
      SELECT 'V' || i % 20, ${minute}, i / 20 * ${minute}, '{}' FROM generate_series(1, 20000) i`,
    "ANALYZE",
  ]) yield* sql.unsafe(statement)
})

const planOf = Effect.fnUntraced(function*(statement: Statement.Fragment | undefined) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql`EXPLAIN (COSTS OFF) ${statement}`.values
  return rows.map(([line]) => `${line}`.trim())
})

/** How the tables are read, and by what index. */
const scansIn = (plan: ReadonlyArray<string>) =>
  plan.flatMap((line) => {
    const [, how, where] = /(\w+ \w*) ?Scan(?: Backward)?(?: using| on)? (\w+)(?: on \w+)?/.exec(line) ?? []
    return how === undefined || where === undefined || /^(?:Function|Subquery)/.test(how) ? [] : [where]
  })

describe.skipIf(!postgresIsThere)("the read model in PostgreSQL", () => {
  const newDatabase = inPostgres()
  const database = Layer.unwrap(Effect.map(newDatabase, databaseLayer))

  readModelContract("SqlReadModel on PostgreSQL", database)
  plannerContract("SqlReadModel for planners on PostgreSQL", database)

  it.effect("stores text that PostgreSQL does not take, with a sign for what it does not, and finds it", () =>
    Effect.gen(function*() {
      const readModel = yield* fill({ vehicles: [vehicleRow("A", { brand: "a\u0000b\ud800", tags: ["\u0000"] })] })
      const found = yield* readModel.vehiclesByVin(["A", "\u0000"])
      expect([...found.values()]).toEqual([vehicleRow("A", { brand: "a\uFFFDb\uFFFD", tags: ["\u0000"] })])
      expect(yield* readModel.countVehicles({ brands: ["a\u0000b\ud800"] })).toBe(1)
      expect(yield* readModel.countVehicles({ brands: ["\u0000"] })).toBe(0)
      const after = ["\u0000", "A"]
      const page = { limit: 9, backwards: false, after }
      expect((yield* readModel.vehicles({}, { by: "brand", descending: false }, page)).rows).toEqual([])
    }).pipe(Effect.provide(readModelLayer.pipe(Layer.provideMerge(database)))))

  it.effect("finds vehicles by tags, whatever characters are in them", () =>
    Effect.gen(function*() {
      const tags = ["\u0000", "\ud800", "a \"quoted\" \\ one", "中"]
      const readModel = yield* fill({ vehicles: [vehicleRow("A", { tags }), vehicleRow("B", { tags: ["winter"] })] })
      for (const tag of tags) expect(yield* readModel.countVehicles({ tags: [tag] })).toBe(1)
      expect(yield* readModel.countVehicles({ tags })).toBe(1)
      expect(yield* readModel.countVehicles({ tags: ["winter"] })).toBe(1)
      expect(yield* readModel.countVehicles({ tags: ["winter", "中"] })).toBe(0)
    }).pipe(Effect.provide(readModelLayer.pipe(Layer.provideMerge(database)))))

  const filled = Layer.effectDiscard(fillMany).pipe(Layer.provideMerge(database))
  it.layer(filled, { excludeTestServices: true, timeout: 60_000 })((it) => {
    const vehiclePlan = Effect.fnUntraced(function*(
      filter: VehicleFilter,
      order: VehicleOrder,
      after: ReadonlyArray<string | number>,
    ) {
      const sql = yield* SqlClient.SqlClient
      const page = { limit: 50, backwards: false, after }
      const conditions = vehicleConditions(sql, filter)
      return yield* planOf(Keyset.statement(sql, new Table(sql, vehicles), conditions, vehicleOrder(order), page))
    })

    const alertPlan = Effect.fnUntraced(function*(filter: AlertFilter) {
      const sql = yield* SqlClient.SqlClient
      const page = { limit: 50, backwards: false, after: [5_000, "x"] }
      return yield* planOf(Keyset.statement(sql, new Table(sql, alerts), alertConditions(sql, filter), alertOrder({ descending: true }), page))
    })

    it.effect("reads its queries' rows from indexes, in their order, where there are many", () =>
      Effect.gen(function*() {
        const byVin = yield* vehiclePlan({ online: true }, { by: "vin", descending: false }, ["V1"])
        expect(byVin).toContain("Index Cond: (vin > 'V1'::text)")
        const ofBrand = yield* vehiclePlan({ brands: ["B1"] }, { by: "vin", descending: false }, ["V1"])
        expect(ofBrand).toContain("Index Cond: ((brand = 'B1'::text) AND (vin > 'V1'::text))")
        for (const plan of [byVin, ofBrand]) expect(plan.join("\n")).not.toContain("Sort")

        for (const [by, index] of [["brand", "brand_vin"], ["lastSeenAt", "last_seen_at_vin"]] as const) {
          for (const descending of [false, true]) {
            const plan = yield* vehiclePlan({ online: true }, { by, descending }, [by === "brand" ? "B1" : 5_000, "V1"])
            expect(scansIn(plan)).toEqual([`vehicles_0_${index}`, `vehicles_0_${index}`])
            // What is sorted are the pages of the two parts, not the table.
            expect(plan.slice(0, 4)).toEqual(["Limit", "->  Sort", expect.stringContaining("p.part"), "->  Append"])
            expect(plan.filter((line) => line.endsWith("Sort"))).toHaveLength(1)
          }
        }
      }))

    it.effect("reads alerts, all, open or a brand's, in the order of an index", () =>
      Effect.gen(function*() {
        const plans = [yield* alertPlan({}), yield* alertPlan({ states: ["open"] }), yield* alertPlan({ brands: ["B1"] })]
        expect(plans.map(scansIn)).toEqual([
          ["alerts_0_raised_at_id"],
          ["alerts_0_state_raised_at_id"],
          ["alerts_0_brand_raised_at_id"],
        ])
        for (const plan of plans) expect(plan.join("\n")).not.toContain("Sort")
      }))

    it.effect("reads risks from indexes, in the list's order, and failures ahead within their range", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const page = { limit: 20, backwards: false, after: [300, "V1"] }
        for (const filter of [{}, { urgencies: ["service_soon"] as const }, { brands: ["B1"] }]) {
          const [worst] = yield* Risk.statements(sql, new Table(sql, health), filter, page)
          const plan = yield* planOf(worst)
          expect(scansIn(plan)[0]).toBe("health_0_worst_priority_vin")
          expect(plan.join("\n")).not.toContain("Sort")
        }
        const components = { components: ["c1"] }
        const [one] = yield* Risk.statements(sql, new Table(sql, health), components, { ...page, after: [300, "V1", "c"] })
        expect(scansIn(yield* planOf(one))).toEqual(["health_0_component_priority_vin"])
        const outlook = yield* planOf(FailureOutlook.statement(sql, { from: 500_000, weeks: 8 }, "component", 0, []))
        expect(scansIn(outlook)).toContain("health_0_fails_from_fails_at_fails_to_component_vin")
        expect(outlook.join("\n")).not.toContain("Seq Scan")
      }))

    it.effect("reads what has changed after a position in the order of change", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const plan = yield* planOf(vehiclesAfter(sql, new Table(sql, vehicles), fromNumber(9_000), { limit: 100 }))
        expect(scansIn(plan)).toEqual(["vehicles_0_position"])
        expect(plan.join("\n")).not.toContain("Sort")
      }))

    it.effect("reads trips and history from their keys, each vehicle's range, and no other rows", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const page = { limit: 20, backwards: false, after: [50_000] }
        const ofTrips = yield* planOf(tripsOfEach(sql, new Table(sql, trips), ["V1", "V2"], page))
        expect(scansIn(ofTrips)).toEqual(["trips_pkey"])
        expect(ofTrips).toContain("Index Cond: ((vin = v.value) AND (start_at < 50000))")
        expect(ofTrips.join("\n")).not.toContain("SubPlan")

        const table = new Table(sql, history)
        const ofDays = yield* planOf(History.statement(sql, table, ["V1", "V2"], { bucketMs: day, from: 0, to: 9 * day }))
        const scans = scansIn(ofDays)
        expect(scans.length).toBeGreaterThan(3)
        expect(new Set(scans)).toEqual(new Set(["history_pkey"]))
        const single = yield* planOf(table.byKeys("history", [["V1", minute, 0], ["V2", day, 0]]))
        expect(scansIn(single)).toEqual(["history_pkey"])
        expect(single).toContain(
          "Index Cond: ((vin = (v.vin)::text) AND (bucket_ms = v.bucket_ms) AND (start_at = v.start_at))",
        )
      }))
  })
})
