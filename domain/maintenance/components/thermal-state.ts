/** What is kept of something that runs warm. */
import { noPast, type Sums } from "./thermal-past.ts"

export type Hot = {
  readonly celsius: number
  readonly at: number
  readonly event: string
  /** So many minutes; and since then so many hours that stayed well below. */
  readonly minutes: number
  readonly coolHours: number
}

export type ThermalState = {
  /** The minute last sampled, its device time, epoch ms, and the load behind the lag, kW. */
  readonly at: number
  readonly load: number
  /** When this run began, epoch ms; 0: not running. */
  readonly since: number
  /** Of the air outside: [epoch ms, °C]. */
  readonly ambient: readonly [number, number] | null
  /** The current hour, and its sums: samples, load, air, temperature; and the highest temperature. */
  readonly hour: number
  readonly sums: readonly [number, number, number, number]
  readonly highest: number
  readonly past: Sums
  /** Lowest and highest hourly load and air that were learned. */
  readonly seen: readonly [number, number, number, number] | null
  /** Mean absolute deviation from what was expected, K. */
  readonly deviation: number
  /** By how much the last hours that could be judged were hotter than expected, K. */
  readonly excess: ReadonlyArray<number>
  readonly judgedAt: number
  readonly event: string
  readonly hot: Hot | null
  readonly servicedAt: number
}

export const initial: ThermalState = {
  at: 0,
  load: 0,
  since: 0,
  ambient: null,
  hour: 0,
  sums: [0, 0, 0, 0],
  highest: 0,
  past: noPast,
  seen: null,
  deviation: 3,
  excess: [],
  judgedAt: 0,
  event: "",
  hot: null,
  servicedAt: 0,
}

/** Heat counts once it has lasted for so many minutes. */
export const hotMinutes = 3

/** K; an excess that matters, and in mean absolute deviations. */
const leastExcess = 10
const deviations = 5

/** An excess from which on something is amiss, K. */
export const lineOf = (deviation: number): number => Math.max(leastExcess, deviations * deviation)
