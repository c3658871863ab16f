/** What the read model promises a planner: alerts, risks, what fails next. Over any database, as `read-model.ts`. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { SqlClient } from "effect/sql"
import { day } from "../../projections/history.ts"
import type { FailureOutlook, ListedAlerts, RiskFilter, RiskSummary } from "../../src/readmodel/read-model.ts"
import * as SqlReadModel from "../../src/readmodel/sql-read-model.ts"
import { alertRow, fill, forwards, healthRow, vehicleRow, walk } from "./read-model-rows.ts"

export const plannerContract = <E>(name: string, database: Layer.Layer<SqlClient.SqlClient, E>) =>
  describe(name, () => {
    it.layer(SqlReadModel.layer.pipe(Layer.provideMerge(database)), { excludeTestServices: true })((it) => {
      it.effect("lists alerts newest first, filtered, in pages", () =>
        Effect.gen(function*() {
          const rows = Array.from({ length: 9 }, (_, i) =>
            alertRow(`a${i}`, {
              vin: i % 2 === 0 ? "A" : "B",
              raisedAt: 1_000 + Math.floor(i / 3),
              state: i < 6 ? "open" : "resolved",
              urgency: i === 0 ? "stop" : "drive_on",
            }))
          const readModel = yield* fill({ alerts: rows })
          const read = (filter: object, backwards: boolean) =>
            Effect.map(
              walk(2, backwards, (page) => readModel.alerts(filter, { descending: true }, page)),
              (rows) => rows.map(({ id }) => id),
            )
          const all = ["a8", "a7", "a6", "a5", "a4", "a3", "a2", "a1", "a0"]
          expect(yield* read({}, false)).toEqual(all)
          expect(yield* read({}, true)).toEqual(all)
          expect(yield* read({ states: ["open"] }, false)).toEqual(all.slice(3))
          expect(yield* read({ states: ["open", "resolved"], vins: ["B"] }, false)).toEqual(["a7", "a5", "a3", "a1"])
          expect(yield* read({ urgencies: ["stop"], brands: ["BYD"] }, false)).toEqual([])
          expect(yield* readModel.countAlerts({ urgencies: ["drive_on"] })).toBe(8)
          const oldestFirst = yield* walk(4, false, (page) => readModel.alerts({}, { descending: false }, page))
          expect(oldestFirst.map(({ id }) => id)).toEqual(all.toReversed())
        }))

      it.effect("finds alerts by whose they are, and by whether they are snoozed at a time", () =>
        Effect.gen(function*() {
          const readModel = yield* fill({
            alerts: [
              alertRow("ada", { assignedTo: "Ada" }),
              alertRow("bob", { assignedTo: "Bob", snoozedUntil: 2_000 }),
              alertRow("nobody", { snoozedUntil: 1_000 }),
            ],
          })
          const found = (filter: object) =>
            Effect.map(
              readModel.alerts(filter, { descending: false }, forwards(10)),
              ({ rows }) => rows.map(({ row }) => row.id),
            )
          expect(yield* found({ assignedTo: ["Bob"] })).toEqual(["bob"])
          expect(yield* found({ assigned: true })).toEqual(["ada", "bob"])
          expect(yield* found({ assigned: false })).toEqual(["nobody"])
          expect(yield* found({ snoozed: { is: true, at: 999 } })).toEqual(["bob", "nobody"])
          expect(yield* found({ snoozed: { is: true, at: 1_000 } })).toEqual(["bob"])
          expect(yield* found({ snoozed: { is: false, at: 1_000 } })).toEqual(["ada", "nobody"])
        }))

      it.effect("lists vehicles by urgency, then risk, in pages, of a part of the fleet", () =>
        Effect.gen(function*() {
          const urgencies = ["stop", "service_soon", "drive_on"] as const
          // Of 1,200 vehicles 40 are of depot Nord, which is few, and the others of Süd, which is many.
          const numbers = Array.from({ length: 1_200 }, (_, i) => i)
          const vinOf = (i: number) => `V${String(i).padStart(4, "0")}`
          const readModel = yield* fill({
            vehicles: numbers.map((i) => vehicleRow(vinOf(i), { depot: i % 30 === 0 ? "Nord" : "Süd", brand: "BYD" })),
            health: numbers.flatMap((i) => {
              const level = i % 100 < 3 ? 3 - i % 100 : 0
              const risk = 1 + (i * 37) % 100
              const urgency = urgencies[3 - level] ?? "drive_on"
              return [
                healthRow(vinOf(i), "motor", { worst: true, priority: level * 100 + risk, risk, urgency }),
                healthRow(vinOf(i), "tyres", { priority: risk / 2, risk: risk / 2 }),
                healthRow(vinOf(i), "engine", { priority: 0, risk: 0, confidence: 0 }),
              ]
            }),
          })
          const priority = (i: number) => (i % 100 < 3 ? 300 - 100 * (i % 100) : 0) + 1 + (i * 37) % 100
          const sorted = (which: (i: number) => boolean) =>
            numbers.filter(which).toSorted((a, b) => priority(b) - priority(a) || b - a).map(vinOf)
          const read = (filter: RiskFilter, limit: number, backwards = false) =>
            Effect.map(walk(limit, backwards, (page) => readModel.risks(filter, page)), (rows) => rows.map(({ vin }) => vin))

          expect(yield* read({}, 101)).toEqual(sorted(() => true))
          for (const [depot, isThere] of [["Nord", true], ["Süd", false]] as const) {
            const expected = sorted((i) => (i % 30 === 0) === isThere)
            for (const backwards of [true, false]) {
              expect(yield* read({ depots: [depot] }, 77, backwards)).toEqual(expected)
            }
            expect(yield* readModel.countRisks({ depots: [depot] })).toBe(expected.length)
          }
          expect(yield* read({ vins: ["V0001", "V0002", "V9999"] }, 5)).toEqual(["V0001", "V0002"])
          expect(yield* read({ brands: ["BYD"], regions: ["Hessen"] }, 5)).toEqual([])
          const pressing = sorted((i) => i % 100 < 2)
          expect(yield* read({ urgencies: ["stop", "service_soon"] }, 5)).toEqual(pressing)
          expect(yield* read({ urgencies: ["stop"] }, 5)).toEqual(sorted((i) => i % 100 === 0))
          expect(yield* read({ urgencies: ["service_soon"] }, 5)).toEqual(sorted((i) => i % 100 === 1))
          expect(yield* readModel.countRisks({ urgencies: ["drive_on"] })).toBe(1_200 - pressing.length)
          expect(yield* readModel.countRisks({ urgencies: ["drive_on", "stop"] })).toBe(1_188)
          expect(yield* readModel.countRisks({ urgencies: [] })).toBe(0)
          expect(yield* read({ minRisk: 90 }, 50)).toEqual(sorted((i) => 1 + (i * 37) % 100 >= 90))

          const components = (filter: RiskFilter, backwards: boolean) =>
            Effect.map(walk(13, backwards, (page) => readModel.risks(filter, page)), (rows) =>
              rows.map(({ component, priority, vin }) => ({ component, priority, vin })))
          const few = { vins: numbers.slice(0, 40).map(vinOf), components: ["motor", "tyres", "engine", "motor"] }
          const both = yield* components(few, false)
          expect(both).toEqual(
            both.toSorted((a, b) =>
              b.priority - a.priority || (a.vin < b.vin ? 1 : a.vin > b.vin ? -1 : a.component < b.component ? 1 : -1)),
          )
          expect(new Set(both.map(({ component, vin }) => `${vin} ${component}`)).size).toBe(80)
          expect(yield* components(few, true)).toEqual(both)
          expect(yield* readModel.countRisks(few)).toBe(80)
        }))

      it.effect("looks ahead, by what is known of the vehicle and by component", () =>
        Effect.gen(function*() {
          const from = 1_700_000_000_123
          const week = 7 * day
          const fails = (vin: string, component: string, at: number, low: number, high: number | null) =>
            healthRow(vin, component, {
              failsAt: Math.round(from + at * week),
              failsFrom: Math.round(from + low * week),
              failsTo: high === null ? null : Math.round(from + high * week),
            })
          const readModel = yield* fill({
            vehicles: [vehicleRow("A", { depot: "Nord" }), vehicleRow("B", { depot: "Süd" }), vehicleRow("C")],
            health: [
              fails("A", "motor", -0.1, -1, 0.99),
              fails("A", "tyres", 1, 0, 2),
              fails("B", "tyres", 1.5, 0.5, null),
              fails("C", "tyres", 2.5, 1.999, 30),
              // Too far off, and without any telling.
              fails("C", "motor", 9, 3, 30),
              healthRow("C", "engine"),
            ],
          })
          const range = { from, weeks: 3 }
          const byGroup = (groups: ReadonlyArray<FailureOutlook>) =>
            Object.fromEntries(groups.map(({ beginning, ending, expected, group }) => [`${group}`, { expected, beginning, ending }]))
          expect(byGroup(yield* readModel.failureOutlook(range, "component", {}))).toEqual({
            motor: { expected: [1, 0, 0, 0], beginning: [1, 0, 0, 0], ending: [0, 1, 0, 0] },
            tyres: { expected: [0, 0, 2, 1], beginning: [0, 2, 1, 0], ending: [0, 0, 0, 1] },
          })
          expect(byGroup(yield* readModel.failureOutlook(range, "depot", { components: ["tyres"] }))).toEqual({
            Nord: { expected: [0, 0, 1, 0], beginning: [0, 1, 0, 0], ending: [0, 0, 0, 1] },
            Süd: { expected: [0, 0, 1, 0], beginning: [0, 1, 0, 0], ending: [0, 0, 0, 0] },
            null: { expected: [0, 0, 0, 1], beginning: [0, 0, 1, 0], ending: [0, 0, 0, 0] },
          })
          const inSouth = yield* readModel.failureOutlook(range, "component", { depots: ["Süd"] })
          expect(inSouth.map(({ group }) => group)).toEqual(["tyres"])
        }))

      it.effect("lists the alerts of a depot or region", () =>
        Effect.gen(function*() {
          const readModel = yield* fill({
            vehicles: [
              vehicleRow("A", { depot: "Nord", region: "Hessen" }),
              vehicleRow("B", { depot: "Nord" }),
              ...Array.from({ length: 60 }, (_, i) => vehicleRow(`C${i}`, { depot: "Süd", region: "Hessen" })),
            ],
            alerts: ["A", "B", "C7", "D"].map((vin) => alertRow(vin, { vin, component: vin })),
          })
          const ids = Effect.fnUntraced(function*(filter: ListedAlerts) {
            const { rows } = yield* readModel.alerts(filter, { descending: false }, forwards(10))
            expect(yield* readModel.countAlerts(filter)).toBe(rows.length)
            return rows.map(({ row }) => row.id)
          })
          expect(yield* ids({ depots: ["Nord"] })).toEqual(["A", "B"])
          expect(yield* ids({ depots: ["Süd"] })).toEqual(["C7"])
          expect(yield* ids({ regions: ["Hessen"], components: ["A", "B"] })).toEqual(["A"])
          expect(yield* ids({ depots: [] })).toEqual([])
        }))

      it.effect("sums up risks and alerts, by what is known of the vehicle and by component", () =>
        Effect.gen(function*() {
          const readModel = yield* fill({
            vehicles: [
              vehicleRow("A", { depot: "Nord", region: "Hessen" }),
              vehicleRow("B", { depot: "Nord", region: "Hessen" }),
              vehicleRow("C", { depot: "Süd" }),
              vehicleRow("D"),
            ],
            health: [
              healthRow("A", "vehicle", { worst: true, priority: 350 }),
              healthRow("A", "tyres", { priority: 250 }),
              healthRow("B", "vehicle", { worst: true, priority: 150 }),
              healthRow("C", "vehicle", { worst: true, priority: 200.5 }),
              healthRow("D", "vehicle", { worst: true, priority: 100 }),
            ],
            alerts: [
              alertRow("x", { vin: "A", urgency: "stop", component: "vehicle" }),
              alertRow("y", { vin: "C", urgency: "drive_on", state: "acknowledged", component: "tyres" }),
              alertRow("z", { vin: "C", urgency: "stop", state: "resolved" }),
            ],
          })
          const none = { drive_on: 0, service_soon: 0, stop: 0 }
          const nord = { group: "Nord", vehicles: 2, atRisk: { ...none, stop: 1, drive_on: 1 }, alerts: { ...none, stop: 1 } }
          const byName = (groups: ReadonlyArray<RiskSummary>) => groups.toSorted((a, b) => `${a.group}` < `${b.group}` ? -1 : 1)
          expect(byName(yield* readModel.riskSummary("depot", {}))).toEqual([
            nord,
            { group: "Süd", vehicles: 1, atRisk: { ...none, service_soon: 1 }, alerts: { ...none, drive_on: 1 } },
            { group: null, vehicles: 1, atRisk: none, alerts: none },
          ])
          expect(yield* readModel.riskSummary("depot", { regions: ["Hessen"] })).toEqual([nord])
          expect(byName(yield* readModel.riskSummary("component", {}))).toMatchObject([
            { group: "tyres", vehicles: null, alerts: { ...none, drive_on: 1 } },
            { group: "vehicle", atRisk: { stop: 1, service_soon: 1, drive_on: 1 }, alerts: { ...none, stop: 1 } },
          ])
        }))
    })
  })
