/**
 * A projection's rows in the database: the table and its indexes from the declaration, and rows to values and back.
 * The SQL is what SQLite and PostgreSQL both speak; where they differ, `onDialectOrElse` tells them apart.
 */
import { Effect, String } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import type { Key } from "../../projections/keyed-projection.ts"
import type { ColumnType, Declaration } from "../../projections/projection.ts"
import { ReadModelUnavailable } from "./errors.ts"

/** Rows a statement writes. Few sizes, so that there are few statements to prepare; each less than 2,000 parameters. */
const chunkSizes = [64, 16, 4, 1] as const

type Cells = ReadonlyArray<unknown>

export class Table<Row extends object> {
  readonly projection: Declaration<Row>
  readonly #sql: SqlClient.SqlClient
  readonly #columns: ReadonlyArray<readonly [name: keyof Row & string, type: ColumnType]>
  readonly #key: ReadonlyArray<string>
  /** A list for SELECT, in the order that `read` expects, of a table under the alias `t`. */
  readonly selected: Statement.Fragment

  constructor(sql: SqlClient.SqlClient, projection: Declaration<Row>) {
    this.#sql = sql
    this.projection = projection
    this.#columns = columnsOf(projection)
    this.#key = ["vin", ...projection.key]
    this.selected = sql.csv(this.#columns.map(([name]) => sql`t.${sql(name)}`))
  }

  read(cells: Cells): Row {
    const row: { [column: string]: unknown } = {}
    for (let i = 0; i < this.#columns.length; i++) {
      const column = this.#columns[i]
      if (column !== undefined) row[column[0]] = fromCell(column[1], cells[i])
    }
    return row as Row
  }

  /** Runs a query for `selected`. Fails, and does not die, where what is stored does not fit the declaration. */
  readonly all = (
    query: Statement.Statement<object>,
  ): Effect.Effect<Array<Row>, SqlError.SqlError | ReadModelUnavailable> =>
    Effect.flatMap(query.values, (values) =>
      Effect.try({
        try: () => values.map((cells) => this.read(cells)),
        catch: (cause) => new ReadModelUnavailable({ operation: `read ${this.projection.name}`, cause }),
      }))

  /** A query for the rows of these keys, each with the VIN before it. */
  byKeys(table: string, keys: ReadonlyArray<Key>): Statement.Statement<object> {
    const sql = this.#sql
    const matching = this.#columns
      .filter(([name]) => this.#key.includes(name))
      .map(([name, type]) => sql`t.${sql(name)} = ${elementOf(sql, this.#key.indexOf(name), type)}`)
    return sql`SELECT ${this.selected} FROM ${listedJson(sql, keys)} JOIN ${sql(table)} t ON ${sql.and(matching)}`
  }

  /** Makes the table and its indexes. `suffix` keeps the names of indexes apart, which outlive a table's renaming. */
  create(table: string, suffix: string): Effect.Effect<void, SqlError.SqlError> {
    const sql = this.#sql
    const { indexes } = this.projection
    const types = sql.onDialectOrElse({ pg: () => postgresTypes, orElse: () => sqliteTypes })
    const columns = this.#columns.map(([name, type]) =>
      `${quoted(name)} ${types[type]}${this.#key.includes(name) ? " NOT NULL" : ""}`)
    const definition = [...columns, `PRIMARY KEY (${this.#key.map(quoted).join(", ")})`].join(", ")
    return Effect.gen({ self: this }, function*() {
      yield* sql.unsafe(`CREATE TABLE IF NOT EXISTS ${quoted(table)} (${definition})`)
      for (const index of indexes) {
        const name = [this.projection.name, suffix, ...index].join("_")
        const listed = index.map(quoted).join(", ")
        yield* sql.unsafe(`CREATE INDEX IF NOT EXISTS ${quoted(name)} ON ${quoted(table)} (${listed})`)
      }
    })
  }

  /** Adds the rows or puts them in the place of those with the same key. To be run in a transaction. */
  upsert(table: string, rows: ReadonlyArray<Row>): Effect.Effect<void, SqlError.SqlError> {
    return Effect.gen({ self: this }, function*() {
      let start = 0
      while (start < rows.length) {
        const left = rows.length - start
        const size = chunkSizes.find((size) => size <= left) ?? 1
        const cells: Array<unknown> = []
        for (let i = start; i < start + size; i++) {
          const row = rows[i]
          if (row === undefined) continue
          for (const [name, type] of this.#columns) cells.push(toCell(type, row[name]))
        }
        yield* this.#sql.unsafe(this.#upsertText(table, size), cells)
        start += size
        yield* Effect.yieldNow
      }
    })
  }

  /** To be run in a transaction. */
  remove(table: string, rows: ReadonlyArray<Row>): Effect.Effect<void, SqlError.SqlError> {
    const sql = this.#sql
    return Effect.forEach(rows, (row) => {
      const conditions = this.#columns
        .filter(([name]) => this.#key.includes(name))
        .map(([name, type]) => sql`${sql(name)} = ${toCell(type, row[name])}`)
      return sql`DELETE FROM ${sql(table)} WHERE ${sql.and(conditions)}`
    }, { discard: true })
  }

  /** Removes the rows whose key begins as this one does and goes on with less. To be run in a transaction. */
  removeBelow(table: string, key: Key): Effect.Effect<void, SqlError.SqlError> {
    const sql = this.#sql
    const conditions = key.map((value, i) =>
      sql`${sql(this.#key[i] ?? "vin")} ${sql.literal(i === key.length - 1 ? "<" : "=")} ${value}`)
    return Effect.asVoid(sql`DELETE FROM ${sql(table)} WHERE ${sql.and(conditions)}`)
  }

  readonly #texts = new Map<string, string>()

  #upsertText(table: string, size: number): string {
    const known = this.#texts.get(`${table} ${size}`)
    if (known !== undefined) return known
    const width = this.#columns.length
    const placeholder = this.#sql.onDialectOrElse({ pg: () => (i: number) => `$${i + 1}`, orElse: () => () => "?" })
    const tuples = Array.from({ length: size }, (_, row) =>
      `(${Array.from({ length: width }, (_, column) => placeholder(row * width + column)).join(", ")})`)
    const names = this.#columns.map(([name]) => name)
    const changing = names.filter((name) => !this.#key.includes(name))
    const text = `INSERT INTO ${quoted(table)} (${names.map(quoted).join(", ")}) VALUES ${tuples.join(", ")} ` +
      `ON CONFLICT (${this.#key.map(quoted).join(", ")}) ` +
      (changing.length === 0
        ? "DO NOTHING"
        : `DO UPDATE SET ${changing.map((name) => `${quoted(name)} = excluded.${quoted(name)}`).join(", ")}`)
    this.#texts.set(`${table} ${size}`, text)
    return text
  }
}

const columnsOf = <Row extends object>(projection: Declaration<Row>) => {
  const columns: Array<readonly [keyof Row & string, ColumnType]> = []
  for (const name in projection.columns) columns.push([name, projection.columns[name]])
  return columns
}

const quoted = (name: string): string => `"${String.camelToSnake(name)}"`

/** Text compares by bytes, as SQLite's does, whatever the database's locale: positions and keys rely on it. */
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

const toCell = (type: ColumnType, value: unknown): unknown => {
  if (value === null || value === undefined) return null
  return type === "json" ? JSON.stringify(value) : value
}

const fromCell = (type: ColumnType, cell: unknown): unknown => {
  if (cell === null || cell === undefined) return null
  switch (type) {
    case "json":
      return JSON.parse(`${cell}`)
    case "boolean":
      return cell === true || cell === 1
    case "text":
      return cell
    default:
      // PostgreSQL's driver hands a BIGINT out as text.
      return Number(cell)
  }
}

export const vinOf = (row: object): string => "vin" in row && typeof row.vin === "string" ? row.vin : ""

/** Arrays as a table `v` with a column `value`, as `listed` has it; `elementOf` takes them apart. */
const listedJson = (sql: SqlClient.SqlClient, arrays: ReadonlyArray<ReadonlyArray<unknown>>): Statement.Fragment => {
  const json = JSON.stringify(arrays)
  return sql.onDialectOrElse({
    pg: () => sql`jsonb_array_elements(${json}::jsonb) AS v(value)`,
    orElse: () => sql`json_each(${json}) AS v`,
  })
}

const elementOf = (sql: SqlClient.SqlClient, index: number, type: ColumnType): Statement.Fragment =>
  sql.onDialectOrElse({
    pg: () => sql.literal(`(v.value ->> ${index})${type === "text" ? "" : "::bigint"}`),
    orElse: () => sql.literal(`(v.value ->> ${index})`),
  })

/** The values as a table `v` with a column `value`: one parameter, so that one statement serves for any number. */
export const listed = (sql: SqlClient.SqlClient, values: ReadonlyArray<string>): Statement.Fragment => {
  const json = JSON.stringify(values)
  return sql.onDialectOrElse({
    pg: () => sql`jsonb_array_elements_text(${json}::jsonb) AS v(value)`,
    orElse: () => sql`json_each(${json}) AS v`,
  })
}
