/**
 * How often a vehicle reports, learned from the intervals between its messages; and how long, by that, it may be quiet.
 *
 * Intervals are sorted into classes, each twice as long as the one before, from a second to a day. A class that came up
 * three times, the last time within 14 days, is usual, and the rhythm is the longest interval of the longest usual
 * class. So a vehicle that reports every ten seconds on the road and hourly when parked has a rhythm of an hour once it
 * has been parked for three; bursts do not shorten it, and what happened once or twice does not stretch it. It errs on
 * the side of patience.
 *
 * Before there were ten intervals, nothing is known.
 */

const day = 24 * 3_600_000

/** Of a class 2^exponent seconds at most: how often it came up, the day it last did, and its longest interval, ms. */
type Class = readonly [exponent: number, count: number, day: number, longestMs: number]

export type Rhythm = ReadonlyArray<Class>

export const unknown: Rhythm = []

/** Shorter ones are parts of one burst. */
export const shortestMs = 1_000
const longestMs = day
/** More is not counted. */
const enough = 10
const usual = 3
const keptDays = 14

/**
 * The rhythm with one more interval, in ms, that ended at `at`, epoch ms. The same object where nothing has changed,
 * which is mostly so.
 */
export const take = (rhythm: Rhythm, intervalMs: number, at: number): Rhythm => {
  const interval = Math.min(Math.max(intervalMs, shortestMs), longestMs)
  const exponent = Math.ceil(Math.log2(interval / shortestMs))
  const today = Math.floor(at / day)
  for (const [known, count, last, longest] of rhythm) {
    if (known !== exponent || today - last > keptDays) continue
    if (count === enough && last === today && longest >= interval) return rhythm
    return withClass(rhythm, [exponent, Math.min(count + 1, enough), today, Math.max(longest, interval)])
  }
  return withClass(rhythm, [exponent, 1, today, interval])
}

/** Those that have not come up for long are forgotten. */
const withClass = (rhythm: Rhythm, changed: Class): Rhythm =>
  [...rhythm.filter(([exponent, , last]) => exponent !== changed[0] && changed[2] - last <= keptDays), changed]

/** ms, 1 s to 24 h; undefined until it is known. */
export const longestUsual = (rhythm: Rhythm): number | undefined => {
  let total = 0
  let found: Class | undefined
  for (const one of rhythm) {
    total += one[1]
    if (one[1] >= usual && one[0] >= (found?.[0] ?? 0)) found = one
  }
  return total < enough ? undefined : found?.[3]
}

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** Times after which a vehicle is stale. Few, so that those it has passed for are found by an index. */
const staleSteps = [
  ...[15, 20, 30, 45].map((n) => n * second),
  ...[1, 1.5, 2, 3, 4, 6, 8, 10, 15, 20, 30, 45].map((n) => n * minute),
  ...[1, 1.5, 2, 3, 4, 6, 8, 12, 18].map((n) => n * hour),
  ...[1, 1.5, 2, 3].map((n) => n * day),
]

const silentFactor = 4

/** A vehicle that said it goes may stay away for so long, ms. */
export const offlineLimitMs = 30 * day

/** Quiet for so long, ms, a vehicle is stale: three times its rhythm or somewhat more, and at least 15 s. */
export const staleAfter = (rhythmMs: number = longestMs): number =>
  staleSteps.find((step) => step >= 3 * rhythmMs) ?? 3 * longestMs

/** Quiet for so long, ms, it is silent. */
export const silentAfter = (rhythmMs: number | undefined): number => silentFactor * staleAfter(rhythmMs)

/** All limits there are, ms, in ascending order. */
export const limits: ReadonlyArray<number> = [
  ...new Set([...staleSteps, ...staleSteps.map((step) => silentFactor * step), offlineLimitMs]),
].toSorted((a, b) => a - b)
