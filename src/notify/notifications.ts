/**
 * Telling planners of alerts, by their rules: the notifier takes down what is to be told, the sender delivers it by
 * webhook or e-mail. What could not be delivered is kept for a while, to be looked at and tried again.
 */
import { randomUUID } from "node:crypto"
import { Clock, Context, type Duration, Effect, Layer, Queue, Schedule, Schema } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import type { RuleNotFound } from "../../domain/notification/notification-rule.ts"
import * as DeliveryStore from "./delivery-store.ts"
import * as Mail from "./mail.ts"
import { sampleNews } from "./message.ts"
import * as Notifier from "./notifier.ts"
import { NotificationRules, type RulesUnavailable } from "./rules.ts"
import * as Sender from "./sender.ts"
import type { WebhookOptions } from "./webhook.ts"

const policy = {
  /** Failed deliveries are kept for so long, ms, and so many at most. */
  keepFailed: 90 * 24 * 3_600_000,
  maxFailed: 10_000,
  /** How often it is looked for what is due, where nothing new comes. */
  lookEvery: "1 second",
  boundEvery: "10 minutes",
} as const

export class DeliveryNotFound extends Schema.TaggedError<DeliveryNotFound>()("DeliveryNotFound", {
  id: Schema.String,
}) {
  override get message() {
    return `There is no failed delivery ${this.id}: it was tried again, or let go`
  }
}

/** The database beside the log cannot be read or written now. */
export class NotificationsUnavailable
  extends Schema.TaggedError<NotificationsUnavailable>()("NotificationsUnavailable", { cause: Schema.Defect() })
{
  override get message() {
    return `The notifications cannot be reached: ${String(this.cause)}`
  }
}

export type FailedDelivery = DeliveryStore.FailedDelivery

export interface NotificationsOptions {
  readonly webhook: WebhookOptions
  /** Nothing: no mail can be sent. */
  readonly mail: Mail.MailOptions | undefined
  readonly lookEvery?: Duration.Input
}

export class Notifications extends Context.Service<Notifications, {
  readonly status: Effect.Effect<Notifier.Status>
  /** What could not be delivered, the newest first, so many behind one of them. */
  readonly failed: (
    limit: number,
    after: { readonly failedAt: number; readonly id: string } | undefined,
  ) => Effect.Effect<ReadonlyArray<FailedDelivery>, NotificationsUnavailable>
  /** How many of them there are. */
  readonly failedCount: Effect.Effect<number, NotificationsUnavailable>
  /** Delivers it from now on as if it were new; what it was. */
  readonly retry: (id: string) => Effect.Effect<FailedDelivery, DeliveryNotFound | NotificationsUnavailable>
  /** Sends a sample by the rule, now and once, whatever the hour and whether it is on; why it could not be. */
  readonly test: (ruleId: string) => Effect.Effect<string | undefined, RuleNotFound | RulesUnavailable>
}>()("vehicle-twin/notify/Notifications") {}

const unavailable = Effect.mapError((cause: SqlError.SqlError) => new NotificationsUnavailable({ cause }))

export const layer = (options: NotificationsOptions) =>
  Layer.effect(
    Notifications,
    Effect.gen(function*() {
      const saved = yield* NotificationRules
      const store = yield* DeliveryStore.make(yield* SqlClient.SqlClient)
      const channels = { webhook: options.webhook, mailer: yield* Mail.make(options.mail) }
      const signal = yield* Queue.sliding<void>(1)
      const wake = Effect.asVoid(Queue.offer(signal, undefined))
      const notifier = yield* Notifier.make(store, wake)
      yield* Sender.make(store, notifier.rules, channels, signal, options.lookEvery ?? policy.lookEvery)

      yield* Clock.currentTimeMillis.pipe(
        Effect.flatMap((now) => store.bound(now - policy.keepFailed, policy.maxFailed)),
        Effect.catch(({ message }) => Effect.logWarning(`Failed deliveries exceed their bounds for now: ${message}`)),
        Effect.repeat(Schedule.spaced(policy.boundEvery)),
        Effect.forkScoped,
      )

      return Notifications.of({
        status: Effect.sync(notifier.status),
        failed: (limit, after) => unavailable(store.failedPage(limit, after)),
        failedCount: unavailable(Effect.map(store.counts, ({ dead }) => dead)),

        retry: Effect.fnUntraced(function*(id) {
          const now = yield* Clock.currentTimeMillis
          const revived = yield* unavailable(store.revive(id, now))
          if (revived === undefined) return yield* new DeliveryNotFound({ id })
          yield* wake
          return revived
        }),

        test: Effect.fnUntraced(function*(ruleId) {
          const { rule } = yield* saved.find(ruleId)
          const id = randomUUID()
          const news = [sampleNews(id, yield* Clock.currentTimeMillis)]
          return yield* Sender.sendOver(channels, rule.channel, { id, ruleId, news }).pipe(
            Effect.as(undefined),
            Effect.catch(({ reason }) => Effect.succeed(reason)),
          )
        }),
      })
    }),
  )
