/** Vehicles' history out of its table: rows of one size, and what those lack yet out of the newest smaller ones. */
import { Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import { completed } from "../../projections/history-series.ts"
import {
  type BucketSize,
  history,
  type HistoryRow,
  hour,
  minute,
  minutesFrom,
  startOf,
} from "../../projections/history.ts"
import { listed } from "../sql/listed.ts"
import type { ReadModelUnavailable } from "./errors.ts"
import type { HistoryRange } from "./read-model.ts"
import type { Table } from "./table.ts"

/** Rows that a statement may bring: some milliseconds of reading and parsing. */
const rowsAtOnce = 500

/** By VIN, in the order of time. */
export const read = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  table: Table<HistoryRow>,
  vins: ReadonlyArray<string>,
  range: HistoryRange,
): Effect.fn.Return<ReadonlyMap<string, ReadonlyArray<HistoryRow>>, SqlError.SqlError | ReadModelUnavailable> {
  const byVin = new Map<string, Array<HistoryRow>>()
  for (const part of partsOf(vins, range)) {
    const rows = yield* table.all(statement(sql, table, part.vins, part))
    for (const [vin, own] of Map.groupBy(rows, (row) => row.vin)) {
      const known = byVin.get(vin)
      const complete = completeIn(part, own)
      if (known === undefined) byVin.set(vin, [...complete])
      else known.push(...complete)
    }
    yield* Effect.yieldNow
  }
  for (const [vin, rows] of byVin) if (rows.length === 0) byVin.delete(vin)
  return byVin
})

interface Part extends HistoryRange {
  readonly vins: ReadonlyArray<string>
}

/** Few vehicles at a time, or a piece of the range, so that each part has `rowsAtOnce` buckets at most. */
const partsOf = (vins: ReadonlyArray<string>, { bucketMs, from, to }: HistoryRange): ReadonlyArray<Part> => {
  const buckets = Math.max(1, Math.ceil((to - from) / bucketMs))
  const vinsAtOnce = Math.max(1, Math.floor(rowsAtOnce / buckets))
  const span = rowsAtOnce * bucketMs
  const parts: Array<Part> = []
  for (let i = 0; i < vins.length; i += vinsAtOnce) {
    const some = vins.slice(i, i + vinsAtOnce)
    for (let start = from; start < to; start += span) {
      parts.push({ vins: some, bucketMs, from: start, to: Math.min(to, start + span) })
    }
  }
  return parts
}

/**
 * The rows of a range, and in the same breath those that are still open: a projector between two statements would have
 * a minute counted twice, or not at all.
 */
export const statement = (
  sql: SqlClient.SqlClient,
  table: Table<HistoryRow>,
  vins: ReadonlyArray<string>,
  { bucketMs, from, to }: HistoryRange,
): Statement.Statement<object> => {
  const name = sql(history.name)
  const [size, start] = [sql("bucketMs"), sql("startAt")]
  const rows = (bucketMs: BucketSize, where: Statement.Fragment) => sql`
    SELECT ${table.selected} FROM ${listed(sql, vins)} JOIN ${name} t
      ON t.vin = v.value AND t.${size} = ${bucketMs} AND ${where}`
  const newest = newestMinute(sql)
  const parts = [rows(bucketMs, sql`t.${start} >= ${from} AND t.${start} < ${to}`)]
  if (bucketMs > minute) parts.push(rows(minute, sql`t.${start} = ${newest}`))
  // Before 1970 the remainder is negative.
  if (bucketMs > hour) {
    parts.push(rows(hour, sql`t.${start} = ${newest} - (${newest} % ${hour} + ${hour}) % ${hour}`))
  }
  return sql`${sql.join(" UNION ALL ", false)(parts)}`
}

/** Of the vehicle `v.value`. */
const newestMinute = (sql: SqlClient.SqlClient): Statement.Fragment =>
  sql`(SELECT MAX(n.${sql("startAt")}) FROM ${sql(history.name)} n
    WHERE n.vin = v.value AND n.${sql("bucketMs")} = ${minute})`

/** By VIN, from when on there are minutes, or were any. */
export const keptFrom = (
  sql: SqlClient.SqlClient,
  vins: ReadonlyArray<string>,
): Effect.Effect<ReadonlyMap<string, number>, SqlError.SqlError> =>
  Effect.map(sql`SELECT v.value, ${newestMinute(sql)} FROM ${listed(sql, vins)}`.values, (rows) => {
    const known = rows.filter(([, newest]) => newest !== null)
    return new Map(known.map(([vin, newest]) => [`${vin}`, minutesFrom(Number(newest))]))
  })

const completeIn = ({ bucketMs, from, to }: Part, rows: ReadonlyArray<HistoryRow>): ReadonlyArray<HistoryRow> => {
  const whole: Array<HistoryRow> = []
  const open: Array<HistoryRow> = []
  for (const row of rows) {
    if (row.bucketMs === bucketMs) {
      whole.push(row)
      continue
    }
    const startAt = startOf(bucketMs, row.startAt)
    if (startAt >= from && startAt < to) open.push(row)
  }
  return completed(bucketMs, whole.toSorted((a, b) => a.startAt - b.startAt), open)
}
