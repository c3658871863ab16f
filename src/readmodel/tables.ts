/**
 * Which tables there are: made on the first start, built beside the served one, swapped in, and dropped once they are
 * replaced. Each step is one transaction, so that a crash leaves the one state or the other.
 *
 * Of a projection's checkpoints one is served. One of a higher generation is a build; those of lower generations are
 * tables that were replaced and are yet to be dropped.
 */
import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { beginning, type Position } from "../eventstore/position.ts"
import * as Locks from "../sql/locks.ts"
import * as Checkpoints from "./checkpoints.ts"
import { ServedByNewerVersion } from "./errors.ts"
import type { Projected } from "./projected.ts"

type All = ReadonlyArray<Checkpoints.Checkpoint>

const servedOf = ({ name }: { readonly name: string }, all: All) => all.find((one) => one.served && one.name === name)

/** The table that is being built for this version of the projection. */
export const buildOf = (projection: Projected, all: All): Checkpoints.Checkpoint | undefined =>
  all.find((one) => one.name === projection.name && one.version === projection.version && isBuild(one, all))

const isBuild = (one: Checkpoints.Checkpoint, all: All): boolean =>
  !one.served && one.generation > (servedOf(one, all)?.generation ?? -1)

/** Whether it is to be built because what is served, if anything is, is of an older version. */
export const isMissing = (projection: Projected, all: All): boolean =>
  (servedOf(projection, all)?.version ?? -1) < projection.version

const wasReplaced = (one: Checkpoints.Checkpoint, all: All): boolean =>
  !one.served && one.generation < (servedOf(one, all)?.generation ?? -1)

/** Whether there are tables that were replaced and not dropped. */
export const hasReplaced = (all: All): boolean => all.some((one) => wasReplaced(one, all))

/** How far those that are served have come. */
export const servedUpTo = (all: All): Position =>
  all.filter(({ served }) => served).map(({ position }) => position).toSorted().at(-1) ?? beginning

/**
 * Brings the tables in line with the projections and answers with all checkpoints. On an empty database every
 * projection is served from the start. Later, a new projection, or one whose version is above the table's, is to be
 * built; a table of a newer version, from a newer service at work on the same database, is left alone.
 */
export const prepare = (
  sql: SqlClient.SqlClient,
  projections: ReadonlyArray<Projected>,
): Effect.Effect<All, SqlError.SqlError> =>
  sql.withTransaction(Effect.gen(function*() {
    yield* Locks.schema(sql)
    yield* Checkpoints.create(sql)
    const known = yield* Checkpoints.list(sql)
    for (const projection of projections) {
      const { name, version } = projection
      const served = servedOf(projection, known)
      if (served !== undefined && served.version >= version) continue
      const first = { name, version, generation: 0, served: true, position: beginning }
      if (served === undefined) yield* projection.create(sql, first)
      if (known.length === 0) yield* Checkpoints.add(sql, first)
      // Queries find the table of a projection that is new to this database empty until it is built.
      else yield* startBuild(sql, projection, known, false)
    }
    return yield* Checkpoints.list(sql)
  }))

/** Makes the tables for builds, but where one is under way, which is to go on unless it is to start again. */
export const beginBuilds = (
  sql: SqlClient.SqlClient,
  projections: ReadonlyArray<Projected>,
  restart: boolean,
): Effect.Effect<void, SqlError.SqlError | ServedByNewerVersion> =>
  sql.withTransaction(Effect.gen(function*() {
    yield* Locks.schema(sql)
    const known = yield* Checkpoints.list(sql)
    for (const projection of projections) {
      const { name, version } = projection
      const served = servedOf(projection, known)
      if (served !== undefined && served.version > version) {
        return yield* new ServedByNewerVersion({ name, version, served: served.version })
      }
      yield* startBuild(sql, projection, known, restart)
    }
  }))

const startBuild = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  projection: Projected,
  known: All,
  restart: boolean,
) {
  const { name, version } = projection
  const own = known.filter((one) => one.name === name)
  const generation = Math.max(0, ...own.map((one) => one.generation)) + 1
  for (const build of own.filter((one) => isBuild(one, own))) {
    if (build.version > version) continue
    if (build.version === version && !restart) return
    yield* drop(sql, build)
  }
  const checkpoint = { name, version, generation, served: false, position: beginning }
  yield* projection.create(sql, checkpoint)
  yield* Checkpoints.add(sql, checkpoint)
})

const drop = Effect.fnUntraced(function*(sql: SqlClient.SqlClient, checkpoint: Checkpoints.Checkpoint) {
  // In the order that a batch takes them: where one is at work on the table, this waits for its end.
  yield* Checkpoints.remove(sql, checkpoint)
  yield* sql`DROP TABLE IF EXISTS ${sql(Checkpoints.tableOf(checkpoint))}`
})

/**
 * Puts a table that has been built in the place of the one that is served, which is kept aside under another name:
 * renaming takes no longer for a large table, dropping does. To be run in a transaction.
 */
export const swap = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  built: Checkpoints.Checkpoint,
): Effect.fn.Return<void, SqlError.SqlError | Checkpoints.CheckpointMoved> {
  const served = servedOf(built, yield* Checkpoints.list(sql))
  if (served === undefined) {
    yield* sql`DROP TABLE IF EXISTS ${sql(built.name)}`
  } else {
    const aside = { ...served, served: false }
    yield* Checkpoints.retire(sql, served)
    yield* sql`ALTER TABLE ${sql(built.name)} RENAME TO ${sql(Checkpoints.tableOf(aside))}`
  }
  yield* Checkpoints.serve(sql, built)
  yield* sql`ALTER TABLE ${sql(Checkpoints.tableOf(built))} RENAME TO ${sql(built.name)}`
})

/** Drops the tables that were replaced, one a transaction. */
export const sweep = Effect.fnUntraced(function*(sql: SqlClient.SqlClient): Effect.fn.Return<void, SqlError.SqlError> {
  const all = yield* Checkpoints.list(sql)
  for (const one of all) {
    if (wasReplaced(one, all)) yield* sql.withTransaction(drop(sql, one))
  }
})
