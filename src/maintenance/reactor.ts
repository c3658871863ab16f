/**
 * From records to alerts: subscribes to the vehicles' streams with a checkpoint of its own, keeps each component
 * model's state, and tells the alerts' decider when a score has crossed a line.
 *
 * At least once: a command goes out before the checkpoint moves past its cause, and the decider knows an old one. After
 * any failure it drops what it holds and goes on from the checkpoint. Silence is no event, so what falls due without
 * one has a deadline, stored beside the states; a deadline is looked at only when the log has been read to its end.
 *
 * In memory are the vehicles heard of last; the others' states are in the database, one row each.
 */
import { Cause, Clock, Context, type Duration, Effect, Layer, Metric, Result, Schedule, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { type ComponentModel, Interests, observe, type Observed } from "../../domain/maintenance/model.ts"
import * as Models from "../../domain/maintenance/models.ts"
import { decode, type UnreadableEvent } from "../../domain/vehicle/record.ts"
import { EventStoreUnavailable, reasonOf } from "../eventstore/errors.ts"
import { type Delivery, EventStore, type RecordedEvent } from "../eventstore/event-store.ts"
import { beginning, type Position } from "../eventstore/position.ts"
import { isUnreachable } from "../sql/errors.ts"
import { Lru } from "../sql/lru.ts"
import { Past } from "../vehicles/past.ts"
import { Alerts } from "./alerts.ts"
import * as News from "./news.ts"
import * as ReactorStore from "./reactor-store.ts"
import { type ModelFailure, VehicleWatch } from "./vehicle-watch.ts"

const policy = {
  /** Vehicles in memory, up to 10 KB each. Past this, the one not heard of for longest makes room. */
  cachedVehicles: 20_000,
  /** How often deadlines are looked at, and what is not stored yet is stored. */
  tickEvery: "5 seconds",
  /** Vehicles changed since the last checkpoint, at most, and its age, ms: what a restart reads again. */
  maxUnsaved: 1_000,
  maxUnsavedMs: 1_000,
  /** Deadlines taken on at once. */
  deadlines: 200,
  /** Vehicles whose alerts are told at once. */
  tellAtOnce: 8,
  /** Events older than this say that the log is not read to its end, ms. */
  behindAfterMs: 60_000,
  /** Between tries after a failure. */
  backoff: Schedule.jittered(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])),
} as const

export interface ReactorOptions {
  readonly models?: ReadonlyArray<ComponentModel>
  readonly cachedVehicles?: number
  readonly tickEvery?: Duration.Input
}

export interface Status {
  /** Alerts are up to date with the log up to here. */
  readonly position: Position
  readonly caughtUp: boolean
  /** Why it is not at work; undefined while it is. */
  readonly failure: string | undefined
}

export class Reactor extends Context.Service<Reactor, {
  readonly status: Effect.Effect<Status>
}>()("vehicle-twin/maintenance/Reactor") {}

const passedOver = (what: string) =>
  Metric.counter("vehicle_twin_reactor_passed_over_total", {
    description: "Events that could not be read, models that threw on one, vehicles whose alerts could not be told",
    attributes: { what },
    incremental: true,
  })
const unreadableEvents = passedOver("event")
const thrownModels = passedOver("model")
const lostVehicles = passedOver("vehicle")

/** A record, and the models that it concerns. */
interface Found {
  readonly observed: Observed
  readonly concerned: ReadonlyArray<ComponentModel>
}

export const layer = (options: ReactorOptions) =>
  Layer.effect(Reactor, Effect.gen(function*() {
    const events = yield* EventStore
    const alerts = yield* Alerts
    const past = yield* Past
    const { models = Models.models } = options
    const interests = new Interests(models)
    /** Which models the states are of. */
    const signature = models.map(({ component, name, version }) => `${component}:${name}@${version}`).join(" ")
    const sql = yield* SqlClient.SqlClient
    const store = yield* ReactorStore.make(sql).pipe(Effect.retry(policy.backoff), Effect.orDie)

    const noneCached = () => new Lru<string, VehicleWatch>(options.cachedVehicles ?? policy.cachedVehicles)
    let cached = noneCached()
    /** Changed since the checkpoint. */
    const unsaved = new Map<string, VehicleWatch>()
    let position = beginning
    let saved = beginning
    let savedAt = 0
    let quietUntil = beginning
    /** The end of the log was seen; and when the newest event since was written. */
    let reachedEnd = false
    let newestAt = 0
    let caughtUp = false
    let failure: string | undefined

    /** Where the newest event of an alert stands: somebody had judged the log up to there. */
    const judgedUpTo = events.readAll({ after: beginning, filter: { streams: ["maintenance-"] } }).pipe(
      Stream.runFold(() => beginning, (_, { position }) => position),
    )

    const resume = Effect.gen(function*() {
      cached = noneCached()
      unsaved.clear()
      reachedEnd = caughtUp = false
      const start = yield* store.start(signature, Effect.orDie(judgedUpTo))
      quietUntil = start.quietUntil
      position = saved = start.position
    })

    /**
     * Also where there is nothing new: a database that crashed may be back where it was a moment before, and only the
     * checkpoint tells.
     */
    const save = Effect.gen(function*() {
      const rows = [...unsaved.values()].map((watch) => ({
        vin: watch.vin,
        deadline: watch.deadline,
        state: watch.toJson(),
      }))
      yield* store.save(saved, position, rows)
      saved = position
      savedAt = yield* Clock.currentTimeMillis
      unsaved.clear()
    })

    /** These vehicles, from memory or the database. */
    const load = Effect.fnUntraced(function*(vins: Iterable<string>, told: "unknown" | "well") {
      const loaded = new Map<string, VehicleWatch>()
      const missing = new Set<string>()
      for (const vin of vins) {
        const held = cached.get(vin) ?? unsaved.get(vin)
        if (held === undefined) missing.add(vin)
        else loaded.set(vin, held)
      }
      for (const { deadline, state, vin } of missing.size === 0 ? [] : yield* store.load([...missing])) {
        const restored = VehicleWatch.restore(vin, models, state, deadline)
        if (restored === undefined) yield* Effect.logError(`What the reactor knew of vehicle ${vin} is damaged`)
        else loaded.set(vin, restored)
      }
      for (const vin of missing) {
        const watch = loaded.get(vin) ?? new VehicleWatch(vin, models, told)
        loaded.set(vin, watch)
        cached.set(vin, watch)
      }
      return loaded
    })

    const tell = (told: News.Told) =>
      Effect.forEach(
        News.emergenciesFirst(told),
        (news) => {
          const { watch } = news
          return News.commandsOf(past, news).pipe(
            Effect.flatMap((commands) => alerts.tell(watch.vin, commands)),
            Effect.tapError((error) => error.isLasting ? Effect.void : Effect.logWarning(error.message)),
            Effect.retry({ schedule: policy.backoff, while: (error) => !error.isLasting }),
            Effect.map((state) => watch.told(state)),
            // The vehicle's alerts are beyond repair, but those of the others are not.
            Effect.catch((error) =>
              Effect.andThen(Metric.update(lostVehicles, 1), Effect.logError(`Alerts are lost: ${error.message}`))
            ),
          )
        },
        { concurrency: policy.tellAtOnce, discard: true },
      )

    const report = Effect.fnUntraced(function*(failures: ReadonlyArray<ModelFailure>) {
      const [first] = failures
      if (first === undefined) return
      yield* Metric.update(thrownModels, failures.length)
      yield* Effect.logError(
        `Passed over a component model that threw, ${failures.length} time(s); first ${first.model} ` +
          `at revision ${first.revision} of vehicle ${first.vin}`,
        first.cause,
      )
    })

    const handleEvents = Effect.fnUntraced(function*(batch: ReadonlyArray<RecordedEvent>, upTo: Position) {
      const found: Array<Found> = []
      const unreadable: Array<UnreadableEvent> = []
      for (const stored of batch) {
        const record = decode(stored)
        if (Result.isFailure(record)) unreadable.push(record.failure)
        else if (record.success !== undefined) {
          const concerned = interests.of(record.success)
          if (concerned.length > 0) found.push({ observed: observe(record.success), concerned })
        }
      }
      if (unreadable.length > 0) {
        yield* Metric.update(unreadableEvents, unreadable.length)
        yield* Effect.logWarning(`${unreadable.length} event(s) of ${batch.length} passed over`, unreadable[0])
      }
      if (found.length > 0) {
        const watches = yield* load(vinsOf(found), quietUntil === beginning ? "well" : "unknown")
        const told: News.Told = new Map()
        const failures: Array<ModelFailure> = []
        for (const one of found) fold(watches.get(one.observed.record.vin), one, told, failures)
        yield* report(failures)
        if (told.size > 0) yield* tell(told)
      }
      position = upTo
      failure = undefined
      newestAt = batch.at(-1)?.created ?? newestAt
      const now = yield* Clock.currentTimeMillis
      if (unsaved.size >= policy.maxUnsaved || now - savedAt >= policy.maxUnsavedMs) yield* save
    })

    const fold = (
      watch: VehicleWatch | undefined,
      { concerned, observed }: Found,
      told: News.Told,
      failures: Array<ModelFailure>,
    ) => {
      const { position, revision } = observed.record
      if (watch === undefined || revision <= watch.revision) return
      const { changed, failures: failed, news } = watch.record(observed, concerned, position <= quietUntil)
      if (changed || news.length > 0) unsaved.set(watch.vin, watch)
      if (news.length > 0) News.note(told, watch, news, observed)
      failures.push(...failed)
    }

    const passDeadlines = Effect.gen(function*() {
      while (true) {
        yield* save
        const now = yield* Clock.currentTimeMillis
        const vins = yield* store.due(now, policy.deadlines)
        if (vins.length === 0) return
        const watches = yield* load(vins, "unknown")
        const told: News.Told = new Map()
        const failures: Array<ModelFailure> = []
        for (const watch of watches.values()) {
          const { failures: failed, news } = watch.pass(now)
          failures.push(...failed)
          unsaved.set(watch.vin, watch)
          if (news.length > 0) News.note(told, watch, news)
        }
        yield* report(failures)
        yield* tell(told)
        if (vins.length < policy.deadlines) return yield* save
      }
    })

    const tick = Effect.gen(function*() {
      const head = yield* events.head
      const now = yield* Clock.currentTimeMillis
      caughtUp = reachedEnd && (position >= head || newestAt >= now - policy.behindAfterMs)
      yield* caughtUp ? passDeadlines : save
    })

    const handle = (delivery: Delivery | { readonly _tag: "Tick" }) => {
      switch (delivery._tag) {
        case "Events":
          return handleEvents(delivery.events, delivery.upTo)
        case "Checkpoint":
          return Effect.sync(() => {
            position = delivery.upTo
          })
        case "CaughtUp":
          return Effect.sync(() => {
            reachedEnd = caughtUp = true
            failure = undefined
          })
        case "Tick":
          return tick
      }
    }

    const ticks = Stream.tick(options.tickEvery ?? policy.tickEvery).pipe(Stream.map(() => ({ _tag: "Tick" as const })))

    yield* Effect.gen(function*() {
      yield* resume
      const deliveries = events.subscribeAll({ after: position, filter: { streams: ["vehicle-"] } })
      yield* Stream.merge(deliveries, ticks).pipe(Stream.runForEach(handle))
    }).pipe(
      Effect.tapCause((cause) => {
        const error = Cause.squash(cause)
        const known = failure
        failure = reasonOf(error)
        if (Cause.hasInterruptsOnly(cause)) return Effect.void
        if (!(error instanceof EventStoreUnavailable) && !isUnreachable(error)) {
          return Effect.logError("The maintenance reactor starts over", cause)
        }
        // Said once, not at each try.
        return failure === known ? Effect.void : Effect.logWarning(`The maintenance reactor waits. ${failure}`)
      }),
      Effect.sandbox,
      Effect.retry({ schedule: policy.backoff, while: (cause) => !Cause.hasInterruptsOnly(cause) }),
      Effect.forkScoped,
    )

    return Reactor.of({ status: Effect.sync(() => ({ position, caughtUp, failure })) })
  }))

const vinsOf = (found: ReadonlyArray<Found>): Set<string> => {
  const vins = new Set<string>()
  for (const { observed } of found) vins.add(observed.record.vin)
  return vins
}
