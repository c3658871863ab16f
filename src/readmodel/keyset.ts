/**
 * Pages of a list by key, not by offset: each is read from an index where the one before it ended, however far down.
 *
 * A column that may be null comes with nulls last, in both directions. So that an index still gives the order, such a
 * list is read in two parts, those with a value and those without, in one statement.
 */
import { Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import type { ReadModelUnavailable } from "./errors.ts"
import type { Page, Slice } from "./read-model.ts"
import type { Table } from "./table.ts"

type Key = ReadonlyArray<string | number | null>

/** By `column`, ties by `ties` in the same direction. */
export interface Order<Row> {
  readonly column: keyof Row & string
  readonly nullable: boolean
  /** None where `column` alone tells rows apart. */
  readonly ties: ReadonlyArray<keyof Row & string>
  readonly descending: boolean
}

/** Which part of a list: rows whose column has a value, or those where it is null. */
type Part = "valued" | "null"

/** What bounds a part, undefined where a bound leaves nothing of it. */
const bounds = <Row>(sql: SqlClient.SqlClient, order: Order<Row>, page: Page, part: Part) => {
  const column = sql`t.${sql(order.column)}`
  const ties = order.ties.map((tie) => sql`t.${sql(tie)}`)
  const conditions: Array<Statement.Fragment> = []
  if (order.nullable) conditions.push(part === "null" ? sql`${column} IS NULL` : sql`${column} IS NOT NULL`)
  const add = (key: Key | undefined, side: "after" | "before"): boolean => {
    if (key === undefined) return true
    const keyPart: Part = order.nullable && key[0] === null ? "null" : "valued"
    // The part with values comes before the one without.
    if (keyPart !== part) return (side === "after") === (part === "null")
    const operator = sql.literal((side === "after") === order.descending ? "<" : ">")
    const [columns, values] = part === "null" ? [ties, key.slice(1)] : [[column, ...ties], key]
    const parameters = values.map((value) => sql`${value}`)
    conditions.push(sql`(${sql.csv(columns)}) ${operator} (${sql.csv(parameters)})`)
    return true
  }
  return add(page.after, "after") && add(page.before, "before") ? conditions : undefined
}

/** One page of `table` (as `t`), of the rows that fulfil the conditions. */
export const slice = <Row extends object>(
  sql: SqlClient.SqlClient,
  table: Table<Row>,
  where: ReadonlyArray<Statement.Fragment>,
  order: Order<Row>,
  page: Page,
): Effect.Effect<Slice<Row>, SqlError.SqlError | ReadModelUnavailable> => {
  const query = statement(sql, table, where, order, page)
  if (query === undefined) return Effect.succeed({ rows: [], hasMore: false })
  return Effect.map(table.all(query), (rows) => toSlice(rows, order, page))
}

/** The statement of a page, which reads one row more than its limit; undefined where there can be no rows. */
export const statement = <Row extends object>(
  sql: SqlClient.SqlClient,
  table: Table<Row>,
  where: ReadonlyArray<Statement.Fragment>,
  order: Order<Row>,
  page: Page,
): Statement.Statement<object> | undefined => {
  const direction = sql.literal(order.descending === page.backwards ? "ASC" : "DESC")
  const limit = page.limit + 1
  const name = sql(table.projection.name)
  const column = sql`t.${sql(order.column)} ${direction}`
  const ties = order.ties.map((tie) => sql`t.${sql(tie)} ${direction}`)
  const select = (part: Part, extra: Statement.Fragment) => {
    const bound = bounds(sql, order, page, part)
    if (bound === undefined) return undefined
    // Also where the column is null: PostgreSQL does not see that the index is in the order of the other one then.
    const sorted = sql.csv([column, ...ties])
    return sql`SELECT ${extra}${table.selected} FROM ${name} t
      WHERE ${sql.and([...where, ...bound])} ORDER BY ${sorted} LIMIT ${limit}`
  }
  const none = sql.literal("")
  const valued = select("valued", none)
  const nulls = order.nullable ? select("null", none) : undefined
  if (valued === undefined || nulls === undefined) return valued ?? nulls
  const both = [select("valued", sql.literal("0 AS part, ")), select("null", sql.literal("1 AS part, "))]
  const parts = both.flatMap((part) => part === undefined ? [] : [sql`SELECT * FROM (${part}) AS p`])
  const sorted = sql.csv([sql`t.part ${sql.literal(page.backwards ? "DESC" : "ASC")}`, column, ...ties])
  return sql`SELECT ${table.selected} FROM (${sql.join(" UNION ALL ", false)(parts)}) AS t
    ORDER BY ${sorted} LIMIT ${limit}`
}

/** The condition that a page's bounds are, for a list without nulls and ties; on the alias `t`. */
export const within = <Row>(sql: SqlClient.SqlClient, order: Order<Row>, page: Page): Statement.Fragment =>
  sql.and(bounds(sql, order, page, "valued") ?? [])

/** Rows as they were read, one more than the page's limit if there are more, as a page in the list's order. */
export const toSlice = <Row extends object>(rows: ReadonlyArray<Row>, order: Order<Row>, page: Page): Slice<Row> => {
  const read = rows.slice(0, page.limit)
  if (page.backwards) read.reverse()
  const columns = [order.column, ...order.ties]
  return {
    rows: read.map((row) => ({ row, key: columns.map((column) => toKey(row[column])) })),
    hasMore: rows.length > page.limit,
  }
}

const toKey = (value: unknown): string | number | null =>
  typeof value === "string" || typeof value === "number" ? value : null
