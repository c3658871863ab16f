/**
 * Settings of the cell-fault model, by version. Those of version 1 were derived from what is known of cells and fixed
 * before the model saw any real one. Those of version 2 were fixed after it had seen the two cars of
 * `test/domain/maintenance/real-batteries.test.ts`.
 */
import type { Siblings } from "./cell-suspects.ts"
import type { Phase } from "./cell-window.ts"

export interface CellFaultSettings {
  readonly version: string
  /** Below this current, A, the pack rests: the consumers of a parked car draw about as much through the DC-DC. */
  readonly restAmperes: number
  /** Frames, so minutes, a window. */
  readonly windowFrames: number
  /** Averages reach back over about so many windows of the phase. */
  readonly memoryWindows: number
  readonly siblings: Siblings
  /** So many times the siblings' spread. */
  readonly times: number
  /** mV: a deviation in the phase. */
  readonly offsetMv: Readonly<Record<Phase, number>>
  /** A deviation upwards counts this share of one downwards. */
  readonly highWeight: number
  /** Least spread of the siblings, mV: the step of the cells' voltages. */
  readonly stepMv: number
  /** Excess resistance as a share of the median cell's. */
  readonly resistanceShare: number
  /** A window tells a resistance if the current's standard deviation is at least this, A. */
  readonly swingAmperes: number
  /** …and if the current explains at least this share of the median cell's variance. */
  readonly minFit: number
  /** mV a day, and in all. */
  readonly driftMvPerDay: number
  readonly driftMv: number
  /** Windows fade in the trend by 1/e in so many days. */
  readonly fadeDays: number
  /** Below this state of charge, %, healthy cells part, too, since their voltage falls steeply. */
  readonly minSoc: number
  /** From here on the car should not be driven: a cell so far below the others, or losing charge so fast, mV. */
  readonly stopMv: number
  readonly stopMvPerDay: number
  readonly stopDriftMv: number
}

/**
 * Where the figures come from. A cell of nickel-manganese-cobalt gains about 8 mV at rest with each per cent of charge
 * between 20 and 90 %; of iron phosphate less than 1 mV, so there only the ends and the resistance tell.
 */
export const settings1: CellFaultSettings = {
  version: "1",
  restAmperes: 2,
  windowFrames: 20,
  memoryWindows: 8,
  siblings: "pack",
  // Iglewicz and Hoaglin label an outlier at 3.5. Cells are not normally distributed: modules differ, some cells are
  // merely weak; and five signs are looked at for a hundred cells, again and again.
  times: 6,
  // 20 mV is an imbalance of 2.5 % of charge, about twice what balancing leaves. Under load another 5 % of resistance
  // makes 5 mV at 100 A, and a frame's cells are not read at once.
  offsetMv: { rest: 20, driving: 30, charging: 25 },
  highWeight: 1,
  stepMv: 1,
  // New cells spread by some per cent, aged ones by about ten; at the end of life resistance has doubled.
  resistanceShare: 0.3,
  swingAmperes: 10,
  minFit: 0,
  // Healthy cells lose 1 to 3 % of their charge a month, so 0.3 to 0.8 mV a day, and differ by a part of that. 1 mV a day
  // beyond the siblings is 4 % a month: of 100 Ah a leak of 5 mA, of some 700 Ω.
  driftMvPerDay: 1,
  driftMv: 10,
  fadeDays: 10,
  minSoc: 15,
  // A cell 200 mV below its siblings is empty long before them. 15 mV a day are 2 % of charge a day: of 100 Ah a leak of
  // 80 mA, of 50 Ω, by which internal shorts are counted as no longer early.
  stopMv: 200,
  stopMvPerDay: 15,
  stopDriftMv: 30,
}

export const settings2: CellFaultSettings = {
  ...settings1,
  version: "2",
  // Real packs are read in groups, seconds apart: by the spread of the whole pack a cell hides behind its pack's readout.
  siblings: "neighbours",
  times: 5,
  // The neighbours are read with the cell, so load adds little.
  offsetMv: { rest: 20, driving: 20, charging: 20 },
  // A cell that loses charge, or holds less, ends below the others. One above them is out of balance at worst.
  highWeight: 0.5,
  // Current and voltages may be seconds apart, too. Where one does not explain the other, no resistance follows.
  minFit: 0.5,
}
