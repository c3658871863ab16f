/**
 * What a signal's readings in one bucket come to.
 *
 * Of equal times the first reading is the lesser one and the last the greater, and the sum is exact (see
 * `exact-sum.ts`): the order of arrival makes no difference.
 */
import type { SignalScalar, SignalValue } from "../domain/signals/signal.ts"
import * as ExactSum from "./exact-sum.ts"

/** As it is stored, packed, since there are many. Times are ms since the bucket's start. */
export type Rollup = Single | Several

/** Of one reading, as most are where a vehicle sends once a minute. */
type Single = readonly [at: number, value: SignalScalar]

/**
 * `numbers` are the smallest, the largest and the parts of the sum, which are one null for a sum past what a double
 * holds; there are none where a reading is no number.
 */
type Several = readonly [
  count: number,
  firstAt: number,
  lastAt: number,
  first: SignalScalar,
  last: SignalScalar,
  ...numbers: ReadonlyArray<number | null>,
]

/** As it is worked with. Readings are taken in in place. */
export interface Draft {
  count: number
  firstAt: number
  lastAt: number
  first: SignalScalar
  last: SignalScalar
  isNumeric: boolean
  min: number
  max: number
  /** Undefined where it is too large. */
  sum: ExactSum.ExactSum | undefined
}

/** A longer text is no reading of a series. Bounds a row. */
export const longestText = 200

/** Whether a value is one that a rollup takes in: no array, nor a text that is longer than `longestText`. */
export const isTaken = (value: SignalValue | null): value is SignalScalar =>
  typeof value === "number" || typeof value === "boolean" || (typeof value === "string" && value.length <= longestText)

export const begin = (at: number, value: SignalScalar): Draft => {
  const isNumeric = typeof value === "number"
  const number = isNumeric ? value : 0
  return {
    count: 1,
    firstAt: at,
    lastAt: at,
    first: value,
    last: value,
    isNumeric,
    min: number,
    max: number,
    sum: isSummand(number) ? ExactSum.add(ExactSum.none, number) : undefined,
  }
}

export const take = (draft: Draft, at: number, value: SignalScalar): void => {
  draft.count += 1
  takeEnds(draft, at, value, at, value)
  if (typeof value !== "number") {
    draft.isNumeric = false
  } else {
    if (value < draft.min) draft.min = value
    if (value > draft.max) draft.max = value
    draft.sum = draft.sum !== undefined && isSummand(value) ? ExactSum.add(draft.sum, value) : undefined
  }
}

/** `later`: how far the second one's bucket starts after that of the first, ms. */
export const merge = (one: Rollup, other: Rollup, later = 0): Rollup => {
  const draft = unpack(one)
  const more = unpack(other)
  draft.count += more.count
  takeEnds(draft, more.firstAt + later, more.first, more.lastAt + later, more.last)
  draft.isNumeric &&= more.isNumeric
  draft.min = Math.min(draft.min, more.min)
  draft.max = Math.max(draft.max, more.max)
  draft.sum = draft.sum === undefined || more.sum === undefined ? undefined : ExactSum.merge(draft.sum, more.sum)
  return pack(draft)
}

const takeEnds = (draft: Draft, firstAt: number, first: SignalScalar, lastAt: number, last: SignalScalar): void => {
  if (firstAt < draft.firstAt || (firstAt === draft.firstAt && isLess(first, draft.first))) {
    draft.firstAt = firstAt
    draft.first = first
  }
  if (lastAt > draft.lastAt || (lastAt === draft.lastAt && isLess(draft.last, last))) {
    draft.lastAt = lastAt
    draft.last = last
  }
}

const isLess = (a: SignalScalar, b: SignalScalar): boolean => typeof a === typeof b ? a < b : typeof a < typeof b

const isSummand = (value: number): boolean => Math.abs(value) <= ExactSum.largestSummand

/** The same readings in a bucket that starts so much earlier, ms. */
export const moved = (rollup: Rollup, later: number): Rollup => {
  if (later === 0) return rollup
  if (isSingle(rollup)) return [rollup[0] + later, rollup[1]]
  const [count, firstAt, lastAt, ...rest] = rollup
  return [count, firstAt + later, lastAt + later, ...rest]
}

export const pack = (draft: Draft): Rollup => {
  const { count, first, firstAt, last, lastAt, max, min, sum } = draft
  if (count === 1) return [firstAt, first]
  if (!draft.isNumeric) return [count, firstAt, lastAt, first, last]
  return [count, firstAt, lastAt, first, last, min, max, ...sum ?? [null]]
}

const isSingle = (rollup: Rollup): rollup is Single => rollup.length === 2

const unpack = (rollup: Rollup): Draft => {
  if (isSingle(rollup)) return begin(rollup[0], rollup[1])
  const min = rollup[5]
  const max = rollup[6]
  return {
    count: rollup[0],
    firstAt: rollup[1],
    lastAt: rollup[2],
    first: rollup[3],
    last: rollup[4],
    isNumeric: rollup.length > 5,
    min: min ?? 0,
    max: max ?? 0,
    sum: sumOf(rollup),
  }
}

const sumOf = (rollup: Several): ExactSum.ExactSum | undefined => {
  const sum: Array<number> = []
  for (let i = 7; i < rollup.length; i++) {
    const part = rollup[i]
    if (typeof part !== "number") return undefined
    sum.push(part)
  }
  return sum
}

/** A rollup spelled out; times are epoch ms. */
export interface Summary {
  readonly count: number
  readonly first: SignalScalar
  readonly firstAt: number
  readonly last: SignalScalar
  readonly lastAt: number
  /** Null where a reading is no number. */
  readonly min: number | null
  readonly max: number | null
  /** The exact sum, rounded, and divided. Null as `min` is, and where the sum is past what a double holds. */
  readonly mean: number | null
}

export const summary = (rollup: Rollup, bucketAt: number): Summary => {
  const { count, first, firstAt, isNumeric, last, lastAt, max, min, sum } = unpack(rollup)
  return {
    count,
    first,
    firstAt: bucketAt + firstAt,
    last,
    lastAt: bucketAt + lastAt,
    min: isNumeric ? min : null,
    max: isNumeric ? max : null,
    mean: isNumeric && sum !== undefined ? ExactSum.rounded(sum) / count : null,
  }
}
