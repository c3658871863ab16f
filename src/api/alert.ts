import type { AlertRow } from "../../projections/alerts.ts"
import type { AlertFilter as Filter } from "../readmodel/read-model.ts"
import { builder } from "./builder.ts"
import { Evidence } from "./evidence.ts"
import { checkedList } from "./input.ts"

export const AlertState = builder.enumType("AlertState", {
  description: "How far an alert is worked off.",
  values: {
    OPEN: { value: "open" as const, description: "Nobody has taken note yet." },
    ACKNOWLEDGED: { value: "acknowledged" as const, description: "A planner has taken note." },
    RESOLVED: { value: "resolved" as const, description: "The component was serviced, or its score recovered." },
  },
})

export const Urgency = builder.enumType("Urgency", {
  description: "What the driver may do.",
  values: {
    DRIVE_ON: { value: "drive_on" as const, description: "Drive on." },
    SERVICE_SOON: { value: "service_soon" as const, description: "Have it seen to soon." },
    STOP: { value: "stop" as const, description: "Stop." },
  },
})

/** A vehicle's name comes first, so that an alert's own writer is found without the read model. */
export const parseAlertId = (id: string): { readonly vin: string; readonly alertId: string } => {
  const colon = id.indexOf(":")
  return { vin: id.slice(0, colon), alertId: id.slice(colon + 1) }
}

export const Alert = builder.node(builder.objectRef<AlertRow>("Alert"), {
  description:
    "A component of a vehicle that needs attention: raised when its score has fallen, resolved when it is serviced or "
    + "its score recovers. A component has one at a time.",
  id: { resolve: ({ vin, id }) => `${vin}:${id}`, description: "Found by `node`; `acknowledgeAlert` takes it." },
  loadOne: async (id, { loaders }) => {
    const { vin, alertId } = parseAlertId(id)
    const alert = await loaders.alert.load(alertId)
    return alert?.vin === vin ? alert : null
  },
  fields: (t) => ({
    alertId: t.exposeString("id", { description: "As in the log and in what goes out over Kafka, a UUID; `id` is what finds it here." }),
    vin: t.exposeString("vin", { description: "The VIN of the vehicle." }),
    component: t.exposeString("component", {
      description: "What needs attention, such as `brakes.front`; `vehicle` is the regular service.",
    }),
    state: t.field({ type: AlertState, description: "How far it is worked off.", resolve: ({ state }) => state }),
    urgency: t.field({ type: Urgency, description: "What the driver may do.", resolve: ({ urgency }) => urgency }),
    score: t.exposeFloat("score", {
      description: "The component's score, 0 to 100, when it was raised, last became more urgent, or recovered.",
    }),
    model: t.exposeString("model", { description: "The model that scored it, such as `service-due`." }),
    version: t.exposeString("modelVersion", { description: "The model's version." }),
    summary: t.exposeString("summary", { description: "What is the matter, in a few words." }),
    recommendedAction: t.exposeString("recommendedAction", { description: "What to do, in a few words." }),
    evidence: t.expose("evidence", { type: [Evidence], description: "What the score rests on." }),
    raisedAt: t.expose("raisedAt", { type: "DateTime", description: "When it was raised." }),
    updatedAt: t.expose("updatedAt", { type: "DateTime", description: "When it last changed." }),
    acknowledgedAt: t.expose("acknowledgedAt", {
      type: "DateTime",
      nullable: true,
      description: "When a planner took note.",
    }),
    acknowledgedBy: t.exposeString("acknowledgedBy", { nullable: true, description: "Who took note." }),
    note: t.exposeString("note", { nullable: true, description: "What the planner noted." }),
    resolvedAt: t.expose("resolvedAt", { type: "DateTime", nullable: true, description: "When it was resolved." }),
    revision: t.expose("revision", {
      type: "Long",
      description: "Of the vehicle's maintenance stream: `ifRevision` takes it.",
    }),
  }),
})

export const AlertFilter = builder.inputType("AlertFilter", {
  description: "Alerts that match all that is given; of a list, any.",
  fields: (t) => ({
    vins: t.stringList({ description: "Of these vehicles." }),
    brands: t.stringList({ description: "Of vehicles of these brands." }),
    components: t.stringList({ description: "Of these components." }),
    states: t.field({ type: [AlertState], description: "In these states." }),
    urgencies: t.field({ type: [Urgency], description: "Of these urgencies." }),
  }),
})

/** Throws `BAD_INPUT`. */
export const toAlertFilter = (input: typeof AlertFilter.$inferInput | null | undefined): Filter => ({
  ...(input?.vins && { vins: checkedList("vins", input.vins) }),
  ...(input?.brands && { brands: checkedList("brands", input.brands) }),
  ...(input?.components && { components: checkedList("components", input.components) }),
  ...(input?.states && { states: input.states }),
  ...(input?.urgencies && { urgencies: input.urgencies }),
})
