/**
 * What is stored of the rules by which planners are told of alerts, on `notification-rules`: shapes kept for years, as
 * those of `alert-events.ts`. A rule is stored whole each time it is saved.
 */
import { Result, Schema } from "effect"
import { inCurrentVersion, type Stored, type UnreadableEvent, type Upcaster } from "../vehicle/record.ts"
import { Urgency } from "../maintenance/alerts/alert-events.ts"

/** What may become of an alert beside raised and escalated, which are always told. */
export const OptionalNews = Schema.Literals(["acknowledged", "assigned", "resolved"])
export type OptionalNews = typeof OptionalNews.Type

export const Weekday = Schema.Literals(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
export type Weekday = typeof Weekday.Type

/** Which alerts; what is left out is not asked for. */
const Filter = Schema.Struct({
  /** As they are registered; one of them. */
  brands: Schema.optionalKey(Schema.Array(Schema.String)),
  /** One of them covers the alert's: `brakes` also takes `brakes.front`. */
  components: Schema.optionalKey(Schema.Array(Schema.String)),
  minUrgency: Schema.optionalKey(Urgency),
})

const Channel = Schema.Union([
  Schema.Struct({ webhook: Schema.String }),
  Schema.Struct({ email: Schema.Array(Schema.String) }),
])
export type Channel = typeof Channel.Type

export const Rule = Schema.Struct({
  /** A UUID. */
  id: Schema.String,
  name: Schema.String,
  /** A rule that is off tells nothing, and nothing later of what happened meanwhile. */
  enabled: Schema.Boolean,
  filter: Filter,
  also: Schema.Array(OptionalNews),
  channel: Channel,
  /** IANA, as `Europe/Berlin`: of the times below. */
  timeZone: Schema.optionalKey(Schema.String),
  /** `HH:MM`. Held back from then until then, which may be the next day. */
  quietHours: Schema.optionalKey(Schema.Struct({ from: Schema.String, to: Schema.String })),
  /** `HH:MM`. Told together at that time; on these days only, or every day. */
  digest: Schema.optionalKey(Schema.Struct({
    at: Schema.String,
    days: Schema.optionalKey(Schema.Array(Weekday)),
  })),
})
export type Rule = typeof Rule.Type

const by = Schema.optionalKey(Schema.String)

export const schemas = {
  NotificationRuleSaved: Schema.Struct({ rule: Rule, by }),
  NotificationRuleRemoved: Schema.Struct({ ruleId: Schema.String, by }),
} as const

export type RuleEventType = keyof typeof schemas

/** The current version of each type. */
export const versions: Readonly<Record<RuleEventType, number>> = {
  NotificationRuleSaved: 1,
  NotificationRuleRemoved: 1,
}

/** By type, the steps from version 1, in order: as many as the current version less one. */
const upcasters: { readonly [T in RuleEventType]?: ReadonlyArray<Upcaster> } = {}

export const RuleMetadata = Schema.Struct({ schema: Schema.Int, receivedAt: Schema.String })
export type RuleMetadata = typeof RuleMetadata.Type

export type RuleEvent = {
  readonly [T in RuleEventType]: {
    readonly id: string
    readonly type: T
    readonly data: (typeof schemas)[T]["Type"]
    readonly metadata: RuleMetadata
  }
}[RuleEventType]

export interface RuleRecord {
  readonly revision: number
  readonly event: RuleEvent
}

export const stream = "notification-rules"

const isRuleEventType = (type: string): type is RuleEventType => Object.hasOwn(schemas, type)

/** The record of a stored event; undefined where its type is none of a rule's. */
export const decode = (stored: Stored): Result.Result<RuleRecord | undefined, UnreadableEvent> => {
  const { type } = stored
  if (!isRuleEventType(type)) return Result.succeed(undefined)
  const record = (data: Stored["data"]): RuleRecord => ({
    revision: stored.revision,
    event: { id: stored.id, type, data, metadata: stored.metadata as RuleMetadata } as RuleEvent,
  })
  return Result.map(inCurrentVersion(stored, versions[type], upcasters[type], schemas[type]), record)
}
