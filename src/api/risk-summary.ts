/** How depots, regions, brands and components fare, at a glance. */
import { type ByUrgency, ReadModel, type RiskSummary as Shape } from "../readmodel/read-model.ts"
import { builder } from "./builder.ts"
import { FleetFilter, Grouping, groupText, maxGroups, toFleetPart } from "./fleet-part.ts"

const UrgencyCounts = builder.objectRef<ByUrgency>("UrgencyCounts").implement({
  description: "How many there are of each urgency.",
  fields: (t) => ({
    stop: t.exposeInt("stop", { description: "Stop." }),
    serviceSoon: t.exposeInt("service_soon", { description: "Have it seen to soon." }),
    driveOn: t.exposeInt("drive_on", { description: "Drive on." }),
  }),
})

const RiskSummary = builder.objectRef<Shape>("RiskSummary").implement({
  description: "How a part of the fleet fares.",
  fields: (t) => ({
    group: t.string({ nullable: true, description: groupText, resolve: ({ group }) => group }),
    vehicles: t.exposeInt("vehicles", {
      nullable: true,
      description: "How many vehicles there are. Null for a component.",
    }),
    atRisk: t.field({
      type: UrgencyCounts,
      description:
        "Vehicles with a component whose score is past the line at which its model raises an alert, each by its most "
        + "urgent one; for a component, those where it is this one.",
      resolve: ({ atRisk }) => atRisk,
    }),
    openAlerts: t.field({
      type: UrgencyCounts,
      description: "Alerts that are not resolved.",
      resolve: ({ alerts }) => alerts,
    }),
  }),
})

/** The most pressing first. */
const compare = (a: Shape, b: Shape): number =>
  both(b, "stop") - both(a, "stop") || both(b, "service_soon") - both(a, "service_soon")
  || both(b, "drive_on") - both(a, "drive_on") || (`${a.group}` < `${b.group}` ? -1 : 1)

const both = ({ alerts, atRisk }: Shape, urgency: keyof ByUrgency): number => alerts[urgency] + atRisk[urgency]

export const addRiskSummary = () => builder.queryField("riskSummary", (t) =>
  t.field({
    type: [RiskSummary],
    description: `Vehicles at risk and open alerts, by urgency. At most ${maxGroups} groups, the most pressing first.`,
    args: {
      groupBy: t.arg({ type: Grouping, required: true, description: "What is counted together." }),
      filter: t.arg({ type: FleetFilter, description: "Only of this part of the fleet." }),
    },
    resolve: async (_, { filter, groupBy }, { run }) => {
      const part = toFleetPart(filter)
      const found = await run(ReadModel.use((_) => _.riskSummary(groupBy, part)))
      return found.toSorted(compare).slice(0, maxGroups)
    },
  }))
