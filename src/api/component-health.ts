import { minConfidence } from "../../domain/maintenance/model.ts"
import type { HealthRow } from "../../projections/health.ts"
import { builder } from "./builder.ts"
import { Evidence } from "./evidence.ts"

export const ComponentHealth = builder.objectRef<HealthRow>("ComponentHealth").implement({
  description: "How one of a vehicle's components fares, as a model scores it from the vehicle's events.",
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
    evidence: t.expose("evidence", { type: [Evidence], description: "What the score rests on." }),
    computedAt: t.expose("computedAt", {
      type: "DateTime",
      description: "When the newest event that it rests on was received.",
    }),
  }),
})
