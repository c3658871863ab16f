/** What the cell-fault model keeps: sums of the windows that are open, and averages over those that have ended. */
import * as Drift from "./cell-drift.ts"
import type { Finding, Suspect } from "./cell-suspects.ts"
import type { Phase, Window } from "./cell-window.ts"
import type { Packed } from "./packed.ts"

export type CellFaultState = {
  /** The last sampled one, of the epoch. */
  readonly minute: number
  readonly event: string
  /** Readings before this are of a pack that was worked on since, epoch ms. */
  readonly since: number
  /** How many there are; 0: not known yet. */
  readonly cells: number
  /** Frames in a row with another number of cells. */
  readonly others: number
  readonly windows: Readonly<Record<Phase, Window | null>>
  /** Averages over windows: mV, and of resistance µΩ. */
  readonly offsets: Readonly<Record<Phase, Average>>
  readonly resistance: Average & { readonly median: number }
  readonly drift: Drift.Drift
  readonly trend: Trend | null
  /** The worst cell of each sign. */
  readonly worst: ReadonlyArray<Finding>
  readonly suspects: ReadonlyArray<Suspect>
}

/** One a cell, in tenths. */
export type Average = { readonly windows: number; readonly cells: Packed }
/** What the trend rests on: days, and the rise of the median cell's voltage with the state of charge. */
export type Trend = { readonly span: number; readonly mvPerPercent: number | null; readonly offset: number }

const noAverage: Average = { windows: 0, cells: "" }
export const initial: CellFaultState = {
  minute: 0,
  event: "",
  since: 0,
  cells: 0,
  others: 0,
  windows: { rest: null, driving: null, charging: null },
  offsets: { rest: noAverage, driving: noAverage, charging: noAverage },
  resistance: { ...noAverage, median: 0 },
  drift: Drift.none,
  trend: null,
  worst: [],
  suspects: [],
}
