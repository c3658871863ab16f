/** Statistics that a few wild values do not sway. All are total: of too few values the answer is `undefined`. */

const ascending = (a: number, b: number): number => a - b

/** Of values in ascending order, with linear interpolation between neighbours; `share` 0 to 1. */
export const quantileOf = (sorted: ArrayLike<number>, share: number): number | undefined => {
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)]
  const above = sorted[Math.ceil(place)]
  if (below === undefined || above === undefined) return undefined
  return below + (above - below) * (place - Math.floor(place))
}

let scratch = new Float64Array(256)

export const median = (values: ReadonlyArray<number>): number | undefined => {
  if (scratch.length < values.length) scratch = new Float64Array(2 * values.length)
  for (let i = 0; i < values.length; i++) scratch[i] = values[i] ?? 0
  return medianWithin(scratch, values.length)
}

/** Of the first so many, which it leaves in another order. Selects (Hoare 1961), which sorts no more than it must. */
export const medianWithin = (values: Float64Array, count: number): number | undefined => {
  const middle = count >> 1
  let from = 0
  let until = count - 1
  while (from < until) {
    const pivot = values[(from + until) >> 1] ?? 0
    let i = from
    let j = until
    while (i <= j) {
      while ((values[i] ?? pivot) < pivot) i++
      while ((values[j] ?? pivot) > pivot) j--
      if (i > j) break
      const one = values[i] ?? pivot
      values[i++] = values[j] ?? pivot
      values[j--] = one
    }
    if (middle <= j) until = j
    else if (middle >= i) from = i
    else break
  }
  const above = values[middle]
  if (above === undefined || count === 0 || count % 2 === 1) return count === 0 ? undefined : above
  let below = values[0] ?? above
  for (let i = 1; i < middle; i++) below = Math.max(below, values[i] ?? below)
  return below + (above - below) / 2
}

/** Of a normal distribution the standard deviation is so many times the median absolute deviation. */
const normalMad = 1.4826

export interface Location {
  readonly median: number
  /** Median absolute deviation, scaled so that it is the standard deviation of normally distributed values. */
  readonly spread: number
}

export const locationOf = (values: ReadonlyArray<number>): Location | undefined => {
  const centre = median(values)
  if (centre === undefined) return undefined
  const spread = median(values.map((value) => Math.abs(value - centre))) ?? 0
  return { median: centre, spread: normalMad * spread }
}

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Trend {
  /** Of y for each x, and between which values it lies in nine of ten cases. */
  readonly slope: number
  readonly low: number
  readonly high: number
  /** y where x is 0. */
  readonly intercept: number
}

/** Normal quantile of a two-sided 90 % interval. */
const z90 = 1.645

/**
 * The median of the slopes between all pairs, which up to 29 % of wild points do not sway (Theil 1950; Sen 1968), with
 * Sen's interval from the variance of Kendall's S. Takes time that grows with the square of the points: for up to a
 * hundred.
 */
export const trendOf = (points: ReadonlyArray<Point>): Trend | undefined => {
  const slopes: Array<number> = []
  for (const [i, a] of points.entries()) {
    for (let j = i + 1; j < points.length; j++) {
      const b = points[j]
      if (b !== undefined && a.x !== b.x) slopes.push((b.y - a.y) / (b.x - a.x))
    }
  }
  slopes.sort(ascending)
  const slope = quantileOf(slopes, 0.5)
  if (slope === undefined) return undefined
  const n = points.length
  const reach = z90 * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18)
  const at = (rank: number) => slopes[Math.min(slopes.length - 1, Math.max(0, rank))] ?? slope
  return {
    slope,
    low: at(Math.floor((slopes.length - reach) / 2)),
    high: at(Math.ceil((slopes.length + reach) / 2)),
    intercept: median(points.map(({ x, y }) => y - slope * x)) ?? 0,
  }
}
