import { minConfidence } from "../../domain/maintenance/model.ts"
import { asOf, type HealthRow } from "../../projections/health.ts"
import { Urgency } from "./alert.ts"
import { builder } from "./builder.ts"
import { Evidence } from "./evidence.ts"
import { RemainingUsefulLife } from "./remaining-useful-life.ts"

/** As its model sees it at that time, epoch ms; undefined where by then nothing is known any more. */
export const healthNow = (row: HealthRow, now: number): HealthRow | undefined => {
  const current = asOf(row, now)
  return current.confidence > 0 ? current : undefined
}

const dayMs = 24 * 3_600_000

export const ComponentHealth = builder.objectRef<HealthRow>("ComponentHealth").implement({
  description:
    "How one of a vehicle's components fares, as a model scores it from the vehicle's events. The longer a vehicle has "
    + "been silent, the less sure is the model.",
  fields: (t) => ({
    component: t.exposeString("component", {
      description: "Dotted from the whole to the part, such as `brakes.front`; `vehicle` is the regular service.",
    }),
    score: t.exposeFloat("score", {
      description: "From 0, failed, to 100, as new. How low it must fall for an alert is the model's to say.",
    }),
    model: t.exposeString("model", { description: "The model that scored it, such as `service-due`." }),
    version: t.exposeString("modelVersion", { description: "The model's version." }),
    confidence: t.exposeFloat("confidence", {
      description:
        `How sure the model is, 0 to 1. Below ${minConfidence} a score neither raises an alert nor resolves one.`,
    }),
    summary: t.exposeString("summary", { description: "How it fares, in a line." }),
    urgency: t.field({
      type: Urgency,
      description: "What an alert of this score would ask for.",
      resolve: ({ urgency }) => urgency,
    }),
    risk: t.exposeFloat("risk", { description: "What the score lacks of 100, times the confidence: 0 to 100." }),
    recommendedAction: t.exposeString("recommendedAction", { description: "What to do, in a few words." }),
    remainingUsefulLife: t.field({
      type: RemainingUsefulLife,
      nullable: true,
      description: "How long it will last; null where there is no telling.",
      resolve: ({ failsAt, failsFrom, failsTo }, _, { now }) => {
        const daysTo = (time: number) => Math.max(0, (time - now()) / dayMs)
        if (failsAt === null) return null
        const high = failsTo === null ? null : daysTo(failsTo)
        return { days: daysTo(failsAt), low: daysTo(failsFrom ?? failsAt), high }
      },
    }),
    evidence: t.expose("evidence", { type: [Evidence], description: "What the score rests on." }),
    computedAt: t.expose("computedAt", {
      type: "DateTime",
      description: "When the newest event that it rests on was received.",
    }),
  }),
})
