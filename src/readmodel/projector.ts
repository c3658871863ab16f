/**
 * The log into the read models: one fiber subscribes, folds what is there in a batch, commits, and tells `Changes`.
 *
 * Exactly once in effect: rows and checkpoints commit together, the checkpoints by compare-and-set, so where two
 * projectors meet on one database one of them loses, drops what it holds and goes on from the checkpoint. After any
 * failure it does the same, with a growing pause. See `rebuild.ts` for new versions.
 */
import { Cause, Clock, Context, Effect, Layer, Metric, Queue, Schedule, Semaphore, Stream } from "effect"
import { SqlClient } from "effect/sql"
import type { Projection } from "../../projections/projection.ts"
import type { AlertRow } from "../../projections/alerts.ts"
import type { VehicleRow } from "../../projections/vehicles.ts"
import type { SubscriptionError } from "../eventstore/errors.ts"
import { type Delivery, EventStore, type RecordedEvent } from "../eventstore/event-store.ts"
import { beginning, type Position } from "../eventstore/position.ts"
import { Changes } from "../live/changes.ts"
import * as Batch from "./batch.ts"
import { type Checkpoint, CheckpointMoved } from "./checkpoints.ts"
import { ReadModelUnavailable, UnknownProjection } from "./errors.ts"
import type { AnyFolding, Change } from "./folding.ts"
import * as Metrics from "./metrics.ts"
import { type Projected, projected } from "./projected.ts"
import * as Rebuild from "./rebuild.ts"
import * as Tables from "./tables.ts"

/** Events a batch, at most: it takes what is there, so an idle projector's are small and a busy one's are full. */
const batchEvents = 2_000
/** Vehicles whose rows are kept, in each projection: in all some 16 KB each at ten signals and twenty trips. */
const cachedVehicles = 25_000
/** Between tries after a failure; starts anew once a batch has been committed. */
const backoff = Schedule.jittered(Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("5 seconds")]))

export interface ProjectionStatus {
  readonly name: string
  readonly version: number
  readonly position: Position
  /**
   * `served`: folded as events come. `building`: built beside the served table, if there is one. `newer`: the table
   * that is served is of a version this service does not know; it is left to a newer service.
   */
  readonly state: "served" | "building" | "newer"
}

export interface Status {
  /** Everything up to here is in the projections that are served. */
  readonly position: Position
  readonly projections: ReadonlyArray<ProjectionStatus>
  /** Age of the newest folded event when it was committed, seconds; undefined before the first since the start. */
  readonly lagSeconds: number | undefined
  /** All that was in the log has been folded, and what comes is folded as it comes. */
  readonly caughtUp: boolean
  /** Why it is not at work; undefined while it is. */
  readonly failure: string | undefined
}

export class Projector extends Context.Service<Projector, {
  readonly status: Effect.Effect<Status, ReadModelUnavailable>
  /**
   * Builds a projection anew from the whole log, beside the table that is served, and swaps it in. Succeeds once that
   * is done. Building goes on if the caller is interrupted, and after a restart.
   */
  readonly rebuild: (name: string) => Effect.Effect<void, UnknownProjection | ReadModelUnavailable>
}>()("vehicle-twin/readmodel/Projector") {}

export interface ProjectorOptions {
  readonly vehicles: Projection<VehicleRow>
  readonly alerts: Projection<AlertRow>
  readonly others: ReadonlyArray<Projected>
  readonly batchEvents?: number
  readonly cachedVehicles?: number
}

/** What is handed from the subscription to the projector: an event, or how far the log has been seen without one. */
type Item = RecordedEvent | { readonly _tag: "SeenUpTo"; readonly position: Position } | { readonly _tag: "CaughtUp" }

const toItems = (delivery: Delivery): ReadonlyArray<Item> => {
  switch (delivery._tag) {
    case "CaughtUp":
      return [delivery]
    case "Checkpoint":
      return [{ _tag: "SeenUpTo", position: delivery.upTo }]
    case "Events":
      return [...delivery.events, { _tag: "SeenUpTo", position: delivery.upTo }]
  }
}

export const layer = (options: ProjectorOptions) =>
  Layer.effect(Projector, Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    const store = yield* EventStore
    const changes = yield* Changes
    const limits = {
      batchEvents: options.batchEvents ?? batchEvents,
      cachedVehicles: options.cachedVehicles ?? cachedVehicles,
    }

    let vehicles: ReadonlyArray<Change<VehicleRow>> = []
    let alerts: ReadonlyArray<Change<AlertRow>> = []
    const projections = [
      projected(options.vehicles, (changed) => {
        vehicles = changed
      }),
      projected(options.alerts, (changed) => {
        alerts = changed
      }),
      ...options.others,
    ]
    const live: Rebuild.Live = { foldings: [], position: beginning, turn: yield* Semaphore.make(1) }
    let lagSeconds: number | undefined
    let caughtUp = false
    let failure: string | undefined
    let progressed = false

    const prepare = Tables.prepare(sql, projections)
    const builds = yield* Rebuild.make({ sql, store, live, limits })

    /** Reads the checkpoints, and begins the builds that they ask for. */
    const resume = live.turn.withPermit(Effect.gen(function*() {
      const checkpoints = yield* prepare
      live.foldings = projections.flatMap((projection) => openServed(projection, checkpoints))
      live.position = startOf(live.foldings, checkpoints)
      for (const projection of projections) {
        if (checkpoints.some((checkpoint) => Rebuild.isBuildOf(projection, checkpoint))) yield* builds.start(projection)
      }
    }))
    const openServed = (projection: Projected, checkpoints: ReadonlyArray<Checkpoint>): ReadonlyArray<AnyFolding> =>
      checkpoints
        .filter(({ name, version, served }) => served && name === projection.name && version === projection.version)
        .map((checkpoint) => projection.open(sql, checkpoint, limits.cachedVehicles))

    const subscribe = Effect.fnUntraced(function*(after: Position) {
      const items = yield* Queue.bounded<Item, SubscriptionError>(2 * limits.batchEvents)
      yield* store.subscribeAll({ after, filter: Batch.filter }).pipe(
        Stream.runForEach((delivery) => Queue.offerAll(items, toItems(delivery))),
        Effect.andThen(Effect.die(new Error("the subscription has ended"))),
        Effect.onExit((exit) => exit._tag === "Failure" ? Queue.failCause(items, exit.cause) : Effect.void),
        Effect.forkScoped,
      )
      return items
    })

    /** One batch: what is there, in the order of the log. */
    const take = Effect.fnUntraced(function*(items: Queue.Dequeue<Item, SubscriptionError>) {
      const taken = yield* Queue.takeBetween(items, 1, limits.batchEvents)
      const events: Array<RecordedEvent> = []
      let upTo = live.position
      let toldCaughtUp = false
      for (const item of taken) {
        if (!("_tag" in item)) {
          events.push(item)
          upTo = item.position
        } else if (item._tag === "CaughtUp") {
          toldCaughtUp = true
        } else if (item.position > upTo) {
          upTo = item.position
        }
      }
      return { events, upTo, toldCaughtUp }
    })

    const session = Effect.scoped(Effect.gen(function*() {
      const before = live.position
      yield* resume
      const { position } = live
      // What was committed without being told, those who listen shall not hear of only with the next change.
      if (position > before) yield* changes.publish({ after: position, position, vehicles: [], alerts: [] })
      const items = yield* subscribe(live.position)
      failure = undefined
      while (true) {
        const batch = yield* take(items)
        if (batch.upTo > live.position) yield* live.turn.withPermit(project(batch))
        if (batch.toldCaughtUp) caughtUp = true
        yield* Effect.yieldNow
      }
    }))

    const project = Effect.fnUntraced(function*(batch: Batch.Batch) {
      const began = yield* Clock.currentTimeMillis
      yield* Batch.run(sql, live.foldings, batch, (upTo) => {
        const committed = { after: live.position, position: upTo, vehicles, alerts }
        vehicles = []
        alerts = []
        live.position = upTo
        return changes.publish(committed)
      })
      progressed = true
      const now = yield* Clock.currentTimeMillis
      yield* Metric.update(Metrics.batchSeconds, (now - began) / 1000)
      yield* Metric.update(Metrics.events, batch.events.length)
      const newest = batch.events.at(-1)
      if (newest === undefined) return
      lagSeconds = Math.max(0, now - newest.created) / 1000
      yield* Metric.update(Metrics.lagSeconds, lagSeconds)
    })

    /** Ends with success where there was progress, so that the pauses start small again. */
    const attempt = session.pipe(Effect.catchCause((cause) =>
      Effect.gen(function*() {
        if (Cause.hasInterruptsOnly(cause)) return yield* Effect.interrupt
        const error = Cause.squash(cause)
        failure = String(error)
        caughtUp = false
        yield* Metric.update(Metrics.restarts, 1)
        yield* error instanceof CheckpointMoved
          ? Effect.logInfo(`The projector goes back to its checkpoint. ${error.message}`)
          : Effect.logWarning("The projector goes back to its checkpoint", cause)
        if (!progressed) return yield* Effect.fail("no progress" as const)
        progressed = false
      })))

    // Before anyone may ask for a build, which goes as far as the projector has come.
    yield* Effect.mapError(resume, (cause) => new ReadModelUnavailable({ operation: "prepare its tables", cause }))
    yield* attempt.pipe(
      Effect.retry(backoff),
      Effect.ignore,
      Effect.repeat(Schedule.jittered(Schedule.spaced("20 millis"))),
      Effect.forkScoped,
    )

    return Projector.of({
      status: Effect.map(builds.checkpoints, (checkpoints) => ({
        position: live.position,
        projections: projections.map((projection) => statusOf(projection, checkpoints)),
        lagSeconds,
        caughtUp,
        failure,
      })),
      rebuild: (name) =>
        Effect.gen(function*() {
          const projection = projections.find((projection) => projection.name === name)
          if (projection === undefined) {
            return yield* new UnknownProjection({ name, known: projections.map((one) => one.name) })
          }
          yield* builds.anew(projection)
        }),
    })
  }))

const statusOf = (projection: Projected, checkpoints: ReadonlyArray<Checkpoint>): ProjectionStatus => {
  const { name, version } = projection
  const served = checkpoints.find((checkpoint) => checkpoint.name === name && checkpoint.served)
  const build = checkpoints.find((checkpoint) => Rebuild.isBuildOf(projection, checkpoint))
  if (build !== undefined) return { name, version, position: build.position, state: "building" }
  const newer = served !== undefined && served.version > version
  return {
    name,
    version: served?.version ?? version,
    position: served?.position ?? beginning,
    state: newer ? "newer" : "served",
  }
}

/** Where to subscribe from. Foldings that are further pass over what they have; builds catch up to it. */
const startOf = (foldings: ReadonlyArray<AnyFolding>, checkpoints: ReadonlyArray<Checkpoint>): Position => {
  const positions = foldings.length > 0
    ? foldings.map(({ checkpoint }) => checkpoint.position)
    : checkpoints.filter(({ served }) => served).map(({ position }) => position)
  return positions.toSorted()[0] ?? beginning
}
