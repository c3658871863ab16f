/**
 * Finds vehicles that should have reported and did not, and asks their actors, who know best and tell of it in the log.
 *
 * How long a vehicle may be quiet is in the read model, folded from events alone, so a restart or a rebuild changes no
 * deadline. Those who are due are found by an index, for each of the few limits there are, and asked a few at a time:
 * when half a fleet falls silent at once, that takes minutes and the load stays small.
 *
 * Nobody is late for what this service missed. Time counts only while it listens: from `settling` after its ways in are
 * open until they are not, or the log is out of reach, or the process ends. And a deadline is looked at only when the
 * read model has all that the log had a moment ago.
 */
import { Cause, Clock, Duration, Effect, Layer, Metric, Option, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { limits } from "../../domain/vehicle/rhythm.ts"
import { isVin } from "../../domain/vehicle/vin.ts"
import { EventStore } from "../eventstore/event-store.ts"
import { Projector } from "../readmodel/projector.ts"
import { type Due, ReadModel } from "../readmodel/read-model.ts"
import { Vehicles } from "../vehicles/vehicles.ts"
import { quietSince } from "./listening.ts"
import * as ListeningStore from "./listening-store.ts"

const policy = {
  /** How often it looks, and notes that it listens: as much is forgotten of a process that is killed. */
  every: Duration.seconds(5),
  /** What was kept for a service that was away arrives first, and vehicles come back: no time to judge them by. */
  settling: Duration.seconds(30),
  /** Not noted for so long, ms, it was stopped, or asleep, or too busy to hear anybody. */
  deafAfterMs: 30_000,
  /** What was received this long ago, ms, is in the log, if the log takes it at all. */
  appendingMs: 5_000,
  /** How long the read model may take to have what was in the log. */
  patience: Duration.seconds(5),
  /** Vehicles asked before the read model has to know of it, and at once. */
  asked: 200,
  atOnce: 8,
  /** A vehicle that was asked in vain is left alone for so long, ms; so many are at most. */
  asideMs: 10 * 60_000,
  maxAside: 1_000,
  /** Between tries after a failure. */
  backoff: Schedule.jittered(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("10 seconds")])),
} as const

const lapsed = (to: "stale" | "silent") =>
  Metric.counter("vehicle_twin_absence_total", {
    description: "Vehicles that became stale or silent",
    attributes: { to },
    incremental: true,
  })
const counters = { stale: lapsed("stale"), silent: lapsed("silent") }
const listens = Metric.gauge("vehicle_twin_absence_listening", {
  description: "1 while time counts towards vehicles' silence",
})

export const layer = (options: {
  /** Whether every way in is open, and what vehicles say now is heard now. */
  readonly listening: Effect.Effect<boolean>
}) =>
  Layer.effectDiscard(Effect.gen(function*() {
    const events = yield* EventStore
    const readModel = yield* ReadModel
    const projector = yield* Projector
    const vehicles = yield* Vehicles
    const sql = yield* SqlClient.SqlClient
    const store = yield* ListeningStore.make(sql).pipe(
      Effect.tapError((error) => Effect.logWarning("Waiting to note when vehicles can be heard", error)),
      Effect.retry(policy.backoff),
      Effect.orDie,
    )

    /** Since when it hears, epoch ms, and the spell that is being noted once it has settled. */
    let hearsSince: number | undefined
    let spell: ListeningStore.Begun | undefined
    let notedAt = 0
    /** Until when, epoch ms. */
    const aside = new Map<string, number>()

    const head = events.head.pipe(Effect.timeout(policy.patience), Effect.option)

    /** Notes that it listens; false where it does not, or has not settled. */
    const note = Effect.fnUntraced(function*(hears: boolean, now: number) {
      if (!hears || now - notedAt > policy.deafAfterMs) hearsSince = spell = undefined
      notedAt = now
      if (hears) {
        hearsSince ??= now
        if (spell !== undefined) yield* store.goOn(spell, now)
        else if (now - hearsSince >= Duration.toMillis(policy.settling)) spell = yield* store.begin(now)
      }
      yield* Metric.update(listens, spell === undefined ? 0 : 1)
      return spell !== undefined
    })

    /** Whether the vehicle told of its absence. */
    const ask = Effect.fnUntraced(function*({ lastSeenAt, limitMs, revision, rhythmMs, state, vin }: Due, now: number) {
      if (!isVin(vin)) {
        setAside(vin, now)
        return false
      }
      const to = state === "REPORTING" ? "stale" : "silent"
      const asked = vehicles.lapse(vin, { to, revision, lastSeenAt, rhythmMs, limitMs, now })
      const twin = yield* asked.pipe(
        Effect.tapError((error) => Effect.logWarning("A quiet vehicle could not be asked after", error)),
        Effect.option,
      )
      if (Option.isSome(twin) && twin.value.revision === revision + 1 && twin.value.silence === to) {
        yield* Metric.update(counters[to], 1)
        return true
      }
      // An actor that knows of nothing more and sees no reason would be asked for ever.
      if (Option.isNone(twin) || twin.value.revision <= revision) setAside(vin, now)
      return false
    })

    const setAside = (vin: string, now: number): void => {
      for (const [other, until] of aside) if (until <= now || aside.size >= policy.maxAside) aside.delete(other)
      aside.set(vin, now + policy.asideMs)
    }

    /** True where there may be more to do at once: not for those asked in vain, as those of a table that is rebuilt. */
    const look = Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      const upTo = (yield* options.listening) ? yield* head : Option.none()
      if (!(yield* note(Option.isSome(upTo), now)) || Option.isNone(upTo)) return false
      const knows = yield* projector.status.pipe(
        Effect.repeat({ until: ({ position }) => position >= upTo.value, schedule: Schedule.spaced("50 millis") }),
        Effect.timeoutOption(policy.patience),
      )
      if (Option.isNone(knows)) return false
      const spells = yield* store.spells
      const quiet = limits
        .map((limitMs) => ({ limitMs, since: quietSince(spells, now - policy.appendingMs, limitMs) }))
        .filter(({ since }) => since > Number.NEGATIVE_INFINITY)
      const due = yield* readModel.quiet(quiet, policy.asked + aside.size)
      const left = due.filter(({ vin }) => (aside.get(vin) ?? 0) <= now).slice(0, policy.asked)
      const told = yield* Effect.forEach(left, (one) => ask(one, now), { concurrency: policy.atOnce })
      return left.length === policy.asked && told.includes(true)
    })

    yield* look.pipe(
      Effect.repeat({ while: (more) => more }),
      Effect.andThen(Effect.sleep(policy.every)),
      Effect.forever,
      Effect.tapCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.void
          : Effect.logWarning("Quiet vehicles are not asked after, for now", cause)
      ),
      Effect.sandbox,
      Effect.retry({ schedule: policy.backoff, while: (cause) => !Cause.hasInterruptsOnly(cause) }),
      Effect.forkScoped,
    )
  }))
