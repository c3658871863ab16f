import { expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { type DatabaseLocation, layer } from "../../src/sql/database.ts"
import { overDatabases } from "../contract/databases.ts"

const open = (location: DatabaseLocation) =>
  Effect.map(Layer.build(Layer.fresh(layer(location))), (context) => Context.get(context, SqlClient.SqlClient))

overDatabases("a database", (newDatabase) => {
  it.live("undoes a transaction that fails or is interrupted, and a nested one alone", () =>
    Effect.gen(function*() {
      const sql = yield* Effect.flatMap(newDatabase, open)
      yield* sql`CREATE TABLE things (full_name TEXT NOT NULL UNIQUE)`
      const add = (fullName: string) => sql`INSERT INTO things ${sql.insert({ fullName })}`
      const names = Effect.map(
        sql<{ fullName: string }>`SELECT full_name FROM things ORDER BY full_name`,
        (rows) => rows.map((row) => row.fullName),
      )
      yield* Effect.flip(sql.withTransaction(Effect.andThen(add("a"), Effect.fail("no"))))
      const hanging = yield* sql.withTransaction(Effect.andThen(add("b"), Effect.never)).pipe(Effect.forkChild)
      yield* Effect.sleep("50 millis")
      yield* Fiber.interrupt(hanging)
      expect(yield* names).toEqual([])
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* add("c")
        yield* Effect.ignore(sql.withTransaction(Effect.andThen(add("d"), Effect.fail("no"))))
        yield* sql.withTransaction(add("e"))
      }))
      expect(yield* names).toEqual(["c", "e"])
    }))
})
