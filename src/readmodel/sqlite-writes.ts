/** Writes to a table in SQLite, where a statement costs little and one of another size has to be prepared anew. */
import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { Key } from "../../projections/keyed-projection.ts"
import { type Columns, orUpdate, quoted, toCell } from "./columns.ts"
import type { Writes } from "./writes.ts"

/** Rows a statement writes. Few sizes, so that there are few statements to prepare; each less than 2,000 parameters. */
const chunkSizes = [64, 16, 4, 1] as const

export class SqliteWrites<Row extends object> implements Writes<Row> {
  readonly #sql: SqlClient.SqlClient
  readonly #columns: Columns<Row>
  readonly #texts = new Map<string, string>()

  constructor(sql: SqlClient.SqlClient, columns: Columns<Row>) {
    this.#sql = sql
    this.#columns = columns
  }

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
          for (const { name, type } of this.#columns.all) cells.push(toCell(type, row[name]))
        }
        yield* this.#sql.unsafe(this.#upsertText(table, size), cells)
        start += size
        yield* Effect.yieldNow
      }
    })
  }

  remove(table: string, rows: ReadonlyArray<Row>): Effect.Effect<void, SqlError.SqlError> {
    const sql = this.#sql
    return Effect.forEach(rows, (row) => {
      const conditions = this.#columns.key.map(({ name, type }) => sql`${sql(name)} = ${toCell(type, row[name])}`)
      return sql`DELETE FROM ${sql(table)} WHERE ${sql.and(conditions)}`
    }, { discard: true })
  }

  removeBelow(table: string, keys: ReadonlyArray<Key>): Effect.Effect<void, SqlError.SqlError> {
    const sql = this.#sql
    return Effect.forEach(keys, (key) => {
      const conditions = key.map((value, i) =>
        sql`${sql(this.#columns.key[i]?.name ?? "")} ${sql.literal(i === key.length - 1 ? "<" : "=")} ${value}`)
      return sql`DELETE FROM ${sql(table)} WHERE ${sql.and(conditions)}`
    }, { discard: true })
  }

  #upsertText(table: string, size: number): string {
    const known = this.#texts.get(`${table} ${size}`)
    if (known !== undefined) return known
    const { all } = this.#columns
    const tuples = Array.from({ length: size }, () => `(${all.map(() => "?").join(", ")})`)
    const text = `INSERT INTO ${quoted(table)} (${all.map(({ name }) => quoted(name)).join(", ")}) ` +
      `VALUES ${tuples.join(", ")} ${orUpdate(this.#columns)}`
    this.#texts.set(`${table} ${size}`, text)
    return text
  }
}
