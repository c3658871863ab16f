/** A vehicle's signals over device time. */
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import { maxAheadMs } from "../../domain/vehicle/clock.ts"
import type { Point } from "../../projections/history-series.ts"
import { longestText } from "../../projections/rollup.ts"
import { builder } from "./builder.ts"
import { badInput } from "./errors.ts"
import type { SignalHistory as SignalHistoryShape } from "./histories.ts"
import { checkedList } from "./input.ts"
import * as Resolutions from "./resolution.ts"
import { Vehicle } from "./vehicle.ts"

const Resolution = builder.enumType("Resolution", {
  description: "How much time a point of a history stands for. Buckets are aligned to UTC.",
  values: {
    MINUTE: { description: "A minute." },
    FIVE_MINUTES: { description: "Five minutes." },
    QUARTER_HOUR: { description: "A quarter of an hour." },
    HOUR: { description: "An hour." },
    SIX_HOURS: { description: "Six hours." },
    DAY: { description: "A day." },
  },
})

const numbersOnly = "Null where a reading is no number."

const HistoryPoint = builder.objectRef<Point>("HistoryPoint").implement({
  description: "A signal's good readings in one bucket of device time. Late data may change it.",
  fields: (t) => ({
    at: t.expose("at", { type: "DateTime", description: "When the bucket starts." }),
    count: t.exposeInt("count", { description: "How many readings there are, at least one." }),
    first: t.expose("first", { type: "SignalValue", description: "The first reading." }),
    firstAt: t.expose("firstAt", { type: "DateTime", description: "Device time of the first reading." }),
    last: t.expose("last", { type: "SignalValue", description: "The last reading." }),
    lastAt: t.expose("lastAt", { type: "DateTime", description: "Device time of the last reading." }),
    min: t.exposeFloat("min", { nullable: true, description: `The smallest reading. ${numbersOnly}` }),
    max: t.exposeFloat("max", { nullable: true, description: `The largest reading. ${numbersOnly}` }),
    mean: t.exposeFloat("mean", {
      nullable: true,
      description: `The mean of the readings, each counting the same. ${numbersOnly}`,
    }),
  }),
})

const SignalHistory = builder.objectRef<SignalHistoryShape>("SignalHistory").implement({
  description: "The series of one of a vehicle's signals by device time.",
  fields: (t) => ({
    path: t.exposeString("path", { description: "The signal, by VSS 6.0." }),
    unit: t.string({
      nullable: true,
      description: "Of the points' values, by its VSS name, such as `km/h`. Null where it has none.",
      resolve: ({ path }, _, { catalogue }) => catalogue.get(path)?.unit ?? null,
    }),
    resolution: t.field({
      type: Resolution,
      description: "How much time a point stands for.",
      resolve: ({ resolution }) => resolution,
    }),
    points: t.field({
      type: [HistoryPoint],
      description: "In the order of time. Buckets without a reading are left out.",
      resolve: ({ points }) => points,
    }),
  }),
})

export const addHistory = () => builder.objectField(Vehicle, "history", (t) =>
  t.field({
    type: [SignalHistory],
    description:
      "Its signals by device time, with what came late in its place; the same whatever `asOf` is. Good readings of "
      + `numbers, booleans and texts of up to ${longestText} characters. At most `
      + `${Resolutions.limits.points.toLocaleString("en")} points, of all vehicles together. What is finer than an hour `
      + "is kept for 90 days before a vehicle's newest reading.",
    args: {
      paths: t.arg.stringList({
        required: true,
        description: "These signals; a branch, such as `Vehicle.Powertrain`, stands for those below it that were sent.",
      }),
      from: t.arg({ type: "DateTime", required: true, description: "From the bucket on that has this time in it." }),
      to: t.arg({ type: "DateTime", required: true, description: "Only buckets that start before this." }),
      resolution: t.arg({ type: Resolution, description: "If not given, one that makes some hundred points." }),
    },
    resolve: ({ vin }, args, { catalogue, loaders, now }) => {
      const { from, to } = checkedRange(args.from, args.to, now())
      const paths = checkedPaths(catalogue, args.paths)
      const signals = paths.filter((path) => catalogue.get(path) !== undefined)
      return loaders.history.load({ vin, from, to, paths, signals, resolution: args.resolution ?? undefined })
    },
  }))

const text = (time: number): string => new Date(time).toISOString()

/** There is nothing past what a clock may be ahead. Throws `BAD_INPUT`. */
const checkedRange = (from: number, to: number, now: number) => {
  if (to <= from) throw badInput(`\`to\` (${text(to)}) must be later than \`from\` (${text(from)})`)
  if (from > now) throw badInput(`\`from\` (${text(from)}) is in the future: it is ${text(now)} here`)
  return { from, to: Math.min(to, now + maxAheadMs) }
}

/** Each once. Throws `BAD_INPUT`. */
const checkedPaths = (catalogue: Catalogue, given: ReadonlyArray<string>): ReadonlyArray<string> => {
  const paths = [...new Set(checkedList("paths", given))]
  for (const path of paths) {
    const signal = catalogue.get(path)
    if (signal?.type.endsWith("[]")) {
      throw badInput(`${path} is an array (${signal.type}), which has no history; its values are in \`events\``)
    }
    if (signal !== undefined || catalogue.all.some((one) => one.path.startsWith(`${path}.`))) continue
    const near = catalogue.suggest(path)
    const hint = near === undefined ? "" : `; did you mean ${near}?`
    throw badInput(`${path.slice(0, 200)}: no such signal or branch in the catalogue${hint}`)
  }
  return paths
}
