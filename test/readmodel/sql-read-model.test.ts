import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import { SqlClient, type Statement } from "effect/sql"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { alerts } from "../../projections/alerts.ts"
import { health } from "../../projections/health.ts"
import { day, history, minute } from "../../projections/history.ts"
import { vehicles } from "../../projections/vehicles.ts"
import { beginning } from "../../src/eventstore/position.ts"
import type { ReadModelUnavailable } from "../../src/readmodel/errors.ts"
import { alertConditions, vehicleConditions } from "../../src/readmodel/filters.ts"
import * as FailureOutlook from "../../src/readmodel/failure-outlook.ts"
import * as History from "../../src/readmodel/history.ts"
import * as Keyset from "../../src/readmodel/keyset.ts"
import {
  type AlertFilter,
  ReadModel,
  type RiskFilter,
  type VehicleOrder,
} from "../../src/readmodel/read-model.ts"
import * as Risk from "../../src/readmodel/risk.ts"
import * as RiskSummary from "../../src/readmodel/risk-summary.ts"
import { alertOrder, layer as readModelLayer, vehicleOrder } from "../../src/readmodel/sql-read-model.ts"
import { Table } from "../../src/readmodel/table.ts"
import { layer as sqliteLayer } from "../../src/sql/sqlite-client.ts"
import { plannerContract } from "../contract/read-model-planner.ts"
import { fill, vehicleRow } from "../contract/read-model-rows.ts"
import { readModelContract } from "../contract/read-model.ts"

const database = Layer.unwrap(Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "read-model-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true })),
).pipe(Effect.map((folder) => sqliteLayer({ file: join(folder, "read-model.db"), synchronous: "NORMAL" }))))

readModelContract("SqlReadModel on SQLite", database)
plannerContract("SqlReadModel for planners on SQLite", database)

describe("SqlReadModel on SQLite", () => {
  it.layer(readModelLayer.pipe(Layer.provideMerge(database)), { excludeTestServices: true })((it) => {
    const planOf = Effect.fnUntraced(function*(statement: Statement.Fragment | undefined) {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* sql<{ detail: string }>`EXPLAIN QUERY PLAN ${statement}`
      return rows.map(({ detail }) => detail)
    })

    const vehiclePlan = Effect.fnUntraced(function*(order: VehicleOrder, after: Array<string | number>) {
      const sql = yield* SqlClient.SqlClient
      const page = { limit: 50, backwards: false, after }
      const conditions = vehicleConditions(sql, { online: true })
      return yield* planOf(Keyset.statement(sql, new Table(sql, vehicles), conditions, vehicleOrder(order), page))
    })

    const alertPlan = Effect.fnUntraced(function*(filter: AlertFilter) {
      const sql = yield* SqlClient.SqlClient
      const page = { limit: 50, backwards: false, after: [1, "x"] }
      const conditions = alertConditions(sql, filter)
      return yield* planOf(Keyset.statement(sql, new Table(sql, alerts), conditions, alertOrder({ descending: true }), page))
    })

    it.effect("reads the main lists in the order of an index, from where a page starts, without sorting", () =>
      Effect.gen(function*() {
        yield* fill({})
        const byVin = yield* vehiclePlan({ by: "vin", descending: false }, ["V1"])
        expect(byVin).toEqual([expect.stringMatching(/SEARCH t USING INDEX sqlite_autoindex_vehicles_1 \(vin>\?\)/)])

        for (const [by, index] of [["brand", "brand_vin"], ["lastSeenAt", "last_seen_at_vin"]] as const) {
          for (const descending of [false, true]) {
            const plan = yield* vehiclePlan({ by, descending }, [by === "brand" ? "B1" : 1, "V1"])
            const searches = plan.filter((step) => /(?:SEARCH|SCAN) t\b/.test(step))
            expect(searches).toHaveLength(3)
            for (const step of searches.slice(0, 2)) expect(step).toContain(`USING INDEX vehicles_0_${index} (`)
            // What is sorted is the page, not the table.
            expect(plan.filter((step) => step.includes("TEMP B-TREE"))).toHaveLength(1)
          }
        }
      }))

    it.effect("reads alerts, all, open or a brand's, in the order of an index", () =>
      Effect.gen(function*() {
        yield* fill({})
        const plans = {
          all: yield* alertPlan({}),
          open: yield* alertPlan({ states: ["open"] }),
          brand: yield* alertPlan({ brands: ["BYD"] }),
        }
        expect(plans.all).toEqual([expect.stringContaining("USING INDEX alerts_0_raised_at_id (")])
        expect(plans.open).toEqual([expect.stringContaining("USING INDEX alerts_0_state_raised_at_id (state=?")])
        expect(plans.brand).toEqual([expect.stringContaining("USING INDEX alerts_0_brand_raised_at_id (brand=?")])
      }))

    it.effect("reads risks from indexes, in the list's order or by vehicle, of a large part of the fleet and of a small one", () =>
      Effect.gen(function*() {
        const ofDepot = (depot: string, from: number, to: number) =>
          Array.from({ length: to - from }, (_, i) => vehicleRow(`V${from + i}`, { depot }))
        yield* fill({ vehicles: [...ofDepot("small", 0, 50), ...ofDepot("large", 50, 101)] })
        const sql = yield* SqlClient.SqlClient
        const plans = Effect.fnUntraced(function*(filter: RiskFilter) {
          const after = filter.components === undefined ? [100, "V1"] : [100, "V1", "c"]
          const page = { limit: 20, backwards: false, after }
          const statements = yield* Risk.statements(sql, new Table(sql, health), filter, page)
          return yield* Effect.forEach(statements, planOf)
        })
        const worst = "SEARCH t USING INDEX health_0_worst_priority_vin (worst=? AND (priority,vin)<(?,?))"
        const component = "SEARCH t USING INDEX health_0_component_priority_vin (component=? AND (priority,vin)<(?,?))"
        const vehicle = "SEARCH f EXISTS USING COVERING INDEX vehicles_0_depot_vin (depot=? AND vin=?)"
        expect(yield* plans({})).toEqual([[worst]])
        expect(yield* plans({ minRisk: 5 })).toEqual([[expect.stringContaining("health_0_worst_priority_vin (worst=?")]])
        expect(yield* plans({ depots: ["large"] })).toEqual([[worst, vehicle]])
        expect(yield* plans({ components: ["a", "b"] })).toEqual([[component], [component]])
        expect(yield* plans({ components: ["a"], depots: ["large"] })).toEqual([[component, vehicle]])
        const [[first] = []] = yield* plans({ depots: ["small"] })
        expect(first).toBe("SEARCH t USING INDEX sqlite_autoindex_health_1 (vin=?)")
        const [[one] = []] = yield* plans({ components: ["a"], depots: ["small"] })
        expect(one).toBe("SEARCH t USING INDEX sqlite_autoindex_health_1 (vin=? AND component=?)")

        const outlook = yield* planOf(FailureOutlook.statement(sql, { from: 0, weeks: 8 }, "depot", 1, []))
        expect(outlook.slice(0, 2)).toEqual([
          expect.stringContaining("COVERING INDEX health_0_fails_from_fails_at_fails_to_component_vin (fails_from>? AND"),
          expect.stringContaining("SEARCH g USING INDEX sqlite_autoindex_vehicles_1 (vin=?)"),
        ])
        const [atRisk] = yield* planOf(RiskSummary.atRiskStatement(sql, "depot", "stop", []))
        expect(atRisk).toContain("COVERING INDEX health_0_worst_priority_vin (worst=? AND priority>?)")
        const [open] = yield* planOf(RiskSummary.alertsStatement(sql, "depot", "stop", []))
        expect(open).toContain("USING INDEX alerts_0_state_raised_at_id (state=?)")
      }))

    it.effect("reads history from its key, a range and single rows, and looks at no others", () =>
      Effect.gen(function*() {
        yield* fill({})
        const sql = yield* SqlClient.SqlClient
        const table = new Table(sql, history)
        const key = "SEARCH t USING INDEX sqlite_autoindex_history_1 (vin=? AND bucket_ms=? AND start_at"
        const range = yield* planOf(History.statement(sql, table, ["A", "B"], { bucketMs: day, from: 0, to: 9 * day }))
        const searches = range.filter((step) => /(?:SEARCH|SCAN) [tn]\b/.test(step))
        expect(searches.filter((step) => step.startsWith("SEARCH t"))).toEqual([
          expect.stringContaining(`${key}>? AND start_at<?)`),
          expect.stringContaining(`${key}=?)`),
          expect.stringContaining(`${key}=?)`),
        ])
        const byKey = / USING (?:COVERING )?INDEX sqlite_autoindex_history_1 \(vin=\?/
        for (const step of searches) expect(step).toMatch(byKey)
        const single = yield* planOf(table.byKeys("history", [["A", minute, 0], ["B", day, 0]]))
        const searched = single.filter((step) => /(?:SEARCH|SCAN) t\b/.test(step))
        expect(searched).toEqual([expect.stringContaining(`${key}=?)`)])
      }))
  })

  it.effect("fails with ReadModelUnavailable where the database does", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(readModelLayer.pipe(Layer.provideMerge(database)), scope)
      const readModel = yield* Effect.provide(ReadModel, context)
      const page = { limit: 1, backwards: false }
      const failing: ReadonlyArray<Effect.Effect<unknown, ReadModelUnavailable>> = [
        readModel.vehiclesByVin(["A"]),
        readModel.vehicles({}, { by: "brand", descending: false }, page),
        readModel.countVehicles({}),
        readModel.vehiclesChangedAfter(beginning, { limit: 1 }),
        readModel.healthByVin(["A"]),
        readModel.tripsByVin(["A"], page),
        readModel.countTripsByVin(["A"]),
        readModel.history(["A"], { bucketMs: minute, from: 0, to: minute }),
        readModel.minutesFrom(["A"]),
        readModel.alerts({}, { descending: true }, page),
        readModel.countAlerts({}),
        readModel.alertsById(["x"]),
        readModel.position,
      ]
      const errors = yield* Effect.forEach(failing, (query) => Effect.flip(query))
      expect(new Set(errors.map(({ _tag }) => _tag))).toEqual(new Set(["ReadModelUnavailable"]))

      yield* Effect.provide(fill({}), context)
      expect(yield* readModel.countVehicles({})).toBe(0)
      yield* Scope.close(scope, Exit.void)
      expect((yield* Effect.flip(readModel.countVehicles({})))._tag).toBe("ReadModelUnavailable")
    }))
})
