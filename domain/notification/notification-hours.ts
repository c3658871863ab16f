/**
 * When a rule tells what it has: at once, when its quiet hours end, or at the time of its digest. By the wall clock of
 * its time zone, whatever that clock does twice a year: a time that a night leaves out is taken an hour later; of one
 * that it has twice a digest takes the first, so that there is one a day.
 */
import { DateTime, Option } from "effect"
import type { Rule, Weekday } from "./notification-rule-events.ts"

const weekdays: ReadonlyArray<Weekday> = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

/** Minutes after midnight of `HH:MM`; undefined for anything else. */
export const minutesOf = (text: string): number | undefined => {
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? []
  return hours === undefined ? undefined : Number(hours) * 60 + Number(minutes)
}

/** What the clocks of a zone show. */
interface Wall {
  /** Midnight of its date, as if that were UTC, epoch ms. */
  readonly date: number
  /** After midnight. */
  readonly minutes: number
}

const wallAt = (zone: DateTime.TimeZone, at: number): Wall => {
  const { day, hour, minute, month, year } = DateTime.toParts(DateTime.setZone(DateTime.makeUnsafe(at), zone))
  return { date: Date.UTC(year, month - 1, day), minutes: hour * 60 + minute }
}

/** When the clocks show that, epoch ms; where they show it twice, the first time, or the second. */
const timeOf = (zone: DateTime.TimeZone, { date, minutes }: Wall, which: "compatible" | "later"): number =>
  Option.match(
    DateTime.makeZoned(date + minutes * minuteMs, { timeZone: zone, adjustForTimeZone: true, disambiguation: which }),
    { onNone: () => Number.NaN, onSome: DateTime.toEpochMillis },
  )

const isWithin = (minutes: number, from: number, to: number): boolean =>
  from <= to ? from <= minutes && minutes < to : minutes >= from || minutes < to

/** The end of the quiet hours that a time is in; else the time. */
const afterQuietHours = (
  zone: DateTime.TimeZone,
  { from, to }: NonNullable<Rule["quietHours"]>,
  at: number,
): number => {
  const begin = minutesOf(from)
  const end = minutesOf(to)
  if (begin === undefined || end === undefined) return at
  const wall = wallAt(zone, at)
  if (!isWithin(wall.minutes, begin, end)) return at
  for (const date of [wall.date, wall.date + dayMs]) {
    for (const which of ["compatible", "later"] as const) {
      const over = timeOf(zone, { date, minutes: end }, which)
      if (over > at) return over
    }
  }
  return at
}

const nextDigest = (zone: DateTime.TimeZone, { at: text, days }: NonNullable<Rule["digest"]>, at: number): number => {
  const minutes = minutesOf(text)
  if (minutes === undefined) return at
  const { date: today } = wallAt(zone, at)
  // Today's may be over, and the same weekday comes again in a week.
  for (let date = today; date <= today + 7 * dayMs; date += dayMs) {
    const weekday = weekdays[new Date(date).getUTCDay()]
    if (days !== undefined && (weekday === undefined || !days.includes(weekday))) continue
    const time = timeOf(zone, { date, minutes }, "compatible")
    if (time > at) return time
  }
  return at
}

/** When what is known at a time is told, epoch ms: that time, or later. A digest within the quiet hours waits, too. */
export const tellAt = ({ digest, quietHours, timeZone }: Rule, at: number): number => {
  if (timeZone === undefined) return at
  const zone = Option.getOrUndefined(DateTime.zoneMakeNamed(timeZone))
  if (zone === undefined) return at
  const wanted = digest === undefined ? at : nextDigest(zone, digest, at)
  return quietHours === undefined ? wanted : afterQuietHours(zone, quietHours, wanted)
}
