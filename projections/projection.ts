/**
 * A read model as a pure fold. Its rows belong each to one vehicle; the fold is given a vehicle's rows and one record,
 * and answers with the rows as they then are. The projector (`src/readmodel`) loads, batches and writes them.
 */
import type { AlertRecord } from "../domain/maintenance/alerts/alert-events.ts"
import type { VehicleRecord } from "../domain/vehicle/record.ts"
import type { LetterRecord } from "./letter-record.ts"

/** What a projection may fold: records of `vehicle-<VIN>`, of `maintenance-<VIN>`, and dead letters of vehicles. */
export type Record = VehicleRecord | AlertRecord | LetterRecord

/** `time` is epoch ms; `json` is any JSON value, stored as text. All but the key's columns may be null. */
export type ColumnType = "text" | "integer" | "real" | "boolean" | "time" | "json"

/** A read model's table, of either kind. */
export interface Declaration<Row extends object> {
  /** The table's name. */
  readonly name: string
  /** A new version is built beside the old one, from the whole log, and then takes its place. */
  readonly version: number
  readonly columns: { readonly [C in keyof Row]: ColumnType }
  /** The columns that tell a vehicle's rows apart, beside `vin`, which every row has. */
  readonly key: ReadonlyArray<keyof Row & string>
  /** What queries filter and sort by: each entry is an index. */
  readonly indexes: ReadonlyArray<ReadonlyArray<keyof Row & string>>
  /** The fold; what it is given is the kind's own. */
  readonly evolve: (vin: string, given: never, folded: never) => ReadonlyArray<Row>
}

/** For vehicles with few rows, or of which only the newest change. For others see `keyed-projection.ts`. */
export interface Projection<Row extends object> extends Declaration<Row> {
  /**
   * How many of a vehicle's rows the fold is given: the highest by this column. Rows past these are final. All rows
   * where it is left out.
   */
  readonly recent?: { readonly by: keyof Row & string; readonly count: number }
  /**
   * The rows after a record. Rows that stay as they are are the same objects; rows left out are deleted. The same
   * array where nothing changes.
   */
  readonly evolve: (vin: string, rows: ReadonlyArray<Row>, record: Record) => ReadonlyArray<Row>
}
