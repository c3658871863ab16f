/**
 * Tables built beside those that are served: for a new version of a projection, for a new projection, or on request.
 *
 * A build reads the log from the beginning, never past what is served, with a pause after each batch. Once it is as
 * far, it takes the projector's turn: between two batches it folds the rest, and the table is swapped in, at exactly
 * the position where the projector stands. Queries are answered from the old table until then.
 */
import { Cause, Clock, Effect, Fiber, FiberMap, Option, Schedule, type Semaphore, Stream } from "effect"
import type { SqlClient } from "effect/sql"
import type { EventStore } from "../eventstore/event-store.ts"
import type { Position } from "../eventstore/position.ts"
import * as Batch from "./batch.ts"
import * as Checkpoints from "./checkpoints.ts"
import { ReadModelUnavailable } from "./errors.ts"
import type { AnyFolding } from "./folding.ts"
import type { Projected } from "./projected.ts"
import * as Tables from "./tables.ts"

/** What the projector and the builds share. */
export interface Live {
  foldings: ReadonlyArray<AnyFolding>
  /** Everything up to here is folded. */
  position: Position
  /** Held for a batch, and for a swap. */
  readonly turn: Semaphore.Semaphore
}

export const isBuildOf = ({ name, version }: Projected, checkpoint: Checkpoints.Checkpoint): boolean =>
  !checkpoint.served && checkpoint.name === name && checkpoint.version === version

const nothing = () => Effect.void

const backoff = Schedule.jittered(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("10 seconds")]))

export const make = Effect.fnUntraced(function*(options: {
  readonly sql: SqlClient.SqlClient
  readonly store: EventStore["Service"]
  readonly live: Live
  readonly limits: { readonly batchEvents: number; readonly cachedVehicles: number }
}) {
  const { sql, store, live, limits } = options
  const fibers = yield* FiberMap.make<string>()

  const read = (after: Position, upTo: Position) =>
    store.readAll({ after, filter: Batch.filter, limit: limits.batchEvents }).pipe(
      Stream.takeWhile((event) => event.position <= upTo),
      Stream.runCollect,
    )

  /** Whether it is done: false where the projector has got further ahead than one batch. */
  const finish = Effect.fnUntraced(function*(folding: AnyFolding) {
    const events = yield* read(folding.checkpoint.position, live.position)
    if (events.length === limits.batchEvents) return false
    yield* Batch.run(sql, [folding], { events, upTo: live.position }, nothing)
    yield* Tables.swap(sql, folding.checkpoint)
    folding.serve()
    const { name } = folding.checkpoint
    live.foldings = [...live.foldings.filter(({ checkpoint }) => checkpoint.name !== name), folding]
    return true
  })

  const build = Effect.fnUntraced(function*(projection: Projected) {
    const checkpoints = yield* Checkpoints.list(sql)
    const checkpoint = checkpoints.find((one) => isBuildOf(projection, one))
    // Another projector was quicker.
    if (checkpoint === undefined) return
    const folding = projection.open(sql, checkpoint, limits.cachedVehicles)
    while (true) {
      const began = yield* Clock.currentTimeMillis
      const events = yield* read(folding.checkpoint.position, live.position)
      const last = events.at(-1)
      if (last !== undefined && events.length === limits.batchEvents) {
        yield* Batch.run(sql, [folding], { events, upTo: last.position }, nothing)
      } else if (yield* live.turn.withPermit(finish(folding))) {
        return
      }
      // As long again: a build takes half of what is free, at most.
      yield* Effect.sleep((yield* Clock.currentTimeMillis) - began)
    }
  })

  const persistently = (projection: Projected) =>
    build(projection).pipe(
      Effect.tapCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.void
          : Effect.logWarning(`The build of ${projection.name} goes back to its checkpoint`, cause)),
      Effect.sandbox,
      Effect.retry(backoff),
      Effect.tap(Effect.logInfo(`${projection.name}, version ${projection.version}, is built and served`)),
    )

  /** Builds, or goes on building, the table that a checkpoint stands for. */
  const start = Effect.fnUntraced(function*(projection: Projected) {
    const atWork = yield* FiberMap.get(fibers, projection.name)
    return Option.isSome(atWork)
      ? atWork.value
      : yield* FiberMap.run(fibers, projection.name, persistently(projection))
  })

  /** Builds from the beginning, or waits for the build that is under way. */
  const anew = Effect.fnUntraced(function*(projection: Projected) {
    yield* Tables.beginBuild(sql, projection)
    do {
      yield* Fiber.join(yield* start(projection))
      // The one that was joined may have been at its end already when this build was begun.
    } while ((yield* Checkpoints.list(sql)).some((checkpoint) => isBuildOf(projection, checkpoint)))
  })

  return {
    start,
    anew: (projection: Projected) =>
      Effect.mapError(
        anew(projection),
        (cause) => new ReadModelUnavailable({ operation: `rebuild ${projection.name}`, cause }),
      ),
    checkpoints: Effect.mapError(
      Checkpoints.list(sql),
      (cause) => new ReadModelUnavailable({ operation: "read its checkpoints", cause }),
    ),
  }
})
