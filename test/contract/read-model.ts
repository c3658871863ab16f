/** What the read model promises, over any database. The layer hands out an empty one. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import * as fc from "fast-check"
import { alerts } from "../../projections/alerts.ts"
import { health } from "../../projections/health.ts"
import { type BucketSize, day, history, hour, minute } from "../../projections/history.ts"
import { trips } from "../../projections/trips.ts"
import { vehicles, type VehicleRow } from "../../projections/vehicles.ts"
import { fromNumber, type Position } from "../../src/eventstore/position.ts"
import * as Checkpoints from "../../src/readmodel/checkpoints.ts"
import {
  type Page,
  ReadModel,
  type Slice,
  type VehicleFilter,
  type VehicleOrder,
} from "../../src/readmodel/read-model.ts"
import * as SqlReadModel from "../../src/readmodel/sql-read-model.ts"
import { alertRow, fill, forwards, healthRow, historyRow, tripRow, vehicleRow, walk } from "./read-model-rows.ts"

const vinsOf = (slice: Slice<VehicleRow>) => slice.rows.map(({ row }) => row.vin)
const byVin: VehicleOrder = { by: "vin", descending: false }

const inOrder = (rows: ReadonlyArray<VehicleRow>, { by, descending }: VehicleOrder) => {
  const sign = descending ? -1 : 1
  const compare = (a: string | number, b: string | number) => (a < b ? -sign : a > b ? sign : 0)
  return rows.toSorted((a, b) => {
    const [x, y] = [a[by], b[by]]
    if (x === null && y !== null) return 1
    if (x !== null && y === null) return -1
    return (x === null || y === null ? 0 : compare(x, y)) || compare(a.vin, b.vin)
  })
}

const fleets = fc.uniqueArray(
  fc.record({
    vin: fc.stringMatching(/^[A-F]{1,3}$/),
    brand: fc.constantFrom(null, "Audi", "audi", "BYD", "Škoda"),
    lastSeenAt: fc.constantFrom(null, 1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_500),
    online: fc.boolean(),
  }),
  { selector: ({ vin }) => vin, maxLength: 40 },
)

const orders = fc.record<VehicleOrder>({ by: fc.constantFrom("vin", "brand", "lastSeenAt"), descending: fc.boolean() })
export const readModelContract = <E>(name: string, database: Layer.Layer<SqlClient.SqlClient, E>) =>
  describe(name, () => {
    it.layer(SqlReadModel.layer.pipe(Layer.provideMerge(database)), { excludeTestServices: true })((it) => {
      it.effect("gives a row as it was written, whatever its types", () =>
        Effect.gen(function*() {
          const row = vehicleRow("A", {
            brand: "BYD",
            year: 2025,
            powertrain: "BEV",
            tags: ["a \"quoted\" one", "中"],
            online: true,
            lastSeenAt: 1_700_000_000_123,
            registeredAt: 1,
            revision: 2 ** 40,
            position: fromNumber(255),
          })
          const alert = alertRow("x", {
            acknowledgedBy: "planner",
            note: "",
            remaining: { days: 12.5, low: 3, high: null },
            emergency: true,
            occurredAt: 1_700_000_000_001,
            situation: { "Vehicle.Speed": 88.5 },
            personal: { "Vehicle.CurrentLocation.Latitude": 31.2 },
          })
          const tyres = healthRow("A", "tyres")
          const health = [tyres, { ...healthRow("A", "brakes.front"), confidence: 0 }]
          const readModel = yield* fill({ vehicles: [row, vehicleRow("B")], alerts: [alert], health })
          const found = yield* readModel.vehiclesByVin(["A", "B", "A", "unknown"])
          expect(found).toEqual(new Map([["A", row], ["B", vehicleRow("B")]]))
          expect(yield* readModel.alertsById(["x", "unknown"])).toEqual(new Map([["x", alert]]))
          expect(yield* readModel.healthByVin(["A", "B"])).toEqual(new Map([["A", [tyres]]]))
        }))

      it.effect("lists vehicles by brand with nulls last and ties by VIN, both ways", () =>
        Effect.gen(function*() {
          const readModel = yield* fill({
            vehicles: [
              vehicleRow("C", { brand: "BYD" }),
              vehicleRow("A", { brand: "BYD" }),
              vehicleRow("B"),
              vehicleRow("D"),
              vehicleRow("E", { brand: "Audi" }),
            ],
          })
          const list = (descending: boolean) => readModel.vehicles({}, { by: "brand", descending }, forwards(10))
          expect(vinsOf(yield* list(false))).toEqual(["E", "A", "C", "B", "D"])
          expect(vinsOf(yield* list(true))).toEqual(["C", "A", "E", "D", "B"])
        }))

      it.effect("reads a list in pages of any size, forwards and backwards, without gap or repeat", () =>
        Effect.gen(function*() {
          const context = yield* Effect.context<ReadModel | SqlClient.SqlClient>()
          const property = fc.asyncProperty(
            fleets,
            orders,
            fc.integer({ min: 1, max: 7 }),
            fc.boolean(),
            fc.constantFrom(undefined, true, false),
            (fleet, order, limit, backwards, online) =>
              Effect.runPromiseWith(context)(Effect.gen(function*() {
                const rows = fleet.map(({ vin, ...rest }) => vehicleRow(vin, rest))
                const readModel = yield* fill({ vehicles: rows })
                const filter = online === undefined ? {} : { online }
                const read = yield* walk(limit, backwards, (page) => readModel.vehicles(filter, order, page))
                const expected = inOrder(rows, order).filter((row) => online === undefined || row.online === online)
                expect(read.map(({ vin }) => vin)).toEqual(expected.map(({ vin }) => vin))
                expect(yield* readModel.countVehicles(filter)).toBe(expected.length)
              })),
          )
          yield* Effect.promise(() => fc.assert(property, { numRuns: 60 }))
        }), 60_000)

      it.effect("reads between two bounds", () =>
        Effect.gen(function*() {
          const rows = ["A", "B", "C", "D"].map((vin, i) => vehicleRow(vin, { brand: i < 2 ? "BYD" : null }))
          const readModel = yield* fill({ vehicles: rows })
          const order: VehicleOrder = { by: "brand", descending: false }
          const bounds = { after: ["BYD", "A"], before: [null, "D"] }
          const between = yield* readModel.vehicles({}, order, { limit: 5, backwards: false, ...bounds })
          expect(vinsOf(between)).toEqual(["B", "C"])
          expect(between.hasMore).toBe(false)
          const reversed = { limit: 5, backwards: false, after: [null, "C"], before: ["BYD", "B"] }
          expect(vinsOf(yield* readModel.vehicles({}, order, reversed))).toEqual([])
        }))

      it.effect("filters vehicles by everything at once", () =>
        Effect.gen(function*() {
          const wanted = vehicleRow("A", {
            brand: "BYD",
            model: "Seal",
            tags: ["test", "winter"],
            depot: "Nord",
            region: "Hessen",
            online: true,
            lastSeenAt: 500,
            registeredAt: 1,
          })
          const others: Array<VehicleRow> = [
            { ...wanted, vin: "B", brand: "Audi" },
            { ...wanted, vin: "C", model: "Dolphin" },
            { ...wanted, vin: "D", tags: ["winter"] },
            { ...wanted, vin: "E", online: false },
            { ...wanted, vin: "F", lastSeenAt: 100 },
            { ...wanted, vin: "G", lastSeenAt: 900 },
            { ...wanted, vin: "H", registeredAt: null },
            { ...wanted, vin: "I" },
            { ...wanted, vin: "J", depot: "Süd" },
            { ...wanted, vin: "K", region: null },
          ]
          const readModel = yield* fill({ vehicles: [wanted, ...others] })
          const filter: VehicleFilter = {
            vins: ["A", "B", "C", "D", "E", "F", "G", "H", "J", "K"],
            brands: ["BYD", "Nio"],
            models: ["Seal"],
            tags: ["winter", "test"],
            depots: ["Nord", "West"],
            regions: ["Hessen"],
            online: true,
            registered: true,
            seenAfter: 100,
            seenBefore: 900,
          }
          expect(vinsOf(yield* readModel.vehicles(filter, byVin, forwards(10)))).toEqual(["A"])
          expect(yield* readModel.countVehicles(filter)).toBe(1)
          const keys = Object.keys(filter)
          expect(keys).toHaveLength(10)
          for (const key of keys) {
            const rest = Object.fromEntries(Object.entries(filter).filter(([name]) => name !== key))
            expect([key, yield* readModel.countVehicles(rest)]).toEqual([key, 2])
          }
          expect(yield* readModel.countVehicles({ vins: [] })).toBe(0)
          expect(yield* readModel.countVehicles({ tags: ["' OR 1=1 --"] })).toBe(0)
        }))

      it.effect("finds what changed after a position, oldest change first", () =>
        Effect.gen(function*() {
          const readModel = yield* fill({
            vehicles: ["A", "B", "C", "D"].map((vin, i) => vehicleRow(vin, { position: fromNumber(40 - i * 10) })),
            alerts: ["x", "y"].map((id, i) => alertRow(id, { position: fromNumber(i), component: id })),
          })
          const after = fromNumber(10)
          const changed = (options: { vins?: ReadonlyArray<string>; limit: number }) =>
            Effect.map(readModel.vehiclesChangedAfter(after, options), (rows) => rows.map(({ vin }) => vin))
          expect(yield* changed({ limit: 10 })).toEqual(["C", "B", "A"])
          expect(yield* changed({ limit: 2 })).toEqual(["C", "B"])
          expect(yield* changed({ vins: ["A", "D"], limit: 10 })).toEqual(["A"])
          const alertsAfter = (filter: object) =>
            Effect.map(
              readModel.alertsChangedAfter(fromNumber(0), { filter, limit: 5 }),
              (rows) => rows.map(({ id }) => id),
            )
          expect(yield* alertsAfter({})).toEqual(["y"])
          expect(yield* alertsAfter({ components: ["x"] })).toEqual([])
        }))

      it.effect("gives each vehicle a page of its trips, newest first", () =>
        Effect.gen(function*() {
          const readModel = yield* fill({
            trips: [1, 2, 3, 4].map((n) => tripRow("A", n * 100)).concat([tripRow("B", 250)]),
          })
          const page = (page: Page) =>
            Effect.map(readModel.tripsByVin(["A", "B", "C"], page), (found) =>
              Object.fromEntries([...found].map(([vin, { rows, hasMore }]) =>
                [vin, [rows.map(({ row }) => row.startAt), hasMore]])))
          expect(yield* page(forwards(2))).toEqual({ A: [[400, 300], true], B: [[250], false], C: [[], false] })
          expect(yield* page({ limit: 2, backwards: false, after: [300] }))
            .toEqual({ A: [[200, 100], false], B: [[250], false], C: [[], false] })
          expect(yield* page({ limit: 2, backwards: true, before: [100] }))
            .toEqual({ A: [[300, 200], true], B: [[250], false], C: [[], false] })
          expect(yield* readModel.countTripsByVin(["A", "B", "C"])).toEqual(new Map([["A", 4], ["B", 1], ["C", 0]]))
        }))

      it.effect("gives vehicles' history in the order of time, whole, with what is still open in it", () =>
        Effect.gen(function*() {
          const at = 10 * day + 5 * hour
          const readModel = yield* fill({
            history: [
              // Of yesterday one minute, of today two: the last one, and its hour, are still open.
              historyRow("A", minute, at - day, 10),
              historyRow("A", hour, at - day, 10),
              historyRow("A", day, 9 * day, 10),
              historyRow("A", minute, at, 20),
              historyRow("A", hour, at, 20),
              historyRow("A", minute, at + minute, 30),
              // Of this one all is open.
              historyRow("B", minute, at + 59 * minute, 40),
            ],
          })
          const read = (bucketMs: BucketSize, from: number, to: number) =>
            Effect.map(readModel.history(["A", "B", "A", "C"], { bucketMs, from, to }), (found) =>
              Object.fromEntries([...found].map(([vin, rows]) =>
                [vin, rows.map(({ startAt, signals }) => [startAt, Number(signals["Vehicle.Speed"]?.length) > 2])])))

          expect(yield* read(minute, 0, 20 * day)).toEqual({
            A: [[at - day, false], [at, false], [at + minute, false]],
            B: [[at + 59 * minute, false]],
          })
          expect(yield* read(hour, 0, 20 * day)).toEqual({
            A: [[at - day, false], [at, true]],
            B: [[at, false]],
          })
          expect(yield* read(day, 0, 20 * day)).toEqual({
            A: [[9 * day, false], [10 * day, true]],
            B: [[10 * day, false]],
          })
          // From is within, to is not.
          expect(yield* read(minute, at, at + minute)).toEqual({ A: [[at, false]] })
          expect(yield* read(hour, at - day, at)).toEqual({ A: [[at - day, false]] })
          expect(yield* read(day, 0, 10 * day)).toEqual({ A: [[9 * day, false]] })
          const kept = at - 90 * day
          expect(yield* readModel.minutesFrom(["A", "B", "C"])).toEqual(new Map([["A", kept], ["B", kept]]))
        }))

      it.effect("gives a long history of several vehicles without gap or repeat", () =>
        Effect.gen(function*() {
          const starts = Array.from({ length: 1_700 }, (_, i) => i * minute)
          const vins = ["A", "B", "C"]
          const rows = vins.flatMap((vin) => starts.map((startAt) => historyRow(vin, minute, startAt, 1)))
          const readModel = yield* fill({ history: rows.toReversed() })
          const found = yield* readModel.history(vins, { bucketMs: minute, from: 0, to: 1_700 * minute })
          for (const vin of vins) expect(found.get(vin)?.map(({ startAt }) => startAt)).toEqual(starts)
          const some = yield* readModel.history(vins, { bucketMs: minute, from: minute, to: 4 * minute })
          expect([...some.values()].map((own) => own.length)).toEqual([3, 3, 3])
        }))

      it.effect("stands where what subscribers are told of stands, whichever of it is furthest behind", () =>
        Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          const readModel = yield* fill({})
          const move = (name: string, position: Position) =>
            sql`UPDATE checkpoints SET position = ${position} WHERE name = ${name}`
          for (const { name } of [vehicles, alerts, trips, health, history]) yield* move(name, fromNumber(9))
          yield* move("alerts", fromNumber(5))
          // A new version is being built, and nobody is told of trips.
          yield* move("trips", fromNumber(3))
          const gone = { name: "gone", version: 1, generation: 0, served: true, position: fromNumber(1) }
          const built = { name: "trips", version: 2, generation: 1, served: false, position: fromNumber(2) }
          yield* Effect.forEach([gone, built], (checkpoint) => Checkpoints.add(sql, checkpoint))
          expect(yield* readModel.position).toBe(fromNumber(5))
        }))
    })
  })
