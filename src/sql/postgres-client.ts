/**
 * Effect's `SqlClient` over PostgreSQL: a pool of connections, on which single statements and transactions take turns.
 *
 * Names are camelCase in code and snake_case in the database, both ways. A BIGINT is a number.
 */
import { PgClient, type PgConnection, PgPool, PgTypes } from "@effect/sql-pg"
import { type Duration, Effect, Layer, Redacted, Result, String } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"
import { told } from "./errors.ts"
import { PostgresConnection } from "./postgres-connection.ts"
import * as Server from "./postgres-server.ts"

export interface PostgresOptions {
  /**
   * `postgres://`, with the password: not to be shown. `sslmode=require` and those above it check the server's
   * certificate.
   */
  readonly url: string
  /** How long a statement may go without its answer: then its connection is given up. */
  readonly deadline?: Duration.Input
}

/** A statement's, by which a hung server is noticed; the server itself gives a statement up before that. */
const deadline = "25 seconds"

const session = {
  /**
   * A commit does not wait for the disk: after a crash of the server the last ones may be gone, whole and in order.
   * That is enough for all that is stored here, which can be derived again from the log: a checkpoint goes back
   * together with the rows, and who holds it in memory looks whether it is still so.
   */
  synchronous_commit: "off",
  statement_timeout: "20s",
  lock_timeout: "10s",
  /** Of a process that hangs, or whose machine is gone, with the locks that it has. */
  idle_in_transaction_session_timeout: "30s",
  /** Queries are short: to compile one takes longer than to run it. */
  jit: "off",
}

const pool = {
  maxConnections: 10,
  idleTimeout: "5 minutes",
  keepAlive: "30 seconds",
} as const

const safeBigint: PgTypes.Codec<number | bigint> = {
  decode: (bytes) => {
    const value = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigInt64(0)
    const number = Number(value)
    return Result.succeed(Number.isSafeInteger(number) ? number : value)
  },
  encode: (value) => {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigInt64(0, BigInt(value))
    return Result.succeed(bytes)
  },
}

/** The server answers COMMIT with success and ROLLBACK where the transaction had failed. */
const commit = (connection: SqlConnection.Connection): Effect.Effect<void, SqlError.SqlError> =>
  Effect.flatMap(connection.executeRaw("COMMIT", []), (result) => {
    if (typeof result !== "object" || result === null || !("command" in result) || result.command === "COMMIT") {
      return Effect.void
    }
    const message = "The transaction had failed before its COMMIT"
    const reason = new SqlError.UnknownError({ cause: new Error(message), message, operation: "commit" })
    return Effect.fail(new SqlError.SqlError({ reason }))
  })

export const make = Effect.fnUntraced(function*(options: PostgresOptions) {
  const types = PgTypes.makeRegistry()
  types.register(PgTypes.OID.int8, safeBigint, { arrayOid: PgTypes.OID.int8Array })
  const connections = yield* PgPool.make({
    url: Redacted.make(options.url),
    applicationName: "vehicle-twin",
    startupParameters: session,
    types,
    ...pool,
  })
  const place = Server.placeOf(options.url)
  yield* Server.awaitUsable(connections, place)

  const within = options.deadline ?? deadline
  const behind = (connection: PgConnection.PgConnection) => new PostgresConnection(connection, within)
  return yield* SqlClient.make({
    acquirer: Effect.mapBoth(connections.get, { onSuccess: behind, onFailure: told }),
    borrower: (use) =>
      connections.use((connection) => use(behind(connection))).pipe(
        Effect.mapError((error) => error instanceof SqlError.SqlError ? told(error) : error),
      ),
    transactionAcquirer: Effect.mapBoth(connections.reserve, { onSuccess: behind, onFailure: told }),
    compiler: PgClient.makeCompiler(String.camelToSnake, false),
    prepareTransactionControls: true,
    commit,
    releaseSavepoint: (savepoint) => `RELEASE SAVEPOINT ${savepoint}`,
    driver: "@effect/sql-pg",
    spanAttributes: [["db.system.name", "postgresql"], ["db.namespace", place.name], ["server.address", place.host]],
    transformRows: Statement.defaultTransforms(String.snakeToCamel, false).array,
  })
})

export const layer = (
  options: PostgresOptions,
): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError | Server.DatabaseUnusable> =>
  Layer.effect(SqlClient.SqlClient, make(options)).pipe(Layer.provide(Reactivity.layer))
