/** Components that are expected to fail over the coming weeks: what to have parts and time for. */
import { type FailureOutlook as Outlook, ReadModel } from "../readmodel/read-model.ts"
import { builder } from "./builder.ts"
import { badInput } from "./errors.ts"
import { Grouping, groupText, maxGroups, OutlookFilter, toOutlookFilter } from "./fleet-part.ts"

const maxWeeks = 26
const weekMs = 7 * 24 * 3_600_000

interface Week {
  readonly from: number
  readonly to: number
  readonly expected: number
  readonly expectedByThen: number
  readonly atLeastByThen: number
  readonly atMostByThen: number
}

const OutlookWeek = builder.objectRef<Week>("OutlookWeek").implement({
  description: "How many components are expected to fail in a week, and by its end.",
  fields: (t) => ({
    from: t.expose("from", { type: "DateTime", description: "Where the week begins." }),
    to: t.expose("to", { type: "DateTime", description: "Where it ends." }),
    expected: t.exposeInt("expected", { description: "Those whose expected failure lies in this week." }),
    expectedByThen: t.exposeInt("expectedByThen", {
      description: "Those whose expected failure lies before the week's end, the overdue ones among them.",
    }),
    atLeastByThen: t.exposeInt("atLeastByThen", {
      description: "Those whose whole interval, which holds nine of ten cases, lies before the week's end.",
    }),
    atMostByThen: t.exposeInt("atMostByThen", { description: "Those whose interval begins before the week's end." }),
  }),
})

interface Group {
  readonly outlook: Outlook
  /** Epoch ms. */
  readonly from: number
}

const FailureOutlook = builder.objectRef<Group>("FailureOutlook").implement({
  description: "Components of a group that are expected to fail, by week.",
  fields: (t) => ({
    group: t.string({ nullable: true, description: groupText, resolve: ({ outlook }) => outlook.group }),
    overdue: t.int({
      description: "Those that were expected to have failed by now.",
      resolve: ({ outlook }) => outlook.expected[0] ?? 0,
    }),
    weeks: t.field({ type: [OutlookWeek], description: "The coming weeks, the first from now on.", resolve: weeksOf }),
  }),
})

function weeksOf({ from, outlook: { beginning, ending, expected } }: Group): ReadonlyArray<Week> {
  return expected.slice(1).map((inWeek, i) => ({
    from: from + i * weekMs,
    to: from + (i + 1) * weekMs,
    expected: inWeek,
    expectedByThen: sum(expected.slice(0, i + 2)),
    atLeastByThen: sum(ending.slice(0, i + 2)),
    atMostByThen: sum(beginning.slice(0, i + 2)),
  }))
}

const sum = (counts: ReadonlyArray<number>): number => counts.reduce((total, count) => total + count, 0)

const compare = (a: Outlook, b: Outlook): number =>
  sum(b.expected) - sum(a.expected) || sum(b.beginning) - sum(a.beginning) || (`${a.group}` < `${b.group}` ? -1 : 1)

export const addFailureOutlook = () => builder.queryField("failureOutlook", (t) =>
  t.field({
    type: [FailureOutlook],
    description:
      "How many components are expected to fail over the coming weeks, as far as their models can tell and are sure. "
      + `At most ${maxGroups} groups, those with most of them first.`,
    args: {
      weeks: t.arg.int({ required: true, defaultValue: 8, description: `So many weeks, 1 to ${maxWeeks}.` }),
      groupBy: t.arg({
        type: Grouping,
        required: true,
        defaultValue: "component",
        description: "What is counted together.",
      }),
      filter: t.arg({ type: OutlookFilter, description: "Only those that match." }),
    },
    resolve: async (_, { filter, groupBy, weeks }, { now, run }) => {
      if (weeks < 1 || weeks > maxWeeks) throw badInput(`\`weeks\` is ${weeks}; it may be 1 to ${maxWeeks}`)
      const range = { from: now(), weeks }
      const wanted = toOutlookFilter(filter)
      const found = await run(ReadModel.use((_) => _.failureOutlook(range, groupBy, wanted)))
      return found.toSorted(compare).slice(0, maxGroups).map((outlook) => ({ outlook, from: range.from }))
    },
  }))
