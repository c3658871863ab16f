/**
 * What a tyre surely loses, of some days' values: the robust slope of the tyre alone and, less its error, against its
 * siblings. It must be spread over days, as the work of a leak is; what is let out in a moment is not.
 */
import { rounded } from "./score-line.ts"
import { type Point, trendOf } from "../statistics.ts"

/** [days since 1970, kPa at 20 °C, kPa above the siblings or null where too few are known]. */
export type Day = readonly [number, number, number | null]

/** Of some days' values: kPa a day, positive where it is lost. */
export type Loss = {
  /** As far as it is sure: see above. */
  readonly sure: number
  readonly likely: number
  readonly low: number
  readonly high: number
  readonly from: number
}

/** A rise of this is a filling. */
export const filledKPa = 10
/** A fall counts for no more than this, kPa a day between two values, and for no more than so many days. */
const mostADay = 3.5
const longestFallDays = 4
const longestGapDays = 30
/** A fast leak is seen in few days, a slow one in many; few days are noisier, and their word counts for less. */
const windows = [[14, 1], [9, 0.9], [6, 0.7], [5, 0.6]] as const
const fewestDays = 4
/** A day's value is no better than this, kPa; a slope is taken so many of its standard errors lower. */
const leastSpread = 1
const errors = 3
/** Air goes through the rubber: 1 to 3 kPa a month, with age 10. */
export const natural = 0.33

const hundredth = (value: number): number => rounded(value, 2)

/** Of closed days, or of these and one under way. */
export const lossOf = (all: ReadonlyArray<Day>, before: Loss | null, isClosed: boolean): Loss | null => {
  const newest = all.at(-1)?.[0] ?? 0
  const days = all.filter(([x]) => newest - x <= longestGapDays)
  const spread = spreadOf(days.map((day) => day[1]))
  const spreadAside = spreadOf(days.flatMap((day) => day[2] === null ? [] : [day[2]]))
  let surest = 0
  let told: ReadonlyArray<Day> = days
  for (const [count, trust] of windows) {
    const some = days.slice(-count)
    if (some.length < count) continue
    const sure = hundredth(sureIn(some, spread, spreadAside, trust) * trust)
    if (sure > surest) {
      surest = sure
      told = some
    }
  }
  if (surest === 0 && !isClosed) return before === null ? null : { ...before, sure: 0 }
  const from = told[0]?.[0] ?? 0
  const trend = told.length < fewestDays ? undefined : trendOf(told.map(([x, y]) => ({ x: x - from, y })))
  if (trend === undefined) return null
  return {
    sure: surest,
    likely: hundredth(-trend.slope),
    low: hundredth(-trend.high),
    high: hundredth(-trend.low),
    from,
  }
}

/** Of a day's value, by how it rises from day to day, which no leak does. */
const spreadOf = (values: ReadonlyArray<number>): number => {
  let squares = 0
  for (const [i, value] of values.entries()) {
    squares += Math.min(filledKPa, Math.max(0, value - (values[i - 1] ?? value))) ** 2
  }
  return Math.max(leastSpread, Math.sqrt(squares / Math.max(1, values.length - 1)))
}

const sureIn = (days: ReadonlyArray<Day>, spread: number, spreadAside: number, trust: number): number => {
  const alone = slopeOf(days.map(([x, y]) => ({ x, y })), spread, trust)
  if (alone === undefined) return 0
  const aside = days.flatMap(([x, , y]): ReadonlyArray<Point> => y === null ? [] : [{ x, y }])
  if (aside.length < fewestDays) return Math.max(0, Math.min(alone.rest, alone.sure))
  const against = slopeOf(aside, spreadAside, trust)
  return against === undefined ? 0 : Math.max(0, Math.min(alone.rest, alone.loss, against.sure, against.rest))
}

/** What is lost a day, how much of it is sure, and how much is left without the largest fall. */
const slopeOf = (points: ReadonlyArray<Point>, spread: number, trust: number) => {
  const spreadOut: Array<Point> = []
  let largest = 0
  for (const [i, point] of points.entries()) {
    const before = points[i - 1] ?? point
    const fall = Math.min(before.y - point.y, mostADay * Math.min(longestFallDays, point.x - before.x))
    largest = Math.max(largest, fall)
    spreadOut.push({ x: point.x, y: (spreadOut[i - 1]?.y ?? point.y) - fall })
  }
  const first = spreadOut[0]
  const last = spreadOut.at(-1)
  if (first === undefined || last === undefined) return undefined
  const noise = 2 * (spread - leastSpread)
  const rest = (first.y - last.y - largest - noise) / Math.max(1, last.x - first.x)
  // Most tyres hold, and need no dear statistics to tell.
  if (rest * trust <= natural) return undefined
  const trend = trendOf(spreadOut)
  if (trend === undefined) return undefined
  const mean = spreadOut.reduce((sum, { x }) => sum + x, 0) / spreadOut.length
  const breadth = Math.sqrt(spreadOut.reduce((sum, { x }) => sum + (x - mean) ** 2, 0))
  const loss = -trend.slope
  return { loss, sure: loss - errors * spread / breadth, rest }
}
