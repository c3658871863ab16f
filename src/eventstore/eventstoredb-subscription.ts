/**
 * The whole log as a stream of deliveries, from one filtered subscription after another. Each begins after what was
 * handed out last, which has been handled, since the consumer asks for more only then.
 *
 * Where a subscription says nothing while the log moves on, the log is read beside it: if nothing matched, the reader
 * moves on; if something did, the subscription is dead, though its connection may not be. In a cluster it may be
 * another node that is read, with more or less of the log than the one subscribed to: so it counts only what was read,
 * event by event, and not where the log was said to end.
 */
import { Effect, Metric, Option, Random, Result, Stream } from "effect"
import { isReadonlyArrayNonEmpty } from "effect/Array"
import { EventStoreUnavailable, type EventUnreadable, PositionPastEnd } from "./errors.ts"
import type { Delivery, Filter } from "./event-store.ts"
import { Answers } from "./eventstoredb-answers.ts"
import type { Connection } from "./eventstoredb-connection.ts"
import { isLasting, unavailable } from "./eventstoredb-errors.ts"
import { subscribeAll } from "./eventstoredb-messages.ts"
import { Progress } from "./eventstoredb-progress.ts"
import type { Reads } from "./eventstoredb-reads.ts"
import type { Position } from "./position.ts"

/** Silence after which the log is looked at. */
const quietMillis = 1_000
/** A server that takes longer about a look is as good as away. */
const lookMillis = 10_000
/** Between tries: doubled from the first to the last, less a random part of up to half. */
const pauseMillis = { first: 50, last: 5_000 }
/** A node that joins its cluster does not have all of it at once: so often its end is looked at. */
const endTries = 5

const resumed = Metric.counter("vehicle_twin_eventstore_resumed_subscriptions_total", {
  description: "Subscriptions to EventStoreDB that broke off or fell silent, and were begun anew where they were",
  incremental: true,
})

export const subscribe = (
  connection: Connection,
  reads: Reads,
  after: Position,
  filter: Filter | undefined,
): Stream.Stream<Delivery, EventStoreUnavailable | EventUnreadable | PositionPastEnd> =>
  Stream.unwrap(Effect.gen(function*() {
    const failed = failedAt(connection.where)
    const progress = new Progress(after, filter)
    let answers: Answers<EventStoreUnavailable> | undefined
    /** Where the log ended before the subscription began. */
    let end = after
    /** Failures since it came further: a server that takes a subscription and drops it again has not helped. */
    let failures = 0
    /** How often the log had something that the subscription had not told. */
    let missed = 0
    /** The log was looked at, up to `end`. */
    let looked = false
    /** Nothing more is on its way that a checkpoint could wait for. */
    let quiet = false
    yield* Effect.addFinalizer(() => Effect.sync(() => answers?.close()))

    const begin = Effect.gen(function*() {
      end = yield* reads.head
      for (let tries = 1; end < progress.seen; tries++) {
        if (tries === endTries) return yield* new PositionPastEnd({ position: progress.seen, end })
        yield* Effect.sleep(pauseMillis.first * 2 ** tries)
        end = yield* reads.head
      }
      progress.begin()
      missed = 0
      looked = false
      answers = new Answers(connection, subscribeAll(progress.seen, filter), failed)
      return answers
    })

    const giveUp = Effect.suspend(() => {
      answers?.close()
      answers = undefined
      return Metric.update(resumed, 1)
    })

    /** Moves on past what does not match, up to here at most. Gives whether something that matches was not told. */
    const look = Effect.fnUntraced(function*(upTo: Position) {
      if (upTo <= progress.seen) return false
      const { matching, seen } = yield* reads.passOver(progress.seen, upTo, filter)
      progress.see(seen)
      return matching
    })

    /** Nothing came for a while: is there nothing? */
    const lookWhereQuiet = Effect.gen(function*() {
      const head = yield* reads.head
      if (yield* look(head)) {
        if (++missed < 2) return
        yield* Effect.logWarning(`A subscription to ${connection.where} has fallen silent; it is begun anew`)
        return yield* giveUp
      }
      failures = 0
      missed = 0
      quiet = true
      // Servers before 23.10 do not say it themselves.
      if (progress.seen >= head) progress.catchUp()
    })

    const inTime = Effect.timeoutOrElse({
      duration: lookMillis,
      orElse: () => Effect.fail(failed(new Error(`nothing within ${lookMillis / 1_000} s`))),
    })

    const step = Effect.gen(function*() {
      quiet = false
      const open = answers ?? (yield* begin)
      const taken = yield* Effect.timeoutOption(open.take, quietMillis)
      if (Option.isNone(taken)) {
        yield* inTime(lookWhereQuiet)
        return undefined
      }
      if (taken.value.length === 0) {
        return yield* failed(new Error("the server ended the subscription"))
      }
      missed = 0
      const { seen } = progress
      const unreadable = progress.take(taken.value)
      if (progress.seen > seen) failures = 0
      if (!progress.isLive || unreadable !== undefined) return unreadable
      if (!looked) {
        looked = true
        yield* inTime(look(end))
      }
      if (progress.seen >= end) progress.catchUp()
      return undefined
    })

    const pull = Effect.gen(function*() {
      while (true) {
        const stepped = yield* Effect.result(step)
        const deliveries = progress.deliveries(quiet)
        // What comes before something that cannot be read is handed out first; then the server sends that again.
        if (isReadonlyArrayNonEmpty(deliveries)) {
          if (Result.isFailure(stepped) || stepped.success !== undefined) yield* giveUp
          return deliveries
        }
        if (Result.isSuccess(stepped)) {
          if (stepped.success !== undefined) return yield* stepped.success
          continue
        }
        const error = stepped.failure
        if (!(error instanceof EventStoreUnavailable) || isLasting(error)) return yield* error
        yield* giveUp
        if (failures++ === 1) yield* Effect.logWarning(`Waiting for the log: ${error.message}`)
        const pause = Math.min(pauseMillis.first * 2 ** Math.min(failures - 1, 20), pauseMillis.last)
        yield* Effect.sleep(pause * (1 - 0.5 * (yield* Random.next)))
      }
    })
    return Stream.fromPull(Effect.succeed(pull))
  }))

const failedAt = (where: string) => (thrown: unknown): EventStoreUnavailable => unavailable("subscribe", thrown, where)
