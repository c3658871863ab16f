import type { SqlClient, Statement } from "effect/sql"
import { listed } from "../sql/listed.ts"
import type { Table } from "./table.ts"

export interface First<Row> {
  /** No two rows of a vehicle have the same. */
  readonly by: keyof Row & string
  readonly descending: boolean
  readonly limit: number
  /** On the alias `t`. */
  readonly where?: Statement.Fragment
}

/** Of each of these vehicles the rows that come first in an order, read from an index and no more of them. */
export const firstOfEach = <Row extends object>(
  sql: SqlClient.SqlClient,
  table: Table<Row>,
  name: string,
  vins: ReadonlyArray<string>,
  { by, descending, limit, where }: First<Row>,
): Statement.Statement<object> => {
  const column = sql`t.${sql(by)}`
  const first = (what: Statement.Fragment) => sql`
    SELECT ${what} FROM ${sql(name)} t WHERE t.vin = v.value AND ${where ?? sql.literal("true")}
    ORDER BY ${column} ${sql.literal(descending ? "DESC" : "ASC")} LIMIT ${limit}`
  return sql.onDialectOrElse({
    pg: () => sql`
      SELECT ${table.selected} FROM ${listed(sql, vins)} CROSS JOIN LATERAL (${first(sql.literal("*"))}) AS t`,
    // SQLite has no LATERAL, and PostgreSQL would run this for every row of a vehicle.
    orElse: () => sql`
      SELECT ${table.selected} FROM ${listed(sql, vins)}
        JOIN ${sql(name)} t ON t.vin = v.value AND ${column} IN (${first(column)})`,
  })
}
