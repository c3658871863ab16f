/**
 * A projection's rows in the database: the table and its indexes from the declaration, and rows to values and back.
 * The SQL is what SQLite and PostgreSQL both speak; where they differ, `onDialectOrElse` tells them apart.
 */
import { Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import type { Key } from "../../projections/keyed-projection.ts"
import type { Declaration } from "../../projections/projection.ts"
import { array } from "../sql/listed.ts"
import { type Columns, columnsOf, elementTypes, fromCell, quoted, typesOf } from "./columns.ts"
import { ReadModelUnavailable } from "./errors.ts"
import { PostgresWrites } from "./postgres-writes.ts"
import { SqliteWrites } from "./sqlite-writes.ts"
import type { Writes } from "./writes.ts"

type Cells = ReadonlyArray<unknown>

export class Table<Row extends object> implements Writes<Row> {
  readonly projection: Declaration<Row>
  readonly #sql: SqlClient.SqlClient
  readonly #columns: Columns<Row>
  readonly #writes: Writes<Row>
  /** A list for SELECT, in the order that `read` expects, of a table under the alias `t`. */
  readonly selected: Statement.Fragment

  constructor(sql: SqlClient.SqlClient, projection: Declaration<Row>) {
    this.#sql = sql
    this.projection = projection
    this.#columns = columnsOf(projection)
    this.#writes = sql.onDialectOrElse({
      pg: (): Writes<Row> => new PostgresWrites(sql, this.#columns),
      orElse: (): Writes<Row> => new SqliteWrites(sql, this.#columns),
    })
    this.selected = sql.csv(this.#columns.all.map(({ name }) => sql`t.${sql(name)}`))
  }

  read(cells: Cells): Row {
    const { all } = this.#columns
    const row: { [column: string]: unknown } = {}
    for (let i = 0; i < all.length; i++) {
      const column = all[i]
      if (column !== undefined) row[column.name] = fromCell(column.type, cells[i])
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
    const { key } = this.#columns
    const given = sql.onDialectOrElse({
      pg: () => {
        const arrays = key.map(({ type }, i) => array(sql, elementTypes[type], keys.map((one) => one[i])))
        return sql`unnest(${sql.csv(arrays)}) AS v(${sql.csv(key.map(({ name }) => sql`${sql(name)}`))})`
      },
      orElse: () => sql`json_each(${JSON.stringify(keys)}) AS v`,
    })
    const matching = key.map(({ name }, i) => {
      const element = sql.onDialectOrElse({
        pg: () => sql`v.${sql(name)}`,
        orElse: () => sql.literal(`(v.value ->> ${i})`),
      })
      return sql`t.${sql(name)} = ${element}`
    })
    return sql`SELECT ${this.selected} FROM ${given} JOIN ${sql(table)} t ON ${sql.and(matching)}`
  }

  /** Makes the table and its indexes. `suffix` keeps the names of indexes apart, which outlive a table's renaming. */
  create(table: string, suffix: string): Effect.Effect<void, SqlError.SqlError> {
    const sql = this.#sql
    const { indexes } = this.projection
    const { all, key } = this.#columns
    const types = typesOf(sql)
    const columns = all.map((column) =>
      `${quoted(column.name)} ${types[column.type]}${key.includes(column) ? " NOT NULL" : ""}`)
    const definition = [...columns, `PRIMARY KEY (${key.map(({ name }) => quoted(name)).join(", ")})`].join(", ")
    return Effect.gen({ self: this }, function*() {
      yield* sql.unsafe(`CREATE TABLE IF NOT EXISTS ${quoted(table)} (${definition})`)
      for (const index of indexes) {
        const name = [this.projection.name, suffix, ...index].join("_")
        const listed = index.map(quoted).join(", ")
        yield* sql.unsafe(`CREATE INDEX IF NOT EXISTS ${quoted(name)} ON ${quoted(table)} (${listed})`)
      }
    })
  }

  upsert(table: string, rows: ReadonlyArray<Row>) {
    return this.#writes.upsert(table, rows)
  }

  remove(table: string, rows: ReadonlyArray<Row>) {
    return this.#writes.remove(table, rows)
  }

  removeBelow(table: string, keys: ReadonlyArray<Key>) {
    return this.#writes.removeBelow(table, keys)
  }
}

export const vinOf = (row: object): string => "vin" in row && typeof row.vin === "string" ? row.vin : ""
