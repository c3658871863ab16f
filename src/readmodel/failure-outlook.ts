/** How many components are expected to fail, by week: of each group, out of the table of health. */
import { Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import { health } from "../../projections/health.ts"
import { listed } from "../sql/listed.ts"
import { groupOf, partOf } from "./fleet-part.ts"
import type { FailureOutlook, OutlookFilter, OutlookRange, RiskGrouping } from "./read-model.ts"

type Sql = SqlClient.SqlClient

const weekMs = 7 * 24 * 3_600_000

/** Reads the rows that may fail within the range, found by when their intervals begin, week by week of that. */
export const read = Effect.fnUntraced(function*(
  sql: Sql,
  range: OutlookRange,
  by: RiskGrouping,
  filter: OutlookFilter,
): Effect.fn.Return<ReadonlyArray<FailureOutlook>, SqlError.SqlError> {
  const { components } = filter
  const where = [...(yield* partOf(sql, filter)).all]
  if (components !== undefined) where.push(sql`t.component IN (SELECT v.value FROM ${listed(sql, components)})`)
  const found = new Map<string | null, Counted>()
  for (let week = 0; week <= range.weeks; week++) {
    for (const cells of yield* statement(sql, range, by, week, where).values) {
      const group = cells[0] === null ? null : `${cells[0]}`
      const [at = 0, end = 0, rows = 0] = cells.slice(1).map(Number)
      const counted = found.get(group) ?? nothingIn(range)
      found.set(group, counted)
      add(counted.beginning, week, rows)
      add(counted.expected, at, rows)
      add(counted.ending, end, rows)
    }
    yield* Effect.yieldNow
  }
  return Array.from(found, ([group, counted]) => ({ group, ...counted }))
})

type Counted = Record<"expected" | "beginning" | "ending", Array<number>>

const nothingIn = ({ weeks }: OutlookRange): Counted => {
  const none = () => Array.from({ length: weeks + 1 }, () => 0)
  return { expected: none(), beginning: none(), ending: none() }
}

/** What lies beyond the range is not counted. */
const add = (counts: Array<number>, place: number, rows: number): void => {
  const before = counts[place]
  if (before !== undefined) counts[place] = before + rows
}

/** Rows whose interval begins in a week (0: before the range), by when failure is expected and when it ends. */
export const statement = (
  sql: Sql,
  { from, weeks }: OutlookRange,
  by: RiskGrouping,
  week: number,
  where: ReadonlyArray<Statement.Fragment>,
): Statement.Statement<object> => {
  const { group, joined } = groupOf(sql, by)
  const starts = from + (week - 1) * weekMs
  const begins = sql`t.${sql("failsFrom")}`
  const within = week === 0 ? sql`${begins} < ${from}` : sql`${begins} >= ${starts} AND ${begins} < ${starts + weekMs}`
  // A division of whole numbers in PostgreSQL; of others, which are cut off, in SQLite.
  const place = (column: "failsAt" | "failsTo") => {
    const at = sql`t.${sql(column)}`
    return sql`CASE WHEN ${at} < ${from} THEN 0 WHEN ${at} < ${from + weeks * weekMs}
      THEN CAST((${at} - ${from}) / ${weekMs} AS INTEGER) + 1 ELSE ${weeks + 1} END`
  }
  return sql`SELECT ${group}, ${place("failsAt")} AS expected, ${place("failsTo")} AS ending, COUNT(*)
    FROM ${sql(health.name)} t ${joined} WHERE ${sql.and([within, ...where])} GROUP BY 1, 2, 3`
}
