/** A 12 V battery's weeks: what each sign of it comes to, its trend and its score. */
import { along, rounded } from "./score-line.ts"
import { median, trendOf } from "../statistics.ts"

/** A week since the epoch, and its median; at rest and cranking V, state of health percent. */
export type Weekly = readonly [week: number, value: number]

export const signs = ["rest", "crank", "health"] as const
export type Sign = (typeof signs)[number]

/** The median of so many weeks, and the trend in units a day with its interval where it falls for certain. */
export type Level = { readonly value: number; readonly weeks: number; readonly fall: Fall | null }
type Fall = { readonly slope: number; readonly low: number; readonly high: number }

export const raiseAt = 25

const scores: Readonly<Record<Sign, ReadonlyArray<readonly [value: number, score: number]>>> = {
  rest: [[11.8, 0], [12.2, raiseAt], [12.65, 100]],
  crank: [[8.4, 0], [9.6, raiseAt], [10.8, 100]],
  health: [[20, 0], [50, raiseAt], [100, 100]],
}

export const scoreOf = (sign: Sign, value: number): number => rounded(along(scores[sign], value), 1)

/** Where the score is `raiseAt`. */
export const lineOf = (sign: Sign): number => scores[sign][1]?.[0] ?? 0

const weeksKept = 26
export const weeksOfLevel = 3
const minTrendWeeks = 6
/** A week under way counts from so many readings on. */
const minReadings = 3

/** With the median of a week that is over. */
export const closed = (
  weeks: ReadonlyArray<Weekly>,
  week: number,
  readings: ReadonlyArray<number>,
): ReadonlyArray<Weekly> => {
  const value = median(readings)
  return value === undefined ? weeks : [...weeks, [week, rounded(value, 3)] as const].slice(-weeksKept)
}

export const levelOf = (
  weeks: ReadonlyArray<Weekly>,
  week: number,
  readings: ReadonlyArray<number>,
  fall: Fall | null,
): Level | null => {
  const all = readings.length < minReadings ? weeks : closed(weeks, week, readings)
  const last = all.slice(-weeksOfLevel)
  const value = median(last.map(([, one]) => one))
  return value === undefined ? null : { value: rounded(value, 3), weeks: last.length, fall }
}

/** Takes long, so it is reckoned when a week is over. */
export const fallOf = (weeks: ReadonlyArray<Weekly>): Fall | null => {
  if (weeks.length < minTrendWeeks) return null
  const trend = trendOf(weeks.map(([week, y]) => ({ x: 7 * week, y })))
  if (trend === undefined) return null
  const high = rounded(trend.high, 6)
  return high < 0 ? { slope: rounded(trend.slope, 6), low: rounded(trend.low, 6), high } : null
}
