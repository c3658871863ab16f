/**
 * How far each projection's table has come, in the database beside the rows. A projection has one table that is
 * served, under its plain name, and at times others beside it, under names of their own; `tables.ts` says which.
 */
import { Effect, Schema } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { beginning, type Position } from "../eventstore/position.ts"

export interface Checkpoint {
  readonly name: string
  readonly version: number
  /** Counts the tables that a projection has had: tells one from the next of the same version. */
  readonly generation: number
  readonly served: boolean
  /** Everything up to here is in the table. */
  readonly position: Position
}

/**
 * Another projector moved the checkpoint, or put another table in this one's place; or the database crashed, and has
 * lost its last commits. Nothing was written.
 */
export class CheckpointMoved extends Schema.TaggedError<CheckpointMoved>()("CheckpointMoved", {
  name: Schema.String,
  position: Schema.String,
}) {
  override get message() {
    return `The checkpoint of ${this.name} is no longer at ${this.position}: another projector is at work, ` +
      "or the database has lost its last commits"
  }
}

export const tableOf = (checkpoint: Checkpoint): string =>
  checkpoint.served ? checkpoint.name : `${checkpoint.name}__v${checkpoint.version}_${checkpoint.generation}`

export const create = (sql: SqlClient.SqlClient) =>
  sql.onDialectOrElse({
    pg: () => sql`
      CREATE TABLE IF NOT EXISTS checkpoints (
        name TEXT NOT NULL, version BIGINT NOT NULL, generation BIGINT NOT NULL, served BIGINT NOT NULL,
        position TEXT COLLATE "C" NOT NULL, PRIMARY KEY (name, generation))`,
    orElse: () => sql`
      CREATE TABLE IF NOT EXISTS checkpoints (
        name TEXT NOT NULL, version INTEGER NOT NULL, generation INTEGER NOT NULL, served INTEGER NOT NULL,
        position TEXT NOT NULL, PRIMARY KEY (name, generation))`,
  })

export const list = (sql: SqlClient.SqlClient): Effect.Effect<ReadonlyArray<Checkpoint>, SqlError.SqlError> =>
  Effect.map(
    sql`SELECT name, version, generation, served, position FROM checkpoints ORDER BY name, generation`.values,
    (rows) =>
      rows.map(([name, version, generation, served, position]) => ({
        name: `${name}`,
        version: Number(version),
        generation: Number(generation),
        served: Number(served) === 1,
        position: `${position}` as Position,
      })),
  )

export const add = (sql: SqlClient.SqlClient, checkpoint: Checkpoint) =>
  sql`INSERT INTO checkpoints ${sql.insert({ ...checkpoint, served: checkpoint.served ? 1 : 0 })}`

export const remove = (sql: SqlClient.SqlClient, { name, generation }: Checkpoint) =>
  sql`DELETE FROM checkpoints WHERE name = ${name} AND generation = ${generation}`

/** Moves all of these, by compare-and-set, in the transaction that writes the rows. */
export const advance = (
  sql: SqlClient.SqlClient,
  checkpoints: ReadonlyArray<Checkpoint>,
  to: Position,
): Effect.Effect<void, SqlError.SqlError | CheckpointMoved> => {
  if (checkpoints.length === 0) return Effect.void
  const where = checkpoints.map(({ generation, name, position, served }) =>
    sql`(name = ${name} AND generation = ${generation} AND served = ${served ? 1 : 0} AND position = ${position})`)
  return Effect.flatMap(
    sql`UPDATE checkpoints SET position = ${to} WHERE ${sql.or(where)} RETURNING name`.values,
    (moved) => {
      const lost = checkpoints.find(({ name }) => !moved.some(([other]) => other === name))
      return lost === undefined ? Effect.void : Effect.fail(new CheckpointMoved({ name: lost.name, position: lost.position }))
    },
  )
}

/** Fails where one of these is gone, or not as far as it was. */
export const confirm = (
  sql: SqlClient.SqlClient,
  checkpoints: ReadonlyArray<Checkpoint>,
): Effect.Effect<void, SqlError.SqlError | CheckpointMoved> =>
  Effect.flatMap(list(sql), (all) => {
    const lost = checkpoints.find(({ generation, name, position, served }) =>
      !all.some((one) =>
        one.name === name && one.generation === generation && one.served === served && one.position >= position))
    if (lost === undefined) return Effect.void
    return Effect.fail(new CheckpointMoved({ name: lost.name, position: lost.position }))
  })

/** Marks the served table as replaced. */
export const retire = (sql: SqlClient.SqlClient, { name, generation }: Checkpoint) =>
  sql`UPDATE checkpoints SET served = 0 WHERE name = ${name} AND generation = ${generation}`

/** Marks a table that was built as the served one, if its checkpoint is still where it was. */
export const serve = (
  sql: SqlClient.SqlClient,
  { name, generation, position }: Checkpoint,
): Effect.Effect<void, SqlError.SqlError | CheckpointMoved> =>
  Effect.flatMap(
    sql`UPDATE checkpoints SET served = 1 WHERE name = ${name} AND generation = ${generation}
      AND served = 0 AND position = ${position} RETURNING name`.values,
    (moved) => moved.length === 1 ? Effect.void : Effect.fail(new CheckpointMoved({ name, position })),
  )

/** The lowest position of these projections' served tables. */
export const lowest = (
  sql: SqlClient.SqlClient,
  names: ReadonlyArray<string>,
): Effect.Effect<Position, SqlError.SqlError> =>
  Effect.map(
    sql`SELECT MIN(position) FROM checkpoints WHERE served = 1 AND ${sql.in("name", names)}`.values,
    (rows) => (rows[0]?.[0] ?? beginning) as Position,
  )
