/** Writes to a table in PostgreSQL, where a statement is a round trip: one for all rows, whatever their number. */
import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { Key } from "../../projections/keyed-projection.ts"
import { arrayOf } from "../sql/arrays.ts"
import { type Column, type Columns, elementTypes, orUpdate, quoted, toCell } from "./columns.ts"
import type { Writes } from "./writes.ts"

/** A statement's rows at most, some megabytes: they are put together at once, on the event loop. */
const rowsAtOnce = 1_000
/** Rows made ready before others get the event loop. */
const slice = 128

export class PostgresWrites<Row extends object> implements Writes<Row> {
  readonly #sql: SqlClient.SqlClient
  readonly #columns: Columns<Row>
  readonly #names: string
  readonly #arrays: string
  readonly #orUpdate: string

  constructor(sql: SqlClient.SqlClient, columns: Columns<Row>) {
    this.#sql = sql
    this.#columns = columns
    this.#names = columns.all.map(({ name }) => quoted(name)).join(", ")
    this.#arrays = unnest(columns.all)
    this.#orUpdate = orUpdate(columns)
  }

  upsert(table: string, rows: ReadonlyArray<Row>): Effect.Effect<void, SqlError.SqlError> {
    if (rows.length === 0) return Effect.void
    const text = `INSERT INTO ${quoted(table)} (${this.#names}) SELECT * FROM ${this.#arrays} ${this.#orUpdate}`
    return Effect.gen({ self: this }, function*() {
      for (let start = 0; start < rows.length; start += rowsAtOnce) {
        const some = rows.slice(start, start + rowsAtOnce)
        yield* this.#sql.unsafe(text, yield* arraysOf(this.#columns.all, some))
      }
    })
  }

  remove(table: string, rows: ReadonlyArray<Row>): Effect.Effect<void, SqlError.SqlError> {
    if (rows.length === 0) return Effect.void
    const { key } = this.#columns
    const same = key.map(({ name }) => `t.${quoted(name)} = k.${quoted(name)}`).join(" AND ")
    const text = `DELETE FROM ${quoted(table)} t USING ${unnest(key)} AS k(${namesOf(key)}) WHERE ${same}`
    return Effect.flatMap(arraysOf(key, rows), (arrays) => Effect.asVoid(this.#sql.unsafe(text, arrays)))
  }

  removeBelow(table: string, keys: ReadonlyArray<Key>): Effect.Effect<void, SqlError.SqlError> {
    const [first] = keys
    if (first === undefined) return Effect.void
    const key = this.#columns.key.slice(0, first.length)
    const below = key.map(({ name }, i) =>
      `t.${quoted(name)} ${i === key.length - 1 ? "<" : "="} k.${quoted(name)}`).join(" AND ")
    const text = `DELETE FROM ${quoted(table)} t USING ${unnest(key)} AS k(${namesOf(key)}) WHERE ${below}`
    const arrays = key.map(({ type }, i) => arrayOf(elementTypes[type], keys.map((one) => one[i])))
    return Effect.asVoid(this.#sql.unsafe(text, arrays))
  }
}

const namesOf = <Row>(columns: ReadonlyArray<Column<Row>>): string => columns.map(({ name }) => quoted(name)).join(", ")

/** A table whose columns are the parameters, from the first on. */
const unnest = <Row>(columns: ReadonlyArray<Column<Row>>): string =>
  `unnest(${columns.map(({ type }, i) => `$${i + 1}::${elementTypes[type]}[]`).join(", ")})`

/** By column. */
const arraysOf = Effect.fnUntraced(function*<Row extends object>(
  columns: ReadonlyArray<Column<Row>>,
  rows: ReadonlyArray<Row>,
) {
  const cells = columns.map((): Array<unknown> => [])
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]
    if (row === undefined) continue
    for (let c = 0; c < columns.length; c++) {
      const column = columns[c]
      if (column !== undefined) cells[c]?.push(toCell(column.type, row[column.name]))
    }
    if (i % slice === slice - 1) yield* Effect.yieldNow
  }
  return columns.map(({ type }, c) => arrayOf(elementTypes[type], cells[c] ?? []))
})
