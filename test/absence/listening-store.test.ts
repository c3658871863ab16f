import { expect, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import * as ListeningStore from "../../src/absence/listening-store.ts"
import { layer as databaseLayer } from "../../src/sql/database.ts"
import { overDatabases } from "../contract/databases.ts"
import { day, now } from "../support/given.ts"

overDatabases("when the service listened", (newDatabase) => {
  const opened = Effect.gen(function*() {
    const context = yield* Layer.build(Layer.fresh(databaseLayer(yield* newDatabase)))
    const sql = Context.get(context, SqlClient.SqlClient)
    return { sql, store: yield* ListeningStore.make(sql) }
  })

  it.live("is kept as far as each spell goes, over restarts", () =>
    Effect.gen(function*() {
      const { sql, store } = yield* opened
      yield* store.goOn(yield* store.begin(now), now + 5_000)
      const later = yield* ListeningStore.make(sql)
      yield* later.begin(now + 60_000)
      expect((yield* later.spells).toSorted((a, b) => a.from - b.from)).toEqual([
        { from: now, to: now + 5_000 },
        { from: now + 60_000, to: now + 60_000 },
      ])
    }))

  it.live("is there again where the database lost it", () =>
    Effect.gen(function*() {
      const { sql, store } = yield* opened
      const spell = yield* store.begin(now)
      yield* sql`DELETE FROM listening`
      yield* store.goOn(spell, now + 5_000)
      expect(yield* store.spells).toEqual([{ from: now, to: now + 5_000 }])
    }))

  it.live("is forgotten once no vehicle may be quiet for so long", () =>
    Effect.gen(function*() {
      const { store } = yield* opened
      yield* store.begin(now - 91 * day)
      yield* store.begin(now)
      expect(yield* store.spells).toEqual([{ from: now, to: now }])
    }))
})
