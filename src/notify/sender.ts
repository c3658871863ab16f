/**
 * Delivers what is due. At least once, under the same id each time: a message is claimed for a while, sent, and then
 * crossed out; if the process ends in between, it is sent again when the claim has run out.
 *
 * No receiver holds up another: each has so many messages under way at most, and but one until one has arrived. Those
 * of one alert go one after another.
 */
import { Cause, Clock, type Duration, Effect, Exit, FiberSet, Metric, Queue, Random, Schedule } from "effect"
import type { Channel } from "../../domain/notification/notification-rule-events.ts"
import { reasonOf } from "../eventstore/errors.ts"
import { DeliveryFailed } from "./delivery-failed.ts"
import type { DeliveryStore, Due } from "./delivery-store.ts"
import type { Mailer } from "./mail.ts"
import type { Message } from "./message.ts"
import * as Metrics from "./metrics.ts"
import type { Notifier } from "./notifier.ts"
import { nextTry } from "./retry-times.ts"
import * as Webhook from "./webhook.ts"

const policy = {
  /** Messages under way to one receiver, and to all. */
  perTarget: 4,
  inAll: 64,
  /** How long a message is claimed for, ms: longer than sending it may take. */
  lease: 45_000,
  /** Between tries where the database cannot be reached. */
  backoff: Schedule.jittered(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])),
} as const

export interface Channels {
  readonly webhook: Webhook.WebhookOptions
  readonly mailer: Mailer
}

/** Sends it now, once. */
export const sendOver = ({ mailer, webhook }: Channels, channel: Channel, message: Message) =>
  "webhook" in channel ? Webhook.send(webhook, channel.webhook, message) : mailer.send(channel.email, message)

const kindOf = (channel: Channel): keyof typeof Metrics.outcomes => "webhook" in channel ? "webhook" : "email"

/** Whom a channel loads. Mails all go to the one server. */
const targetOf = (channel: Channel): string => "webhook" in channel ? new URL(channel.webhook).host : "SMTP"

/** @param lookEvery How often it is looked for what is due, beside when `fresh` says that something is. */
export const make = Effect.fnUntraced(function*(
  store: DeliveryStore,
  rules: Notifier["rules"],
  channels: Channels,
  fresh: Queue.Queue<void>,
  lookEvery: Duration.Input,
) {
  const sending = yield* FiberSet.make<void>()
  const underWay = new Map<string, number>()
  /** Receivers that took what they were sent last. */
  const sound = new Set<string>()
  let total = 0
  /** Due when it was last looked for, and not taken yet: what is due is looked for seldom where there is much of it. */
  let candidates: ReadonlyArray<Due> = []
  const ended = yield* Queue.sliding<void>(1)
  let failure: string | undefined

  const deliver = Effect.fnUntraced(function*(due: Due, channel: Channel, message: Message) {
    const sent = yield* Effect.exit(sendOver(channels, channel, message))
    const outcomes = Metrics.outcomes[kindOf(channel)]
    if (Exit.isSuccess(sent)) {
      sound.add(targetOf(channel))
      yield* Metric.update(outcomes.delivered, 1)
      return yield* persisted(store.delivered(due.id))
    }
    if (Cause.hasInterruptsOnly(sent.cause)) return yield* Effect.interrupt
    const failure = failureOf(sent.cause)
    if (failure.worthTrying === "day") sound.delete(targetOf(channel))
    const now = yield* Clock.currentTimeMillis
    const attempts = due.attempts + 1
    const firstTriedAt = due.firstTriedAt ?? now
    const emergency = message.news.some(({ alert }) => alert.emergency)
    const next = nextTry(failure, { attempts, emergency, firstTriedAt, now, random: yield* Random.next })
    if (next !== undefined) {
      yield* Metric.update(outcomes.failed, 1)
      if (attempts === 1) yield* Effect.logInfo(`A notification is to be tried again. ${failure.reason}`)
      return yield* persisted(store.failed(due.id, attempts, firstTriedAt, next, failure.reason))
    }
    yield* Metric.update(outcomes.dead, 1)
    yield* Effect.logWarning(`A notification is given up, and is among the failed deliveries. ${failure.reason}`)
    yield* persisted(store.dead(due.id, attempts, firstTriedAt, now, failure.reason))
  })

  const roomOf = (target: string): number => sound.has(target) ? policy.perTarget : 1

  /** Room for one message; what gives it back. */
  const reserve = (target: string): Effect.Effect<void> => {
    underWay.set(target, (underWay.get(target) ?? 0) + 1)
    total++
    return Effect.sync(() => {
      total--
      const left = (underWay.get(target) ?? 1) - 1
      if (left === 0) underWay.delete(target)
      else underWay.set(target, left)
      Queue.offerUnsafe(ended, undefined)
    })
  }

  /** Whether it is off the list. */
  const take = Effect.fnUntraced(function*(due: Due, now: number) {
    const channel = rules()?.rules[due.ruleId]?.rule.channel
    // Its rule is gone, and so will it be in a moment.
    if (channel === undefined) return true
    const target = targetOf(channel)
    if ((underWay.get(target) ?? 0) >= roomOf(target) || total >= policy.inAll) return false
    // Before anything is waited for: others end meanwhile.
    const release = reserve(target)
    const message = yield* Effect.onError(store.claim(due, now + policy.lease), () => release)
    if (message === undefined) return yield* Effect.as(release, true)
    const delivery = deliver(due, channel, message).pipe(
      // The service stops: whether it has arrived is not known, so it is sent again at the next start.
      Effect.onInterrupt(() => Effect.ignore(store.release(due.id, now))),
      Effect.ensuring(release),
    )
    yield* FiberSet.run(sending, delivery)
    return true
  })

  const look = Effect.gen(function*() {
    candidates = rules() === undefined ? [] : yield* store.due(yield* Clock.currentTimeMillis)
    const { dead, held, waiting } = yield* store.counts
    yield* Metric.update(Metrics.waiting, waiting)
    yield* Metric.update(Metrics.gathered, held)
    yield* Metric.update(Metrics.dead, dead)
  })

  const takeWhatFits = Effect.gen(function*() {
    const left: Array<Due> = []
    for (const due of candidates) if (!(yield* take(due, yield* Clock.currentTimeMillis))) left.push(due)
    candidates = left
  })

  const round = Effect.gen(function*() {
    yield* look
    yield* takeWhatFits
    failure = undefined
    const lookAgain = Effect.raceFirst(Queue.take(fresh), Effect.sleep(lookEvery)).pipe(Effect.as(true))
    const oneEnded = Effect.as(Queue.take(ended), false)
    // Those that ended make room, until all that were found are taken.
    while (!(yield* Effect.raceFirst(lookAgain, oneEnded)) && candidates.length > 0) yield* takeWhatFits
  })

  yield* Effect.forever(round).pipe(
    Effect.tapCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.void
      const known = failure
      failure = reasonOf(Cause.squash(cause))
      // Said once, not at each try.
      return failure === known ? Effect.void : Effect.logWarning(`Notifications wait to be sent. ${failure}`)
    }),
    Effect.sandbox,
    Effect.retry({ schedule: policy.backoff, while: (cause) => !Cause.hasInterruptsOnly(cause) }),
    Effect.forkScoped,
  )
})

const failureOf = (cause: Cause.Cause<DeliveryFailed>): DeliveryFailed => {
  const error = Cause.squash(cause)
  return error instanceof DeliveryFailed
    ? error
    : new DeliveryFailed({ reason: `It could not be put together: ${reasonOf(error)}`, worthTrying: "hour" })
}

/** What cannot be written down now is sent again when its claim has run out. */
const persisted = <A, E>(write: Effect.Effect<A, E>) =>
  write.pipe(
    Effect.retry({ schedule: policy.backoff, times: 10 }),
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.interrupt
        : Effect.logWarning("What became of a notification could not be written down: it may be sent again", cause)
    ),
    Effect.asVoid,
  )
