import type { Remaining } from "../../domain/maintenance/model.ts"
import { builder } from "./builder.ts"

export const RemainingUsefulLife = builder.objectRef<Remaining>("RemainingUsefulLife").implement({
  description: "How long a component will last, as far as its model can tell. It lies between `low` and `high` in nine of ten cases.",
  fields: (t) => ({
    days: t.exposeFloat("days", { description: "Days that remain, most likely." }),
    low: t.exposeFloat("low", { description: "Days that remain at the least." }),
    high: t.exposeFloat("high", {
      nullable: true,
      description: "Days that remain at the most. Null where there is no telling how much longer it might be.",
    }),
  }),
})
