/** `ReadModel` over the tables that the projector writes, which must run, or have run, on the same database. */
import { Effect, Layer } from "effect"
import { SqlClient, type SqlError, type Statement } from "effect/sql"
import { alerts, type AlertRow } from "../../projections/alerts.ts"
import { health, type HealthRow } from "../../projections/health.ts"
import { history } from "../../projections/history.ts"
import { reporting } from "../../projections/reporting.ts"
import { trips, type TripRow } from "../../projections/trips.ts"
import { vehicles, type VehicleRow } from "../../projections/vehicles.ts"
import type { Position } from "../eventstore/position.ts"
import { listed } from "../sql/listed.ts"
import * as Checkpoints from "./checkpoints.ts"
import { ReadModelUnavailable } from "./errors.ts"
import { firstOfEach } from "./first-of-each.ts"
import { alertConditions, vehicleConditions } from "./filters.ts"
import { partOf } from "./fleet-part.ts"
import * as FailureOutlook from "./failure-outlook.ts"
import * as History from "./history.ts"
import * as Keyset from "./keyset.ts"
import * as Reporting from "./reporting.ts"
import * as Risk from "./risk.ts"
import * as RiskSummary from "./risk-summary.ts"
import { type AlertOrder, type ListedAlerts, type Page, ReadModel, type VehicleOrder } from "./read-model.ts"
import { Table } from "./table.ts"

/** By `by`; the tie column keeps the order stable. */
export const vehicleOrder = ({ by, descending }: VehicleOrder): Keyset.Order<VehicleRow> =>
  by === "vin"
    ? { column: "vin", nullable: false, ties: [], descending }
    : { column: by, nullable: true, ties: ["vin"], descending }

export const alertOrder = ({ descending }: AlertOrder): Keyset.Order<AlertRow> => ({
  column: "raisedAt",
  nullable: false,
  ties: ["id"],
  descending,
})

/** Newest first. */
const tripOrder: Keyset.Order<TripRow> = { column: "startAt", nullable: false, ties: [], descending: true }

/** What subscribers are told of: while another table is built, they go on. */
const told = [vehicles.name, alerts.name]

export const layer = Layer.effect(ReadModel, Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const vehicleTable = new Table(sql, vehicles)
  const alertTable = new Table(sql, alerts)
  const tripTable = new Table(sql, trips)
  const healthTable = new Table(sql, health)
  const historyTable = new Table(sql, history)
  const reportingTable = new Table(sql, reporting)

  /** The rows of these vehicles, in one query. */
  const ofVehicles = <Row extends object>(table: Table<Row>, vins: ReadonlyArray<string>) =>
    table.all(sql`
      SELECT ${table.selected}
      FROM ${listed(sql, unique(vins))} JOIN ${sql(table.projection.name)} t ON t.vin = v.value`)

  const alertsOf = ({ depots, regions, ...filter }: ListedAlerts, to: "page" | "all") =>
    Effect.map(
      partOf(sql, { ...(depots && { depots }), ...(regions && { regions }) }),
      (part) => [...alertConditions(sql, filter), ...part[to]],
    )

  const count = (name: string, where: ReturnType<typeof vehicleConditions>) =>
    Effect.map(
      sql`SELECT COUNT(*) FROM ${sql(name)} t WHERE ${sql.and(where)}`.values,
      (rows) => Number(rows[0]?.[0] ?? 0),
    )

  return ReadModel.of({
    vehiclesByVin: (vins) =>
      ofVehicles(vehicleTable, vins).pipe(
        Effect.map((rows) => new Map(rows.map((row) => [row.vin, row]))),
        answering("find vehicles"),
      ),

    vehicles: (filter, order, page) =>
      answering("list vehicles")(
        Keyset.slice(sql, vehicleTable, vehicleConditions(sql, filter), vehicleOrder(order), page),
      ),

    countVehicles: (filter) => answering("count vehicles")(count("vehicles", vehicleConditions(sql, filter))),

    vehiclesChangedAfter: (position, options) =>
      vehicleTable.all(vehiclesAfter(sql, vehicleTable, position, options)).pipe(answering("find changed vehicles")),

    healthByVin: (vins) =>
      ofVehicles(healthTable, vins).pipe(
        Effect.map((rows) => Map.groupBy(rows.filter(isKnown).toSorted(byComponent), (row) => row.vin)),
        answering("find health"),
      ),

    risks: (filter, page) => answering("list risks")(Risk.list(sql, healthTable, filter, page)),

    countRisks: (filter) => answering("count risks")(Risk.count(sql, filter)),

    failureOutlook: (range, by, filter) => answering("look ahead")(FailureOutlook.read(sql, range, by, filter)),

    riskSummary: (by, part) => answering("sum up risks")(RiskSummary.read(sql, by, part)),

    tripsByVin: (vins, page) =>
      tripTable.all(tripsOfEach(sql, tripTable, unique(vins), page)).pipe(
        Effect.map((rows) => {
          const ordered = rows.toSorted((a, b) => page.backwards ? a.startAt - b.startAt : b.startAt - a.startAt)
          const byVin = Map.groupBy(ordered, (row) => row.vin)
          return new Map(vins.map((vin) => [vin, Keyset.toSlice(byVin.get(vin) ?? [], tripOrder, page)]))
        }),
        answering("find trips"),
      ),

    countTripsByVin: (vins) =>
      sql`SELECT t.vin, COUNT(*) FROM ${listed(sql, unique(vins))} JOIN trips t ON t.vin = v.value GROUP BY t.vin`
        .values.pipe(
          Effect.map((rows) => {
            const counted = new Map(rows.map(([vin, trips]) => [`${vin}`, Number(trips)]))
            return new Map(vins.map((vin) => [vin, counted.get(vin) ?? 0]))
          }),
          answering("count trips"),
        ),

    history: (vins, range) => answering("find history")(History.read(sql, historyTable, unique(vins), range)),

    minutesFrom: (vins) => answering("find history")(History.keptFrom(sql, unique(vins))),

    reportingByVin: (vins) =>
      reportingTable.all(firstOfEach(sql, reportingTable, reporting.name, unique(vins), newestDay)).pipe(
        Effect.map((rows) => new Map(rows.map((row) => [row.vin, row]))),
        answering("find how vehicles report"),
      ),

    qualityByVin: (vins, range) =>
      answering("find data quality")(Reporting.countsOf(sql, unique(vins), range)),

    qualityByBrand: (brands, range) =>
      answering("find data quality")(Reporting.countsOfBrands(sql, brands, range)),

    quiet: (quiet, limit) => answering("find quiet vehicles")(Reporting.due(sql, reportingTable, quiet, limit)),

    alerts: (filter, order, page) =>
      alertsOf(filter, "page").pipe(
        Effect.flatMap((where) => Keyset.slice(sql, alertTable, where, alertOrder(order), page)),
        answering("list alerts"),
      ),

    countAlerts: (filter) =>
      alertsOf(filter, "all").pipe(Effect.flatMap((where) => count("alerts", where)), answering("count alerts")),

    alertsById: (ids) =>
      alertTable.all(sql`
        SELECT ${alertTable.selected} FROM ${listed(sql, unique(ids))} JOIN alerts t ON t.id = v.value`).pipe(
        Effect.map((rows) => new Map(rows.map((row) => [row.id, row]))),
        answering("find alerts"),
      ),

    alertsChangedAfter: (position, { filter, limit }) =>
      alertTable.all(sql`
        SELECT ${alertTable.selected} FROM alerts t
        WHERE t.position > ${position} AND ${sql.and(alertConditions(sql, filter))}
        ORDER BY t.position LIMIT ${limit}`).pipe(answering("find changed alerts")),

    position: answering("tell its position")(Checkpoints.lowest(sql, told)),
  })
}))

/** In the order of their last change. */
export const vehiclesAfter = (
  sql: SqlClient.SqlClient,
  table: Table<VehicleRow>,
  position: Position,
  { limit, vins }: { readonly vins?: ReadonlyArray<string>; readonly limit: number },
): Statement.Statement<object> =>
  sql`SELECT ${table.selected} FROM ${sql(vehicles.name)} t
    WHERE t.position > ${position} AND ${sql.and(vehicleConditions(sql, vins === undefined ? {} : { vins }))}
    ORDER BY t.position LIMIT ${limit}`

/** One more than the page's limit of each. */
export const tripsOfEach = (
  sql: SqlClient.SqlClient,
  table: Table<TripRow>,
  vins: ReadonlyArray<string>,
  page: Page,
): Statement.Statement<object> =>
  firstOfEach(sql, table, trips.name, vins, {
    by: "startAt",
    descending: !page.backwards,
    limit: page.limit + 1,
    where: Keyset.within(sql, tripOrder, page),
  })

/** The newest row of each vehicle. */
const newestDay = { by: "day", descending: true, limit: 1 } as const

const unique = (values: ReadonlyArray<string>): ReadonlyArray<string> => [...new Set(values)]

/** At confidence 0 a row only holds what its model has folded so far. */
const isKnown = (row: HealthRow): boolean => row.confidence > 0

const byComponent = (a: { readonly component: string }, b: { readonly component: string }): number =>
  a.component < b.component ? -1 : 1

const answering =
  (operation: string) =>
  <A>(query: Effect.Effect<A, SqlError.SqlError | ReadModelUnavailable>): Effect.Effect<A, ReadModelUnavailable> =>
    Effect.mapError(query, (error) =>
      error._tag === "SqlError" ? new ReadModelUnavailable({ operation, cause: error }) : error)
