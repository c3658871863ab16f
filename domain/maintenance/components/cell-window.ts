/**
 * What is summed up of a traction battery's cells while the car rests, drives or charges: how far each cell's voltage is
 * from the median of all, and how that goes with the current. Cells are read one after the other, so under changing load
 * a single frame proves nothing; the mean over a window does.
 */
import { medianWithin } from "../statistics.ts"
import { pack, type Packed, unpack } from "./packed.ts"

export type Phase = "rest" | "driving" | "charging"

export interface Frame {
  /** V, in the order of the cells. */
  readonly volts: ReadonlyArray<number>
  /** A, positive charges. */
  readonly amperes: number
  /** %. */
  readonly soc: number | undefined
  /** Of the epoch. */
  readonly minute: number
}

/** Sums over the frames since the window was opened. Voltages in mV, currents in A, times in minutes since `first`. */
export type Window = {
  readonly n: number
  readonly first: number
  readonly minutes: number
  readonly amperes: number
  readonly squares: number
  readonly soc: number
  /** How many of the frames told a state of charge. */
  readonly socs: number
  readonly volts: number
  readonly voltSquares: number
  readonly products: number
  /** One a cell: deviation from the median, in tenths of a mV, and its product with the current, mV A. */
  readonly cells: Packed
  readonly cellProducts: Packed
}

/** What no cell has that works, V: a sensor's error code, a broken wire. Lithium cells live between 1.5 V and 4.5 V. */
const plausible = { min: 0.1, max: 5 }
/** Of more than every fourth cell, the frame says more about the bus than about the cells. */
const maxImplausible = 0.25
/** One frame counts no further than this, mV, so that a wild value among twenty moves their mean by 50 mV at most. */
const reachMv = 1000

const tenths = 10

const isPlausible = (volt: number) => volt > plausible.min && volt < plausible.max

/** To a `scale`th, and never -0, which JSON does not keep. */
export const rounded = (value: number, scale: number): number => Math.round(value * scale) / scale + 0

let scratch = new Float64Array(256)

/** Of the plausible ones, V; undefined where those are too few. */
const medianOf = (volts: ReadonlyArray<number>): number | undefined => {
  if (scratch.length < volts.length) scratch = new Float64Array(volts.length)
  let good = 0
  for (const volt of volts) if (isPlausible(volt)) scratch[good++] = volt
  if (good < volts.length * (1 - maxImplausible)) return undefined
  return medianWithin(scratch, good)
}

export const open = (minute: number): Window => ({
  n: 0,
  first: minute,
  minutes: 0,
  amperes: 0,
  squares: 0,
  soc: 0,
  socs: 0,
  volts: 0,
  voltSquares: 0,
  products: 0,
  cells: "",
  cellProducts: "",
})

/** Undefined where the frame is not worth counting. At rest there is no current that could tell a resistance. */
export const add = (window: Window, { amperes, minute, soc, volts }: Frame, phase: Phase): Window | undefined => {
  const middle = medianOf(volts)
  if (middle === undefined) return undefined
  const median = 1000 * middle
  const { n } = window
  const cells = unpack(window.cells)
  const cellProducts = unpack(window.cellProducts)
  const isAtRest = phase === "rest"
  for (let i = 0; i < volts.length; i++) {
    const volt = volts[i] ?? 0
    const sum = cells[i] ?? 0
    // A cell that was not measured is taken to be where it was before.
    const deviation = isPlausible(volt)
      ? Math.max(-reachMv, Math.min(reachMv, 1000 * volt - median))
      : n > 0 ? sum / n / tenths : 0
    cells[i] = sum + Math.round(deviation * tenths)
    if (!isAtRest) cellProducts[i] = (cellProducts[i] ?? 0) + Math.round(deviation * amperes)
  }
  return {
    n: n + 1,
    first: window.first,
    minutes: window.minutes + minute - window.first,
    amperes: rounded(window.amperes + amperes, 10),
    squares: rounded(window.squares + amperes * amperes, 10),
    soc: rounded(window.soc + (soc ?? 0), 10),
    socs: window.socs + (soc === undefined ? 0 : 1),
    volts: rounded(window.volts + median, 10),
    voltSquares: rounded(window.voltSquares + median * median, 10),
    products: rounded(window.products + median * amperes, 10),
    cells: pack(cells),
    cellProducts: pack(cellProducts),
  }
}

/** What a window says when it is full. */
export interface Means {
  /** Of the epoch; days, as far as the trend is concerned. */
  readonly day: number
  readonly amperes: number
  readonly soc: number | undefined
  /** The median cell's, mV. */
  readonly volts: number
  /** mV. */
  readonly cells: ReadonlyArray<number>
  /** µΩ, where the current changed enough to tell: of the median cell, and what each cell has above it. */
  readonly resistance: { readonly median: number; readonly excess: ReadonlyArray<number> } | undefined
}

const minutesADay = 1440

/**
 * `minSwing`: standard deviation of the current, A, from which on it tells a resistance; `minFit`: the share of the median
 * cell's variance that the current explains, below which the two were not measured at the same time.
 */
export const meansOf = (window: Window, minSwing: number, minFit: number): Means => {
  const { n } = window
  const amperes = window.amperes / n
  const variance = window.squares / n - amperes * amperes
  const slope = (sum: number, products: number) => 1000 * (products / n - amperes * sum / n) / variance
  const mean = window.volts / n
  const along = window.products / n - amperes * mean
  const sums = unpack(window.cells)
  const fit = along * along / (variance * (window.voltSquares / n - mean * mean))
  return {
    day: (window.first + window.minutes / n) / minutesADay,
    amperes,
    soc: window.socs > 0 ? window.soc / window.socs : undefined,
    volts: mean,
    cells: sums.map((sum) => sum / n / tenths),
    resistance: variance < minSwing * minSwing || fit < minFit ? undefined : {
      median: slope(window.volts, window.products),
      excess: unpack(window.cellProducts).map((products, i) => slope((sums[i] ?? 0) / tenths, products)),
    },
  }
}
