/**
 * Kafka out: every event of a vehicle and of its alerts, from the log's position, so that what follows elsewhere
 * (Flink, Spark, a lake) misses none. Subscribes to the log with a checkpoint of its own, which moves when Kafka has
 * acknowledged: an event is published at least once, and a repeat carries the same id.
 *
 * After any failure it goes on from the checkpoint, for ever. Of two services with one checkpoint the one that finds it
 * moved stands by until it moves no more.
 */
import { Cause, Clock, Context, Effect, Layer, Metric, Result, Schedule, Schema, Stream } from "effect"
import { SqlClient } from "effect/sql"
import type { UnreadableEvent } from "../../domain/vehicle/record.ts"
import { reasonOf } from "../eventstore/errors.ts"
import { type Delivery, EventStore, type RecordedEvent } from "../eventstore/event-store.ts"
import { beginning, type Position } from "../eventstore/position.ts"
import * as Checkpoint from "./checkpoint.ts"
import { type Outgoing, outgoing } from "./cloud-event.ts"
import type { PublisherOptions } from "./publisher.ts"
import * as PublisherThread from "./publisher-thread.ts"

const policy = {
  /** Deliveries of the log that are read ahead of the one being published. */
  readAhead: 2,
  /** After fewer events than this, the next ones are let gather, so that a trickle is not a request each. */
  fewEvents: 500,
  gather: "20 millis",
  /** Between tries after a failure. */
  backoff: Schedule.jittered(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("3 seconds")])),
  /** A failure that lasts is told again this often, ms. */
  remindMillis: 60_000,
  /** Who stands by takes over once the checkpoint has not moved for so long. */
  standby: "5 seconds",
} as const

export type OutboxOptions = PublisherOptions

export interface Status {
  /** Everything up to here is published. */
  readonly position: Position
  /** Why it is not at work; undefined while it is. */
  readonly failure: string | undefined
}

export class Outbox extends Context.Service<Outbox, {
  readonly status: Effect.Effect<Status>
}>()("vehicle-twin/outbox/Outbox") {}

/** Kafka did not take everything. */
class NotPublished extends Schema.TaggedError<NotPublished>()("NotPublished", { message: Schema.String }) {}

const publishedEvents = Metric.counter("vehicle_twin_outbox_published_events_total", {
  description: "Events that Kafka has acknowledged; those that were published again count again",
  incremental: true,
})
const unreadableEvents = Metric.counter("vehicle_twin_outbox_unreadable_events_total", {
  description: "Events that were passed over because they could not be decoded",
  incremental: true,
})
const failures = Metric.counter("vehicle_twin_outbox_failures_total", {
  description: "Times publishing went back to the checkpoint after a failure",
  incremental: true,
})
const lagSeconds = Metric.gauge("vehicle_twin_outbox_lag_seconds", {
  description: "Age of the newest published event when Kafka acknowledged it; of the oldest that waits where it did not",
})

export const layer = (options: OutboxOptions) =>
  Layer.effect(Outbox, Effect.gen(function*() {
    const events = yield* EventStore
    const sql = yield* SqlClient.SqlClient
    const publisher = yield* PublisherThread.make(options)

    let position = beginning
    let failure: string | undefined
    /** The failure that was logged last and is not over, and when. */
    let told: { readonly message: string; readonly at: number } | undefined
    /** When the oldest event was written that is known to wait. */
    let waitingSince: number | undefined

    const allIsWell = Effect.suspend(() => {
      const wasTold = told !== undefined
      waitingSince = failure = told = undefined
      return wasTold ? Effect.logInfo("Events are published to Kafka again") : Effect.void
    })

    const advance = Effect.fnUntraced(function*(to: Position) {
      if (to === position) return
      yield* Checkpoint.move(sql, position, to)
      position = to
    })

    const publish = Effect.fnUntraced(function*(batch: ReadonlyArray<Outgoing>, from: ReadonlyArray<RecordedEvent>) {
      const answer = yield* publisher.publish(batch)
      yield* Metric.update(publishedEvents, answer.published)
      if (answer.failure === undefined) return
      // What was acknowledged need not go out again.
      const last = from[answer.published - 1]
      if (last !== undefined) yield* advance(last.position)
      return yield* new NotPublished({ message: answer.failure })
    })

    const handleEvents = Effect.fnUntraced(function*(delivered: ReadonlyArray<RecordedEvent>, upTo: Position) {
      waitingSince = delivered[0]?.created
      const batch: Array<Outgoing> = []
      const from: Array<RecordedEvent> = []
      const unreadable: Array<UnreadableEvent | RecordedEvent> = []
      for (const stored of delivered) {
        const made = outgoing(stored)
        if (Result.isFailure(made)) unreadable.push(made.failure)
        else if (made.success === undefined) unreadable.push(stored)
        else {
          batch.push(made.success)
          from.push(stored)
        }
      }
      if (batch.length > 0) yield* publish(batch, from)
      yield* advance(upTo)
      yield* allIsWell
      if (unreadable.length > 0) {
        yield* Metric.update(unreadableEvents, unreadable.length)
        yield* Effect.logWarning(
          `${unreadable.length} event(s) of ${delivered.length} not published: ${whyNot(unreadable[0])}`,
        )
      }
      const newest = delivered.at(-1)?.created
      if (newest !== undefined) yield* Metric.update(lagSeconds, ((yield* Clock.currentTimeMillis) - newest) / 1000)
      if (delivered.length < policy.fewEvents) yield* Effect.sleep(policy.gather)
    })

    const handle = (delivery: Delivery) => {
      switch (delivery._tag) {
        case "Events":
          return handleEvents(delivery.events, delivery.upTo)
        case "Checkpoint":
          return advance(delivery.upTo)
        case "CaughtUp":
          return allIsWell
      }
    }

    const standBy = Effect.gen(function*() {
      failure = undefined
      let seen = position
      position = yield* Checkpoint.read(sql)
      if (position <= seen) {
        return yield* Effect.logWarning(
          "The database has the outbox's checkpoint of a while ago: some events are published again",
        )
      }
      yield* Effect.logInfo("Another service publishes the log's events to Kafka; this one stands by")
      while (seen !== position) {
        seen = position
        yield* Effect.sleep(policy.standby)
        position = yield* Checkpoint.read(sql)
      }
      yield* Effect.logInfo("Publishing the log's events to Kafka is taken over")
    })

    const work = Effect.gen(function*() {
      position = yield* Checkpoint.read(sql)
      // At once, so that a wrong setting is told before there is something to publish.
      yield* publish([], [])
      const filter = { streams: ["vehicle-", "maintenance-"] }
      yield* events.subscribeAll({ after: position, filter }).pipe(
        Stream.buffer({ capacity: policy.readAhead }),
        Stream.runForEach(handle),
      )
    }).pipe(Effect.catchTag("OutboxOverlap", () => Effect.andThen(standBy, Effect.fail("taken over" as const))))

    const tell = Effect.fnUntraced(function*(cause: Cause.Cause<unknown>) {
      const error = Cause.squash(cause)
      if (error === "taken over") return
      const now = yield* Clock.currentTimeMillis
      const message = reasonOf(error)
      failure = message
      yield* Metric.update(failures, 1)
      if (waitingSince !== undefined) yield* Metric.update(lagSeconds, (now - waitingSince) / 1000)
      if (told?.message === message && now - told.at < policy.remindMillis) return
      told = { message, at: now }
      const text = `Events wait to be published to Kafka. ${message}`
      yield* Cause.hasDies(cause) ? Effect.logError(text, cause) : Effect.logWarning(text)
    })

    yield* work.pipe(
      Effect.tapCause((cause) => Cause.hasInterruptsOnly(cause) ? Effect.void : tell(cause)),
      Effect.sandbox,
      Effect.retry({ schedule: policy.backoff, while: (cause) => !Cause.hasInterruptsOnly(cause) }),
      Effect.forkScoped,
    )
    return Outbox.of({ status: Effect.sync(() => ({ position, failure })) })
  }))

const whyNot = (unreadable: UnreadableEvent | RecordedEvent | undefined): string =>
  unreadable === undefined || "message" in unreadable
    ? unreadable?.message ?? ""
    : `event ${unreadable.revision} of ${unreadable.stream} is of a type that this service does not know, `
      + unreadable.type
