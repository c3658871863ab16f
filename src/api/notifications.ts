/** Working with what planners are told: the rules, a test of one, and what could not be delivered. */
import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { uuid } from "../../domain/vehicle/identity.ts"
import type { SavedRule } from "../../domain/notification/notification-rule.ts"
import type { News } from "../notify/news.ts"
import { type FailedDelivery, Notifications } from "../notify/notifications.ts"
import { NotificationRules } from "../notify/rules.ts"
import { builder, connectionOptions, edgeOptions, encodeId, totalText } from "./builder.ts"
import { badInput } from "./errors.ts"
import { checkedText } from "./input.ts"
import { NotificationRule, SaveNotificationRuleInput, toRule } from "./notification-rule.ts"
import { connectionOf, pageOf } from "./paging.ts"
import { orFailure, resultUnion } from "./results.ts"

/** What cannot be done by then is answered with `UNAVAILABLE`; it may still be done later. */
const patience = "10 seconds"
/** A receiver has ten seconds, a mail server some more. */
const testPatience = "30 seconds"

const list = { name: "failedDeliveries", columns: 2 }

const NewsKind = builder.enumType("AlertNewsKind", {
  description: "What happened to an alert.",
  values: {
    RAISED: { value: "raised" as const, description: "It is new." },
    ESCALATED: { value: "escalated" as const, description: "It became more urgent." },
    ACKNOWLEDGED: { value: "acknowledged" as const, description: "A planner took it on." },
    ASSIGNED: { value: "assigned" as const, description: "It was given to somebody, or taken from them." },
    SNOOZED: { value: "snoozed" as const, description: "It was put off." },
    RESOLVED: { value: "resolved" as const, description: "The component was serviced, or its score recovered." },
  },
})

const AlertNews = builder.objectRef<News>("AlertNews").implement({
  description: "What happened to an alert, as it is told.",
  fields: (t) => ({
    kind: t.field({ type: NewsKind, description: "What happened.", resolve: ({ kind }) => kind }),
    at: t.field({ type: "DateTime", description: "When.", resolve: ({ at }) => at }),
    alertId: t.id({
      description: "The alert's id, which `node` takes.",
      resolve: ({ alert: { id, vin } }) => encodeId("Alert", `${vin}:${id}`),
    }),
    vin: t.string({ description: "The VIN of the vehicle.", resolve: ({ alert }) => alert.vin }),
    component: t.string({ description: "What needs attention.", resolve: ({ alert }) => alert.component }),
    summary: t.string({ description: "What is the matter.", resolve: ({ alert }) => alert.summary }),
  }),
})

const FailedDeliveryType = builder.objectRef<FailedDelivery>("FailedDelivery").implement({
  description: "A webhook or mail that could not be delivered, and is not tried any more. Kept for 90 days.",
  fields: (t) => ({
    id: t.id({ description: "The `webhook-id` that it has at each try.", resolve: ({ id }) => id }),
    ruleId: t.id({ description: "Of the rule by which it was to be delivered.", resolve: ({ ruleId }) => ruleId }),
    reason: t.exposeString("reason", { description: "What was wrong at the last try." }),
    attempts: t.exposeInt("attempts", { description: "How often it was tried." }),
    firstTriedAt: t.expose("firstTriedAt", {
      type: "DateTime",
      nullable: true,
      description: "When it was first tried.",
    }),
    failedAt: t.expose("failedAt", { type: "DateTime", description: "When it was given up." }),
    news: t.expose("news", { type: [AlertNews], description: "What it tells." }),
  }),
})

interface Changed {
  readonly clientMutationId: string | null
}

const SavePayload = builder.objectRef<Changed & { readonly rule: SavedRule }>("SaveNotificationRulePayload")
SavePayload.implement({
  description: "The rule is saved, and holds for what happens from now on.",
  fields: (t) => ({
    clientMutationId: t.exposeString("clientMutationId", { nullable: true, description: "As it came." }),
    rule: t.field({ type: NotificationRule, description: "As it is now.", resolve: ({ rule }) => rule }),
  }),
})

const RemovePayload = builder.objectRef<Changed & { readonly rule: SavedRule }>("RemoveNotificationRulePayload")
RemovePayload.implement({
  description: "The rule is removed, and with it what was still to be delivered by it.",
  fields: (t) => ({
    clientMutationId: t.exposeString("clientMutationId", { nullable: true, description: "As it came." }),
    rule: t.field({ type: NotificationRule, description: "As it was.", resolve: ({ rule }) => rule }),
  }),
})

const TestPayload = builder.objectRef<Changed & { readonly problem: string | undefined }>("TestNotificationRulePayload")
TestPayload.implement({
  description: "A sample was sent, once.",
  fields: (t) => ({
    clientMutationId: t.exposeString("clientMutationId", { nullable: true, description: "As it came." }),
    delivered: t.boolean({
      description: "Whether the receiver took it.",
      resolve: ({ problem }) => problem === undefined,
    }),
    problem: t.string({ nullable: true, description: "Why it did not.", resolve: ({ problem }) => problem ?? null }),
  }),
})

const RetryPayload = builder.objectRef<Changed & { readonly delivery: FailedDelivery }>("RetryDeliveryPayload")
RetryPayload.implement({
  description: "It is delivered now, or tried again as if it were new. If it fails again, it is listed again.",
  fields: (t) => ({
    clientMutationId: t.exposeString("clientMutationId", { nullable: true, description: "As it came." }),
    delivery: t.field({ type: FailedDeliveryType, description: "As it was.", resolve: ({ delivery }) => delivery }),
  }),
})

const idText = "Of the rule."
const clientMutationText = "Handed back as it is."

const RemoveInput = builder.inputType("RemoveNotificationRuleInput", {
  description: "A rule to remove.",
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationText }),
    id: t.id({ required: true, description: idText }),
    by: t.string({ description: "Who wants it." }),
    ifRevision: t.field({ type: "Long", description: "Only if it is still at this revision." }),
  }),
})

const TestInput = builder.inputType("TestNotificationRuleInput", {
  description: "A rule to try out.",
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationText }),
    id: t.id({ required: true, description: idText }),
  }),
})

const RetryInput = builder.inputType("RetryDeliveryInput", {
  description: "A failed delivery to try again.",
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationText }),
    id: t.id({ required: true, description: "Of the delivery." }),
  }),
})

const byOf = ({ by }: { readonly by?: string | null | undefined }) =>
  typeof by === "string" ? checkedText("by", by, 200) : undefined

/** Throws `BAD_INPUT`. */
const afterOf = (key: ReadonlyArray<string | number | null> | undefined) => {
  if (key === undefined) return undefined
  const [failedAt, id] = key
  if (typeof failedAt !== "number" || typeof id !== "string") throw badInput("The cursor is not of this list")
  return { failedAt, id }
}

const Connection = builder.connectionObject(
  { type: FailedDeliveryType, ...connectionOptions("FailedDelivery", "failed deliveries") },
  builder.edgeObject({ type: FailedDeliveryType, ...edgeOptions("FailedDelivery", "failed deliveries") }),
)
builder.objectField(Connection, "totalCount", (t) =>
  t.int({
    description: totalText,
    resolve: (_, __, { run }) => run(Notifications.use(({ failedCount }) => failedCount)),
  }))

export const addNotifications = () => {
  builder.queryFields((t) => ({
    notificationRules: t.field({
      type: [NotificationRule],
      description: "By which planners are told of alerts.",
      resolve: async (_, __, { run }) => run(NotificationRules.use(({ list: rules }) => rules)),
    }),
    failedDeliveries: t.field({
      type: Connection,
      description: "What could not be delivered, newest first.",
      args: {
        first: t.arg.int({ description: "So many, 20 by default, at most 200." }),
        after: t.arg.string({ description: "Only what follows on this cursor." }),
      },
      resolve: async (_, args, { run }) => {
        const { after, limit } = pageOf(list, args)
        const behind = afterOf(after)
        const found = await run(Notifications.use(({ failed }) => failed(limit + 1, behind)))
        const rows = found.slice(0, limit).map((row) => ({ row, key: [row.failedAt, row.id] }))
        return connectionOf(list, args, { rows, hasMore: found.length > limit })
      },
    }),
  }))
  builder.mutationFields((t) => ({
    saveNotificationRule: t.field({
      type: resultUnion("SaveNotificationRuleResult", SavePayload),
      description: "Makes a rule, or changes one.",
      args: { input: t.arg({ type: SaveNotificationRuleInput, required: true, description: "The rule." }) },
      resolve: (_, { input }, { run }) =>
        orFailure(async () => {
          const { clientMutationId, ifRevision } = input
          const made = clientMutationId ? uuid(`notification rule ${clientMutationId}`) : randomUUID()
          const asked = { by: byOf(input), ifRevision: ifRevision ?? undefined }
          const save = NotificationRules.use((rules) =>
            input.id
              ? Effect.andThen(rules.find(input.id), rules.save(toRule(input.id, input), asked))
              : rules.save(toRule(made, input), asked)
          )
          return { clientMutationId: clientMutationId ?? null, rule: await run(Effect.timeout(save, patience)) }
        }),
    }),
    removeNotificationRule: t.field({
      type: resultUnion("RemoveNotificationRuleResult", RemovePayload),
      description: "Removes a rule.",
      args: { input: t.arg({ type: RemoveInput, required: true, description: "Which." }) },
      resolve: (_, { input }, { run }) =>
        orFailure(async () => {
          const asked = { by: byOf(input), ifRevision: input.ifRevision ?? undefined }
          const rule = await run(NotificationRules.use((_) => _.remove(input.id, asked)).pipe(Effect.timeout(patience)))
          return { clientMutationId: input.clientMutationId ?? null, rule }
        }),
    }),
    testNotificationRule: t.field({
      type: resultUnion("TestNotificationRuleResult", TestPayload),
      description: "Sends a sample by a rule, now and once, whatever the hour and whether the rule is on.",
      args: { input: t.arg({ type: TestInput, required: true, description: "Which." }) },
      resolve: (_, { input }, { run }) =>
        orFailure(async () => {
          const problem = await run(Notifications.use(({ test }) => test(input.id)).pipe(Effect.timeout(testPatience)))
          return { clientMutationId: input.clientMutationId ?? null, problem }
        }),
    }),
    retryDelivery: t.field({
      type: resultUnion("RetryDeliveryResult", RetryPayload),
      description: "Tries a failed delivery again, under the same id.",
      args: { input: t.arg({ type: RetryInput, required: true, description: "Which." }) },
      resolve: (_, { input }, { run }) =>
        orFailure(async () => {
          const delivery = await run(Notifications.use(({ retry }) => retry(input.id)).pipe(Effect.timeout(patience)))
          return { clientMutationId: input.clientMutationId ?? null, delivery }
        }),
    }),
  }))
}
