/**
 * The fleet's read models as the API asks for them. Fed by the projector; in SQLite when embedded, in PostgreSQL else.
 * Every method that takes many keys answers in one query.
 */
import { Context, type Effect } from "effect"
import type { Urgency } from "../../domain/maintenance/alerts/alert-events.ts"
import type { AlertRow } from "../../projections/alerts.ts"
import type { HealthRow } from "../../projections/health.ts"
import type { BucketSize, HistoryRow } from "../../projections/history.ts"
import type { Counts, ReportingRow, ReportingState } from "../../projections/reporting.ts"
import type { TripRow } from "../../projections/trips.ts"
import type { VehicleRow } from "../../projections/vehicles.ts"
import type { Position } from "../eventstore/position.ts"
import type { ReadModelUnavailable } from "./errors.ts"

/**
 * A page of a list in a stable order. `first` rows after `after`, or `last` rows before `before`. A key names a row's
 * place: the values of the order's columns.
 */
export interface Page {
  readonly limit: number
  readonly backwards: boolean
  readonly after?: ReadonlyArray<string | number | null>
  readonly before?: ReadonlyArray<string | number | null>
}

export interface Slice<Row> {
  /** In the list's order, also when read backwards. */
  readonly rows: ReadonlyArray<{ readonly row: Row; readonly key: ReadonlyArray<string | number | null> }>
  /** There are more in the direction of reading. */
  readonly hasMore: boolean
}

/** A part of the fleet: vehicles that match all that is given. */
export interface FleetPart {
  readonly vins?: ReadonlyArray<string>
  readonly brands?: ReadonlyArray<string>
  readonly depots?: ReadonlyArray<string>
  readonly regions?: ReadonlyArray<string>
}

export interface VehicleFilter extends FleetPart {
  readonly models?: ReadonlyArray<string>
  /** Vehicles with all of these. */
  readonly tags?: ReadonlyArray<string>
  readonly online?: boolean
  readonly reporting?: ReadonlyArray<ReportingState>
  readonly registered?: boolean
  /** Epoch ms. */
  readonly seenAfter?: number
  readonly seenBefore?: number
}

/** Nulls come last, ties by VIN. */
export interface VehicleOrder {
  readonly by: "vin" | "lastSeenAt" | "brand"
  readonly descending: boolean
}

export interface AlertFilter {
  readonly vins?: ReadonlyArray<string>
  readonly brands?: ReadonlyArray<string>
  readonly components?: ReadonlyArray<string>
  readonly states?: ReadonlyArray<AlertRow["state"]>
  readonly urgencies?: ReadonlyArray<AlertRow["urgency"]>
  readonly assignedTo?: ReadonlyArray<string>
  /** To anyone, or to nobody. */
  readonly assigned?: boolean
  /** Whether they are at that time, epoch ms. */
  readonly snoozed?: { readonly is: boolean; readonly at: number }
}

/** By when they were raised, ties by id. */
/** As they are listed: what a vehicle's description says is not known of a single alert. */
export type ListedAlerts = AlertFilter & Pick<FleetPart, "depots" | "regions">

export interface AlertOrder {
  readonly descending: boolean
}

export interface RiskFilter extends FleetPart {
  /** Each of these components by itself; left out: each vehicle's worst. */
  readonly components?: ReadonlyArray<string>
  /** 0 to 100. */
  readonly minRisk?: number
  readonly urgencies?: ReadonlyArray<Urgency>
}

export type OutlookFilter = FleetPart & Pick<RiskFilter, "components">

/** What rows are counted by: the component, or something that is known of the vehicle. */
export type RiskGrouping = "component" | "brand" | "depot" | "region"

/** Components that are expected to fail, by week. */
export interface OutlookRange {
  /** Epoch ms: here the first week begins. */
  readonly from: number
  readonly weeks: number
}

/** Those of one group. All but `group` have an entry for what lies before the range, and one a week. */
export interface FailureOutlook {
  /** Null for vehicles of which it is not known. */
  readonly group: string | null
  /** Expected in this week. */
  readonly expected: ReadonlyArray<number>
  /** Whose interval begins, and ends, in this week. */
  readonly beginning: ReadonlyArray<number>
  readonly ending: ReadonlyArray<number>
}

export type ByUrgency = Readonly<Record<Urgency, number>>

export interface RiskSummary {
  /** Null for vehicles of which it is not known. */
  readonly group: string | null
  /** Those that there are; null for a component. */
  readonly vehicles: number | null
  /** Vehicles with a component past its line, by what that asks for; where a vehicle has several, the most urgent. */
  readonly atRisk: ByUrgency
  /** Alerts that are not resolved. */
  readonly alerts: ByUrgency
}

/** Of device time, epoch ms: the buckets that start in [from, to). */
export interface HistoryRange {
  readonly bucketMs: BucketSize
  readonly from: number
  readonly to: number
}

/** Of receipt, epoch ms, `to` exclusive: the days (UTC) that lie in it, whole or in part. */
export interface DayRange {
  readonly from: number
  readonly to: number
}

export interface BrandCounts {
  /** Null for vehicles of which none is known. */
  readonly brand: string | null
  /** Vehicles of which something came on a day, summed over the days. */
  readonly vehicleDays: number
  readonly counts: Counts
}

/** Those who may be quiet for `limitMs` and were last heard of at `since`, epoch ms, or before. */
export interface Quiet {
  readonly limitMs: number
  readonly since: number
}

/** A vehicle that may have been quiet for too long. */
export interface Due {
  readonly vin: string
  readonly state: ReportingState
  /** Epoch ms. */
  readonly lastSeenAt: number
  readonly limitMs: number
  /** Of its newest event that this is judged by. */
  readonly revision: number
  readonly rhythmMs: number | undefined
}

export class ReadModel extends Context.Service<ReadModel, {
  /** By VIN; vehicles that are not there are left out. */
  readonly vehiclesByVin: (
    vins: ReadonlyArray<string>,
  ) => Effect.Effect<ReadonlyMap<string, VehicleRow>, ReadModelUnavailable>
  readonly vehicles: (
    filter: VehicleFilter,
    order: VehicleOrder,
    page: Page,
  ) => Effect.Effect<Slice<VehicleRow>, ReadModelUnavailable>
  readonly countVehicles: (filter: VehicleFilter) => Effect.Effect<number, ReadModelUnavailable>
  /** Vehicles that changed after a position, in the order of their last change. */
  readonly vehiclesChangedAfter: (
    position: Position,
    options: { readonly vins?: ReadonlyArray<string>; readonly limit: number },
  ) => Effect.Effect<ReadonlyArray<VehicleRow>, ReadModelUnavailable>
  readonly healthByVin: (
    vins: ReadonlyArray<string>,
  ) => Effect.Effect<ReadonlyMap<string, ReadonlyArray<HealthRow>>, ReadModelUnavailable>
  /** By priority, the highest first: urgency, then risk. */
  readonly risks: (filter: RiskFilter, page: Page) => Effect.Effect<Slice<HealthRow>, ReadModelUnavailable>
  readonly countRisks: (filter: RiskFilter) => Effect.Effect<number, ReadModelUnavailable>
  /** Of components whose models are sure. Groups with none of them are left out. */
  readonly failureOutlook: (
    range: OutlookRange,
    by: RiskGrouping,
    filter: OutlookFilter,
  ) => Effect.Effect<ReadonlyArray<FailureOutlook>, ReadModelUnavailable>
  readonly riskSummary: (
    by: RiskGrouping,
    part: FleetPart,
  ) => Effect.Effect<ReadonlyArray<RiskSummary>, ReadModelUnavailable>
  /** One page of each vehicle's trips, newest first. */
  readonly tripsByVin: (
    vins: ReadonlyArray<string>,
    page: Page,
  ) => Effect.Effect<ReadonlyMap<string, Slice<TripRow>>, ReadModelUnavailable>
  readonly countTripsByVin: (
    vins: ReadonlyArray<string>,
  ) => Effect.Effect<ReadonlyMap<string, number>, ReadModelUnavailable>
  /**
   * By VIN, in the order of time, each bucket complete; vehicles and buckets without readings are left out. Read in
   * parts, between which others have the event loop; each is as the read model stood at one moment. Of minutes only
   * those that are kept, see `minutesFrom`.
   */
  readonly history: (
    vins: ReadonlyArray<string>,
    range: HistoryRange,
  ) => Effect.Effect<ReadonlyMap<string, ReadonlyArray<HistoryRow>>, ReadModelUnavailable>
  /** By VIN, the device time from which on minutes are kept, epoch ms; vehicles without any are left out. */
  readonly minutesFrom: (
    vins: ReadonlyArray<string>,
  ) => Effect.Effect<ReadonlyMap<string, number>, ReadModelUnavailable>
  /** How each of these vehicles reports, as it stands. */
  readonly reportingByVin: (
    vins: ReadonlyArray<string>,
  ) => Effect.Effect<ReadonlyMap<string, ReportingRow>, ReadModelUnavailable>
  /** By VIN; vehicles of which nothing came are left out. */
  readonly qualityByVin: (
    vins: ReadonlyArray<string>,
    range: DayRange,
  ) => Effect.Effect<ReadonlyMap<string, Counts>, ReadModelUnavailable>
  /** All brands, where none are given. Those of which nothing came are left out. */
  readonly qualityByBrand: (
    brands: ReadonlyArray<string> | undefined,
    range: DayRange,
  ) => Effect.Effect<ReadonlyArray<BrandCounts>, ReadModelUnavailable>
  /** Vehicles to which any of these applies, so many at most. */
  readonly quiet: (
    quiet: ReadonlyArray<Quiet>,
    limit: number,
  ) => Effect.Effect<ReadonlyArray<Due>, ReadModelUnavailable>
  readonly alerts: (
    filter: ListedAlerts,
    order: AlertOrder,
    page: Page,
  ) => Effect.Effect<Slice<AlertRow>, ReadModelUnavailable>
  readonly countAlerts: (filter: ListedAlerts) => Effect.Effect<number, ReadModelUnavailable>
  readonly alertsById: (
    ids: ReadonlyArray<string>,
  ) => Effect.Effect<ReadonlyMap<string, AlertRow>, ReadModelUnavailable>
  readonly alertsChangedAfter: (
    position: Position,
    options: { readonly filter: AlertFilter; readonly limit: number },
  ) => Effect.Effect<ReadonlyArray<AlertRow>, ReadModelUnavailable>
  /** The position up to which vehicles and alerts, of which subscribers are told, have been folded. */
  readonly position: Effect.Effect<Position, ReadModelUnavailable>
}>()("vehicle-twin/readmodel/ReadModel") {}
