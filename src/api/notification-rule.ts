/** Notification rules, as they are shown and saved. */
import type { SavedRule } from "../../domain/notification/notification-rule.ts"
import type { Rule } from "../../domain/notification/notification-rule-events.ts"
import { Urgency } from "./alert.ts"
import { builder } from "./builder.ts"
import { badInput } from "./errors.ts"
import { checkedText } from "./input.ts"

const OptionalNews = builder.enumType("OptionalAlertNews", {
  description: "What may become of an alert that a rule tells only if it is asked to.",
  values: {
    ACKNOWLEDGED: { value: "acknowledged" as const, description: "A planner took it on." },
    ASSIGNED: { value: "assigned" as const, description: "It was given to somebody, or taken from them." },
    RESOLVED: { value: "resolved" as const, description: "The component was serviced, or its score recovered." },
  },
})

const Weekday = builder.enumType("Weekday", {
  description: "A day of the week.",
  values: {
    MON: { value: "mon" as const },
    TUE: { value: "tue" as const },
    WED: { value: "wed" as const },
    THU: { value: "thu" as const },
    FRI: { value: "fri" as const },
    SAT: { value: "sat" as const },
    SUN: { value: "sun" as const },
  },
})

const QuietHours = builder.objectRef<NonNullable<Rule["quietHours"]>>("QuietHours").implement({
  description: "From then until then, which may be the next day, alerts are held back. Emergencies are not.",
  fields: (t) => ({
    from: t.exposeString("from", { description: "Such as `22:00`." }),
    to: t.exposeString("to", { description: "Such as `07:00`. What was held back is then told together." }),
  }),
})

const Digest = builder.objectRef<NonNullable<Rule["digest"]>>("Digest").implement({
  description: "Alerts are gathered, and told together at a time of day. Emergencies are told at once.",
  fields: (t) => ({
    at: t.exposeString("at", { description: "Such as `07:30`." }),
    days: t.field({
      type: [Weekday],
      nullable: true,
      description: "On these days; null: every day.",
      resolve: ({ days }) => days ?? null,
    }),
  }),
})

export const NotificationRule = builder.objectRef<SavedRule>("NotificationRule").implement({
  description: "Whom to tell of which alerts, how and when. That one is raised or becomes more urgent is always told.",
  fields: (t) => ({
    id: t.id({ description: "A UUID.", resolve: ({ rule }) => rule.id }),
    name: t.string({ description: "What planners call it.", resolve: ({ rule }) => rule.name }),
    enabled: t.boolean({
      description: "One that is off tells nothing, and nothing later of what happened meanwhile.",
      resolve: ({ rule }) => rule.enabled,
    }),
    brands: t.stringList({
      nullable: true,
      description: "Alerts of vehicles of these brands; null: of all.",
      resolve: ({ rule }) => rule.filter.brands ?? null,
    }),
    components: t.stringList({
      nullable: true,
      description: "Of these components, `brakes` with `brakes.front`; null: of all.",
      resolve: ({ rule }) => rule.filter.components ?? null,
    }),
    minUrgency: t.field({
      type: Urgency,
      nullable: true,
      description: "As urgent as this, or more; null: all.",
      resolve: ({ rule }) => rule.filter.minUrgency ?? null,
    }),
    also: t.field({
      type: [OptionalNews],
      description: "What else is told.",
      resolve: ({ rule }) => rule.also,
    }),
    webhook: t.string({
      nullable: true,
      description: "The URL that is called; null where mails are sent.",
      resolve: ({ rule: { channel } }) => "webhook" in channel ? channel.webhook : null,
    }),
    email: t.stringList({
      nullable: true,
      description: "The addresses that mails are sent to; null where a webhook is called.",
      resolve: ({ rule: { channel } }) => "email" in channel ? channel.email : null,
    }),
    timeZone: t.string({
      nullable: true,
      description: "That of the times, such as `Europe/Berlin`.",
      resolve: ({ rule }) => rule.timeZone ?? null,
    }),
    quietHours: t.field({
      type: QuietHours,
      nullable: true,
      description: "Null: none.",
      resolve: ({ rule }) => rule.quietHours ?? null,
    }),
    digest: t.field({
      type: Digest,
      nullable: true,
      description: "Null: each alert is told by itself.",
      resolve: ({ rule }) => rule.digest ?? null,
    }),
    savedAt: t.field({ type: "DateTime", description: "When it was last saved.", resolve: ({ savedAt }) => savedAt }),
    revision: t.field({ type: "Long", description: "`ifRevision` takes it.", resolve: ({ revision }) => revision }),
  }),
})

const QuietHoursInput = builder.inputType("QuietHoursInput", {
  description: "By the clock of the rule's `timeZone`.",
  fields: (t) => ({
    from: t.string({ required: true, description: "Such as `22:00`." }),
    to: t.string({ required: true, description: "Such as `07:00`." }),
  }),
})

const DigestInput = builder.inputType("DigestInput", {
  description: "By the clock of the rule's `timeZone`.",
  fields: (t) => ({
    at: t.string({ required: true, description: "Such as `07:30`." }),
    days: t.field({ type: [Weekday], description: "On these days; every day if not given." }),
  }),
})

export const SaveNotificationRuleInput = builder.inputType("SaveNotificationRuleInput", {
  description: "A rule as it shall be, as a whole: what is left out, it has not.",
  fields: (t) => ({
    clientMutationId: t.string({
      description: "Handed back as it is. Without an `id`, a rule with the same one is made once.",
    }),
    id: t.id({ description: "Of the rule to change; a new one if not given." }),
    name: t.string({ required: true, description: "What planners call it." }),
    enabled: t.boolean({ description: "On, if not given." }),
    brands: t.stringList({ description: "Alerts of vehicles of these brands; of all if not given." }),
    components: t.stringList({
      description: "Of these components, `brakes` with `brakes.front`; of all if not given.",
    }),
    minUrgency: t.field({ type: Urgency, description: "As urgent as this, or more." }),
    also: t.field({ type: [OptionalNews], description: "What else is told." }),
    webhook: t.string({ description: "A URL to call. Either this or `email`." }),
    email: t.stringList({ description: "Addresses to send mails to. Either these or `webhook`." }),
    timeZone: t.string({ description: "That of the times, such as `Europe/Berlin`." }),
    quietHours: t.field({ type: QuietHoursInput, description: "When alerts are held back, but for emergencies." }),
    digest: t.field({ type: DigestInput, description: "When alerts are told together, but for emergencies." }),
    by: t.string({ description: "Who wants it." }),
    ifRevision: t.field({ type: "Long", description: "Only if it is still at this revision." }),
  }),
})

/** Throws `BAD_INPUT`. */
const channelOf = ({ email, webhook }: typeof SaveNotificationRuleInput.$inferInput): Rule["channel"] => {
  if (typeof webhook === "string" && !email) return { webhook }
  if (email && typeof webhook !== "string") return { email: [...new Set(email)] }
  throw badInput("Give `webhook` or `email`, one of the two")
}

/** Throws `BAD_INPUT`. */
export const toRule = (id: string, input: typeof SaveNotificationRuleInput.$inferInput): Rule => {
  const { also, brands, components, digest, enabled, minUrgency, name, quietHours, timeZone } = input
  return {
    id,
    name,
    enabled: enabled ?? true,
    filter: {
      ...(brands && { brands: brands.map((brand) => checkedText("brands", brand, 100)) }),
      ...(components && { components }),
      ...(minUrgency && { minUrgency }),
    },
    also: [...new Set(also ?? [])],
    channel: channelOf(input),
    ...(typeof timeZone === "string" && { timeZone }),
    ...(quietHours && { quietHours: { from: quietHours.from, to: quietHours.to } }),
    ...(digest && { digest: { at: digest.at, ...(digest.days && { days: [...new Set(digest.days)] }) } }),
  }
}
