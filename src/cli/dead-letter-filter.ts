/** Which dead letters a command is about, by its flags. */
import { Option } from "effect"
import { Flag } from "effect/cli"

/** As GraphQL has it. */
export const upper = (text: string): string => text.toUpperCase()
/** A date is the beginning of that day, in UTC. */
const moment = (text: string): string => /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text

export const several = <A>(flag: Flag.Flag<A>, description: string) =>
  flag.pipe(Flag.withDescription(`${description}; may be given several times. Default: any`), Flag.atLeast(0))

export const filters = {
  reason: several(Flag.String("reason"), "For this reason, such as path or not_registered"),
  source: several(Flag.Literals("source", ["mqtt", "kafka", "api", "import"]), "That came in this way"),
  vin: several(Flag.String("vin"), "Of this vehicle"),
  path: several(Flag.String("path"), "About readings of this signal"),
  from: Flag.String("from").pipe(
    Flag.withDescription("Received from this time on: 2026-11-22T08:15:30Z, or a date (UTC)"),
    Flag.optional,
  ),
  to: Flag.String("to").pipe(Flag.withDescription("Received before this time"), Flag.optional),
}

export interface Filters {
  readonly reason: ReadonlyArray<string>
  readonly source: ReadonlyArray<string>
  readonly vin: ReadonlyArray<string>
  readonly path: ReadonlyArray<string>
  readonly from: Option.Option<string>
  readonly to: Option.Option<string>
}

export const toFilter = ({ from, path, reason, source, to, vin }: Filters) => ({
  ...(reason.length > 0 && { reasons: reason }),
  ...(source.length > 0 && { sources: source.map(upper) }),
  ...(vin.length > 0 && { vins: vin }),
  ...(path.length > 0 && { paths: path }),
  ...(Option.isSome(from) && { from: moment(from.value) }),
  ...(Option.isSome(to) && { to: moment(to.value) }),
})
