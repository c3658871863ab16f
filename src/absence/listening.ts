/**
 * When this service could hear vehicles. Only such time counts towards a vehicle's silence, so that nobody is late for
 * what the service itself, or its way in, had missed.
 */

/** Epoch ms. */
export interface Spell {
  readonly from: number
  readonly to: number
}

/**
 * A vehicle last heard of then, or before, has been quiet for `limitMs` of listening by `now`; `-Infinity` where there
 * was not that much. Spells may overlap, as those of several processes do, and come in any order.
 */
export const quietSince = (spells: ReadonlyArray<Spell>, now: number, limitMs: number): number => {
  let left = limitMs
  let before = now
  for (const { from, to } of spells.toSorted((a, b) => b.to - a.to)) {
    const end = Math.min(to, before)
    if (from >= end) continue
    if (end - from >= left) return end - left
    left -= end - from
    before = from
  }
  return Number.NEGATIVE_INFINITY
}
