/**
 * The log into the read models: one fiber subscribes, folds what is there in a batch, commits, and tells `Changes`.
 *
 * Exactly once in effect: rows and checkpoints commit together, the checkpoints by compare-and-set, so where two
 * projectors meet on one database one of them loses, drops what it holds and goes on from the checkpoint. After any
 * failure it does the same, with a growing pause, and without one where a table was swapped for one that `rebuild.ts`
 * has built.
 */
import { Cause, Clock, Context, Effect, Layer, Metric, Queue, Schedule, Stream } from "effect"
import { SqlClient } from "effect/sql"
import type { Projection } from "../../projections/projection.ts"
import type { AlertRow } from "../../projections/alerts.ts"
import type { VehicleRow } from "../../projections/vehicles.ts"
import { reasonOf, type SubscriptionError } from "../eventstore/errors.ts"
import { type Delivery, EventStore, type RecordedEvent } from "../eventstore/event-store.ts"
import { beginning, type Position } from "../eventstore/position.ts"
import { Changes } from "../live/changes.ts"
import { isUnreachable } from "../sql/errors.ts"
import * as Batch from "./batch.ts"
import * as Checkpoints from "./checkpoints.ts"
import { ReadModelUnavailable } from "./errors.ts"
import type { AnyFolding, Change } from "./folding.ts"
import * as Metrics from "./metrics.ts"
import { type Projected, projected } from "./projected.ts"
import * as Tables from "./tables.ts"

/** Events a batch, at most: it takes what is there, so an idle projector's are small and a busy one's are full. */
const batchEvents = 2_000
/** Vehicles whose rows are kept, in each projection: in all some 21 KB each at ten signals and twenty trips. */
const cachedVehicles = 25_000
/** How often the checkpoints are looked at while nothing comes. */
const lookEvery = "2 seconds"
/** Between tries after a failure; starts anew once a batch has been committed. */
const backoff = Schedule.jittered(Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("5 seconds")]))

export interface Status {
  /** Everything up to here is in the projections that are served. */
  readonly position: Position
  /** Why it is not at work; undefined while it is. */
  readonly failure: string | undefined
}

export class Projector extends Context.Service<Projector, {
  readonly status: Effect.Effect<Status>
}>()("vehicle-twin/readmodel/Projector") {}

export interface ProjectorOptions {
  readonly vehicles: Projection<VehicleRow>
  readonly alerts: Projection<AlertRow>
  readonly others: ReadonlyArray<Projected>
  /**
   * Builds the tables of these projections, of which the database has none or one of an older version. Called at the
   * start, and again after a failure.
   */
  readonly build: (names: ReadonlyArray<string>) => Effect.Effect<void, unknown>
  readonly batchEvents?: number
  readonly cachedVehicles?: number
}

/** What is handed from the subscription to the projector: an event, or how far the log has been seen without one. */
type Item = RecordedEvent | { readonly _tag: "SeenUpTo"; readonly position: Position }

const toItems = (delivery: Delivery): ReadonlyArray<Item> => {
  switch (delivery._tag) {
    case "CaughtUp":
      return []
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
    let foldings: ReadonlyArray<AnyFolding> = []
    /** Everything up to here is folded. */
    let position = beginning
    /** Up to here `Changes` has been told what there is; what has been folded without, it is told at `tellFrom`. */
    let told = beginning
    let tellFrom = beginning
    let failure: string | undefined
    let progressed = false
    const rebuilt = yield* Queue.sliding<void>(1)

    /** Reads the checkpoints. */
    const resume = Effect.gen(function*() {
      const checkpoints = yield* Tables.prepare(sql, projections)
      foldings = projections.flatMap((projection) => openServed(projection, checkpoints))
      // Those that are further pass over what they have.
      position = foldings.map(({ checkpoint }) => checkpoint.position).toSorted()[0] ?? beginning
      tellFrom = positionsOf(toldNames, checkpoints).at(-1) ?? beginning
      return checkpoints
    })
    const openServed = (projection: Projected, all: ReadonlyArray<Checkpoints.Checkpoint>): ReadonlyArray<AnyFolding> =>
      all
        .filter(({ name, version, served }) => served && name === projection.name && version === projection.version)
        .map((checkpoint) => projection.open(sql, checkpoint, limits.cachedVehicles))
    const toldNames = [options.vehicles.name, options.alerts.name]
    /** A table that is not folded until its new version is built, or is behind the other, is told of all at once. */
    const isTold = (upTo: Position) =>
      upTo >= tellFrom && toldNames.every((name) => foldings.some(({ checkpoint }) => checkpoint.name === name))

    /** Whether a table that was folded into is no longer the one that is served. */
    const wasSwapped = Effect.map(Checkpoints.list(sql), (all) =>
      foldings.some(({ checkpoint: { generation, name } }) =>
        !all.some((one) => one.served && one.name === name && one.generation === generation)))

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
      let upTo = position
      for (const item of taken) {
        if (!("_tag" in item)) {
          events.push(item)
          upTo = item.position
        } else if (item.position > upTo) {
          upTo = item.position
        }
      }
      return { events, upTo }
    })

    /** From the checkpoints on, until there is a table to go on with that was not there. */
    const session = Effect.scoped(Effect.gen(function*() {
      yield* resume
      failure = undefined
      if (foldings.length === 0) return yield* Queue.take(rebuilt)
      // What was committed without being told, those who listen shall not hear of only with the next change.
      if (position > told && isTold(position)) {
        told = position
        yield* changes.publish({ after: position, position, vehicles: [], alerts: [] })
      }
      const items = yield* subscribe(position)
      yield* Effect.raceAllFirst([follow(items), keepLooking, Queue.take(rebuilt)])
    }))

    /**
     * A server that crashed may be back where it was a moment before, rows and checkpoints. The connections that are
     * gone were replaced without a word, and where nothing comes, no batch would find out.
     */
    const keepLooking = Effect.suspend(() =>
      Checkpoints.confirm(sql, foldings.map(({ checkpoint }) => checkpoint))
    ).pipe(Effect.delay(lookEvery), Effect.forever)

    const follow = Effect.fnUntraced(function*(items: Queue.Dequeue<Item, SubscriptionError>) {
      while (true) {
        const batch = yield* take(items)
        if (batch.upTo > position) yield* project(batch)
        yield* Effect.yieldNow
      }
    })

    const project = Effect.fnUntraced(function*(batch: Batch.Batch) {
      const began = yield* Clock.currentTimeMillis
      yield* Batch.run(sql, foldings, batch, (upTo) => {
        const committed = { after: position, position: upTo, vehicles, alerts }
        vehicles = []
        alerts = []
        position = upTo
        if (!isTold(upTo)) return Effect.void
        told = upTo
        return changes.publish(committed)
      })
      progressed = true
      const now = yield* Clock.currentTimeMillis
      yield* Metric.update(Metrics.batchSeconds, (now - began) / 1000)
      yield* Metric.update(Metrics.events, batch.events.length)
      const newest = batch.events.at(-1)
      if (newest !== undefined) yield* Metric.update(Metrics.lagSeconds, Math.max(0, now - newest.created) / 1000)
    })

    /** A table that was rebuilt is gone on with at once. */
    const sessions = session.pipe(
      Effect.catchTag("CheckpointMoved", (moved) =>
        Effect.flatMap(wasSwapped, (swapped) =>
          swapped ? Effect.logInfo("Goes on with tables that were rebuilt") : Effect.fail(moved))),
      Effect.forever,
    )

    /** Ends with success where there was progress, so that the pauses start small again. */
    const attempt = sessions.pipe(Effect.catchCause((cause) =>
      Effect.gen(function*() {
        if (Cause.hasInterruptsOnly(cause)) return yield* Effect.interrupt
        const error = Cause.squash(cause)
        const known = failure
        failure = reasonOf(error)
        yield* Metric.update(Metrics.restarts, 1)
        if (error instanceof Checkpoints.CheckpointMoved) {
          yield* Effect.logInfo(`The projector goes back to its checkpoint. ${failure}`)
        } else if (!isUnreachable(error)) {
          yield* Effect.logWarning("The projector goes back to its checkpoint", cause)
        } else if (failure !== known) {
          // Said once, not at each try.
          yield* Effect.logWarning(`The projector waits. ${failure}`)
        }
        if (!progressed) return yield* Effect.fail("no progress" as const)
        progressed = false
      })))

    const builds = Effect.gen(function*() {
      const all = yield* Checkpoints.list(sql)
      const missing = projections.filter((projection) => Tables.isMissing(projection, all)).map(({ name }) => name)
      if (missing.length > 0) yield* Effect.logInfo(`Builds ${missing.join(", ")} from the log`)
      else if (!Tables.hasReplaced(all)) return
      yield* options.build(missing)
      yield* Queue.offer(rebuilt, undefined)
      if (missing.length > 0) yield* Effect.logInfo(`Has built ${missing.join(", ")}`)
    }).pipe(
      Effect.tapCause((cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logWarning("A build is to go on where it was", cause)
      ),
      Effect.sandbox,
    )

    const checkpoints = yield* Effect.mapError(
      resume,
      (cause) => new ReadModelUnavailable({ operation: "prepare its tables", cause }),
    )
    told = positionsOf(toldNames, checkpoints)[0] ?? beginning
    yield* attempt.pipe(
      Effect.retry(backoff),
      Effect.ignore,
      Effect.repeat(Schedule.jittered(Schedule.spaced("20 millis"))),
      Effect.forkScoped,
    )
    yield* builds.pipe(Effect.retry(backoff), Effect.forkScoped)

    return Projector.of({ status: Effect.sync(() => ({ position, failure })) })
  }))

/** Of the tables that are served, in ascending order. */
const positionsOf = (
  names: ReadonlyArray<string>,
  all: ReadonlyArray<Checkpoints.Checkpoint>,
): ReadonlyArray<Position> =>
  all.filter(({ name, served }) => served && names.includes(name)).map(({ position }) => position).toSorted()
