/** One `node:sqlite` connection behind Effect's interface, and how its errors and values are told. */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"
import { Effect, Schedule, Stream } from "effect"
import { type SqlConnection, SqlError } from "effect/sql"
import { Lru } from "./lru.ts"

/** Prepared statements a connection keeps. */
const preparedStatements = 256

/** The sqlite binding takes neither booleans nor dates; a boolean is stored as 0 or 1, `undefined` as NULL. */
const toInput = (value: unknown): SQLInputValue => {
  switch (typeof value) {
    case "string":
    case "number":
    case "bigint":
      return value
    case "boolean":
      return value ? 1 : 0
    case "undefined":
      return null
    case "object":
      if (value === null || value instanceof Uint8Array) return value
      if (value instanceof Date) return value.getTime()
      break
  }
  throw new TypeError(`SQLite stores no ${typeof value}`)
}

const toError = (cause: unknown, operation: string): SqlError.SqlError => {
  // Effect's classification looks for SQLite's code where other bindings put it.
  const errcode = typeof cause === "object" && cause !== null && "errcode" in cause ? cause.errcode : undefined
  const message = cause instanceof Error ? cause.message : String(cause)
  const known = typeof errcode === "number" ? Object.assign(new Error(message, { cause }), { errno: errcode }) : cause
  return new SqlError.SqlError({ reason: SqlError.classifySqliteError(known, { message, operation }) })
}

const isLocked = (error: SqlError.SqlError) => error.reason._tag === "LockTimeoutError"

/**
 * For the lock that another connection holds, for some milliseconds as a rule. Often, since there is no queue for it;
 * about five seconds in all. SQLite itself would wait on the event loop.
 */
const busyRetry = Schedule.jittered(
  Schedule.max([Schedule.min([Schedule.exponential("1 millis", 1.5), Schedule.spaced("10 millis")]), Schedule.recurs(500)]),
)

type TransformRows = (<A extends object>(row: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined

export class SqliteConnection implements SqlConnection.Connection {
  readonly db: DatabaseSync
  readonly #statements: Lru<string, StatementSync> = new Lru(preparedStatements)
  readonly #arrayStatements: Lru<string, StatementSync> = new Lru(preparedStatements)

  constructor(db: DatabaseSync) {
    this.db = db
  }

  execute(sql: string, params: ReadonlyArray<unknown>, transformRows: TransformRows) {
    return this.#try("execute", () => {
      const rows = this.#prepare(sql).all(...params.map(toInput))
      return transformRows === undefined ? rows : transformRows(rows)
    })
  }

  executeRaw(sql: string, params: ReadonlyArray<unknown>) {
    return this.#try("execute", () => this.#prepare(sql).run(...params.map(toInput)))
  }

  executeValues(sql: string, params: ReadonlyArray<unknown>) {
    return this.#try("execute", () => values(this.#prepareArrays(sql), params))
  }

  executeValuesUnprepared(sql: string, params: ReadonlyArray<unknown>) {
    return this.#try("execute", () => values(returningArrays(this.db.prepare(sql)), params))
  }

  executeUnprepared(sql: string, params: ReadonlyArray<unknown>, transformRows: TransformRows) {
    return this.#try("execute", () => {
      const rows = this.db.prepare(sql).all(...params.map(toInput))
      return transformRows === undefined ? rows : transformRows(rows)
    })
  }

  /** All rows at once: an open cursor would hold back the write-ahead log. Long lists are read in pages. */
  executeStream(sql: string, params: ReadonlyArray<unknown>, transformRows: TransformRows) {
    return Stream.unwrap(Effect.map(this.execute(sql, params, transformRows), Stream.fromIterable))
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) this.#statements.set(sql, statement = this.db.prepare(sql))
    return statement
  }

  #prepareArrays(sql: string): StatementSync {
    let statement = this.#arrayStatements.get(sql)
    if (statement === undefined) this.#arrayStatements.set(sql, statement = returningArrays(this.db.prepare(sql)))
    return statement
  }

  #try<A>(operation: string, run: () => A): Effect.Effect<A, SqlError.SqlError> {
    const attempt = Effect.try({ try: run, catch: (cause) => toError(cause, operation) })
    // A transaction waits for another process where it begins; once begun, the lock is its own.
    return Effect.catch(attempt, (error) =>
      isLocked(error) && !this.db.isTransaction
        ? Effect.retry(attempt, { schedule: busyRetry, while: isLocked })
        : Effect.fail(error))
  }
}

const returningArrays = (statement: StatementSync): StatementSync => {
  statement.setReturnArrays(true)
  return statement
}

/** The binding's types do not know of `setReturnArrays`: a row may be an object to them. */
const values = (statement: StatementSync, params: ReadonlyArray<unknown>): ReadonlyArray<ReadonlyArray<unknown>> =>
  statement.all(...params.map(toInput)).map((row: unknown) => Array.isArray(row) ? row : [])
