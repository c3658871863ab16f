import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { beginning, fromNumber } from "../../src/eventstore/position.ts"
import * as Checkpoint from "../../src/outbox/checkpoint.ts"
import * as Database from "../../src/sql/database.ts"
import { overDatabases } from "../contract/databases.ts"

overDatabases("the outbox's checkpoint", (newDatabase) => {
  const using = <A, E>(use: (sql: SqlClient.SqlClient) => Effect.Effect<A, E>) =>
    Effect.flatMap(newDatabase, (location) =>
      SqlClient.SqlClient.use(use).pipe(Effect.provide(Layer.fresh(Database.layer(location)))))

  it.live("begins where the log does, and is where it was moved to", () =>
    using(Effect.fnUntraced(function*(sql) {
      expect(yield* Checkpoint.read(sql)).toBe(beginning)
      yield* Checkpoint.move(sql, beginning, fromNumber(17))
      expect(yield* Checkpoint.read(sql)).toBe(fromNumber(17))
    })))

  it.live("is moved by one of two who have read it at the same place, and the other is told", () =>
    using(Effect.fnUntraced(function*(sql) {
      const from = yield* Checkpoint.read(sql)
      yield* Checkpoint.move(sql, from, fromNumber(20))
      const error = yield* Effect.flip(Checkpoint.move(sql, from, fromNumber(30)))
      expect(error._tag).toBe("OutboxOverlap")
      expect(yield* Checkpoint.read(sql)).toBe(fromNumber(20))
    })))
})
