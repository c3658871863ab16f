/**
 * Effect's `SqlClient` over `node:sqlite`: one file, one connection that writes and one that reads.
 *
 * Transactions and whatever else writes take turns on the writer. A query outside a transaction goes to the reader,
 * which sees the last commit and so never waits for a transaction that is still open. One reader is enough: the
 * binding is synchronous, two queries never overlap in a thread.
 *
 * Names are camelCase in code and snake_case in the database, both ways.
 */
import { DatabaseSync } from "node:sqlite"
import { Effect, Layer, Semaphore, String } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"
import { SqliteConnection } from "./sqlite-connection.ts"

export interface SqliteOptions {
  /** A path; an in-memory database has no second connection. Made if it is not there. */
  readonly file: string
  /**
   * `FULL` waits for the disk at every commit. `NORMAL` does not: after a power failure the last commits may be gone,
   * whole and in order, and the file is sound. That is enough for what can be derived again, as the read model from
   * the log: its checkpoint goes back together with its rows.
   */
  readonly synchronous: "NORMAL" | "FULL"
}

/** How long opening may wait, on the event loop, for whoever else opens the file. Later the connection waits itself. */
const openingMillis = 1_000

const open = (options: SqliteOptions, readOnly: boolean) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        const db = new DatabaseSync(options.file, { timeout: openingMillis, readOnly })
        try {
          if (!readOnly) db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.synchronous}`)
          db.exec("PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY")
          // Fewer, larger checkpoints write a page that changes often once for many commits.
          if (!readOnly) db.exec("PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864")
          db.exec("PRAGMA busy_timeout = 0")
        } catch (cause) {
          db.close()
          throw cause
        }
        return new SqliteConnection(db)
      },
      catch: (cause) =>
        new SqlError.SqlError({
          reason: new SqlError.ConnectionError({ cause, message: `Cannot open ${options.file}`, operation: "open" }),
        }),
    }),
    (connection) => Effect.sync(() => connection.db.close()),
  )

/** What certainly only reads; all else may go to the writer. */
const isQuery = (sql: string): boolean => /^\s*(?:SELECT|VALUES|EXPLAIN)\b/i.test(sql)

export const make = Effect.fnUntraced(function*(options: SqliteOptions) {
  const writer = yield* open(options, false)
  const reader = yield* open(options, true)
  const turn = yield* Semaphore.make(1)

  /** For statements outside a transaction. */
  const route = <A>(sql: string, run: (connection: SqliteConnection) => Effect.Effect<A, SqlError.SqlError>) =>
    isQuery(sql) ? run(reader) : turn.withPermit(run(writer))
  const routed: SqlConnection.Connection = {
    execute: (sql, params, transform) => route(sql, (c) => c.execute(sql, params, transform)),
    executeRaw: (sql, params) => route(sql, (c) => c.executeRaw(sql, params)),
    executeValues: (sql, params) => route(sql, (c) => c.executeValues(sql, params)),
    executeValuesUnprepared: (sql, params) => route(sql, (c) => c.executeValuesUnprepared(sql, params)),
    executeUnprepared: (sql, params, transform) => route(sql, (c) => c.executeUnprepared(sql, params, transform)),
    executeStream: (sql, params, transform) => reader.executeStream(sql, params, transform),
  }

  const transactions = SqlClient.makeSqliteAcquirers({
    connection: Effect.succeed(writer),
    semaphore: turn,
    isTransaction: (connection) => connection.db.isTransaction,
  })
  return yield* SqlClient.make({
    acquirer: Effect.succeed(routed),
    borrower: (use) => use(routed),
    compiler: Statement.makeCompilerSqlite(String.camelToSnake),
    transactionAcquirer: transactions.transactionAcquirer,
    onCommitFailure: transactions.onCommitFailure,
    isTransaction: transactions.isTransaction,
    driver: "node-sqlite",
    beginTransaction: "BEGIN IMMEDIATE",
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    spanAttributes: [["db.system.name", "sqlite"], ["db.namespace", options.file]],
    transformRows: Statement.defaultTransforms(String.snakeToCamel, false).array,
  })
})

export const layer = (options: SqliteOptions): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Layer.effect(SqlClient.SqlClient, make(options)).pipe(Layer.provide(Reactivity.layer))
