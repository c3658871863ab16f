/**
 * Reads of many keys as one, so that a field below a list costs one query. Nothing is cached: a subscription's loaders
 * live as long as the subscription.
 */
import DataLoader from "dataloader"
import { Effect } from "effect"
import type { AlertRow } from "../../projections/alerts.ts"
import type { HealthRow } from "../../projections/health.ts"
import { type Counts, nothing, type ReportingRow } from "../../projections/reporting.ts"
import type { TripRow } from "../../projections/trips.ts"
import type { VehicleRow } from "../../projections/vehicles.ts"
import type { ReadModelUnavailable } from "../readmodel/errors.ts"
import { type DayRange, type Page, ReadModel, type Slice } from "../readmodel/read-model.ts"
import { histories, type HistoryKey, type SignalHistory } from "./histories.ts"

type Run = <A, E>(effect: Effect.Effect<A, E, ReadModel>) => Promise<A>

export interface TripsKey {
  readonly vin: string
  readonly page: Page
}

export interface QualityKey {
  readonly vin: string
  readonly range: DayRange
}

export interface Loaders {
  readonly vehicle: DataLoader<string, VehicleRow | undefined>
  readonly health: DataLoader<string, ReadonlyArray<HealthRow>>
  /** Not resolved, newest first. */
  readonly alerts: DataLoader<string, ReadonlyArray<AlertRow>>
  readonly alert: DataLoader<string, AlertRow | undefined>
  readonly trips: DataLoader<TripsKey, Slice<TripRow>>
  readonly tripCount: DataLoader<string, number>
  readonly reporting: DataLoader<string, ReportingRow | undefined>
  readonly quality: DataLoader<QualityKey, Counts>
  readonly history: DataLoader<HistoryKey, ReadonlyArray<SignalHistory>>
}

export const make = (run: Run): Loaders => ({
  vehicle: byKey(run, (vins) => ReadModel.use((_) => _.vehiclesByVin(vins)), undefined),
  health: byKey(run, (vins) => ReadModel.use((_) => _.healthByVin(vins)), []),
  alerts: byKey(run, openAlerts, []),
  alert: byKey(run, (ids) => ReadModel.use((_) => _.alertsById(ids)), undefined),
  trips: new DataLoader((keys) => run(trips(keys)), { cache: false }),
  tripCount: byKey(run, (vins) => ReadModel.use((_) => _.countTripsByVin(vins)), 0),
  reporting: byKey(run, (vins) => ReadModel.use((_) => _.reportingByVin(vins)), undefined),
  quality: new DataLoader((keys) => run(qualities(keys)), { cache: false }),
  history: new DataLoader((keys) => run(histories(keys)), { cache: false }),
})

const byKey = <A, Default>(
  run: Run,
  read: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, A>, ReadModelUnavailable, ReadModel>,
  otherwise: Default,
): DataLoader<string, A | Default> =>
  new DataLoader(
    async (keys) => {
      const found = await run(read([...new Set(keys)]))
      return keys.map((key) => found.get(key) ?? otherwise)
    },
    { cache: false },
  )

/** More open alerts than a vehicle has components are not to be expected: one page takes them all. */
const alertsPage = 1_000

const openAlerts = Effect.fnUntraced(function*(vins: ReadonlyArray<string>) {
  const readModel = yield* ReadModel
  const byVin = new Map<string, Array<AlertRow>>()
  let after: Page["after"]
  do {
    const slice: Slice<AlertRow> = yield* readModel.alerts(
      { vins, states: ["open", "acknowledged"] },
      { descending: true },
      { limit: alertsPage, backwards: false, ...(after && { after }) },
    )
    for (const { row } of slice.rows) {
      const rows = byVin.get(row.vin)
      if (rows === undefined) byVin.set(row.vin, [row])
      else rows.push(row)
    }
    after = slice.hasMore ? slice.rows.at(-1)?.key : undefined
  } while (after !== undefined)
  return byVin
})

/** A query has one or two pages of trips, each for many vehicles. */
const trips = Effect.fnUntraced(function*(keys: ReadonlyArray<TripsKey>) {
  const readModel = yield* ReadModel
  const byPage = Map.groupBy(keys, ({ page }) => JSON.stringify(page))
  const slices = new Map<TripsKey, Slice<TripRow>>()
  for (const group of byPage.values()) {
    const page = group[0]?.page
    if (page === undefined) continue
    const found = yield* readModel.tripsByVin([...new Set(group.map(({ vin }) => vin))], page)
    for (const key of group) slices.set(key, found.get(key.vin) ?? { rows: [], hasMore: false })
  }
  return keys.map((key) => slices.get(key) ?? { rows: [], hasMore: false })
})

const qualities = Effect.fnUntraced(function*(keys: ReadonlyArray<QualityKey>) {
  const readModel = yield* ReadModel
  const byRange = Map.groupBy(keys, ({ range: { from, to } }) => `${from} ${to}`)
  const counted = new Map<QualityKey, Counts>()
  for (const group of byRange.values()) {
    const range = group[0]?.range
    if (range === undefined) continue
    const found = yield* readModel.qualityByVin(group.map(({ vin }) => vin), range)
    for (const key of group) counted.set(key, found.get(key.vin) ?? nothing)
  }
  return keys.map((key) => counted.get(key) ?? nothing)
})
