/**
 * Tables built from the log beside those that are served, and then put in their place: for a new version of a
 * projection, for a new projection, or on request. It runs in a worker thread of the service, or in another process
 * beside it or without it: all it shares with a projector is the database.
 *
 * A build reads the log from the beginning, never past what is served. Once it is nearly as far, it takes the write
 * lock, which holds the projector where it is: it folds the few events that are left, up to the served table's very
 * position, and swaps, in one transaction. Queries are answered from the old table until then and from the new one
 * from then on. The projector's next batch finds its checkpoint gone, and goes on with the new table.
 */
import { Clock, Effect, Stream } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { EventStoreError } from "../eventstore/errors.ts"
import type { EventStore } from "../eventstore/event-store.ts"
import { beginning, type Position } from "../eventstore/position.ts"
import * as Locks from "../sql/locks.ts"
import * as Batch from "./batch.ts"
import * as Checkpoints from "./checkpoints.ts"
import type { ReadModelUnavailable, ServedByNewerVersion } from "./errors.ts"
import type { AnyFolding } from "./folding.ts"
import type { Projected } from "./projected.ts"
import * as Tables from "./tables.ts"

/** Events a transaction: its writes hold the projector up, for some milliseconds. */
const defaultBatchEvents = 500
/** As the projector's. */
const defaultCachedVehicles = 25_000
/** Events that may be left for the last step, which holds the write lock while it reads and folds them. */
const lastEvents = 200
const mostLastEvents = 20_000
/** How long another's build has to stand still before it counts as abandoned. */
const abandonedAfterMillis = 5_000

export interface Progress {
  /** Folded so far by this run. */
  readonly events: number
  /** Everything up to here is in the tables. */
  readonly position: Position
  /** How far they have to come, for now: the log goes on. */
  readonly target: Position
}

export interface Options {
  readonly sql: SqlClient.SqlClient
  readonly store: EventStore["Service"]
  readonly projections: ReadonlyArray<Projected>
  /** Begin again where a build is under way, or was broken off, instead of going on with it. */
  readonly restart?: boolean
  readonly progress?: (progress: Progress) => void
  readonly batchEvents?: number
  readonly cachedVehicles?: number
}

export type RebuildError = SqlError.SqlError | ReadModelUnavailable | ServedByNewerVersion | EventStoreError

/**
 * Builds these projections anew, all in one pass over the log, swaps them in, all at once, and answers with the events
 * that were folded. Where a build of one is under way it goes on with it: with that of a process that is gone at once,
 * with that of one at work by waiting for it. What is done so far stays when it fails or is interrupted.
 */
export const run = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<number, RebuildError> {
  const { projections, restart = false, sql } = options
  let events = 0
  yield* Tables.beginBuilds(sql, projections, restart)
  const counted = (more: number) => events += more
  while (!(yield* attempt(options, counted).pipe(Effect.catchTag("CheckpointMoved", () => Effect.succeed(false))))) {
    // Somebody else is at work on the same tables: one of the two is enough.
    yield* standstill(sql, projections)
  }
  yield* Tables.sweep(sql)
  return events
})

/** Goes on with the builds that there are, until they are swapped in; true where there are none. */
const attempt = Effect.fnUntraced(function*(options: Options, counted: (events: number) => number) {
  const { batchEvents = defaultBatchEvents, cachedVehicles = defaultCachedVehicles, projections, sql, store } = options
  const head = yield* store.head
  const checkpoints = yield* Checkpoints.list(sql)
  const foldings = projections.flatMap((projection) => {
    const build = Tables.buildOf(projection, checkpoints)
    return build === undefined ? [] : [projection.open(sql, build, cachedVehicles)]
  })
  if (foldings.length === 0) return true

  // Where nothing was ever folded there is no projector to keep pace with.
  const targetOf = Effect.map(Checkpoints.list(sql), (all) => {
    const served = Tables.servedUpTo(all)
    return served === beginning ? head : served
  })
  const read = (target: Position, limit: number) =>
    store.readAll({ after: positionOf(foldings), filter: Batch.filter, limit }).pipe(
      Stream.takeWhile((event) => event.position <= target),
      Stream.runCollect,
    )
  const fold = Effect.fnUntraced(function*(batch: Batch.Batch) {
    yield* Batch.run(sql, foldings, batch, () => Effect.void)
    counted(batch.events.length)
  })

  /** False where more is left than `bound`. Others who write wait meanwhile, so that the target stays. */
  const finish = (bound: number) =>
    sql.withTransaction(Effect.gen(function*() {
      yield* Locks.writes(sql, "checkpoints")
      const upTo = yield* targetOf
      const events = yield* read(upTo, bound + 1)
      if (events.length > bound) return false
      yield* fold({ events, upTo })
      for (const { checkpoint } of foldings) yield* Tables.swap(sql, checkpoint)
      return true
    }))

  const toTheEnd = Effect.gen(function*() {
    const goal = yield* targetOf
    let chasing = 0
    while (true) {
      const began = yield* Clock.currentTimeMillis
      const target = yield* targetOf
      const events = yield* read(target, batchEvents)
      const last = events.at(-1)
      if (last !== undefined) {
        yield* fold({ events, upTo: events.length === batchEvents ? last.position : target })
        options.progress?.({ events: counted(0), position: positionOf(foldings), target })
      }
      // Takes on more and more, so that it comes to an end even beside a log that grows as fast as it is read.
      const bound = Math.min(lastEvents * 2 ** Math.floor(chasing / 4), mostLastEvents)
      if (positionOf(foldings) >= goal) chasing += 1
      if (events.length < bound && (yield* finish(bound))) return true
      yield* pause((yield* Clock.currentTimeMillis) - began)
    }
  })
  /** Who has swapped these tables in, or thrown them away, has them under other names now, or not at all. */
  const isGone = Effect.map(Checkpoints.list(sql), (all) =>
    foldings.some(({ checkpoint: { generation, name } }) =>
      !all.some((one) => !one.served && one.name === name && one.generation === generation)))
  return yield* toTheEnd.pipe(
    Effect.catchTag("SqlError", (error) =>
      Effect.flatMap(isGone, (gone) => gone ? Effect.succeed(false) : Effect.fail(error))),
  )
})

const positionOf = (foldings: ReadonlyArray<AnyFolding>): Position =>
  foldings.map(({ checkpoint }) => checkpoint.position).toSorted()[0] ?? beginning

/** Leaves the write lock to others for a part of the time that a batch took. */
const pause = (millis: number) => Effect.sleep(Math.ceil(millis / 4))

/** Waits until whoever is at work on these builds is done, or has been gone for a while. */
const standstill = Effect.fnUntraced(function*(sql: SqlClient.SqlClient, projections: ReadonlyArray<Projected>) {
  const builds = Effect.map(Checkpoints.list(sql), (all) =>
    projections.map((projection) => Tables.buildOf(projection, all)?.position).join())
  let before = yield* builds
  let since = yield* Clock.currentTimeMillis
  while (true) {
    yield* Effect.sleep("250 millis")
    const now = yield* builds
    const time = yield* Clock.currentTimeMillis
    if (now !== before) {
      before = now
      since = time
    }
    if (now.replaceAll(",", "") === "" || time - since >= abandonedAfterMillis) return
  }
})
