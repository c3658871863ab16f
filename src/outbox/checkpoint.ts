/**
 * How far the log is published: one row, moved by compare-and-set, so that of two services with the same one each finds
 * out about the other.
 */
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { beginning, type Position } from "../eventstore/position.ts"
import * as Locks from "../sql/locks.ts"

/** Another outbox moved the checkpoint. */
export class OutboxOverlap extends Schema.TaggedError<OutboxOverlap>()("OutboxOverlap", {
  position: Schema.String,
}) {
  override get message() {
    return `The outbox's checkpoint is no longer at ${this.position}: another outbox is at work`
  }
}

/** Where to go on. Made at the log's beginning if there is none. */
export const read = Effect.fnUntraced(function*(sql: SqlClient.SqlClient) {
  const type = sql.onDialectOrElse({ pg: () => sql`TEXT COLLATE "C"`, orElse: () => sql`TEXT` })
  yield* sql.withTransaction(Effect.andThen(
    Locks.schema(sql),
    sql`CREATE TABLE IF NOT EXISTS outbox_checkpoint (id INTEGER PRIMARY KEY, position ${type} NOT NULL)`,
  ))
  yield* sql`INSERT INTO outbox_checkpoint (id, position) VALUES (1, ${beginning}) ON CONFLICT (id) DO NOTHING`
  const [row] = yield* sql`SELECT position FROM outbox_checkpoint WHERE id = 1`.values
  return `${row?.[0]}` as Position
})

export const move = Effect.fnUntraced(function*(sql: SqlClient.SqlClient, from: Position, to: Position) {
  const moved = yield* sql`UPDATE outbox_checkpoint SET position = ${to} WHERE id = 1 AND position = ${from}
    RETURNING position`.values
  if (moved.length === 0) yield* new OutboxOverlap({ position: from })
})
