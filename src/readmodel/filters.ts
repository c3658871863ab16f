/** What lists are filtered by, as conditions on the alias `t`. */
import type { SqlClient, Statement } from "effect/sql"
import { listed } from "../sql/listed.ts"
import type { AlertFilter, FleetPart, VehicleFilter } from "./read-model.ts"

type Sql = SqlClient.SqlClient

/** One value is compared, so that an index on the column and an order gives that order; several are looked up. */
const oneOf = (
  sql: Sql,
  column: string,
  values: ReadonlyArray<string> | undefined,
  alias = "t",
): Array<Statement.Fragment> => {
  if (values === undefined) return []
  const name = sql`${sql.literal(alias)}.${sql(column)}`
  const [value, ...others] = values
  if (value !== undefined && others.length === 0) return [sql`${name} = ${value}`]
  return [sql`${name} IN (SELECT v.value FROM ${listed(sql, values)})`]
}

/** The JSON array in the column holds all of these. */
const allOf = (sql: Sql, column: string, values: ReadonlyArray<string> | undefined): Array<Statement.Fragment> => {
  if (values === undefined || values.length === 0) return []
  const name = sql`t.${sql(column)}`
  return sql.onDialectOrElse({
    // As they are written: to `jsonb` a NUL or half of a surrogate pair in any vehicle's tags is an error.
    pg: () =>
      values.map((value) => sql`EXISTS (
        SELECT 1 FROM json_array_elements(${name}::json) AS e(tag) WHERE e.tag::text = ${JSON.stringify(value)})`),
    orElse: () => values.map((value) => sql`EXISTS (SELECT 1 FROM json_each(${name}) e WHERE e.value = ${value})`),
  })
}

/** On a row of vehicles under this alias. */
export const partConditions = (sql: Sql, part: FleetPart, alias: string): Array<Statement.Fragment> => [
  ...oneOf(sql, "vin", part.vins, alias),
  ...oneOf(sql, "brand", part.brands, alias),
  ...oneOf(sql, "depot", part.depots, alias),
  ...oneOf(sql, "region", part.regions, alias),
]

export const vehicleConditions = (sql: Sql, filter: VehicleFilter): Array<Statement.Fragment> => {
  const conditions = [
    ...partConditions(sql, filter, "t"),
    ...oneOf(sql, "model", filter.models),
    ...oneOf(sql, "reporting", filter.reporting),
    ...allOf(sql, "tags", filter.tags),
  ]
  if (filter.online !== undefined) conditions.push(sql`t.online = ${filter.online}`)
  if (filter.registered !== undefined) {
    const registeredAt = sql`t.${sql("registeredAt")}`
    conditions.push(filter.registered ? sql`${registeredAt} IS NOT NULL` : sql`${registeredAt} IS NULL`)
  }
  if (filter.seenAfter !== undefined) conditions.push(sql`t.${sql("lastSeenAt")} > ${filter.seenAfter}`)
  if (filter.seenBefore !== undefined) conditions.push(sql`t.${sql("lastSeenAt")} < ${filter.seenBefore}`)
  return conditions
}

export const alertConditions = (sql: Sql, filter: AlertFilter): Array<Statement.Fragment> => {
  const conditions = [
    ...oneOf(sql, "vin", filter.vins),
    ...oneOf(sql, "brand", filter.brands),
    ...oneOf(sql, "component", filter.components),
    ...oneOf(sql, "state", filter.states),
    ...oneOf(sql, "urgency", filter.urgencies),
    ...oneOf(sql, "assignedTo", filter.assignedTo),
  ]
  if (filter.assigned !== undefined) {
    const assignedTo = sql`t.${sql("assignedTo")}`
    conditions.push(filter.assigned ? sql`${assignedTo} IS NOT NULL` : sql`${assignedTo} IS NULL`)
  }
  if (filter.snoozed !== undefined) {
    const until = sql`t.${sql("snoozedUntil")}`
    const { at, is } = filter.snoozed
    conditions.push(is ? sql`${until} > ${at}` : sql`(${until} IS NULL OR ${until} <= ${at})`)
  }
  return conditions
}
