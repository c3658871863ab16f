/**
 * Keeps when the service listened beside the read model, but apart from what a rebuild makes anew. If it is lost, every
 * vehicle has its whole time again.
 */
import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import * as Locks from "../sql/locks.ts"
import type { Spell } from "./listening.ts"

/** Longer than any vehicle may be quiet, with as much time again in which nobody listened, ms. */
const keptMs = 90 * 24 * 3_600_000

export const make = Effect.fnUntraced(function*(sql: SqlClient.SqlClient) {
  const time = sql.onDialectOrElse({ pg: () => sql`BIGINT`, orElse: () => sql`INTEGER` })
  yield* sql.withTransaction(Effect.andThen(
    Locks.schema(sql),
    sql`CREATE TABLE IF NOT EXISTS listening (id TEXT PRIMARY KEY, from_at ${time} NOT NULL, to_at ${time} NOT NULL)`,
  ))

  return {
    /** A new spell, still without length, and the name to go on with it by. */
    begin: Effect.fnUntraced(function*(now: number) {
      const id = randomUUID()
      yield* sql`DELETE FROM listening WHERE to_at < ${now - keptMs}`
      yield* sql`INSERT INTO listening (id, from_at, to_at) VALUES (${id}, ${now}, ${now})`
      return id
    }),

    goOn: (id: string, now: number) => sql`UPDATE listening SET to_at = ${now} WHERE id = ${id}`,

    spells: Effect.map(
      sql`SELECT from_at, to_at FROM listening`.values,
      (rows): ReadonlyArray<Spell> => rows.map(([from, to]) => ({ from: Number(from), to: Number(to) })),
    ),
  }
})
