/**
 * By which rules planners are told of alerts: what is asked of the rules becomes events on `notification-rules`, or
 * nothing; and whether a rule tells a piece of news. Pure.
 */
import { DateTime, Option, Result, Schema } from "effect"
import { toTime } from "../vehicle/readings.ts"
import { isSnoozed } from "../maintenance/alerts/alert-commands.ts"
import type { Urgency } from "../maintenance/alerts/alert-events.ts"
import { covers, isMoreUrgent } from "../maintenance/model.ts"
import { minutesOf } from "./notification-hours.ts"
import { type Rule, type RuleEvent, type RuleRecord, versions } from "./notification-rule-events.ts"

export interface SavedRule {
  readonly rule: Rule
  /** When it was last saved, epoch ms. */
  readonly savedAt: number
  /** Of the event that says so. */
  readonly revision: number
}

export interface State {
  /** Of the newest event; −1 where there is none. */
  readonly revision: number
  /** By id, in the order in which they were first saved. */
  readonly rules: Readonly<Record<string, SavedRule>>
}

export const initial: State = { revision: -1, rules: {} }

export const evolve = (state: State, { event, revision }: RuleRecord): State => {
  if (event.type === "NotificationRuleRemoved") {
    const { [event.data.ruleId]: _, ...rules } = state.rules
    return { revision, rules }
  }
  const { rule } = event.data
  const saved = { rule, revision, savedAt: Date.parse(event.metadata.receivedAt) }
  return { revision, rules: { ...state.rules, [rule.id]: saved } }
}

/** A rule that cannot be. The message names what is wrong. */
export class RuleInvalid extends Schema.TaggedError<RuleInvalid>()("RuleInvalid", { message: Schema.String }) {}

export class RuleNotFound extends Schema.TaggedError<RuleNotFound>()("RuleNotFound", { ruleId: Schema.String }) {
  override get message() {
    return `There is no notification rule ${this.ruleId}`
  }
}

export class RuleRevisionConflict extends Schema.TaggedError<RuleRevisionConflict>()("RuleRevisionConflict", {
  ruleId: Schema.String,
  expected: Schema.Int,
  actual: Schema.Int,
}) {
  override get message() {
    return `Notification rule ${this.ruleId} is at revision ${this.actual}, not at ${this.expected}; `
      + "read it again and decide anew"
  }
}

/** Each rule is asked of each piece of news. */
const maxRules = 1_000
const maxNamed = 100
const maxAddresses = 50

/** What one would write. The server that takes the mail judges for good. */
const address = /^[^\s@<>()[\]\\,;:"]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/

const maxComponent = 100
const component = /^[a-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*)*$/

const whatIsWrong = (rule: Rule): string | undefined => {
  const { channel, digest, filter, name, quietHours, timeZone } = rule
  if (name.trim() === "" || name.length > 200) return "`name` is 1 to 200 characters"
  if ((filter.brands?.length ?? 0) > maxNamed) return `\`brands\` is at most ${maxNamed}`
  if ((filter.components?.length ?? 0) > maxNamed) return `\`components\` is at most ${maxNamed}`
  const odd = filter.components?.find((one) => one.length > maxComponent || !component.test(one))
  if (odd !== undefined) {
    return `\`components\` has "${odd.slice(0, 80)}"; one is words joined by dots, such as \`brakes.front\``
  }
  if (timeZone !== undefined && Option.isNone(DateTime.zoneMakeNamed(timeZone))) {
    return `\`timeZone\` is "${timeZone.slice(0, 80)}", which is no time zone such as Europe/Berlin`
  }
  if (timeZone === undefined && (quietHours !== undefined || digest !== undefined)) {
    return "`quietHours` and `digest` need a `timeZone`"
  }
  for (const time of [quietHours?.from, quietHours?.to, digest?.at]) {
    if (time !== undefined && minutesOf(time) === undefined) return `"${time.slice(0, 80)}" is no time such as 07:30`
  }
  if (quietHours !== undefined && quietHours.from === quietHours.to) return "`quietHours` end when they begin"
  if (digest?.days?.length === 0) return "`digest` has no day"
  return "webhook" in channel ? wrongUrl(channel.webhook) : wrongAddresses(channel.email)
}

const wrongUrl = (text: string): string | undefined => {
  if (text.length > 2_000) return "`webhook` is at most 2000 characters"
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return "`webhook` is no URL such as https://example.com/alerts"
  }
  return url.username === "" && url.password === ""
    ? undefined
    : "`webhook` has a user or password in it, which others would see"
}

const wrongAddresses = (addresses: ReadonlyArray<string>): string | undefined => {
  if (addresses.length === 0 || addresses.length > maxAddresses) return `\`email\` is 1 to ${maxAddresses} addresses`
  const odd = addresses.find((one) => !address.test(one))
  return odd === undefined ? undefined : `\`email\` has ${JSON.stringify(odd.slice(0, 80))}, which is no address`
}

export interface Save {
  readonly rule: Rule
  readonly by: string | undefined
  /** Only if the rule's newest event has this revision; −1: only if there is no such rule. */
  readonly ifRevision: number | undefined
  /** Of the event, if there is one. A UUID. */
  readonly eventId: string
  /** Epoch ms. */
  readonly now: number
}

/** No events where the rule is so already. */
export const save = (
  state: State,
  { by, eventId, ifRevision, now, rule }: Save,
): Result.Result<ReadonlyArray<RuleEvent>, RuleInvalid | RuleRevisionConflict> => {
  const wrong = whatIsWrong(rule)
  if (wrong !== undefined) return Result.fail(new RuleInvalid({ message: wrong }))
  const known = state.rules[rule.id]
  if (known !== undefined && JSON.stringify(known.rule) === JSON.stringify(rule)) return Result.succeed([])
  const conflict = conflictOf(rule.id, known, ifRevision)
  if (conflict !== undefined) return Result.fail(conflict)
  if (known === undefined && Object.keys(state.rules).length >= maxRules) {
    return Result.fail(new RuleInvalid({ message: `There are ${maxRules} rules already; remove one` }))
  }
  const data = { rule, ...(by !== undefined && { by }) }
  const type = "NotificationRuleSaved"
  return Result.succeed([{ id: eventId, type, data, metadata: metadataOf(type, now) }])
}

export interface Remove extends Omit<Save, "rule"> {
  readonly ruleId: string
}

export const remove = (
  state: State,
  { by, eventId, ifRevision, now, ruleId }: Remove,
): Result.Result<ReadonlyArray<RuleEvent>, RuleNotFound | RuleRevisionConflict> => {
  const known = state.rules[ruleId]
  if (known === undefined) return Result.fail(new RuleNotFound({ ruleId }))
  const conflict = conflictOf(ruleId, known, ifRevision)
  if (conflict !== undefined) return Result.fail(conflict)
  const data = { ruleId, ...(by !== undefined && { by }) }
  const type = "NotificationRuleRemoved"
  return Result.succeed([{ id: eventId, type, data, metadata: metadataOf(type, now) }])
}

const conflictOf = (ruleId: string, known: SavedRule | undefined, ifRevision: number | undefined) => {
  const actual = known?.revision ?? -1
  return ifRevision === undefined || ifRevision === actual
    ? undefined
    : new RuleRevisionConflict({ ruleId, expected: ifRevision, actual })
}

const metadataOf = (type: RuleEvent["type"], now: number) => ({ schema: versions[type], receivedAt: toTime(now) })

export type NewsKind = "raised" | "escalated" | "acknowledged" | "assigned" | "snoozed" | "resolved"

/** What rules ask of news: what happened when, and what the alert then was. Times are epoch ms. */
export interface Told {
  readonly kind: NewsKind
  readonly at: number
  readonly alert: {
    readonly brand: string | null
    readonly component: string
    readonly urgency: Urgency
    readonly snoozedUntil: number | null
  }
}

/**
 * Whether a rule tells it. That somebody took on or was given an alert is not told while it is snoozed: that it is put
 * off says so already. That it grew worse is, for that was not known when it was put off.
 */
export const tells = ({ also, enabled, filter }: Rule, { alert, at, kind }: Told): boolean => {
  if (!enabled || kind === "snoozed") return false
  if (kind !== "raised" && kind !== "escalated" && !also.includes(kind)) return false
  if ((kind === "acknowledged" || kind === "assigned") && isSnoozed(alert.snoozedUntil, at)) return false
  const { brands, components, minUrgency } = filter
  return (brands === undefined || (alert.brand !== null && brands.includes(alert.brand))) &&
    (components === undefined || components.some((one) => covers(one, alert.component))) &&
    (minUrgency === undefined || !isMoreUrgent(minUrgency, alert.urgency))
}
