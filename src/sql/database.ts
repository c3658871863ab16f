/** Where a database is: embedded, or PostgreSQL. */
import type { Layer } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import * as PostgresClient from "./postgres-client.ts"
import type { DatabaseUnusable } from "./postgres-server.ts"
import * as SqliteClient from "./sqlite-client.ts"

/** Can be handed to a thread. */
export type DatabaseLocation =
  | { readonly _tag: "Sqlite" } & SqliteClient.SqliteOptions
  /** `postgres://`, with the password: not to be shown. */
  | { readonly _tag: "Postgres"; readonly url: string }

export const layer = (
  location: DatabaseLocation,
): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError | DatabaseUnusable> =>
  location._tag === "Sqlite" ? SqliteClient.layer(location) : PostgresClient.layer(location)
