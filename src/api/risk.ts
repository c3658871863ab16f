/** Vehicles by risk, with the reason in a line: what a planner begins the day with. */
import { type HealthRow, urgencyAt } from "../../projections/health.ts"
import { ReadModel } from "../readmodel/read-model.ts"
import { Alert, Urgency } from "./alert.ts"
import { builder, connectionOptions, edgeOptions, totalText } from "./builder.ts"
import { ComponentHealth, healthNow } from "./component-health.ts"
import { RiskFilter, toRiskFilter } from "./fleet-part.ts"
import { connectionOf, pageOf } from "./paging.ts"
import { Vehicle } from "./vehicle.ts"

const Risk = builder.objectRef<HealthRow>("Risk").implement({
  description:
    "A vehicle and the component of it that comes first: what it is listed by, as it was when the newest event that "
    + "this rests on was received. `health` has it as of now.",
  fields: (t) => ({
    vin: t.exposeString("vin", { description: "The VIN of the vehicle." }),
    vehicle: t.field({
      type: Vehicle,
      nullable: true,
      description: "The vehicle.",
      resolve: async ({ vin }, _, { loaders }) => (await loaders.vehicle.load(vin))?.twin,
    }),
    component: t.exposeString("component", { description: "The component." }),
    reason: t.exposeString("summary", { description: "What is the matter, in a line." }),
    urgency: t.field({
      type: Urgency,
      description: "What the score asks for: `DRIVE_ON` where it is not past its model's line, or not sure.",
      resolve: ({ priority }) => urgencyAt(priority),
    }),
    risk: t.exposeFloat("risk", { description: "What the score lacks of 100, times the confidence: 0 to 100." }),
    expectedFailureAt: t.expose("failsAt", {
      type: "DateTime",
      nullable: true,
      description: "When it is expected to fail; null where there is no telling.",
    }),
    health: t.field({
      type: ComponentHealth,
      description: "How the component fares now.",
      resolve: (row, _, { now }) => healthNow(row, now()) ?? row,
    }),
    alerts: t.field({
      type: [Alert],
      description: "All alerts of the vehicle that are not resolved, newest first.",
      resolve: ({ vin }, _, { loaders }) => loaders.alerts.load(vin),
    }),
  }),
})

const vehicles = { name: "risks", columns: 2 }
const components = { name: "risks/components", columns: 3 }

export const addRisk = () => builder.queryField("riskList", (t) =>
  t.connection({
    type: Risk,
    description:
      "Vehicles by risk, each with its worst component. Those come first whose score is past the line at which its "
      + "model raises an alert, the most urgent before the others; then, and among those of one urgency, the higher "
      + "risk: scores of different models are not of one scale, while each model has its line and says how urgent it is.",
    args: { filter: t.arg({ type: RiskFilter, description: "Only those that match." }) },
    resolve: async (_, args, { run }) => {
      const filter = toRiskFilter(args.filter)
      const list = filter.components === undefined ? vehicles : components
      const page = pageOf(list, args)
      const slice = await run(ReadModel.use((_) => _.risks(filter, page)))
      return {
        ...connectionOf(list, args, slice),
        totalCount: () => run(ReadModel.use((_) => _.countRisks(filter))),
      }
    },
  }, {
    ...connectionOptions("Risk", "risks"),
    fields: (c) => ({ totalCount: c.int({ description: totalText, resolve: (_) => _.totalCount() }) }),
  }, edgeOptions("Risk", "risks")))
