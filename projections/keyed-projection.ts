/**
 * A read model of which a vehicle has rows without bound, any of which may change: the fold is given a vehicle's newest
 * row, and those others that it says it needs.
 *
 * It is given all that a batch has of a vehicle at once. The rows must come out the same however a log is cut into
 * batches.
 */
import type { Declaration, Record } from "./projection.ts"

/** The values of a table's key, in the order of its columns. */
export type Key = ReadonlyArray<string | number>

/** A vehicle's rows. */
export interface Given<Row> {
  /** The one that the projection calls the newest, if there is any. */
  readonly newest: Row | undefined
  /** Any that `touches` has named. */
  readonly at: (key: Key) => Row | undefined
}

export interface KeyedProjection<Row extends object, Input> extends Declaration<Row> {
  /** Of the rows whose key begins with these values the highest one is the newest. */
  readonly newest: Key
  /** Rows whose key begins so are dropped where its next column is below this. It never goes back. */
  readonly keptFrom: (newest: Row) => string | number
  /** What is folded of a record; undefined where nothing is. */
  readonly input: (record: Record) => Input | undefined
  /** The keys of all rows, beside the newest, that these inputs may need, or any of them from the first on. */
  readonly touches: (newest: Row | undefined, inputs: ReadonlyArray<Input>) => Iterable<Key>
  /** The rows that are new or have changed, each key once. */
  readonly evolve: (vin: string, given: Given<Row>, inputs: ReadonlyArray<Input>) => ReadonlyArray<Row>
}
