/**
 * From alerts to notifications: subscribes to the alerts and to the planners' rules with a checkpoint of its own, and
 * takes down what is to be delivered, in one transaction with the checkpoint. The rules are those at that place in the
 * log: one that is saved later tells nothing of before.
 *
 * After any failure it goes on from the checkpoint. If that is lost it reads the log from its start, and tells only
 * what is recent, under the same ids.
 */
import { Cause, Clock, Effect, Metric, Option, Result, Schedule, Stream } from "effect"
import type { AlertRecord } from "../../domain/maintenance/alerts/alert-events.ts"
import { decode } from "../../domain/maintenance/alerts/alert-record.ts"
import { tellAt } from "../../domain/notification/notification-hours.ts"
import * as Rules from "../../domain/notification/notification-rule.ts"
import { stream as rulesStream } from "../../domain/notification/notification-rule-events.ts"
import { streamOf } from "../../domain/vehicle/events.ts"
import { reasonOf } from "../eventstore/errors.ts"
import { type Delivery, EventStore, type RecordedEvent } from "../eventstore/event-store.ts"
import { beginning, type Position } from "../eventstore/position.ts"
import type { Change, DeliveryStore } from "./delivery-store.ts"
import * as Metrics from "./metrics.ts"
import { newsOf } from "./news.ts"
import * as StoredRules from "./rules.ts"

const policy = {
  /**
   * News that are older when they are first seen are history, imported or read again, ms. By the receipt of what caused
   * them: longer than a service is down over holidays, for then nobody has been told of the last of before.
   */
  maxAge: 7 * 24 * 3_600_000,
  /** Where nothing matches the checkpoint is moved so often, ms. */
  checkpointEvery: 5_000,
  /** Between tries after a failure. */
  backoff: Schedule.jittered(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])),
} as const

export interface Status {
  /** Everything up to here is taken down. */
  readonly position: Position
  /** Why it is not at work; undefined while it is. */
  readonly failure: string | undefined
}

export interface Notifier {
  readonly status: () => Status
  /** The rules at `position`; undefined until they are read for the first time. */
  readonly rules: () => Rules.State | undefined
}

/** @param wake Called when something is due. */
export const make = Effect.fnUntraced(function*(store: DeliveryStore, wake: Effect.Effect<void>) {
  const events = yield* EventStore

  let position = beginning
  let savedAt = 0
  let rules: Rules.State | undefined
  let failure: string | undefined

  /** A vehicle's alert records up to one of them: of an alert's later events only all of them say what it is. */
  const recordsUpTo = (stored: RecordedEvent) =>
    events.read(stored.stream, { limit: stored.revision + 1 }).pipe(
      Stream.runFold((): Array<AlertRecord> => [], (records, event) => {
        const record = Result.getOrUndefined(decode(event))
        if (record !== undefined) records.push(record)
        return records
      }),
      Effect.catchTag("StreamDeleted", () => Effect.succeed([])),
    )

  /** As it was told last: an alert may be raised of a vehicle that nobody has registered yet. */
  const brandOf = (vin: string) =>
    events.readBackwards(streamOf(vin), { limit: 1 }).pipe(
      Stream.runHead,
      Effect.map((last) => {
        const brand = Option.getOrUndefined(last)?.metadata["brand"]
        return typeof brand === "string" ? brand : null
      }),
      // The alert is there all the same.
      Effect.catchTags({
        StreamDeleted: () => Effect.succeed(null),
        EventUnreadable: () => Effect.succeed(null),
      }),
    )

  const newsAt = Effect.fnUntraced(function*(stored: RecordedEvent) {
    const news = newsOf(yield* recordsUpTo(stored))
    if (news === undefined || news.alert.brand !== null) return news
    return { ...news, alert: { ...news.alert, brand: yield* brandOf(news.alert.vin) } }
  })

  const ofAlert = Effect.fnUntraced(function*(stored: RecordedEvent, state: Rules.State, now: number) {
    const decoded = decode(stored)
    if (Result.isFailure(decoded)) {
      yield* Metric.update(Metrics.unreadable, 1)
      yield* Effect.logWarning("An event of an alert is not told of", decoded.failure)
      return []
    }
    const saved = Object.values(state.rules)
    if (decoded.success === undefined || saved.length === 0) return []
    if (Date.parse(decoded.success.event.metadata.receivedAt) < now - policy.maxAge) {
      yield* Metric.update(Metrics.tooOld, 1)
      yield* Effect.logDebug(`Event ${stored.revision} of ${stored.stream} is too old to be told of`)
      return []
    }
    const news = yield* newsAt(stored)
    if (news === undefined) return []
    const changes: Array<Change> = []
    for (const { rule } of saved) {
      const tells = Rules.tells(rule, news)
      const until = news.alert.emergency ? now : tellAt(rule, now)
      const holds = rule.quietHours !== undefined || rule.digest !== undefined
      // It was put off, or is over, before anybody was told of it.
      if (holds && (news.kind === "snoozed" || (news.kind === "resolved" && !tells))) {
        changes.push({ _tag: "Drop", ruleId: rule.id, alertId: news.alert.id })
      }
      if (tells) {
        const told = { ruleId: rule.id, news }
        changes.push(until <= now ? { _tag: "Tell", ...told } : { _tag: "Hold", ...told, until })
      }
    }
    return changes
  })

  const handleEvents = Effect.fnUntraced(function*(batch: ReadonlyArray<RecordedEvent>, upTo: Position) {
    const now = yield* Clock.currentTimeMillis
    const changes: Array<Change> = []
    let state = rules ?? Rules.initial
    for (const stored of batch) {
      if (stored.stream === rulesStream) {
        const before = state
        state = StoredRules.fold(before, stored)
        changes.push(...ofRules(before, state, now))
      } else changes.push(...yield* ofAlert(stored, state, now))
    }
    yield* advance(upTo, changes, now)
    rules = state
    failure = undefined
    if (changes.length > 0) yield* wake
  })

  const advance = Effect.fnUntraced(function*(to: Position, changes: ReadonlyArray<Change>, now: number) {
    if (to !== position) yield* store.advance(position, to, changes, now)
    position = to
    savedAt = now
  })

  const handle = (delivery: Delivery) => {
    switch (delivery._tag) {
      case "Events":
        return handleEvents(delivery.events, delivery.upTo)
      case "Checkpoint":
        return Effect.flatMap(Clock.currentTimeMillis, (now) => {
          failure = undefined
          return now - savedAt < policy.checkpointEvery ? Effect.void : advance(delivery.upTo, [], now)
        })
      case "CaughtUp":
        return Effect.sync(() => {
          failure = undefined
        })
    }
  }

  const work = Effect.gen(function*() {
    position = yield* store.position
    rules = yield* StoredRules.load(events, position)
    yield* wake
    const filter = { streams: ["maintenance-", rulesStream] }
    yield* Stream.runForEach(events.subscribeAll({ after: position, filter }), handle)
  }).pipe(
    // Whichever of two is quicker has done it; the other one goes on behind.
    Effect.catchTag("NotifierOverlap", () => Effect.fail("overtaken" as const)),
  )

  yield* work.pipe(
    Effect.tapCause((cause) => {
      const error = Cause.squash(cause)
      if (Cause.hasInterruptsOnly(cause) || error === "overtaken") return Effect.void
      const known = failure
      failure = reasonOf(error)
      // Said once, not at each try.
      if (failure === known) return Effect.void
      const text = `Alerts wait to be notified of. ${failure}`
      return Cause.hasDies(cause) ? Effect.logError(text, cause) : Effect.logWarning(text)
    }),
    Effect.sandbox,
    Effect.retry({ schedule: policy.backoff, while: (cause) => !Cause.hasInterruptsOnly(cause) }),
    Effect.forkScoped,
  )

  const notifier: Notifier = { status: () => ({ position, failure }), rules: () => rules }
  return notifier
})

/** What a rule that was changed means for what is held for it, or on its way. */
const ofRules = (before: Rules.State, after: Rules.State, now: number): ReadonlyArray<Change> => {
  const changes: Array<Change> = []
  for (const ruleId of Object.keys(before.rules)) {
    const rule = after.rules[ruleId]?.rule
    if (rule === before.rules[ruleId]?.rule) continue
    changes.push(
      rule?.enabled === true
        ? { _tag: "Reschedule", ruleId, until: tellAt(rule, now) }
        : { _tag: "Withdraw", ruleId, isRemoved: rule === undefined },
    )
  }
  return changes
}
