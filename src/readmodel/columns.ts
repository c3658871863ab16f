/** A declaration's columns in the database: their names, types and values. */
import { String } from "effect"
import type { SqlClient } from "effect/sql"
import type { ColumnType, Declaration } from "../../projections/projection.ts"
import type { ElementType } from "../sql/arrays.ts"

export interface Column<Row> {
  readonly name: keyof Row & string
  readonly type: ColumnType
}

export interface Columns<Row> {
  readonly all: ReadonlyArray<Column<Row>>
  /** `vin` first. */
  readonly key: ReadonlyArray<Column<Row>>
}

export const columnsOf = <Row extends object>(declaration: Declaration<Row>): Columns<Row> => {
  const all: Array<Column<Row>> = []
  for (const name in declaration.columns) all.push({ name, type: declaration.columns[name] })
  const key = ["vin", ...declaration.key].flatMap((name) => all.filter((column) => column.name === name))
  return { all, key }
}

export const quoted = (name: string): string => `"${String.camelToSnake(name)}"`

/** What an INSERT ends with, where the rows may be there. */
export const orUpdate = <Row>({ all, key }: Columns<Row>): string => {
  const changing = all.filter((column) => !key.includes(column)).map(({ name }) => quoted(name))
  return `ON CONFLICT (${key.map(({ name }) => quoted(name)).join(", ")}) ` +
    (changing.length === 0
      ? "DO NOTHING"
      : `DO UPDATE SET ${changing.map((name) => `${name} = excluded.${name}`).join(", ")}`)
}

export const elementTypes: Readonly<Record<ColumnType, ElementType>> = {
  text: "text",
  integer: "bigint",
  real: "double precision",
  boolean: "boolean",
  time: "bigint",
  json: "text",
}

/**
 * Text compares by bytes, as SQLite's does, whatever the database's locale: positions and keys rely on it. JSON is
 * text, not `jsonb`: it is read whole, and is to come back as it was, which `jsonb` does not promise of numbers, and
 * it takes no NUL.
 */
const postgresTypes: Readonly<Record<ColumnType, string>> = {
  text: `TEXT COLLATE "C"`,
  integer: "BIGINT",
  real: "DOUBLE PRECISION",
  boolean: "BOOLEAN",
  time: "BIGINT",
  json: "TEXT",
}

const sqliteTypes: Readonly<Record<ColumnType, string>> = {
  text: "TEXT",
  integer: "INTEGER",
  real: "REAL",
  boolean: "INTEGER",
  time: "INTEGER",
  json: "TEXT",
}

export const typesOf = (sql: SqlClient.SqlClient): Readonly<Record<ColumnType, string>> =>
  sql.onDialectOrElse({ pg: () => postgresTypes, orElse: () => sqliteTypes })

export const toCell = (type: ColumnType, value: unknown): unknown => {
  if (value === null || value === undefined) return null
  return type === "json" ? JSON.stringify(value) : value
}

export const fromCell = (type: ColumnType, cell: unknown): unknown => {
  if (cell === null || cell === undefined) return null
  switch (type) {
    case "json":
      return JSON.parse(`${cell}`)
    case "boolean":
      return cell === true || cell === 1
    case "text":
      return cell
    default:
      return Number(cell)
  }
}
