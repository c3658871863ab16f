/** One connection to PostgreSQL behind Effect's interface, on which no statement waits for ever. */
import type { PgConnection } from "@effect/sql-pg"
import { type Duration, Effect, Stream } from "effect"
import { type SqlConnection, SqlError } from "effect/sql"
import { storable } from "./arrays.ts"
import { isUnreachable, told } from "./errors.ts"

type TransformRows = (<A extends object>(row: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined

const toParameter = (value: unknown): unknown => typeof value === "string" ? storable(value) : value

/** What ends a transaction, or a part of one, without success. */
const undoes = (sql: string): boolean => sql.startsWith("ROLLBACK") || sql.startsWith("RELEASE")

export class PostgresConnection implements SqlConnection.Connection {
  readonly #connection: PgConnection.PgConnection
  readonly #deadline: Duration.Input

  constructor(connection: PgConnection.PgConnection, deadline: Duration.Input) {
    this.#connection = connection
    this.#deadline = deadline
  }

  execute(sql: string, params: ReadonlyArray<unknown>, transformRows: TransformRows) {
    const rows = Effect.map(this.#query(sql, params, true), (result) => result.rows)
    return transformRows === undefined ? rows : Effect.map(rows, transformRows)
  }

  executeRaw(sql: string, params: ReadonlyArray<unknown>) {
    return this.#query(sql, params, true)
  }

  executeValues(sql: string, params: ReadonlyArray<unknown>) {
    return this.#within(this.#connection.queryValues(sql, params.map(toParameter)))
  }

  executeValuesUnprepared(sql: string, params: ReadonlyArray<unknown>) {
    return this.#within(this.#connection.queryValues(sql, params.map(toParameter), false))
  }

  executeUnprepared(sql: string, params: ReadonlyArray<unknown>, transformRows: TransformRows) {
    const rows = Effect.map(this.#query(sql, params, false), (result) => result.rows)
    return transformRows === undefined ? rows : Effect.map(rows, transformRows)
  }

  executeStream(sql: string, params: ReadonlyArray<unknown>, transformRows: TransformRows) {
    const rows = this.#connection.stream(sql, params.map(toParameter))
    return transformRows === undefined
      ? rows
      : Stream.chunks(rows).pipe(Stream.flatMap((some) => Stream.fromIterable(transformRows(some))))
  }

  #query(sql: string, params: ReadonlyArray<unknown>, prepare: boolean) {
    const query = this.#within(this.#connection.query(sql, params.map(toParameter), prepare))
    if (!undoes(sql)) return query
    // A transaction on a connection that is gone is gone with it.
    return Effect.catchIf(query, isUnreachable, () => Effect.succeed({ command: sql, rows: [] }))
  }

  /** Interruptible also where a transaction commits or rolls back, so that the deadline counts there too. */
  #within<A>(query: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> {
    return Effect.timeoutOrElse(Effect.interruptible(Effect.mapError(query, told)), {
      duration: this.#deadline,
      orElse: () => {
        const message = `PostgreSQL did not answer within ${String(this.#deadline)}`
        const reason = new SqlError.ConnectionError({ cause: new Error(message), message, operation: "query" })
        return Effect.fail(new SqlError.SqlError({ reason }))
      },
    })
  }
}
