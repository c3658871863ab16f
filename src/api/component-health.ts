import type { HealthRow } from "../../projections/health.ts"
import { builder } from "./builder.ts"
import { Evidence } from "./evidence.ts"

export const ComponentHealth = builder.objectRef<HealthRow>("ComponentHealth").implement({
  description: "How one of a vehicle's components fares.",
  fields: (t) => ({
    component: t.exposeString("component", { description: "Dotted from the whole to the part: `brakes.front`." }),
    score: t.exposeFloat("score", { description: "From 0, failed, to 100, as new." }),
    model: t.exposeString("model", { description: "The name of the model that scored it." }),
    version: t.exposeString("modelVersion", { description: "The model's version." }),
    confidence: t.exposeFloat("confidence", { description: "How sure the model is, 0 to 1." }),
    evidence: t.expose("evidence", { type: [Evidence], description: "Why." }),
    computedAt: t.expose("computedAt", {
      type: "DateTime",
      description: "When the newest event that it rests on was received.",
    }),
  }),
})
