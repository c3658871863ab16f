/** What planners' queries are filtered and grouped by. */
import type { FleetPart, OutlookFilter as Outlook, RiskFilter as Risk } from "../readmodel/read-model.ts"
import { Urgency } from "./alert.ts"
import { builder } from "./builder.ts"
import { badInput } from "./errors.ts"
import { checkedList } from "./input.ts"

const vinsText = "Only these vehicles."
const brandsText = "Only vehicles of these brands."
const depotsText = "Only vehicles of these depots."
const regionsText = "Only vehicles of these regions."

export const FleetFilter = builder.inputType("FleetFilter", {
  description: "A part of the fleet: vehicles that match all that is given; of a list, any.",
  fields: (t) => ({
    vins: t.stringList({ description: vinsText }),
    brands: t.stringList({ description: brandsText }),
    depots: t.stringList({ description: depotsText }),
    regions: t.stringList({ description: regionsText }),
  }),
})

/** Throws `BAD_INPUT`. */
export const toFleetPart = (input: typeof FleetFilter.$inferInput | null | undefined): FleetPart => ({
  ...(input?.vins && { vins: checkedList("vins", input.vins) }),
  ...(input?.brands && { brands: checkedList("brands", input.brands) }),
  ...(input?.depots && { depots: checkedList("depots", input.depots) }),
  ...(input?.regions && { regions: checkedList("regions", input.regions) }),
})

export const OutlookFilter = builder.inputType("OutlookFilter", {
  description: "Components that match all that is given; of a list, any.",
  fields: (t) => ({
    vins: t.stringList({ description: vinsText }),
    brands: t.stringList({ description: brandsText }),
    depots: t.stringList({ description: depotsText }),
    regions: t.stringList({ description: regionsText }),
    components: t.stringList({ description: "Only these components." }),
  }),
})

/** Throws `BAD_INPUT`. */
export const toOutlookFilter = (input: typeof OutlookFilter.$inferInput | null | undefined): Outlook => ({
  ...toFleetPart(input),
  ...(input?.components && { components: checkedComponents(input.components) }),
})

export const RiskFilter = builder.inputType("RiskFilter", {
  description: "Risks that match all that is given; of a list, any.",
  fields: (t) => ({
    vins: t.stringList({ description: vinsText }),
    brands: t.stringList({ description: brandsText }),
    depots: t.stringList({ description: depotsText }),
    regions: t.stringList({ description: regionsText }),
    components: t.stringList({
      description: "Each of these components by itself, instead of each vehicle's worst. At most 50.",
    }),
    minRisk: t.float({ description: "With this risk or a higher one, 0 to 100." }),
    urgencies: t.field({ type: [Urgency], description: "With these urgencies." }),
  }),
})

/** Throws `BAD_INPUT`. */
export const toRiskFilter = (input: typeof RiskFilter.$inferInput | null | undefined): Risk => {
  const minRisk = input?.minRisk
  if (typeof minRisk === "number" && !(minRisk >= 0 && minRisk <= 100)) {
    throw badInput(`\`minRisk\` is ${minRisk}; a risk is 0 to 100`)
  }
  return {
    ...toOutlookFilter(input),
    ...(typeof minRisk === "number" && { minRisk }),
    ...(input?.urgencies && { urgencies: input.urgencies }),
  }
}

/** Each is read by itself. There are fewer that have a model. */
const maxComponents = 50

const checkedComponents = (components: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (components.length <= maxComponents) return components
  throw badInput(`\`components\` has ${components.length} values; it may have ${maxComponents}`)
}

export const Grouping = builder.enumType("RiskGrouping", {
  description: "What is counted together.",
  values: {
    COMPONENT: { value: "component" as const, description: "What has the same component." },
    BRAND: { value: "brand" as const, description: "What has the same brand." },
    DEPOT: { value: "depot" as const, description: "What has the same depot." },
    REGION: { value: "region" as const, description: "What has the same region." },
  },
})

export const groupText = "The component, brand, depot or region; null where none is known."

/** A fleet may have more depots than anybody would look at. */
export const maxGroups = 200
