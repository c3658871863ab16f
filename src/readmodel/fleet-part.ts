/** A part of the fleet, as far as lists of something else are of it: of the rows of `t`, which have a VIN. */
import { Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import { vehicles } from "../../projections/vehicles.ts"
import { listed } from "../sql/listed.ts"
import { partConditions } from "./filters.ts"
import type { FleetPart, RiskGrouping } from "./read-model.ts"

type Sql = SqlClient.SqlClient

/**
 * The vehicles of a part of the fleet with up to so many are looked up one by one. A larger part is met so often down a
 * list's index, of which 40,000 entries take SQLite some 10 ms, that a page is full before that.
 */
const fewVehicles = 50

/** Conditions on `t`; no vehicle of the part is looked for in an index. */
export interface Part {
  /** For what is read until a page is full. */
  readonly page: ReadonlyArray<Statement.Fragment>
  /** For what is read to its end. */
  readonly all: ReadonlyArray<Statement.Fragment>
  /** All vehicles of the part, where it has few. */
  readonly few: ReadonlyArray<string> | undefined
}

export const partOf = Effect.fnUntraced(function*(
  sql: Sql,
  part: FleetPart,
): Effect.fn.Return<Part, SqlError.SqlError> {
  const conditions = partConditions(sql, part, "f")
  if (conditions.length === 0) return { page: [], all: [], few: undefined }
  const vins = sql`SELECT f.vin FROM ${sql(vehicles.name)} f WHERE ${sql.and(conditions)}`
  const found = yield* sql`${vins} LIMIT ${fewVehicles + 1}`.values
  const isOne = sql`${unindexed(sql)}t.vin IN`
  if (found.length <= fewVehicles) {
    const few = found.map(([vin]) => `${vin}`)
    const ofFew = [sql`${isOne} (SELECT v.value FROM ${listed(sql, few)})`]
    return { page: ofFew, all: ofFew, few }
  }
  return {
    page: [sql`EXISTS (${vins} AND f.vin = t.vin)`],
    all: [sql`${isOne} (${vins})`],
    few: undefined,
  }
})

/** Before a column: SQLite, which knows nothing of how many rows there are, shall not look for it in an index. */
export const unindexed = (sql: Sql): Statement.Fragment =>
  sql.literal(sql.onDialectOrElse({ pg: () => "", orElse: () => "+" }))

/** The group that a row of `t` belongs to, and what has to be joined for it. */
export const groupOf = (sql: Sql, by: RiskGrouping) =>
  by === "component"
    ? { group: sql`t.component`, joined: sql.literal("") }
    : { group: sql`g.${sql(by)}`, joined: sql`LEFT JOIN ${sql(vehicles.name)} g ON g.vin = t.vin` }
