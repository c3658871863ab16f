/**
 * Sums of doubles without rounding, so that the order of adding makes no difference.
 *
 * A sum is written as few doubles whose exact total it is: the first is the sum rounded, the next what that lacks,
 * rounded, and so on; of nothing there are none. So every sum is written in one way only. Readings of one kind need
 * one or two. After J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic" (1997), figure 7.
 */
export type ExactSum = ReadonlyArray<number>

/** Summands are at most this large, so that no count of them overflows. */
export const largestSummand = 1e290

export const none: ExactSum = []

/** The exact sum, rounded once. */
export const rounded = (sum: ExactSum): number => sum[0] ?? 0

export const add = (sum: ExactSum, x: number): ExactSum => {
  if (x === 0) return sum
  if (sum.length > 2) return written(grown(sum, x))
  // As nearly all are.
  const high = sum[0] ?? 0
  const low = sum[1] ?? 0
  const total = high + x
  const lacking = errorOf(high, x, total)
  const rest = lacking + low
  if (errorOf(lacking, low, rest) !== 0) return written(grown(sum, x))
  const first = total + rest
  const second = errorOf(total, rest, first)
  return second !== 0 ? [first, second] : first !== 0 ? [first] : none
}

export const merge = (a: ExactSum, b: ExactSum): ExactSum => {
  if (a.length === 0) return b
  let parts = a
  for (const part of b) parts = grown(parts, part)
  return written(parts)
}

/** The parts of the sum with `x` in it: they do not overlap, the largest is first. */
const grown = (parts: ExactSum, x: number): ExactSum => {
  const ascending: Array<number> = []
  let carried = x
  for (let i = parts.length - 1; i >= 0; i--) {
    const part = parts[i] ?? 0
    const total = carried + part
    const lacking = errorOf(carried, part, total)
    if (lacking !== 0) ascending.push(lacking)
    carried = total
  }
  if (carried !== 0) ascending.push(carried)
  return ascending.toReversed()
}

/** What `total`, the rounded sum of `a` and `b`, lacks. */
const errorOf = (a: number, b: number, total: number): number => {
  const bThere = total - a
  return a - (total - bThere) + (b - bThere)
}

const written = (parts: ExactSum): ExactSum => {
  if (parts.length < 2) return parts
  const out: Array<number> = []
  let rest = parts
  while (rest.length > 0) {
    const next = roundedOf(rest)
    out.push(next)
    rest = grown(rest, -next)
  }
  return out
}

/** The nearest double to the total of parts that do not overlap, ties to even. */
const roundedOf = (parts: ExactSum): number => {
  let total = parts[0] ?? 0
  for (let i = 1; i < parts.length; i++) {
    const part = parts[i] ?? 0
    const before = total
    total = before + part
    const lacking = part - (total - before)
    if (lacking === 0) continue
    // Exactly between two doubles it went to the even one; what comes after says whether it is more, or less.
    const after = parts[i + 1] ?? 0
    if ((lacking < 0 && after < 0) || (lacking > 0 && after > 0)) {
      const twice = lacking * 2
      const other = total + twice
      if (other - total === twice) return other
    }
    return total
  }
  return total
}
