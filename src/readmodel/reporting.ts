/** How vehicles report, out of the table of that: as they stand, what was counted, and who is due to be asked after. */
import { Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import { countNames, type Counts, day, nothing, reporting, type ReportingRow } from "../../projections/reporting.ts"
import type { ReadModelUnavailable } from "./errors.ts"
import type { BrandCounts, DayRange, Due, Quiet } from "./read-model.ts"
import { listed } from "../sql/listed.ts"
import type { Table } from "./table.ts"

type Sql = SqlClient.SqlClient

const name = reporting.name

const sums = (sql: Sql): Statement.Fragment =>
  sql.csv(countNames.map((column) => sql`SUM(t.${sql(column)})`))

/** PostgreSQL's driver hands a sum out as text. */
const toCounts = (cells: ReadonlyArray<unknown>): Counts => {
  const counts: { -readonly [Name in keyof Counts]: number } = { ...nothing }
  for (const [i, column] of countNames.entries()) counts[column] = Number(cells[i] ?? 0)
  return counts
}

/** By VIN, over the days that lie in the range, whole or in part. */
export const countsOf = (
  sql: Sql,
  vins: ReadonlyArray<string>,
  { from, to }: DayRange,
): Effect.Effect<ReadonlyMap<string, Counts>, SqlError.SqlError> =>
  Effect.map(
    sql`SELECT t.vin, ${sums(sql)} FROM ${listed(sql, vins)} JOIN ${sql(name)} t ON t.vin = v.value
      AND t.day > ${from - day} AND t.day < ${to} GROUP BY t.vin`.values,
    (rows) => new Map(rows.map(([vin, ...cells]) => [`${vin}`, toCounts(cells)])),
  )

export const brandStatement = (sql: Sql, brand: string | null, at: number): Statement.Statement<object> =>
  sql`SELECT COUNT(*), ${sums(sql)} FROM ${sql(name)} t
    WHERE ${brand === null ? sql`t.brand IS NULL` : sql`t.brand = ${brand}`} AND t.day = ${at}`

/** Each brand there is: one look into the index for each. */
const brandsOf = (sql: Sql): Effect.Effect<ReadonlyArray<string | null>, SqlError.SqlError> =>
  Effect.gen(function*() {
    const brands: Array<string | null> = []
    const [none] = yield* sql`SELECT t.vin FROM ${sql(name)} t WHERE t.brand IS NULL LIMIT 1`.values
    let last = ""
    while (true) {
      const [next] = yield* sql`SELECT MIN(t.brand) FROM ${sql(name)} t WHERE t.brand > ${last}`.values
      const brand = next?.[0]
      if (typeof brand !== "string") break
      brands.push(last = brand)
    }
    return none === undefined ? brands : [...brands, null]
  })

/** In the order of the brands' names. A day and brand at a time, so that others have the event loop between. */
export const countsOfBrands = Effect.fnUntraced(function*(
  sql: Sql,
  wanted: ReadonlyArray<string> | undefined,
  { from, to }: DayRange,
): Effect.fn.Return<ReadonlyArray<BrandCounts>, SqlError.SqlError> {
  const found: Array<BrandCounts> = []
  for (const brand of yield* brandsOf(sql)) {
    if (wanted !== undefined && (brand === null || !wanted.includes(brand))) continue
    let vehicleDays = 0
    let counts = nothing
    for (let at = Math.floor(from / day) * day; at < to; at += day) {
      const [row] = yield* brandStatement(sql, brand, at).values
      vehicleDays += Number(row?.[0] ?? 0)
      if (row !== undefined) counts = added(counts, toCounts(row.slice(1)))
      yield* Effect.yieldNow
    }
    if (vehicleDays > 0) found.push({ brand, vehicleDays, counts })
  }
  return found
})

const added = (a: Counts, b: Counts): Counts => toCounts(countNames.map((column) => a[column] + b[column]))

/** Reads a few rows for each of the limits, off an index. */
export const dueStatement = (
  sql: Sql,
  table: Table<ReportingRow>,
  quiet: ReadonlyArray<Quiet>,
  limit: number,
): Statement.Statement<object> => {
  const [limitMs, lastSeenAt] = [sql("limitMs"), sql("lastSeenAt")]
  const parts = quiet.map((one) =>
    sql`SELECT * FROM (SELECT ${table.selected} FROM ${sql(name)} t
      WHERE t.${limitMs} = ${one.limitMs} AND t.${lastSeenAt} <= ${one.since}
      ORDER BY t.${lastSeenAt} LIMIT ${limit}) AS p`)
  return sql`SELECT ${table.selected} FROM (${sql.join(" UNION ALL ", false)(parts)}) AS t LIMIT ${limit}`
}

export const due = (
  sql: Sql,
  table: Table<ReportingRow>,
  quiet: ReadonlyArray<Quiet>,
  limit: number,
): Effect.Effect<ReadonlyArray<Due>, SqlError.SqlError | ReadModelUnavailable> =>
  quiet.length === 0
    ? Effect.succeed([])
    : Effect.map(table.all(dueStatement(sql, table, quiet, limit)), (rows) => rows.flatMap(toDue))

const toDue = ({ lastSeenAt, limitMs, revision, rhythmMs, state, vin }: ReportingRow): ReadonlyArray<Due> =>
  state === null || lastSeenAt === null || limitMs === null
    ? []
    : [{ vin, state, lastSeenAt, limitMs, revision, rhythmMs: rhythmMs ?? undefined }]
