/** The history projection over rows in memory. */
import type { VehicleRecord } from "../../domain/vehicle/record.ts"
import { completed } from "../../projections/history-series.ts"
import { type BucketSize, history, type HistoryRow, hour, minute, startOf } from "../../projections/history.ts"

const placeOf = (bucketMs: number, startAt: number): string => `${bucketMs} ${startAt}`

/** Of one vehicle. */
export class HistoryRows {
  readonly #rows = new Map<string, HistoryRow>()
  newest: HistoryRow | undefined

  /** All at once, as a batch. The fold is given what it asked for, and nothing else. */
  fold(vin: string, records: ReadonlyArray<VehicleRecord>): void {
    const inputs = records.map((record) => history.input(record)).filter((input) => input !== undefined)
    const asked = new Set([...history.touches(this.newest, inputs)].map((key) => key.join(" ")))
    const at = (key: ReadonlyArray<string | number>) => {
      const place = key.join(" ")
      if (!asked.has(place)) throw new Error(`${place} was not asked for`)
      return this.#rows.get(place)
    }
    for (const row of history.evolve(vin, { newest: this.newest, at }, inputs)) {
      const stored: HistoryRow = JSON.parse(JSON.stringify(row))
      this.#rows.set(placeOf(row.bucketMs, row.startAt), stored)
      if (row.bucketMs === minute && row.startAt >= (this.newest?.startAt ?? -Infinity)) this.newest = stored
    }
    const keptFrom = this.newest === undefined ? -Infinity : history.keptFrom(this.newest)
    for (const [place, row] of this.#rows) {
      if (row.bucketMs === minute && row.startAt < Number(keptFrom)) this.#rows.delete(place)
    }
  }

  /** In one order. */
  get all(): ReadonlyArray<HistoryRow> {
    return [...this.#rows.values()].toSorted((a, b) => a.bucketMs - b.bucketMs || a.startAt - b.startAt)
  }

  /** Complete, in the order of time. */
  read(bucketMs: BucketSize, from = -Infinity, to = Infinity): ReadonlyArray<HistoryRow> {
    const isWithin = (startAt: number) => startAt >= from && startAt < to
    const whole = this.all.filter((row) => row.bucketMs === bucketMs && isWithin(row.startAt))
    const ofHour = this.#rows.get(placeOf(hour, startOf(hour, this.newest?.startAt ?? 0)))
    const smaller = bucketMs === minute ? [] : bucketMs === hour ? [this.newest] : [this.newest, ofHour]
    const open = smaller.filter((row) => row !== undefined).filter((row) => isWithin(startOf(bucketMs, row.startAt)))
    return completed(bucketMs, whole, open)
  }
}
