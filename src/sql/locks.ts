/** What has to be held in PostgreSQL where in SQLite a transaction has the database to itself. */
import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"

/**
 * Tables are made and replaced by one transaction at a time, which this makes it until its end: even CREATE TABLE IF
 * NOT EXISTS fails where two come together.
 */
export const schema = (sql: SqlClient.SqlClient): Effect.Effect<void, SqlError.SqlError> =>
  sql.onDialectOrElse({
    pg: () => Effect.asVoid(sql`SELECT pg_advisory_xact_lock(hashtextextended('vehicle-twin schema', 0))`),
    orElse: () => Effect.void,
  })

/** Whoever else writes to the table waits until the end of this transaction; those who read do not. */
export const writes = (sql: SqlClient.SqlClient, table: string): Effect.Effect<void, SqlError.SqlError> =>
  sql.onDialectOrElse({
    pg: () => Effect.asVoid(sql`LOCK TABLE ${sql(table)} IN EXCLUSIVE MODE`),
    orElse: () => Effect.void,
  })
