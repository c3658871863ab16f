/** Rows of the read model's tables, and reading them back in pages. */
import { expect } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { initial } from "../../domain/vehicle/twin.ts"
import { alerts, type AlertRow } from "../../projections/alerts.ts"
import { health, type HealthRow } from "../../projections/health.ts"
import { history, type HistoryRow } from "../../projections/history.ts"
import { trips, type TripRow } from "../../projections/trips.ts"
import { vehicles, type VehicleRow } from "../../projections/vehicles.ts"
import { fromNumber } from "../../src/eventstore/position.ts"
import { keyed, projected } from "../../src/readmodel/projected.ts"
import { type Page, ReadModel, type Slice } from "../../src/readmodel/read-model.ts"
import { Table } from "../../src/readmodel/table.ts"
import * as Tables from "../../src/readmodel/tables.ts"

export const vehicleRow = (vin: string, rest: Partial<VehicleRow> = {}): VehicleRow => ({
  vin,
  brand: null,
  model: null,
  year: null,
  powertrain: null,
  tags: [],
  depot: null,
  region: null,
  online: false,
  reporting: null,
  lastSeenAt: null,
  registeredAt: null,
  revision: 0,
  position: fromNumber(1),
  twin: initial(vin),
  ...rest,
})

export const alertRow = (id: string, rest: Partial<AlertRow> = {}): AlertRow => ({
  vin: "A",
  id,
  brand: null,
  component: "brakes.front",
  state: "open",
  urgency: "service_soon",
  score: 40.5,
  model: "brakes",
  modelVersion: "1",
  summary: "Worn",
  recommendedAction: "Replace the pads",
  evidence: [{ text: "Half as thick as new", events: ["e1"] }],
  confidence: 0.8,
  remaining: null,
  emergency: false,
  occurredAt: null,
  situation: {},
  personal: {},
  raisedAt: 1_700_000_000_000,
  updatedAt: 1_700_000_000_000,
  acknowledgedAt: null,
  acknowledgedBy: null,
  assignedTo: null,
  snoozedUntil: null,
  note: null,
  resolvedAt: null,
  revision: 0,
  position: fromNumber(1),
  ...rest,
})

export const tripRow = (vin: string, startAt: number): TripRow => ({
  vin,
  startAt,
  endAt: startAt + 1,
  distanceKm: 1.5,
  maxSpeed: 50,
  startLatitude: null,
  startLongitude: null,
  startPositionAt: null,
  endLatitude: null,
  endLongitude: null,
  endPositionAt: null,
  startSoc: null,
  startSocAt: null,
  endSoc: null,
  endSocAt: null,
  runs: [],
  position: fromNumber(1),
})

export const healthRow = (vin: string, component: string, rest: Partial<HealthRow> = {}): HealthRow => ({
  vin,
  component,
  score: 90,
  model: component,
  modelVersion: "1",
  risk: 5,
  priority: 5,
  worst: false,
  urgency: "drive_on",
  summary: "Fares well",
  recommendedAction: "Drive on",
  confidence: 0.5,
  evidence: [],
  failsAt: null,
  failsFrom: null,
  failsTo: null,
  computedAt: 1,
  position: fromNumber(1),
  state: { seen: 1 },
  ...rest,
})

/** One speed, at the start of the bucket. */
export const historyRow = (vin: string, bucketMs: number, startAt: number, speed: number): HistoryRow => ({
  vin,
  bucketMs,
  startAt,
  signals: { "Vehicle.Speed": [0, speed] },
})

interface Rows {
  readonly vehicles?: ReadonlyArray<VehicleRow>
  readonly alerts?: ReadonlyArray<AlertRow>
  readonly trips?: ReadonlyArray<TripRow>
  readonly health?: ReadonlyArray<HealthRow>
  readonly history?: ReadonlyArray<HistoryRow>
}

/** Puts these rows, and no others, into the tables. */
export const fill = Effect.fnUntraced(function*(rows: Rows) {
  const sql = yield* SqlClient.SqlClient
  const others = [projected(trips), projected(health), keyed(history)]
  yield* Tables.prepare(sql, [projected(vehicles), projected(alerts), ...others])
  yield* sql.withTransaction(Effect.gen(function*() {
    for (const { name } of [vehicles, alerts, trips, health, history]) yield* sql`DELETE FROM ${sql(name)}`
    yield* new Table(sql, vehicles).upsert("vehicles", rows.vehicles ?? [])
    yield* new Table(sql, alerts).upsert("alerts", rows.alerts ?? [])
    yield* new Table(sql, trips).upsert("trips", rows.trips ?? [])
    yield* new Table(sql, health).upsert("health", rows.health ?? [])
    yield* new Table(sql, history).upsert("history", rows.history ?? [])
  }))
  return yield* ReadModel
})

export const forwards = (limit: number): Page => ({ limit, backwards: false })

/** All pages of a list, one after another, each from where the one before it ended. */
export const walk = Effect.fnUntraced(function*<Row, E>(
  limit: number,
  backwards: boolean,
  read: (page: Page) => Effect.Effect<Slice<Row>, E>,
) {
  const pages: Array<ReadonlyArray<Row>> = []
  let page: Page = { limit, backwards }
  while (true) {
    const slice = yield* read(page)
    pages.push(slice.rows.map(({ row }) => row))
    expect(slice.rows.length).toBeLessThanOrEqual(limit)
    const edge = slice.rows.at(backwards ? 0 : -1)
    if (!slice.hasMore || edge === undefined) return (backwards ? pages.toReversed() : pages).flat()
    expect(slice.rows.length).toBe(limit)
    page = { limit, backwards, [backwards ? "before" : "after"]: edge.key }
  }
})
