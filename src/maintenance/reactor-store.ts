/**
 * What the reactor keeps: how far it is in the log, and of each vehicle what its models have folded and when a deadline
 * is next. All of it is written in one transaction, so the states are always those of the checkpoint.
 *
 * Tables of its own, which no rebuild of a projection touches: a rebuild reads history, and history's alerts were
 * raised when they were due. A database serves better than a stream of checkpoints, since states are read by vehicle
 * and deadlines by time. If it is lost, or the log was imported, the reactor reads the log from its start, and raises
 * nothing a second time: it is quiet up to the newest event of any alert, and the alerts' streams say what was acted
 * upon.
 */
import { Effect, Schema } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import { beginning, type Position } from "../eventstore/position.ts"
import { array, listed } from "../sql/listed.ts"
import * as Locks from "../sql/locks.ts"

export interface Start {
  readonly position: Position
  /** Up to here the log is read for the states alone: the models are others than when it was read before. */
  readonly quietUntil: Position
}

export interface StoredVehicle {
  readonly vin: string
  /** Epoch ms. */
  readonly deadline: number | null
  /** JSON. */
  readonly state: string
}

/** Another reactor moved the checkpoint, or the database has lost its last commits in a crash. Nothing was written. */
export class ReactorOverlap extends Schema.TaggedError<ReactorOverlap>()("ReactorOverlap", {
  position: Schema.String,
}) {
  override get message() {
    return `The reactor's checkpoint is no longer at ${this.position}: another reactor is at work, ` +
      "or the database has lost its last commits"
  }
}

/** Vehicles read or written by one statement. */
const chunk = 200

const text = (value: unknown): string => `${value}`
const toPosition = (value: unknown): Position => text(value) as Position
const later = (a: Position, b: Position): Position => a > b ? a : b

export const make = Effect.fnUntraced(function*(sql: SqlClient.SqlClient) {
  const types = sql.onDialectOrElse({
    pg: () => ({ position: sql`TEXT COLLATE "C"`, time: sql`BIGINT` }),
    orElse: () => ({ position: sql`TEXT`, time: sql`INTEGER` }),
  })
  yield* sql.withTransaction(Effect.gen(function*() {
    yield* Locks.schema(sql)
    yield* sql`CREATE TABLE IF NOT EXISTS reactor_checkpoint (
      id INTEGER PRIMARY KEY, position ${types.position} NOT NULL, models TEXT NOT NULL,
      quiet_until ${types.position} NOT NULL)`
    yield* sql`CREATE TABLE IF NOT EXISTS reactor_vehicles (
      vin TEXT PRIMARY KEY, deadline ${types.time}, state TEXT NOT NULL)`
    yield* sql`CREATE INDEX IF NOT EXISTS reactor_vehicles_deadline ON reactor_vehicles (deadline)`
  }))

  return {
    /**
     * Where to go on. With other models than before it begins anew, and keeps quiet up to where the others had judged
     * the log, and no further: what came in since, nobody was told of. With nothing kept, up to where the log was
     * judged by whoever kept it.
     */
    start: (
      models: string,
      judgedUpTo: Effect.Effect<Position, SqlError.SqlError>,
    ): Effect.Effect<Start, SqlError.SqlError> =>
      sql.withTransaction(Effect.gen(function*() {
        const [row] = yield* sql`SELECT position, models, quiet_until FROM reactor_checkpoint`.values
        const kept = row && { position: toPosition(row[0]), quietUntil: toPosition(row[2]) }
        if (kept !== undefined && row?.[1] === models) return kept
        const quietUntil = kept === undefined ? yield* judgedUpTo : later(kept.position, kept.quietUntil)
        yield* sql`DELETE FROM reactor_checkpoint`
        yield* sql`DELETE FROM reactor_vehicles`
        yield* sql`INSERT INTO reactor_checkpoint (id, position, models, quiet_until)
          VALUES (1, ${beginning}, ${models}, ${quietUntil})`
        return { position: beginning, quietUntil }
      })),

    load: Effect.fnUntraced(function*(vins: ReadonlyArray<string>) {
      const found: Array<StoredVehicle> = []
      for (let from = 0; from < vins.length; from += chunk) {
        const rows = yield* sql`SELECT r.vin, r.deadline, r.state
          FROM ${listed(sql, vins.slice(from, from + chunk))} JOIN reactor_vehicles r ON r.vin = v.value`.values
        for (const [vin, deadline, state] of rows) {
          found.push({ vin: text(vin), deadline: deadline === null ? null : Number(deadline), state: text(state) })
        }
      }
      return found
    }),

    save: (from: Position, to: Position, vehicles: ReadonlyArray<StoredVehicle>) =>
      sql.withTransaction(Effect.gen(function*() {
        const moved = yield* sql`UPDATE reactor_checkpoint SET position = ${to} WHERE position = ${from}
          RETURNING position`.values
        if (moved.length === 0) return yield* new ReactorOverlap({ position: from })
        for (let start = 0; start < vehicles.length; start += chunk) {
          yield* sql`INSERT INTO reactor_vehicles (vin, deadline, state)
            SELECT * FROM ${rowsOf(sql, vehicles.slice(start, start + chunk))} WHERE true
            ON CONFLICT (vin) DO UPDATE SET deadline = excluded.deadline, state = excluded.state`
        }
      })),

    /** Vehicles whose deadline has passed, the longest ago first. */
    due: (now: number, limit: number) =>
      Effect.map(
        sql`SELECT vin FROM reactor_vehicles WHERE deadline <= ${now} ORDER BY deadline LIMIT ${limit}`.values,
        (rows) => rows.map(([vin]) => text(vin)),
      ),
  }
})

/** As a table of what is stored. */
const rowsOf = (sql: SqlClient.SqlClient, vehicles: ReadonlyArray<StoredVehicle>): Statement.Fragment => {
  const vins = vehicles.map(({ vin }) => vin)
  const deadlines = vehicles.map(({ deadline }) => deadline)
  const states = vehicles.map(({ state }) => state)
  return sql.onDialectOrElse({
    pg: () => sql`unnest(${array(sql, "text", vins)}, ${array(sql, "bigint", deadlines)}, ${array(sql, "text", states)})`,
    orElse: () => sql`(SELECT v.value ->> 0, v.value ->> 1, v.value ->> 2
      FROM json_each(${JSON.stringify(vins.map((vin, i) => [vin, deadlines[i], states[i]]))}) AS v)`,
  })
}

export type ReactorStore = Effect.Success<ReturnType<typeof make>>
