/** Components by risk: each vehicle's worst, or some components by themselves. */
import { Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import type { Urgency } from "../../domain/maintenance/alerts/alert-events.ts"
import { type HealthRow, health, priorityAbove } from "../../projections/health.ts"
import { listed } from "../sql/listed.ts"
import type { ReadModelUnavailable } from "./errors.ts"
import { type Part, partOf, unindexed } from "./fleet-part.ts"
import * as Keyset from "./keyset.ts"
import type { Page, RiskFilter, Slice } from "./read-model.ts"
import type { Table } from "./table.ts"

type Sql = SqlClient.SqlClient
type Conditions = Array<Statement.Fragment>

/** Highest first. Each vehicle is there once, unless components are listed by themselves. */
const orderOf = ({ components }: RiskFilter): Keyset.Order<HealthRow> => ({
  column: "priority",
  nullable: false,
  ties: components === undefined ? ["vin"] : ["vin", "component"],
  descending: true,
})

/** Priorities that ask for one of these; below a line that is to drive on. */
export const urgencyConditions = (sql: Sql, urgencies: ReadonlyArray<Urgency> | undefined): Conditions => {
  if (urgencies === undefined) return []
  const is = (urgency: Urgency) => urgencies.includes(urgency)
  const below = (urgency: Urgency) => sql`t.priority <= ${priorityAbove(urgency)}`
  const above = (urgency: Urgency) => sql`t.priority > ${priorityAbove(urgency)}`
  // A bound on either side, where there is one, so that it is a range of the index.
  if (is("drive_on") && is("stop")) {
    return is("service_soon") ? [] : [sql`(${below("service_soon")} OR ${above("stop")})`]
  }
  const conditions = is("drive_on") ? [] : [above(is("service_soon") ? "service_soon" : "stop")]
  if (!is("stop")) conditions.push(below(is("service_soon") ? "stop" : "service_soon"))
  return conditions
}

/** A row's priority is no less than its risk, so that the list is read no further than it goes. */
const riskConditions = (sql: Sql, { minRisk, urgencies }: RiskFilter): Conditions => [
  ...(minRisk === undefined ? [] : [sql`t.priority >= ${minRisk} AND t.risk >= ${minRisk}`]),
  ...urgencyConditions(sql, urgencies),
]

export const isWorst = (sql: Sql): Statement.Fragment => sql`t.worst = ${true}`

/** Of the vehicles' worst components, or of this one: read in the list's order or, where there are few, by vehicle. */
const rowsOf = (sql: Sql, part: Part, component: string | undefined, to: "page" | "all"): Conditions => {
  const { few } = part
  if (component === undefined && few === undefined) return [isWorst(sql), ...part[to]]
  if (component === undefined) {
    return [sql`t.vin IN (SELECT v.value FROM ${listed(sql, few ?? [])})`, sql`${unindexed(sql)}t.worst = ${true}`]
  }
  const known = sql`t.confidence > 0`
  if (few === undefined) return [sql`t.component = ${component}`, known, ...part[to]]
  return [sql`(t.vin, t.component) IN (SELECT v.value, ${component} FROM ${listed(sql, few)})`, known]
}

/** Each component is read from an index in its order; of several together no index has the order. */
const lists = Effect.fnUntraced(function*(
  sql: Sql,
  filter: RiskFilter,
  to: "page" | "all",
): Effect.fn.Return<ReadonlyArray<Conditions>, SqlError.SqlError> {
  const part = yield* partOf(sql, filter)
  const components = filter.components === undefined ? [undefined] : [...new Set(filter.components)]
  const conditions = riskConditions(sql, filter)
  return components.map((component) => [...rowsOf(sql, part, component, to), ...conditions])
})

/** A statement for a page of each component that is listed, or one for the vehicles' worst. */
export const statements = Effect.fnUntraced(function*(
  sql: Sql,
  table: Table<HealthRow>,
  filter: RiskFilter,
  page: Page,
) {
  const found = yield* lists(sql, filter, "page")
  return found.flatMap((where) => Keyset.statement(sql, table, where, orderOf(filter), page) ?? [])
})

export const list = Effect.fnUntraced(function*(
  sql: Sql,
  table: Table<HealthRow>,
  filter: RiskFilter,
  page: Page,
): Effect.fn.Return<Slice<HealthRow>, SqlError.SqlError | ReadModelUnavailable> {
  const found: Array<HealthRow> = []
  for (const statement of yield* statements(sql, table, filter, page)) found.push(...yield* table.all(statement))
  const sign = page.backwards ? -1 : 1
  const sorted = found.toSorted((a, b) => sign * compare(a, b)).slice(0, page.limit + 1)
  return Keyset.toSlice(sorted, orderOf(filter), page)
})

/** As `orderOf` has it. VINs and components are ASCII, so that this is the databases' order too. */
const compare = (a: HealthRow, b: HealthRow): number =>
  b.priority - a.priority || order(b.vin, a.vin) || order(b.component, a.component)

const order = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

export const count = Effect.fnUntraced(function*(
  sql: Sql,
  filter: RiskFilter,
): Effect.fn.Return<number, SqlError.SqlError> {
  let counted = 0
  for (const where of yield* lists(sql, filter, "all")) {
    const rows = yield* sql`SELECT COUNT(*) FROM ${sql(health.name)} t WHERE ${sql.and(where)}`.values
    counted += Number(rows[0]?.[0] ?? 0)
  }
  return counted
})
