/** What planners do with an alert. */
import { Effect } from "effect"
import type { AlertRow } from "../../projections/alerts.ts"
import { Alerts } from "../maintenance/alerts.ts"
import { Alert, parseAlertId } from "./alert.ts"
import { builder, decodeId } from "./builder.ts"
import type { ApiContext } from "./context.ts"
import { badInput } from "./errors.ts"
import { checkedText, checkedVin } from "./input.ts"
import { orFailure, resultUnion } from "./results.ts"

/** What cannot be done by then is answered with `UNAVAILABLE`; it may still be done later. */
const patience = "10 seconds"

interface Changed {
  readonly clientMutationId: string | null
  readonly alert: AlertRow
}

const payload = (name: string, description: string) => {
  const ref = builder.objectRef<Changed>(name)
  ref.implement({
    description,
    fields: (t) => ({
      clientMutationId: t.exposeString("clientMutationId", { nullable: true, description: "As it came." }),
      alert: t.field({ type: Alert, description: "As it is now.", resolve: ({ alert }) => alert }),
    }),
  })
  return ref
}

const AcknowledgeAlertPayload = payload("AcknowledgeAlertPayload", "The alert is acknowledged.")
const AssignAlertPayload = payload("AssignAlertPayload", "The alert is assigned, or nobody's any more.")
const SnoozeAlertPayload = payload("SnoozeAlertPayload", "The alert is snoozed, or is no longer.")

const clientMutationText = "Handed back as it is."
const ifRevisionText = "Only if it is still at this revision. It is the alert's `revision`."

const AcknowledgeAlertInput = builder.inputType("AcknowledgeAlertInput", {
  description: "An alert that a planner has taken note of.",
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationText }),
    id: t.id({ required: true, description: "The alert's id." }),
    by: t.string({ description: "Who has taken note." }),
    note: t.string({ description: "What they note." }),
    ifRevision: t.field({ type: "Long", description: ifRevisionText }),
  }),
})

const AssignAlertInput = builder.inputType("AssignAlertInput", {
  description: "An alert that is given to someone.",
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationText }),
    id: t.id({ required: true, description: "The alert's id." }),
    to: t.string({ description: "To whom. To nobody any more, if not given." }),
    by: t.string({ description: "Who gives it." }),
    note: t.string({ description: "What they note." }),
    ifRevision: t.field({ type: "Long", description: ifRevisionText }),
  }),
})

const SnoozeAlertInput = builder.inputType("SnoozeAlertInput", {
  description: "An alert that is put off.",
  fields: (t) => ({
    clientMutationId: t.string({ description: clientMutationText }),
    id: t.id({ required: true, description: "The alert's id." }),
    until: t.field({ type: "DateTime", description: "Until when, at most 90 days ahead. No longer, if not given." }),
    by: t.string({ description: "Who puts it off." }),
    note: t.string({ description: "What they note." }),
    ifRevision: t.field({ type: "Long", description: ifRevisionText }),
  }),
})

interface PlannerInput {
  readonly clientMutationId?: string | null | undefined
  readonly id: string
  readonly by?: string | null | undefined
  readonly note?: string | null | undefined
  readonly ifRevision?: number | null | undefined
}

interface Author {
  readonly by: string | undefined
  readonly note: string | undefined
}

type Act<E> = (
  alerts: Alerts["Service"],
  alert: readonly [vin: string, alertId: string],
  author: Author,
  ifRevision: number | undefined,
) => Effect.Effect<AlertRow, E>

/** Throws `BAD_INPUT`. */
const optionalText = (name: string, text: string | null | undefined, max: number): string | undefined =>
  typeof text === "string" ? checkedText(name, text, max) : undefined

const done = <E>(input: PlannerInput, { run }: ApiContext, act: Act<E>) =>
  orFailure(async (): Promise<Changed> => {
    const { typename, id } = decodeId(input.id)
    if (typename !== "Alert") throw badInput("`id` is not an alert's")
    const { vin, alertId } = parseAlertId(id)
    const place = [checkedVin(vin), alertId] as const
    const author = { by: optionalText("by", input.by, 200), note: optionalText("note", input.note, 2_000) }
    const acted = Alerts.use((alerts) => act(alerts, place, author, input.ifRevision ?? undefined))
    const alert = await run(acted.pipe(Effect.timeout(patience)))
    return { clientMutationId: input.clientMutationId ?? null, alert }
  })

export const addAlertMutations = () => builder.mutationFields((t) => ({
  acknowledgeAlert: t.field({
    type: resultUnion("AcknowledgeAlertResult", AcknowledgeAlertPayload),
    description: "Takes note of an alert. One that has been acknowledged stays as it is.",
    args: { input: t.arg({ type: AcknowledgeAlertInput, required: true, description: "The alert." }) },
    resolve: (_, { input }, context) =>
      done(input, context, (alerts, place, author, ifRevision) => alerts.acknowledge(...place, author, ifRevision)),
  }),
  assignAlert: t.field({
    type: resultUnion("AssignAlertResult", AssignAlertPayload),
    description: "Gives an alert to someone, or to nobody. An escalation leaves it with them.",
    args: { input: t.arg({ type: AssignAlertInput, required: true, description: "The alert, and to whom." }) },
    resolve: (_, { input }, context) =>
      done(input, context, (alerts, place, author, ifRevision) =>
        alerts.assign(...place, { ...author, to: optionalText("to", input.to, 200) }, ifRevision)),
  }),
  snoozeAlert: t.field({
    type: resultUnion("SnoozeAlertResult", SnoozeAlertPayload),
    description: "Puts an alert off, or wakes it. An escalation wakes it too; an emergency cannot be put off.",
    args: { input: t.arg({ type: SnoozeAlertInput, required: true, description: "The alert, and until when." }) },
    resolve: (_, { input }, context) =>
      done(input, context, (alerts, place, author, ifRevision) =>
        alerts.snooze(...place, { ...author, until: input.until ?? undefined }, ifRevision)),
  }),
}))
