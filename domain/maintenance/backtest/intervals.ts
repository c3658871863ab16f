/** How sure counted figures are. All intervals are of 95 %. */

export interface Interval {
  readonly low: number
  readonly high: number
}

export interface Estimate extends Interval {
  readonly value: number
}

/** Normal quantile of a two-sided 95 % interval. */
const z = 1.959964

/** A share with the interval of Wilson (1927), which holds for few cases and at 0 and 1 too; of no cases null. */
export const proportion = (hits: number, of: number): Estimate | null => {
  if (of === 0) return null
  const value = hits / of
  const shrunk = 1 + z * z / of
  const centre = (value + z * z / (2 * of)) / shrunk
  const reach = z / shrunk * Math.sqrt(value * (1 - value) / of + z * z / (4 * of * of))
  return { value, low: hits === 0 ? 0 : centre - reach, high: hits === of ? 1 : centre + reach }
}

/** Events per unit of exposure, with the exact Poisson interval of Garwood (1936); without exposure null. */
export const rate = (events: number, exposure: number): Estimate | null => {
  if (exposure <= 0) return null
  return {
    value: events / exposure,
    // As many or more would be seen in 2.5 % of cases; as many or fewer.
    low: events === 0 ? 0 : root((mean) => 1 - upTo(events - 1, mean) - 0.025, events) / exposure,
    high: root((mean) => 0.025 - upTo(events, mean), events) / exposure,
  }
}

/** That a Poisson variable of this mean is at most `events`. */
const upTo = (events: number, mean: number): number => {
  if (mean === 0) return 1
  let log = -mean
  let sum = Math.exp(log)
  for (let k = 1; k <= events; k++) {
    log += Math.log(mean / k)
    sum += Math.exp(log)
  }
  return Math.min(1, sum)
}

/** Where a rising function is 0, in what a Poisson interval around `events` can span. */
const root = (rising: (x: number) => number, events: number): number => {
  let low = 0
  let high = events + 10 * Math.sqrt(events) + 10
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (rising(middle) < 0) low = middle
    else high = middle
  }
  return (low + high) / 2
}
