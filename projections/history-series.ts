/** A signal's series out of the rows of `history.ts`. */
import { type BucketSize, type HistoryRow, merged, startOf } from "./history.ts"
import * as Rollup from "./rollup.ts"

/**
 * A vehicle's rows of one size, in the order of time, complete. `open` are rows of smaller buckets that those do not
 * have yet: for hours the newest minute, for days that minute and the row of its hour.
 */
export const completed = (
  bucketMs: BucketSize,
  rows: ReadonlyArray<HistoryRow>,
  open: ReadonlyArray<HistoryRow>,
): ReadonlyArray<HistoryRow> => {
  let complete = rows
  for (const row of open) {
    const startAt = startOf(bucketMs, row.startAt)
    // What is open is the newest.
    const last = complete.at(-1)
    complete = last?.startAt === startAt
      ? [...complete.slice(0, -1), merged(last, row)]
      : [...complete, merged({ vin: row.vin, bucketMs, startAt, signals: {} }, row)]
  }
  return complete
}

export interface Point extends Rollup.Summary {
  /** Device time at which the bucket starts, epoch ms. */
  readonly at: number
}

/**
 * The series of each signal that is wanted, by path, out of rows in the order of time. Buckets are as large as those of
 * the rows, or a multiple of that.
 */
export const seriesOf = (
  rows: ReadonlyArray<HistoryRow>,
  bucketMs: number,
  wants: (path: string) => boolean,
): ReadonlyMap<string, ReadonlyArray<Point>> => {
  const buckets = new Map<string, Array<Bucket>>()
  const unwanted = new Set<string>()
  for (const row of rows) {
    const at = startOf(bucketMs, row.startAt)
    const later = row.startAt - at
    for (const path in row.signals) {
      const rollup = row.signals[path]
      if (rollup === undefined || unwanted.has(path)) continue
      let own = buckets.get(path)
      if (own === undefined && !wants(path)) {
        unwanted.add(path)
        continue
      }
      if (own === undefined) buckets.set(path, own = [])
      const last = own.at(-1)
      if (last?.at === at) last.rollup = Rollup.merge(last.rollup, rollup, later)
      else own.push({ at, rollup: Rollup.moved(rollup, later) })
    }
  }
  const series = new Map<string, ReadonlyArray<Point>>()
  for (const [path, own] of buckets) {
    series.set(path, own.map(({ at, rollup }) => ({ at, ...Rollup.summary(rollup, at) })))
  }
  return series
}

interface Bucket {
  readonly at: number
  rollup: Rollup.Rollup
}
