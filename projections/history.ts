/**
 * What signals were, by device time: a row for each minute, hour and day (UTC) of which there are readings, with the
 * rollup of each signal. `history-series.ts` reads it.
 *
 * Most messages change one row. An hour's row takes in a minute only once there is a newer minute, and a day's an hour
 * once there is a newer hour; whatever comes later goes into every row that is past that. So the rows say, in whatever
 * order the readings came, with M the newest minute that there is a reading of:
 *
 * - a minute's row: all of its readings;
 * - an hour's row: those of its minutes before M;
 * - a day's row: those of its hours before that of M.
 *
 * Minutes are kept for 90 days before M; what comes later than that goes into its hour and day alone. Hours and days
 * are kept for good.
 *
 * Only readings that are good and whose time can be believed count. Arrays and long texts are left out.
 *
 * A row takes, beside their paths, some 25 bytes a signal with one reading and up to 140 with more, or two texts: about
 * 1 KB in all with ten signals.
 */
import type { SignalScalar } from "../domain/signals/signal.ts"
import type { DataOf } from "../domain/vehicle/events.ts"
import * as Readings from "../domain/vehicle/readings.ts"
import type { Given, Key, KeyedProjection } from "./keyed-projection.ts"
import * as Rollup from "./rollup.ts"

export const minute = 60_000
export const hour = 60 * minute
export const day = 24 * hour

/** ms. */
export type BucketSize = typeof minute | typeof hour | typeof day

export interface HistoryRow {
  readonly vin: string
  /** A `BucketSize`. */
  readonly bucketMs: number
  /** Device time at which the bucket starts, epoch ms. */
  readonly startAt: number
  /** By path. */
  readonly signals: Signals
}

type Signals = Readonly<Record<string, Rollup.Rollup>>

const minutesKept = 90 * day

/** Minutes before this are not kept, epoch ms. `newest` is the start of the newest one there is. */
export const minutesFrom = (newest: number): number => startOf(hour, newest) - minutesKept

/** The start of the bucket that a time lies in, epoch ms. */
export const startOf = (bucketMs: number, at: number): number => Math.floor(at / bucketMs) * bucketMs

export interface Reading {
  readonly path: string
  /** Epoch ms. */
  readonly at: number
  readonly value: SignalScalar
}

export const history: KeyedProjection<HistoryRow, ReadonlyArray<Reading>> = {
  name: "history",
  version: 1,
  columns: { vin: "text", bucketMs: "integer", startAt: "time", signals: "json" },
  key: ["bucketMs", "startAt"],
  indexes: [],
  newest: [minute],
  keptFrom: ({ startAt }) => minutesFrom(startAt),
  input: (record) =>
    record._tag === "Vehicle" && record.event.type === "TelemetryReceived" ? readingsOf(record.event.data) : undefined,
  touches: (newest, inputs) => {
    const keys: Array<Key> = []
    let open = newest?.startAt
    for (const startAt of minutesOf(inputs)) {
      if (open !== undefined && startAt < open) {
        if (startAt >= minutesFrom(open)) keys.push([minute, startAt])
        keys.push([hour, startOf(hour, startAt)])
        if (isOfLaterHour(open, startAt)) keys.push([day, startOf(day, startAt)])
        continue
      }
      if (open !== undefined && startAt > open) {
        keys.push([hour, startOf(hour, open)])
        if (isOfLaterHour(startAt, open)) keys.push([day, startOf(day, open)])
      }
      open = startAt
    }
    return keys
  },
  evolve: (vin, given, inputs) => {
    const rows = new Rows(vin, given)
    for (const more of rolledUp(vin, inputs)) addMinute(rows, more)
    return rows.changed()
  },
}

const readingsOf = (data: DataOf<"TelemetryReceived">): ReadonlyArray<Reading> | undefined => {
  const readings: Array<Reading> = []
  Readings.forEach(data, (path, value, at, quality) => {
    if (quality === "GOOD" && Rollup.isTaken(value)) readings.push({ path, at, value })
  })
  return readings.length === 0 ? undefined : readings
}

/** In the order of time. */
const minutesOf = (inputs: ReadonlyArray<ReadonlyArray<Reading>>): ReadonlyArray<number> => {
  const minutes = new Set<number>()
  let last = NaN
  for (const readings of inputs) {
    for (const { at } of readings) {
      // Those of a message are mostly of one time.
      if (at !== last) minutes.add(startOf(minute, at))
      last = at
    }
  }
  return [...minutes].toSorted((a, b) => a - b)
}

/** What these readings alone come to, a row a minute, in the order of time. */
const rolledUp = (vin: string, inputs: ReadonlyArray<ReadonlyArray<Reading>>): ReadonlyArray<HistoryRow> => {
  const minutes = new Map<number, Map<string, Rollup.Draft>>()
  let drafts = new Map<string, Rollup.Draft>()
  let startAt = NaN
  for (const readings of inputs) {
    for (const { at, path, value } of readings) {
      if (startOf(minute, at) !== startAt) {
        startAt = startOf(minute, at)
        drafts = minutes.get(startAt) ?? new Map()
        minutes.set(startAt, drafts)
      }
      const draft = drafts.get(path)
      if (draft === undefined) drafts.set(path, Rollup.begin(at - startAt, value))
      else Rollup.take(draft, at - startAt, value)
    }
  }
  const rows: Array<HistoryRow> = []
  for (const [startAt, drafts] of minutes) {
    const signals: Record<string, Rollup.Rollup> = {}
    for (const [path, draft] of drafts) signals[path] = Rollup.pack(draft)
    rows.push({ vin, bucketMs: minute, startAt, signals })
  }
  return rows.length < 2 ? rows : rows.toSorted((a, b) => a.startAt - b.startAt)
}

const isOfLaterHour = (at: number, than: number): boolean => startOf(hour, at) > startOf(hour, than)

/** A vehicle's rows as they change. */
class Rows {
  newest: HistoryRow | undefined
  readonly #vin: string
  readonly #given: Given<HistoryRow>
  readonly #changed = new Map<string, HistoryRow>()

  constructor(vin: string, given: Given<HistoryRow>) {
    this.#vin = vin
    this.#given = given
    this.newest = given.newest
  }

  /** Merges a row into that of the larger or same bucket which it lies in. */
  add(bucketMs: BucketSize, more: HistoryRow): HistoryRow {
    const startAt = startOf(bucketMs, more.startAt)
    const known = this.#changed.get(`${bucketMs} ${startAt}`) ?? this.#given.at([bucketMs, startAt])
    return this.put(merged(known ?? { vin: this.#vin, bucketMs, startAt, signals: {} }, more))
  }

  put(row: HistoryRow): HistoryRow {
    this.#changed.set(`${row.bucketMs} ${row.startAt}`, row)
    return row
  }

  changed(): ReadonlyArray<HistoryRow> {
    return [...this.#changed.values()]
  }
}

const addMinute = (rows: Rows, more: HistoryRow): void => {
  const open = rows.newest
  if (open === undefined || more.startAt > open.startAt) {
    if (open !== undefined) {
      const closed = rows.add(hour, open)
      if (isOfLaterHour(more.startAt, open.startAt)) rows.add(day, closed)
    }
    rows.newest = rows.put(more)
  } else if (more.startAt === open.startAt) {
    rows.newest = rows.put(merged(open, more))
  } else {
    if (more.startAt >= minutesFrom(open.startAt)) rows.add(minute, more)
    rows.add(hour, more)
    if (isOfLaterHour(open.startAt, more.startAt)) rows.add(day, more)
  }
}

/** A row with all that another one has, whose bucket lies in it. */
export const merged = (row: HistoryRow, other: HistoryRow): HistoryRow => {
  const signals: Record<string, Rollup.Rollup> = { ...row.signals }
  const later = other.startAt - row.startAt
  for (const path in other.signals) {
    const more = other.signals[path]
    if (more === undefined) continue
    const known = ownOf(signals, path)
    signals[path] = known === undefined ? Rollup.moved(more, later) : Rollup.merge(known, more, later)
  }
  return { vin: row.vin, bucketMs: row.bucketMs, startAt: row.startAt, signals }
}

/** A log may name a signal `constructor`. */
const ownOf = (signals: Signals, path: string): Rollup.Rollup | undefined =>
  Object.hasOwn(signals, path) ? signals[path] : undefined
