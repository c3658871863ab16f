/**
 * Times as people write them in CSV files, to epoch ms: by a format that the mapping names, in a time zone of its own
 * or that of the mapping. Pure.
 */
import { DateTime, Option, Result } from "effect"
import { parseTime } from "../../domain/codecs/time.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import type { CsvMapping } from "./csv-mapping.ts"

type Zone = DateTime.TimeZone

/** Epoch ms, or what was expected instead. */
export type ReadTime = (text: string) => Result.Result<number, string>

/** What is wrong with a mapping's `at`, and at which of its keys. */
export interface WrongTime {
  readonly key: "format" | "timeZone" | "ambiguous"
  readonly message: string
}

/** Years 1970 to 9999, as everywhere. */
const latest = Date.parse("9999-12-31T23:59:59.999Z")
const isTime = (millis: number): boolean => millis >= 0 && millis <= latest

export const timeReader = (
  { ambiguous = "refuse", format, timeZone }: CsvMapping["at"],
): Result.Result<ReadTime, WrongTime> => {
  const zone = timeZone === undefined ? Option.none() : DateTime.zoneMakeNamed(timeZone)
  if (timeZone !== undefined && Option.isNone(zone)) {
    return wrong("timeZone", `${JSON.stringify(timeZone)} is not an IANA time zone; write it as Europe/Berlin or UTC`)
  }
  if (format === "epoch-s" || format === "epoch-ms") {
    if (timeZone !== undefined) return wrong("timeZone", `times in ${format} are UTC; leave it out`)
    return Result.succeed(epoch(format === "epoch-s" ? 1_000 : 1, format))
  }
  const local = Option.map(zone, (zone) => localReader(zone, ambiguous))
  if (format === "iso") return Result.succeed(iso(Option.getOrUndefined(local)))
  const compiled = compile(format)
  if (Result.isFailure(compiled)) return wrong("format", compiled.failure)
  if (Option.isNone(local)) {
    return wrong("timeZone", `times such as ${format} have no zone of their own; say which it is, such as UTC`)
  }
  return Result.succeed((text) => {
    const wall = compiled.success(text)
    return wall === undefined ? Result.fail(`expected ${format}`) : local.value(wall)
  })
}

const wrong = (key: WrongTime["key"], message: string) => Result.fail({ key, message })

const epoch = (unit: number, format: string): ReadTime => (text) => {
  const millis = /^\d+(\.\d*)?$/.test(text) ? Math.round(Number(text) * unit) : Number.NaN
  return isTime(millis) ? Result.succeed(millis) : Result.fail(`expected ${format}, from 1970 to 9999`)
}

const isoParts = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?$/

const iso = (local: FromWall | undefined): ReadTime => (text) => {
  const parts = isoParts.exec(text)
  if (parts === null) {
    const at = parseTime(text.replace(" ", "T"))
    return at === undefined
      ? Result.fail(`expected ISO 8601, such as 2026-11-22T08:15:30${local === undefined ? "Z" : ""}`)
      : Result.succeed(at)
  }
  if (local === undefined) return Result.fail("it has no zone, and the mapping gives none: set at.timeZone")
  const [, year, month, day, hour, minute, second = "0", fraction = ""] = parts
  const wall = wallOf(Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second), fraction)
  return wall === undefined ? Result.fail("there is no such day or time") : local(wall)
}

/** A time on the wall, as if the wall were in UTC; undefined where no calendar has it. */
const wallOf = (
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  fraction: string,
): number | undefined => {
  const millis = fraction === "" ? 0 : Number(fraction.slice(0, 3).padEnd(3, "0"))
  const wall = Date.UTC(year, month - 1, day, hour, minute, second, millis)
  const isReal = month >= 1 && month <= 12 && day >= 1 && hour <= 23 && minute <= 59 && second <= 59
  // The 31st of April would be the 1st of May.
  return isReal && new Date(wall).getUTCDate() === day && new Date(wall).getUTCMonth() === month - 1 ? wall : undefined
}

const tokens: Readonly<Record<string, string>> = {
  yyyy: String.raw`(?<year>\d{4})`,
  MM: String.raw`(?<month>\d\d)`,
  M: String.raw`(?<month>\d\d?)`,
  dd: String.raw`(?<day>\d\d)`,
  d: String.raw`(?<day>\d\d?)`,
  HH: String.raw`(?<hour>\d\d)`,
  H: String.raw`(?<hour>\d\d?)`,
  hh: String.raw`(?<twelve>\d\d)`,
  h: String.raw`(?<twelve>\d\d?)`,
  mm: String.raw`(?<minute>\d\d)`,
  m: String.raw`(?<minute>\d\d?)`,
  ss: String.raw`(?<second>\d\d)`,
  s: String.raw`(?<second>\d\d?)`,
  a: "(?<half>[AaPp][Mm])",
}

/** Letters of one kind, a text in quotes, or anything else. */
const pieces = /'([^']*)'|([A-Za-z])\2*|[^A-Za-z']+/g

/** A pattern's reader of times on the wall, or what is wrong with the pattern. */
const compile = (format: string): Result.Result<(text: string) => number | undefined, string> => {
  let source = ""
  const seen = new Set<string>()
  for (const [piece, quoted, letter] of format.matchAll(pieces)) {
    if (letter === undefined) {
      source += escape(quoted ?? piece)
      continue
    }
    const token = letter === "S" ? String.raw`(?<fraction>\d{${Math.min(piece.length, 9)}})` : tokens[piece]
    if (token === undefined) {
      const known = Object.keys(tokens).join(" ")
      return Result.fail(`${JSON.stringify(piece)} in it means nothing; there are iso, epoch-s, epoch-ms, ${known} and S`)
    }
    const name = token.slice(0, token.indexOf(">"))
    if (seen.has(name)) return Result.fail(`${JSON.stringify(piece)} says again what stands before it`)
    seen.add(name)
    source += token
  }
  for (const needed of ["year", "month", "day"]) {
    if (!seen.has(`(?<${needed}`)) return Result.fail(`it has no ${needed}`)
  }
  if (seen.has("(?<twelve") !== seen.has("(?<half")) return Result.fail("h and a go together")
  const form = new RegExp(`^${source}$`)
  return Result.succeed((text) => {
    const parts = form.exec(text)?.groups
    if (parts === undefined) return undefined
    const { day, fraction = "", half, hour, minute = "0", month, second = "0", twelve, year } = parts
    if (twelve !== undefined && !(Number(twelve) >= 1 && Number(twelve) <= 12)) return undefined
    const hours = twelve === undefined ? Number(hour ?? "0") : Number(twelve) % 12 + (/^p/i.test(half ?? "") ? 12 : 0)
    return wallOf(Number(year), Number(month), Number(day), hours, Number(minute), Number(second), fraction)
  })
}

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

type FromWall = (wall: number) => Result.Result<number, string>

/** Clocks change at a quarter of an hour on the wall, so that one answer holds for all times of a quarter. */
const quarter = 15 * 60_000

const localReader = (zone: Zone, ambiguous: "refuse" | "earlier" | "later"): FromWall => {
  const name = DateTime.zoneToString(zone)
  const instant = (wall: number, disambiguation: "earlier" | "later"): number =>
    DateTime.makeZoned(new Date(wall), { timeZone: zone, adjustForTimeZone: true, disambiguation }).pipe(
      Option.match({ onNone: () => Number.NaN, onSome: DateTime.toEpochMillis }),
    )
  let known = Number.NaN
  /** What is to be added for the instant, or why that is not known. */
  let shift: Result.Result<number, string> = Result.succeed(0)
  return (wall) => {
    const start = wall - wall % quarter
    if (start !== known) {
      known = start
      const earlier = instant(start, "earlier")
      const later = instant(start, "later")
      // In a gap neither of them is that time on the wall.
      const isGap = earlier !== later && wallAt(earlier, zone) !== start
      shift = isGap
        ? Result.fail(`there is no such time in ${name}: clocks went forward over it`)
        : earlier !== later && ambiguous === "refuse"
        ? Result.fail(
          `it comes twice in ${name}, when clocks go back: ${toTime(earlier + wall - start)} or ` +
            `${toTime(later + wall - start)}; set at.ambiguous to earlier or later`,
        )
        : Result.succeed((ambiguous === "later" ? later : earlier) - start)
      // The message names the one time.
      if (Result.isFailure(shift)) known = Number.NaN
    }
    if (Result.isFailure(shift)) return Result.fail(shift.failure)
    const at = wall + shift.success
    return isTime(at) ? Result.succeed(at) : Result.fail("expected a time from 1970 to 9999")
  }
}

const wallAt = (instant: number, zone: Zone): number =>
  Option.match(DateTime.makeZoned(instant, { timeZone: zone }), {
    onNone: () => Number.NaN,
    onSome: (zoned) => instant + DateTime.zonedOffset(zoned),
  })
