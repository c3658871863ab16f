/** Whether a vehicle reports as it should, and what is missing of its numbered messages. */
import type { ReportingRow, ReportingState } from "../../projections/reporting.ts"
import { type Gap, gapsOf } from "../../projections/sequence-gaps.ts"
import { builder } from "./builder.ts"
import { presentOnly } from "./past.ts"
import { presentOnlyText, Vehicle } from "./vehicle.ts"
import { ReportingStateType } from "./reporting-state.ts"

interface Shape extends ReportingRow {
  readonly state: ReportingState
  readonly since: number
}

const Reporting = builder.objectRef<Shape>("Reporting").implement({
  description:
    "How a vehicle reports. Its rhythm is the longest interval between its messages that is usual: that, or one up to "
    + "half as long, came up three times, the last within 14 days. Quiet for three times its rhythm or somewhat more, "
    + "and at least 15 s, a vehicle is stale; for four times as long, silent. Only time in which this service could "
    + "have heard it counts.",
  fields: (t) => ({
    state: t.field({ type: ReportingStateType, description: "How it stands.", resolve: ({ state }) => state }),
    since: t.expose("since", { type: "DateTime", description: "Since when it is in this state." }),
    rhythmMs: t.expose("rhythmMs", {
      type: "Long",
      nullable: true,
      description:
        "Its rhythm, ms, a second to a day. Null until there were ten intervals; until then a day is assumed.",
    }),
    limitMs: t.expose("limitMs", {
      type: "Long",
      nullable: true,
      description: "So long after it was last seen, ms, its state changes if nothing comes. Null for a silent vehicle.",
    }),
  }),
})

const SequenceGap = builder.objectRef<Gap>("SequenceGap").implement({
  description: "Messages of a session that never came, by their numbers. Late ones may still fill it.",
  fields: (t) => ({
    session: t.exposeString("session", { description: "The session." }),
    from: t.expose("from", { type: "Long", description: "The first number that is missing." }),
    to: t.expose("to", { type: "Long", description: "The last number that is missing." }),
    missing: t.field({ type: "Long", description: "How many are missing.", resolve: ({ from, to }) => to - from + 1 }),
    since: t.expose("since", { type: "DateTime", description: "When the message was received that showed it." }),
  }),
})

const isHeard = (row: ReportingRow | undefined): row is Shape =>
  row !== undefined && row.state !== null && row.since !== null

export const addReporting = () => builder.objectFields(Vehicle, (t) => ({
  reporting: t.field({
    type: Reporting,
    nullable: true,
    description: `Whether it reports as it should. Null until it was heard of. ${presentOnlyText}`,
    resolve: async (vehicle, _, { loaders }) => {
      const row = await loaders.reporting.load(presentOnly("reporting", vehicle))
      return isHeard(row) ? row : null
    },
  }),
  gaps: t.field({
    type: [SequenceGap],
    description:
      "What is missing between the first and the last of its numbered messages, of the 16 sessions begun last and the "
      + `newest 64 gaps of each. ${presentOnlyText}`,
    resolve: async (vehicle, _, { loaders }) => {
      const row = await loaders.reporting.load(presentOnly("gaps", vehicle))
      return gapsOf(row?.memory?.sequences ?? [])
    },
  }),
}))
