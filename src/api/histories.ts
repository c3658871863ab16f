/** Reads histories of many vehicles together: those of one range and size in one go. */
import { Clock, Effect } from "effect"
import { maxAheadMs } from "../../domain/vehicle/clock.ts"
import { type Point, seriesOf } from "../../projections/history-series.ts"
import { minutesFrom, startOf } from "../../projections/history.ts"
import { pathFilter } from "../live/path-filter.ts"
import { ReadModel } from "../readmodel/read-model.ts"
import * as Resolutions from "./resolution.ts"

export interface HistoryKey extends Omit<Resolutions.Asked, "minutesFrom"> {
  readonly vin: string
  /** Of the paths those that are signals, and no branches: each has an answer. */
  readonly signals: ReadonlyArray<string>
}

export interface SignalHistory {
  readonly path: string
  readonly resolution: Resolutions.ResolutionName
  readonly points: ReadonlyArray<Point>
}

/** What vehicles have of minutes, which only matters where a history reaches back far. */
const keptFrom = Effect.fnUntraced(function*(keys: ReadonlyArray<HistoryKey>) {
  const now = yield* Clock.currentTimeMillis
  const old = keys.filter(({ from }) => from < minutesFrom(now + maxAheadMs))
  if (old.length === 0) return new Map<string, number>()
  return yield* ReadModel.use((_) => _.minutesFrom(old.map(({ vin }) => vin)))
})

/** In the order of the keys. Throws `TOO_COSTLY`, and `BAD_INPUT` for what is no longer kept. */
export const histories = Effect.fnUntraced(function*(keys: ReadonlyArray<HistoryKey>) {
  const readModel = yield* ReadModel
  const kept = yield* keptFrom(keys)
  const asked = keys.map((key) => ({ ...key, minutesFrom: kept.get(key.vin) ?? -Infinity }))
  const chosen = Resolutions.chosen(asked)
  const withResolution = keys.map((key, i) => ({ key, resolution: chosen[i] ?? "DAY" }))
  const groups = Map.groupBy(withResolution, ({ key: { from, to }, resolution }) => `${resolution} ${from} ${to}`)
  const answers = new Map<HistoryKey, ReadonlyArray<SignalHistory>>()
  let points = 0
  for (const group of groups.values()) {
    const [first] = group
    if (first === undefined) continue
    const { key: { from, to }, resolution } = first
    const bucketMs = Resolutions.resolutions[resolution]
    const range = { bucketMs: Resolutions.keptOf(resolution), from: startOf(bucketMs, from), to }
    const rows = yield* readModel.history(group.map(({ key }) => key.vin), range)
    for (const { key } of group) {
      const series = seriesOf(rows.get(key.vin) ?? [], bucketMs, pathFilter(key.paths))
      for (const one of series.values()) points += one.length
      // A branch may have brought more than it was taken for.
      if (points > Resolutions.limits.points) throw Resolutions.tooMany("more points than that", asked)
      answers.set(key, answerOf(key, resolution, series))
      yield* Effect.yieldNow
    }
  }
  return keys.map((key) => answers.get(key) ?? [])
})

/** By path: each signal that was named, and of the branches those that have points. */
const answerOf = (
  { signals }: HistoryKey,
  resolution: Resolutions.ResolutionName,
  series: ReadonlyMap<string, ReadonlyArray<Point>>,
): ReadonlyArray<SignalHistory> =>
  [...new Set([...signals, ...series.keys()])]
    .toSorted()
    .map((path) => ({ path, resolution, points: series.get(path) ?? [] }))
