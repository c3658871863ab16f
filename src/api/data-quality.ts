/** What was good and what was not of what came in, by vehicle and by brand. */
import { type Counts, day } from "../../projections/reporting.ts"
import { type BrandCounts, type DayRange, ReadModel } from "../readmodel/read-model.ts"
import { builder } from "./builder.ts"
import { badInput } from "./errors.ts"
import { checkedList } from "./input.ts"
import { presentOnly } from "./past.ts"
import { presentOnlyText, Vehicle } from "./vehicle.ts"

/** Of all vehicles of a brand a day may be a million rows. */
const maxDays = 31
const maxVehicleDays = 366

const rate = (part: number, whole: number): number => whole === 0 ? 0 : part / whole

const DataQuality = builder.objectRef<Counts>("DataQuality").implement({
  description:
    "What was counted of the data of some time, by the day of receipt (UTC). Rates are from 0 to 1, and 0 where there "
    + "is nothing to count.",
  fields: (t) => ({
    messages: t.expose("messages", {
      type: "Long",
      description: "Messages of telemetry that were taken in, each once.",
    }),
    readings: t.expose("readings", { type: "Long", description: "Readings in them." }),
    late: t.expose("late", {
      type: "Long",
      description: "Messages that came after one that the vehicle made later, without being marked as reissued.",
    }),
    reissued: t.expose("reissued", {
      type: "Long",
      description: "Messages that the vehicle kept while it was offline and marked as such.",
    }),
    duplicates: t.expose("duplicates", {
      type: "Long",
      description: "Messages that came again, over whatever way, and were passed over. They are counted with the next "
        + "message that is new; those that none follows before the service ends or puts the vehicle to rest are not.",
    }),
    invalid: t.expose("invalid", { type: "Long", description: "Readings that were sent as `INVALID`." }),
    abnormal: t.expose("abnormal", { type: "Long", description: "Readings that were sent as `ABNORMAL`." }),
    clockFaulty: t.expose("clockFaulty", {
      type: "Long",
      description: "Readings whose time could not be believed: kept as history, and no current value.",
    }),
    deadLettered: t.expose("deadLettered", {
      type: "Long",
      description: "Messages, or single readings of them, that were refused and went to the dead letters; those that "
        + "named no vehicle are not among them, nor, once this is rebuilt, those that were let go before.",
    }),
    missed: t.expose("missed", {
      type: "Long",
      description: "Numbers that a later message of the session showed to be missing.",
    }),
    filled: t.expose("filled", { type: "Long", description: "Missing numbers that came after all." }),
    lateRate: t.float({
      description: "`late` and `reissued` of all messages.",
      resolve: ({ late, messages, reissued }) => rate(late + reissued, messages),
    }),
    duplicateRate: t.float({
      description: "`duplicates` of all that came.",
      resolve: ({ duplicates, messages }) => rate(duplicates, messages + duplicates),
    }),
    invalidRate: t.float({
      description: "`invalid` and `abnormal` of all readings.",
      resolve: ({ abnormal, invalid, readings }) => rate(invalid + abnormal, readings),
    }),
    clockFaultyRate: t.float({
      description: "`clockFaulty` of all readings.",
      resolve: ({ clockFaulty, readings }) => rate(clockFaulty, readings),
    }),
    deadLetteredRate: t.float({
      description: "`deadLettered` for each message or letter.",
      resolve: ({ deadLettered, messages }) => rate(deadLettered, messages + deadLettered),
    }),
    gapRate: t.float({
      description: "What was missed and not filled, of all messages that there should have been.",
      resolve: ({ filled, messages, missed }) => {
        const missing = Math.max(0, missed - filled)
        return rate(missing, messages + missing)
      },
    }),
  }),
})

const BrandDataQuality = builder.objectRef<BrandCounts>("BrandDataQuality").implement({
  description: "What was counted of the data of a brand's vehicles.",
  fields: (t) => ({
    brand: t.string({
      nullable: true,
      description: "The brand, as it was known on the day. Null for vehicles of which none is known.",
      resolve: ({ brand }) => brand,
    }),
    vehicleDays: t.expose("vehicleDays", {
      type: "Long",
      description: "Vehicles of which something came on a day, summed over the days.",
    }),
    quality: t.field({ type: DataQuality, description: "What was counted.", resolve: ({ counts }) => counts }),
  }),
})

const rangeText = "From the start of the day (UTC) that this lies in."
const untilText = "Up to the end of the day that this lies in; the start of a day is the end of the one before."

export const addDataQuality = () => {
  builder.objectField(Vehicle, "dataQuality", (t) =>
    t.field({
      type: DataQuality,
      description: `What was counted of its data. At most ${maxVehicleDays} days. ${presentOnlyText}`,
      args: {
        from: t.arg({ type: "DateTime", required: true, description: rangeText }),
        to: t.arg({ type: "DateTime", required: true, description: untilText }),
      },
      resolve: (vehicle, args, { loaders }) => {
        const range = checkedRange(args, maxVehicleDays)
        return loaders.quality.load({ vin: presentOnly("dataQuality", vehicle), range })
      },
    }))
  builder.queryField("dataQuality", (t) =>
    t.field({
      type: [BrandDataQuality],
      description:
        `What was counted of the data of each brand, in the order of their names. At most ${maxDays} days.`,
      args: {
        brands: t.arg.stringList({ description: "Only these; all, and vehicles without one, if not given." }),
        from: t.arg({ type: "DateTime", required: true, description: rangeText }),
        to: t.arg({ type: "DateTime", required: true, description: untilText }),
      },
      resolve: (_, { brands, from, to }, { run }) => {
        const range = checkedRange({ from, to }, maxDays)
        const wanted = brands ? checkedList("brands", brands) : undefined
        return run(ReadModel.use((_) => _.qualityByBrand(wanted, range)))
      },
    }))
}

/** Throws `BAD_INPUT`, and for more days than that too. */
const checkedRange = ({ from, to }: DayRange, days: number): DayRange => {
  if (to <= from) throw badInput("`to` must be later than `from`")
  const asked = Math.ceil(to / day) - Math.floor(from / day)
  if (asked > days) throw badInput(`\`from\` to \`to\` are ${asked} days; there may be ${days}`)
  return { from, to }
}
