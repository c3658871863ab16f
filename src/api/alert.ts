import { isSnoozed } from "../../domain/maintenance/alerts/alert-commands.ts"
import type { SignalValue } from "../../domain/signals/signal.ts"
import type { AlertRow } from "../../projections/alerts.ts"
import type { AlertFilter as Filter, AlertOrder as Order } from "../readmodel/read-model.ts"
import { builder } from "./builder.ts"
import { Evidence } from "./evidence.ts"
import { checkedList } from "./input.ts"
import { OrderDirection } from "./order-direction.ts"
import { RemainingUsefulLife } from "./remaining-useful-life.ts"

export const AlertState = builder.enumType("AlertState", {
  description: "How far an alert is worked off.",
  values: {
    OPEN: {
      value: "open" as const,
      description: "Nobody has taken note yet, or not since it became more urgent.",
    },
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

interface Reading {
  readonly path: string
  readonly value: SignalValue
}

const SituationReading = builder.objectRef<Reading>("SituationReading").implement({
  description: "What a signal said when an emergency happened.",
  fields: (t) => ({
    path: t.exposeString("path", { description: "By VSS 6.0, such as `Vehicle.Speed`." }),
    value: t.expose("value", { type: "SignalValue", description: "In the signal's unit." }),
    unit: t.string({
      nullable: true,
      description: "By its VSS name, such as `km/h`. Null where it has none.",
      resolve: ({ path }, _, { catalogue }) => catalogue.get(path)?.unit ?? null,
    }),
  }),
})

interface Position {
  readonly latitude: number
  readonly longitude: number
  readonly at: number | null
}

const AlertPosition = builder.objectRef<Position>("AlertPosition").implement({
  description: "Where a vehicle was.",
  fields: (t) => ({
    latitude: t.exposeFloat("latitude", { description: "Degrees, WGS 84." }),
    longitude: t.exposeFloat("longitude", { description: "Degrees, WGS 84." }),
    at: t.expose("at", { type: "DateTime", nullable: true, description: "When it was there, by its own clock." }),
  }),
})

const positionOf = ({ personal }: AlertRow): Position | null => {
  const latitude = personal["Vehicle.CurrentLocation.Latitude"]
  const longitude = personal["Vehicle.CurrentLocation.Longitude"]
  if (typeof latitude !== "number" || typeof longitude !== "number") return null
  const at = Date.parse(String(personal["Vehicle.CurrentLocation.Timestamp"]))
  return { latitude, longitude, at: Number.isNaN(at) ? null : at }
}

/** A vehicle's name comes first, so that an alert's own writer is found without the read model. */
export const parseAlertId = (id: string): { readonly vin: string; readonly alertId: string } => {
  const colon = id.indexOf(":")
  return { vin: id.slice(0, colon), alertId: id.slice(colon + 1) }
}

export const Alert = builder.node(builder.objectRef<AlertRow>("Alert"), {
  description:
    "A component of a vehicle that needs attention: raised when its score has fallen, resolved when it is serviced or "
    + "its score recovers. A component has one at a time.",
  id: {
    resolve: ({ vin, id }) => `${vin}:${id}`,
    description: "Found by `node`; `acknowledgeAlert`, `assignAlert` and `snoozeAlert` take it.",
  },
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
    confidence: t.exposeFloat("confidence", {
      nullable: true,
      description: "How sure the model was, 0 to 1. Null of alerts that are older than this field.",
    }),
    remainingUsefulLife: t.field({
      type: RemainingUsefulLife,
      nullable: true,
      description: "From when it was raised, or last became more urgent. Null where the model cannot tell.",
      resolve: ({ remaining }) => remaining,
    }),
    isEmergency: t.exposeBoolean("emergency", {
      description: "For rescue, not for a workshop: told at once, whatever the hour, and never snoozed.",
    }),
    occurredAt: t.expose("occurredAt", {
      type: "DateTime",
      nullable: true,
      description: "When what it tells of happened, by the vehicle's clock where that can be believed. Of emergencies.",
    }),
    situation: t.field({
      type: [SituationReading],
      description: "The vehicle as it was when an emergency happened: what may matter to who helps. Else empty.",
      resolve: ({ situation }) => Object.entries(situation).map(([path, value]) => ({ path, value })),
    }),
    position: t.field({
      type: AlertPosition,
      nullable: true,
      description: "Where the vehicle was when an emergency happened, as far as it is known.",
      resolve: positionOf,
    }),
    assignedTo: t.exposeString("assignedTo", { nullable: true, description: "Whose it is. Null: nobody's." }),
    snoozedUntil: t.expose("snoozedUntil", {
      type: "DateTime",
      nullable: true,
      description: "Until when nobody need look at it. The end of a snooze is no change that anyone is told of.",
    }),
    isSnoozed: t.boolean({
      description: "Whether it is snoozed now.",
      resolve: ({ snoozedUntil }, _, { now }) => isSnoozed(snoozedUntil, now()),
    }),
    raisedAt: t.expose("raisedAt", { type: "DateTime", description: "When it was raised." }),
    updatedAt: t.expose("updatedAt", { type: "DateTime", description: "When it last changed." }),
    acknowledgedAt: t.expose("acknowledgedAt", {
      type: "DateTime",
      nullable: true,
      description: "When a planner took note.",
    }),
    acknowledgedBy: t.exposeString("acknowledgedBy", { nullable: true, description: "Who took note." }),
    note: t.exposeString("note", { nullable: true, description: "What a planner noted last." }),
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
    assignedTo: t.stringList({ description: "That are given to these." }),
    assigned: t.boolean({ description: "Given to anyone, or to nobody." }),
    snoozed: t.boolean({ description: "Snoozed now, or not." }),
  }),
})

const AlertOrderField = builder.enumType("AlertOrderField", {
  description: "What alerts are ordered by.",
  values: { RAISED_AT: { description: "When they were raised." } },
})

export const AlertOrder = builder.inputType("AlertOrder", {
  description: "An order of alerts.",
  fields: (t) => ({
    field: t.field({ type: AlertOrderField, required: true, description: "What they are ordered by." }),
    direction: t.field({ type: OrderDirection, required: true, defaultValue: "asc", description: "Which way." }),
  }),
})

export const toAlertOrder = (input: typeof AlertOrder.$inferInput | null | undefined): Order => ({
  descending: input?.direction !== "asc",
})

/** As of a time, epoch ms. Throws `BAD_INPUT`. */
export const toAlertFilter = (input: typeof AlertFilter.$inferInput | null | undefined, at: number): Filter => ({
  ...(input?.vins && { vins: checkedList("vins", input.vins) }),
  ...(input?.brands && { brands: checkedList("brands", input.brands) }),
  ...(input?.components && { components: checkedList("components", input.components) }),
  ...(input?.states && { states: input.states }),
  ...(input?.urgencies && { urgencies: input.urgencies }),
  ...(input?.assignedTo && { assignedTo: checkedList("assignedTo", input.assignedTo) }),
  ...(typeof input?.assigned === "boolean" && { assigned: input.assigned }),
  ...(typeof input?.snoozed === "boolean" && { snoozed: { is: input.snoozed, at } }),
})
