/**
 * A set of non-negative integers as sorted, disjoint, closed intervals that do not touch: `[from, to, from, to, …]`.
 * What a vehicle counts up within a session is nearly always one interval; a second one shows a gap.
 */
export type IntervalSet = ReadonlyArray<number>

export const empty: IntervalSet = []

/** The index (even) of the first interval that ends at or after `n`, or the length. */
const search = (set: IntervalSet, n: number): number => {
  let low = 0
  let high = set.length >> 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((set[2 * middle + 1] ?? 0) < n) low = middle + 1
    else high = middle
  }
  return 2 * low
}

/** Whether numbers that come from outside are such a set. */
export const isIntervalSet = (numbers: ReadonlyArray<number>): boolean =>
  numbers.length % 2 === 0 &&
  numbers.every((n, i) => n >= (i % 2 === 1 ? numbers[i - 1] ?? 0 : i === 0 ? 0 : (numbers[i - 1] ?? 0) + 2))

export const has = (set: IntervalSet, n: number): boolean => {
  const last = set.length - 2
  if (last < 0) return false
  // Nearly every question is about the number after the newest.
  if (n > (set[last + 1] ?? 0)) return false
  return n >= (set[search(set, n)] ?? Infinity)
}

/** The set with `n`. The same set where it was there. */
export const add = (set: IntervalSet, n: number): IntervalSet => {
  const at = search(set, n)
  if (n >= (set[at] ?? Infinity)) return set
  const joinsBefore = at > 0 && set[at - 1] === n - 1
  const joinsAfter = set[at] === n + 1
  const next = [...set]
  if (joinsBefore && joinsAfter) next.splice(at - 1, 2)
  else if (joinsBefore) next[at - 1] = n
  else if (joinsAfter) next[at] = n
  else next.splice(at, 0, n, n)
  return next
}

/** The gaps between the first and the last number, each `[from, to]`. */
export const gaps = (set: IntervalSet): ReadonlyArray<readonly [from: number, to: number]> => {
  const found: Array<readonly [number, number]> = []
  for (let i = 2; i < set.length; i += 2) found.push([(set[i - 1] ?? 0) + 1, (set[i] ?? 0) - 1])
  return found
}

export const size = (set: IntervalSet): number => {
  let count = 0
  for (let i = 0; i < set.length; i += 2) count += (set[i + 1] ?? 0) - (set[i] ?? 0) + 1
  return count
}
