/**
 * Which tables there are: made on the first start, built beside the served one for a new version, swapped in.
 * Each step is one transaction, so that a crash leaves the one state or the other.
 */
import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { beginning } from "../eventstore/position.ts"
import * as Checkpoints from "./checkpoints.ts"
import type { Projected } from "./projected.ts"

/**
 * Brings the tables in line with the projections and answers with all checkpoints. On an empty database every
 * projection is served from the start. Later, a new projection, or one whose version is above the table's, is to be
 * built; a table of a newer version, from a newer service at work on the same database, is left alone.
 */
export const prepare = (
  sql: SqlClient.SqlClient,
  projections: ReadonlyArray<Projected>,
): Effect.Effect<ReadonlyArray<Checkpoints.Checkpoint>, SqlError.SqlError> =>
  sql.withTransaction(Effect.gen(function*() {
    yield* Checkpoints.create(sql)
    const known = yield* Checkpoints.list(sql)
    for (const projection of projections) {
      const { name, version } = projection
      const own = known.filter((checkpoint) => checkpoint.name === name)
      const served = own.find((checkpoint) => checkpoint.served)
      if (served !== undefined && served.version >= version) continue
      const first = { name, version, generation: 0, served: true, position: beginning }
      if (served === undefined) yield* projection.create(sql, first)
      if (known.length === 0) yield* Checkpoints.add(sql, first)
      // Queries find the table of a projection that is new to this database empty until it is built.
      else yield* startBuild(sql, projection, own)
    }
    return yield* Checkpoints.list(sql)
  }))

/** Makes the table for a build from the beginning, unless there is one under way. */
export const beginBuild = (sql: SqlClient.SqlClient, projection: Projected) =>
  sql.withTransaction(Effect.gen(function*() {
    const known = yield* Checkpoints.list(sql)
    yield* startBuild(sql, projection, known.filter(({ name }) => name === projection.name))
  }))

const startBuild = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  projection: Projected,
  own: ReadonlyArray<Checkpoints.Checkpoint>,
) {
  const { name, version } = projection
  const generation = Math.max(0, ...own.map((checkpoint) => checkpoint.generation)) + 1
  for (const build of own) {
    if (build.served || build.version > version) continue
    if (build.version === version) return
    yield* sql`DROP TABLE IF EXISTS ${sql(Checkpoints.tableOf(build))}`
    yield* Checkpoints.remove(sql, build)
  }
  const checkpoint = { name, version, generation, served: false, position: beginning }
  yield* projection.create(sql, checkpoint)
  yield* Checkpoints.add(sql, checkpoint)
})

/** Puts a table that has been built in the place of the one that is served, and drops that one. */
export const swap = (
  sql: SqlClient.SqlClient,
  built: Checkpoints.Checkpoint,
): Effect.Effect<void, SqlError.SqlError | Checkpoints.CheckpointMoved> =>
  sql.withTransaction(Effect.gen(function*() {
    const { name } = built
    yield* sql`DELETE FROM checkpoints WHERE name = ${name} AND served = 1`
    yield* Checkpoints.serve(sql, built)
    yield* sql`DROP TABLE IF EXISTS ${sql(name)}`
    yield* sql`ALTER TABLE ${sql(Checkpoints.tableOf(built))} RENAME TO ${sql(name)}`
  }))
