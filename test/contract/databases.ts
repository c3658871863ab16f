/** Suites over each database that may hold what is kept beside the log. */
import { afterAll, beforeAll, describe } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { join } from "node:path"
import type { DatabaseLocation } from "../../src/sql/database.ts"
import { type Postgres, postgres, postgresIsThere, postgresUrl } from "../support/postgres.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

/** Another one each time, and empty. */
export type NewDatabase = Effect.Effect<DatabaseLocation, never, Scope.Scope>

const inSqlite: NewDatabase = Effect.map(temporaryFolder, (folder) => ({
  _tag: "Sqlite",
  file: join(folder, "test.db"),
  synchronous: "NORMAL",
}))

/** In PostgreSQL, of one server for the tests around. */
export const inPostgres = (): NewDatabase => {
  const scope = Effect.runSync(Scope.make())
  const named = process.env["TEST_DATABASE_URL"]
  let server: Postgres | undefined
  beforeAll(async () => {
    if (!named) server = await Effect.runPromise(Scope.provide(postgres({ fsync: false }), scope))
  }, 60_000)
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  return Effect.map(
    Effect.suspend(() => server === undefined ? postgresUrl : server.newDatabase),
    (url) => ({ _tag: "Postgres", url }),
  )
}

export const overDatabases = (name: string, suite: (newDatabase: NewDatabase) => void): void => {
  describe(`${name}, in SQLite`, () => {
    suite(inSqlite)
  })
  describe.skipIf(!postgresIsThere)(`${name}, in PostgreSQL`, () => {
    suite(inPostgres())
  })
}
