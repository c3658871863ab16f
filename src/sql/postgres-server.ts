/** Whether there is a server to work with: waited for where waiting can help, else said what is wrong. */
import type { PgPool } from "@effect/sql-pg"
import { Effect, Schedule, Schema } from "effect"
import type { SqlError } from "effect/sql"
import { codeOf, whatOf } from "./errors.ts"

/** Waiting cannot help: what DATABASE_URL says, or the server, has to be changed. */
export class DatabaseUnusable extends Schema.TaggedError<DatabaseUnusable>()("DatabaseUnusable", {
  message: Schema.String,
}) {}

/** What is used here has long been there; older ones than this have been without fixes for long. */
const oldest = { version: 140_000, name: "14" } as const

const patience = Schedule.jittered(Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("5 seconds")]))

export interface Place {
  /** With the port. */
  readonly host: string
  /** The database's. */
  readonly name: string
}

/** What may be shown of the URL. */
export const placeOf = (url: string): Place => {
  if (!URL.canParse(url)) return { host: "?", name: "?" }
  const { hostname, pathname, port, searchParams, username } = new URL(url)
  const host = searchParams.get("host") ?? (hostname === "" ? "localhost" : hostname)
  const path = pathname.slice(1)
  // Where a password has a slash that is not escaped, its end is in the path.
  const name = searchParams.get("dbname") ?? (path.includes("@") ? "?" : path)
  return { host: `${host}:${searchParams.get("port") ?? (port === "" ? "5432" : port)}`, name: name || username }
}

const help = (code: string): string => {
  switch (code) {
    case "3D000":
      return "make the database first: CREATE DATABASE"
    case "28P01":
    case "28000":
      return "check user and password, and the server's pg_hba.conf"
    default:
      return ""
  }
}

const isLasting = (error: SqlError.SqlError): boolean => {
  const code = codeOf(error)
  return error.reason._tag === "AuthenticationError" || error.reason._tag === "AuthorizationError" ||
    // No such database; settings that the server does not know, or has otherwise.
    /^(?:3D|22|42|F0)/.test(code) || /^ERR_(?:TLS|SSL|INVALID)|CERT|SIGNATURE|ISSUER/.test(code) ||
    // Its own words where it is not even tried, or where the server is one without TLS.
    /Invalid|Unrecognized|Unsupported|refused TLS|No username/.test(error.message)
}

/** Waits until the server can be written to, and says so; fails where that cannot be expected. */
export const awaitUsable = Effect.fnUntraced(function*(
  connections: PgPool.PgPool,
  { host, name }: Place,
): Effect.fn.Return<void, DatabaseUnusable> {
  const database = `the PostgreSQL database ${name} at ${host} (DATABASE_URL)`
  const look = connections.use((connection) =>
    connection.queryValues(
      "SELECT current_setting('server_version_num')::int, current_setting('server_version'), pg_is_in_recovery()",
    ))
  yield* look.pipe(
    Effect.mapError((error) => {
      const code = codeOf(error)
      const hint = help(code)
      return { lasting: isLasting(error), message: `${whatOf(error)}${hint === "" ? "" : ` (${hint})`}` }
    }),
    Effect.flatMap(([row = []]) => {
      const [version, release, standby] = row
      if (Number(version) < oldest.version) {
        return Effect.fail({ lasting: true, message: `it is of version ${release}, and ${oldest.name} is the oldest` })
      }
      return standby === true
        ? Effect.fail({ lasting: false, message: "it is a standby, which takes no writes" })
        : Effect.void
    }),
    Effect.tapError(({ lasting, message }) =>
      lasting ? Effect.void : Effect.logWarning(`Waiting for ${database}: ${message}`)),
    Effect.retry({ schedule: patience, while: ({ lasting }) => !lasting }),
    Effect.mapError(({ message }) => new DatabaseUnusable({ message: `Cannot use ${database}: ${message}` })),
  )
})
