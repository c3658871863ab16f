import type { Effect } from "effect"
import type { SqlError } from "effect/sql"
import type { Key } from "../../projections/keyed-projection.ts"

/** What is written to a projection's table. To be run in a transaction, each of them. */
export interface Writes<Row> {
  /** Adds the rows or puts them in the place of those with the same key. */
  readonly upsert: (table: string, rows: ReadonlyArray<Row>) => Effect.Effect<void, SqlError.SqlError>
  readonly remove: (table: string, rows: ReadonlyArray<Row>) => Effect.Effect<void, SqlError.SqlError>
  /** Removes the rows whose key begins as one of these does and goes on with less. All are of one length. */
  readonly removeBelow: (table: string, keys: ReadonlyArray<Key>) => Effect.Effect<void, SqlError.SqlError>
}
