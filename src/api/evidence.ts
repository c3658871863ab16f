import type { Evidence as Shape } from "../../domain/maintenance/alerts/alert-events.ts"
import { builder } from "./builder.ts"

export const Evidence = builder.objectRef<Shape>("Evidence").implement({
  description: "Why a score is what it is.",
  fields: (t) => ({
    text: t.exposeString("text", { description: "In words a planner reads." }),
    eventIds: t.field({
      type: ["String"],
      description: "The events on the vehicle's stream that it rests on, as in `Event.eventId`.",
      resolve: ({ events }) => events,
    }),
  }),
})
