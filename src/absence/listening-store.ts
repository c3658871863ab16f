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

/** A spell that goes on: its name, and since when, epoch ms. */
export interface Begun {
  readonly id: string
  readonly from: number
}

export const make = Effect.fnUntraced(function*(sql: SqlClient.SqlClient) {
  const time = sql.onDialectOrElse({ pg: () => sql`BIGINT`, orElse: () => sql`INTEGER` })
  yield* sql.withTransaction(Effect.andThen(
    Locks.schema(sql),
    sql`CREATE TABLE IF NOT EXISTS listening (id TEXT PRIMARY KEY, from_at ${time} NOT NULL, to_at ${time} NOT NULL)`,
  ))

  /** Whole each time, so that a spell is there again where the database lost it. */
  const goOn = ({ from, id }: Begun, now: number) =>
    sql`INSERT INTO listening (id, from_at, to_at) VALUES (${id}, ${from}, ${now})
      ON CONFLICT (id) DO UPDATE SET to_at = excluded.to_at`

  return {
    /** A new spell, still without length. */
    begin: Effect.fnUntraced(function*(now: number) {
      const begun: Begun = { id: randomUUID(), from: now }
      yield* sql`DELETE FROM listening WHERE to_at < ${now - keptMs}`
      yield* goOn(begun, now)
      return begun
    }),

    goOn,

    spells: Effect.map(
      sql`SELECT from_at, to_at FROM listening`.values,
      (rows): ReadonlyArray<Spell> => rows.map(([from, to]) => ({ from: Number(from), to: Number(to) })),
    ),
  }
})
