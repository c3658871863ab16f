/**
 * Whether a cell loses charge that its siblings keep: the trend of its deviation in time, with the state of charge taken
 * into account, because a cell of less capacity deviates more the emptier the pack is. Least squares over all windows,
 * of which the old ones fade; a few sums a cell.
 */
import { type Means, rounded } from "./cell-window.ts"
import { pack, type Packed, unpack } from "./packed.ts"

/** Weighted sums, with time counted back from the newest window: days, %, mV. */
export type Drift = {
  readonly day: number
  readonly windows: number
  readonly w: number
  readonly t: number
  readonly tt: number
  readonly s: number
  readonly ss: number
  readonly ts: number
  readonly v: number
  readonly vs: number
  /** One a cell, in hundredths; those with the state of charge in tenths. */
  readonly cells: Packed
  readonly cellsT: Packed
  readonly cellsS: Packed
}

const hundredths = 100
const tenths = 10

export const none: Drift = {
  day: 0,
  windows: 0,
  w: 0,
  t: 0,
  tt: 0,
  s: 0,
  ss: 0,
  ts: 0,
  v: 0,
  vs: 0,
  cells: "",
  cellsT: "",
  cellsS: "",
}

/** `offsets`: the cells' deviations without current, mV. A window older than the newest one counts for the newest. */
export const add = (drift: Drift, means: Means, offsets: ReadonlyArray<number>, fadeDays: number): Drift => {
  const day = Math.max(drift.day, means.day)
  const passed = drift.windows === 0 ? 0 : day - drift.day
  const keep = Math.exp(-passed / fadeDays)
  const soc = means.soc ?? 0
  const { w } = drift
  const cells = unpack(drift.cells, hundredths)
  const cellsT = unpack(drift.cellsT, hundredths)
  const cellsS = unpack(drift.cellsS, tenths)
  return {
    day: rounded(day, 1e4),
    windows: drift.windows + 1,
    w: rounded(w * keep + 1, 1e6),
    t: rounded((drift.t - passed * w) * keep, 1e6),
    tt: rounded((drift.tt - 2 * passed * drift.t + passed * passed * w) * keep, 1e6),
    s: rounded(drift.s * keep + soc, 1e4),
    ss: rounded(drift.ss * keep + soc * soc, 1000),
    ts: rounded((drift.ts - passed * drift.s) * keep, 1e4),
    v: rounded(drift.v * keep + means.volts, 100),
    vs: rounded(drift.vs * keep + means.volts * soc, 10),
    cells: pack(offsets.map((mv, i) => hundredths * ((cells[i] ?? 0) * keep + mv))),
    cellsT: pack(offsets.map((_, i) => hundredths * (((cellsT[i] ?? 0) - passed * (cells[i] ?? 0)) * keep))),
    cellsS: pack(offsets.map((mv, i) => tenths * ((cellsS[i] ?? 0) * keep + mv * soc))),
  }
}

export interface Fit {
  /** mV a day, one a cell. */
  readonly slopes: ReadonlyArray<number>
  /** Deviation now at the mean state of charge, mV. */
  readonly offsets: ReadonlyArray<number>
  /** How long the trend has been seen: of evenly spread windows the time between first and last, days. */
  readonly span: number
  /** By how much the median cell's voltage rises with each per cent of charge, mV; undefined where that did not show. */
  readonly mvPerPercent: number | undefined
}

/** Below this standard deviation of the state of charge, %, all windows are alike in that. */
const minSocSpread = 3
/** Time and state of charge cannot be told apart where they go together more than this (r²). */
const maxCorrelation = 0.8
const minWindows = 8

export const fitOf = (drift: Drift): Fit | undefined => {
  const { w } = drift
  if (drift.windows < minWindows) return undefined
  const t = drift.t / w
  const s = drift.s / w
  const varT = drift.tt / w - t * t
  const varS = drift.ss / w - s * s
  const cov = drift.ts / w - t * s
  if (varT <= 0) return undefined
  const withSoc = varS >= minSocSpread * minSocSpread
  if (withSoc && cov * cov > maxCorrelation * varT * varS) return undefined
  const cells = unpack(drift.cells, hundredths)
  const cellsT = unpack(drift.cellsT, hundredths)
  const cellsS = unpack(drift.cellsS, tenths)
  const slopes = cells.map((sum, i) => {
    const mean = sum / w
    const covT = (cellsT[i] ?? 0) / w - t * mean
    const covS = (cellsS[i] ?? 0) / w - s * mean
    return withSoc ? (covT * varS - covS * cov) / (varT * varS - cov * cov) : covT / varT
  })
  return {
    slopes,
    offsets: cells.map((sum, i) => sum / w - (slopes[i] ?? 0) * t),
    span: Math.sqrt(12 * varT),
    mvPerPercent: withSoc ? (drift.vs / w - s * drift.v / w) / varS : undefined,
  }
}
