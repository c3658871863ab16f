/**
 * The planners' rules, as a service: the only writer of `notification-rules`. Rules are few and commands rare, so the
 * stream is read each time and nothing is kept.
 */
import { randomUUID } from "node:crypto"
import { Clock, Context, Effect, Layer, Result, Schedule, Schema, Stream } from "effect"
import * as Rules from "../../domain/notification/notification-rule.ts"
import {
  type Channel,
  decode,
  type Rule,
  type RuleEvent,
  stream,
} from "../../domain/notification/notification-rule-events.ts"
import { WrongExpectedRevision } from "../eventstore/errors.ts"
import { EventStore, type RecordedEvent } from "../eventstore/event-store.ts"
import type { Position } from "../eventstore/position.ts"
import { refusalOfUrl } from "./http-post.ts"

/** The rules cannot be read or written now. */
export class RulesUnavailable extends Schema.TaggedError<RulesUnavailable>()("RulesUnavailable", {
  cause: Schema.Defect(),
}) {
  override get message() {
    return `The notification rules cannot be reached: ${String(this.cause)}`
  }
}

/** Nothing could be sent by this rule, as the service is set. The message names the variable. */
export class ChannelUnusable extends Schema.TaggedError<ChannelUnusable>()("ChannelUnusable", {
  message: Schema.String,
}) {}

export interface RulesOptions {
  readonly canSign: boolean
  readonly canMail: boolean
  readonly allowPrivate: boolean
}

interface Asked {
  readonly by?: string | undefined
  readonly ifRevision?: number | undefined
}

export type SaveError = Rules.RuleInvalid | Rules.RuleRevisionConflict | ChannelUnusable | RulesUnavailable
export type RemoveError = Rules.RuleNotFound | Rules.RuleRevisionConflict | RulesUnavailable

export class NotificationRules extends Context.Service<NotificationRules, {
  /** In the order in which they were first saved. */
  readonly list: Effect.Effect<ReadonlyArray<Rules.SavedRule>, RulesUnavailable>
  readonly find: (ruleId: string) => Effect.Effect<Rules.SavedRule, Rules.RuleNotFound | RulesUnavailable>
  /** The rule as it now is. */
  readonly save: (rule: Rule, asked: Asked) => Effect.Effect<Rules.SavedRule, SaveError>
  /** The rule as it last was. */
  readonly remove: (ruleId: string, asked: Asked) => Effect.Effect<Rules.SavedRule, RemoveError>
}>()("vehicle-twin/notify/NotificationRules") {}

/** Tries when others append at the same time. */
const onConflict = Schedule.exponential("5 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 8 }))

/** The rules after one more event. What a newer service wrote counts for the revision alone. */
export const fold = (state: Rules.State, stored: RecordedEvent): Rules.State => {
  const record = Result.getOrUndefined(decode(stored))
  return record === undefined ? { ...state, revision: stored.revision } : Rules.evolve(state, record)
}

/** The rules as they were at a position of the log; or as they are. */
export const load = (store: EventStore["Service"], at?: Position) =>
  store.read(stream).pipe(
    Stream.takeWhile(({ position }) => at === undefined || position <= at),
    Stream.runFold(() => Rules.initial, fold),
  )

export const layer = (options: RulesOptions) =>
  Layer.effect(
    NotificationRules,
    Effect.gen(function*() {
      const store = yield* EventStore
      const current = Effect.mapError(load(store), (cause) => new RulesUnavailable({ cause }))

      const write = Effect.fnUntraced(function*(state: Rules.State, events: ReadonlyArray<RuleEvent>) {
        if (events.length === 0) return state
        const expected = state.revision < 0 ? "no_stream" : state.revision
        const { revision } = yield* store.append(stream, expected, events).pipe(
          Effect.mapError((cause) => cause._tag === "WrongExpectedRevision" ? cause : new RulesUnavailable({ cause })),
        )
        return events.reduce((after, event) => Rules.evolve(after, { event, revision }), state)
      })

      return NotificationRules.of({
        list: Effect.map(current, ({ rules }) => Object.values(rules)),

        find: Effect.fnUntraced(function*(ruleId) {
          const { rules } = yield* current
          return rules[ruleId] ?? (yield* new Rules.RuleNotFound({ ruleId }))
        }),

        save: (rule, { by, ifRevision }) => {
          const eventId = randomUUID()
          return anewOnConflict(Effect.gen(function*() {
            const now = yield* Clock.currentTimeMillis
            const before = yield* current
            const events = yield* Effect.fromResult(Rules.save(before, { rule, by, ifRevision, eventId, now }))
            const unusable = unusableOf(rule.channel, options)
            if (unusable !== undefined) return yield* unusable
            const { rules } = yield* write(before, events)
            return rules[rule.id] ?? { rule, savedAt: now, revision: before.revision }
          }))
        },

        remove: (ruleId, { by, ifRevision }) => {
          const eventId = randomUUID()
          return anewOnConflict(Effect.gen(function*() {
            const now = yield* Clock.currentTimeMillis
            const before = yield* current
            const events = yield* Effect.fromResult(Rules.remove(before, { ruleId, by, ifRevision, eventId, now }))
            yield* write(before, events)
            return before.rules[ruleId] ?? (yield* new Rules.RuleNotFound({ ruleId }))
          }))
        },
      })
    }),
  )

/** What can be told before anything is sent. A name's addresses are looked at when it is called. */
const unusableOf = (
  channel: Channel,
  { allowPrivate, canMail, canSign }: RulesOptions,
): ChannelUnusable | undefined => {
  if ("email" in channel) {
    return canMail
      ? undefined
      : new ChannelUnusable({ message: "SMTP_URL and MAIL_FROM are unset, so the service sends no mail: set both" })
  }
  if (!canSign) {
    return new ChannelUnusable({ message: "WEBHOOK_SECRET is unset, so the service can sign no webhook: set it" })
  }
  const refused = refusalOfUrl(new URL(channel.webhook), allowPrivate)
  return refused && new ChannelUnusable({ message: refused.message })
}

const isConflict = (error: unknown): error is WrongExpectedRevision => error instanceof WrongExpectedRevision

const anewOnConflict = <A, E>(effect: Effect.Effect<A, E | WrongExpectedRevision>) =>
  effect.pipe(
    Effect.retry({ schedule: onConflict, while: isConflict }),
    Effect.catchIf(isConflict, (cause) => Effect.fail(new RulesUnavailable({ cause }))),
  )
