import type { SqlClient, Statement } from "effect/sql"
import { arrayOf, type ElementType } from "./arrays.ts"

/** A parameter of PostgreSQL with all of the values. */
export const array = (
  sql: SqlClient.SqlClient,
  type: ElementType,
  values: ReadonlyArray<unknown>,
): Statement.Fragment => sql`${arrayOf(type, values)}::${sql.literal(type)}[]`

/** The values as a table `v` with a column `value`: one parameter, so that one statement serves for any number. */
export const listed = (sql: SqlClient.SqlClient, values: ReadonlyArray<string>): Statement.Fragment =>
  sql.onDialectOrElse({
    pg: () => sql`unnest(${array(sql, "text", values)}) AS v(value)`,
    orElse: () => sql`json_each(${JSON.stringify(values)}) AS v`,
  })
