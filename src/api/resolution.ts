/** How finely a history is told: what was asked for, or what gives some hundred points; and what that may cost. */
import { type BucketSize, day, hour, minute, startOf } from "../../projections/history.ts"
import { apiError, badInput } from "./errors.ts"

/** By name, the size of a bucket, ms; the finest first. */
export const resolutions = {
  MINUTE: minute,
  FIVE_MINUTES: 5 * minute,
  QUARTER_HOUR: 15 * minute,
  HOUR: hour,
  SIX_HOURS: 6 * hour,
  DAY: day,
} as const

export type ResolutionName = keyof typeof resolutions

const names: ReadonlyArray<ResolutionName> = ["MINUTE", "FIVE_MINUTES", "QUARTER_HOUR", "HOUR", "SIX_HOURS", "DAY"]

export const limits = {
  /** Of all histories that are read together. */
  points: 10_000,
  /** Buckets of the sizes that are kept, which coarser ones are merged from: two weeks in minutes. */
  rows: 21_000,
} as const

/** Of a series whose resolution is left to this service. */
const fittingPoints = 400

/** One vehicle's history as it is asked for: by device time, epoch ms, `to` exclusive. */
export interface Asked {
  readonly from: number
  readonly to: number
  /** What is finer than an hour is known from here on. */
  readonly minutesFrom: number
  readonly resolution: ResolutionName | undefined
  /** Signals and branches. */
  readonly paths: ReadonlyArray<string>
}

/** The size that is kept, of which buckets of a resolution are made. */
export const keptOf = (resolution: ResolutionName): BucketSize => {
  const bucketMs = resolutions[resolution]
  return bucketMs >= day ? day : bucketMs >= hour ? hour : minute
}

const bucketsOf = ({ from, to }: Asked, bucketMs: number): number =>
  Math.ceil((to - startOf(bucketMs, from)) / bucketMs)

const pointsOf = (asked: Asked, resolution: ResolutionName): number =>
  bucketsOf(asked, resolutions[resolution]) * Math.max(1, asked.paths.length)

const rowsOf = (asked: Asked, resolution: ResolutionName): number => bucketsOf(asked, keptOf(resolution))

/**
 * The resolution of each of the histories that are read together. Throws `TOO_COSTLY` where there may be more points or
 * rows in all than the limits allow; a branch counts for one signal. `BAD_INPUT` for what is no longer kept.
 */
export const chosen = (all: ReadonlyArray<Asked>): ReadonlyArray<ResolutionName> => {
  const share = 1 / all.length
  const picked = all.map((asked) =>
    asked.resolution === undefined ? fittingOf(asked, share) : checked(asked, asked.resolution))
  const total = (count: typeof pointsOf) => all.reduce((sum, asked, i) => sum + count(asked, picked[i] ?? "DAY"), 0)
  const points = total(pointsOf)
  if (points > limits.points) throw tooMany(`up to ${points} points`, all)
  const rows = total(rowsOf)
  if (rows > limits.rows) {
    throw tooMany(`up to ${rows} points before they are put together, of at most ${limits.rows},`, all)
  }
  return picked
}

const isKept = ({ from, minutesFrom }: Asked, resolution: ResolutionName): boolean =>
  keptOf(resolution) > minute || from >= minutesFrom

const checked = (asked: Asked, resolution: ResolutionName): ResolutionName => {
  if (isKept(asked, resolution)) return resolution
  const from = new Date(asked.minutesFrom).toISOString()
  throw badInput(
    `${resolution} is kept for 90 days before a vehicle's newest reading, here from ${from} on: ask for HOUR`,
  )
}

const fits = (asked: Asked, resolution: ResolutionName, share: number): boolean =>
  isKept(asked, resolution)
  && pointsOf(asked, resolution) <= limits.points * share
  && rowsOf(asked, resolution) <= limits.rows * share

const fittingOf = (asked: Asked, share: number): ResolutionName =>
  names.find((name) => bucketsOf(asked, resolutions[name]) <= fittingPoints && fits(asked, name, share)) ?? "DAY"

/** Says what to ask for instead. */
export const tooMany = (found: string, all: ReadonlyArray<Asked>) => {
  const finest = names.find((name) => all.every((asked) => fits(asked, name, 1 / all.length)))
  const coarser = finest === undefined || all.every(({ resolution }) => resolution === finest) ? "" : `${finest}, or `
  return apiError(
    "TOO_COSTLY",
    `The history asked for may have ${found}; there may be ${limits.points} in all: ask for ${coarser}less time, fewer `
      + "paths or fewer vehicles",
  )
}
