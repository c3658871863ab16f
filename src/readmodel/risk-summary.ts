/** How the parts of the fleet fare: vehicles with a component past its line, and alerts, by urgency. */
import { Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import { Urgency } from "../../domain/maintenance/alerts/alert-events.ts"
import { models } from "../../domain/maintenance/models.ts"
import { alerts } from "../../projections/alerts.ts"
import { health, priorityAbove } from "../../projections/health.ts"
import { vehicles } from "../../projections/vehicles.ts"
import { listed } from "../sql/listed.ts"
import { partConditions } from "./filters.ts"
import { groupOf, partOf } from "./fleet-part.ts"
import type { ByUrgency, FleetPart, RiskGrouping, RiskSummary } from "./read-model.ts"
import { isWorst, urgencyConditions } from "./risk.ts"

type Sql = SqlClient.SqlClient

const urgencies = Urgency.literals

export const read = Effect.fnUntraced(function*(
  sql: Sql,
  by: RiskGrouping,
  part: FleetPart,
): Effect.fn.Return<ReadonlyArray<RiskSummary>, SqlError.SqlError> {
  const { all } = yield* partOf(sql, part)
  const groups = new Map<string | null, { vehicles: number | null; atRisk: Tally; alerts: Tally }>()
  const groupNamed = (cell: unknown) => {
    const name = cell === null || cell === undefined ? null : `${cell}`
    const group = groups.get(name) ?? { vehicles: by === "component" ? null : 0, atRisk: tally(), alerts: tally() }
    groups.set(name, group)
    return group
  }
  if (by !== "component") {
    const conditions = partConditions(sql, part, "f")
    const name = sql`f.${sql(by)}`
    const counted = sql`
      SELECT ${name}, COUNT(*) FROM ${sql(vehicles.name)} f WHERE ${sql.and(conditions)} GROUP BY ${name}`
    for (const [cell, vehicles] of yield* counted.values) groupNamed(cell).vehicles = Number(vehicles)
    yield* Effect.yieldNow
  }
  for (const urgency of urgencies) {
    const atRisk = yield* atRiskStatement(sql, by, urgency, all).values
    for (const [cell, rows] of atRisk) groupNamed(cell).atRisk[urgency] = Number(rows)
    yield* Effect.yieldNow
    const open = yield* alertsStatement(sql, by, urgency, all).values
    for (const [cell, rows] of open) groupNamed(cell).alerts[urgency] = Number(rows)
    yield* Effect.yieldNow
  }
  return Array.from(groups, ([group, counts]) => ({ group, ...counts }))
})

type Tally = { -readonly [U in Urgency]: ByUrgency[U] }

const tally = (): Tally => ({ drive_on: 0, service_soon: 0, stop: 0 })

/** Rows past their model's line that ask for this, found by their priority. */
export const atRiskStatement = (
  sql: Sql,
  by: RiskGrouping,
  urgency: Urgency,
  where: ReadonlyArray<Statement.Fragment>,
): Statement.Statement<object> => {
  const { group, joined } = groupOf(sql, by)
  const components = models.map(({ component }) => component)
  const which = by === "component" ? sql`t.component IN (SELECT v.value FROM ${listed(sql, components)})` : isWorst(sql)
  const pastLine = sql`t.priority > ${priorityAbove("drive_on")}`
  const conditions = [which, pastLine, ...urgencyConditions(sql, [urgency]), ...where]
  return sql`SELECT ${group}, COUNT(*) FROM ${sql(health.name)} t ${joined} WHERE ${sql.and(conditions)} GROUP BY 1`
}

export const alertsStatement = (
  sql: Sql,
  by: RiskGrouping,
  urgency: Urgency,
  where: ReadonlyArray<Statement.Fragment>,
): Statement.Statement<object> => {
  const { group, joined } = groupOf(sql, by)
  const conditions = [sql`t.state IN ('open', 'acknowledged') AND t.urgency = ${urgency}`, ...where]
  return sql`SELECT ${group}, COUNT(*) FROM ${sql(alerts.name)} t ${joined} WHERE ${sql.and(conditions)} GROUP BY 1`
}
