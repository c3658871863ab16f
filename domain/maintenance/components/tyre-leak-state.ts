/** What is kept of a tyre. */
import type { Day, Loss } from "./tyre-loss.ts"
import { median } from "../statistics.ts"

export type Low = {
  /** Device time, epoch ms, and the event of the first low sample. */
  readonly since: number
  readonly event: string
  readonly samples: number
  /** It was well filled less than an hour before. */
  readonly fast: boolean
}

export type TyreLeakState = {
  /** Device time of the newest sample, epoch ms; 0: there is none. */
  readonly at: number
  /** Its value, kPa at 20 °C, and as it was told. */
  readonly kPa: number
  readonly told: number
  readonly event: string
  /** Samples of the current day, and those against the siblings. */
  readonly firstAt: number
  readonly samples: ReadonlyArray<number>
  readonly relative: ReadonlyArray<number>
  readonly days: ReadonlyArray<Day>
  /** The others' newest: [epoch ms, kPa at 20 °C]. */
  readonly siblings: ReadonlyArray<readonly [number, number]>
  /** Filled, or first seen, on the current day. */
  readonly isFilled: boolean
  /** What it was filled to, the newest last. */
  readonly fillings: ReadonlyArray<number>
  /** So many samples in a row were far above the level, or, negative, below. */
  readonly off: number
  /** When it was last well filled, epoch ms. */
  readonly wellAt: number
  readonly low: Low | null
  readonly loss: Loss | null
  /** Of the air outside: [epoch ms, °C]. */
  readonly ambient: readonly [number, number] | null
  /** When the vehicle last moved, to within minutes, and when it set out, epoch ms; 0: not known. */
  readonly movedAt: number
  readonly startedAt: number
  readonly servicedAt: number
}

export const initial: TyreLeakState = {
  at: 0,
  kPa: 0,
  told: 0,
  event: "",
  firstAt: 0,
  samples: [],
  relative: [],
  days: [],
  siblings: [[0, 0], [0, 0], [0, 0]],
  isFilled: true,
  fillings: [],
  off: 0,
  wellAt: 0,
  low: null,
  loss: null,
  ambient: null,
  movedAt: 0,
  startedAt: 0,
  servicedAt: 0,
}

/** Of a filling: what a day's samples or the last day say; undefined while nothing is known. */
export const levelOf = ({ days, samples }: TyreLeakState): number | undefined =>
  samples.length >= 3 ? median(samples) : days.at(-1)?.[1] ?? median(samples)

/** The lowest of the last fillings: some fill up for a heavy load and let out after it. */
export const usualOf = ({ fillings }: TyreLeakState): number | undefined =>
  fillings.length === 0 ? undefined : Math.min(...fillings)

/** UN R141: a tyre that lost a fifth of its pressure, or has less than 150 kPa, is to be warned of. */
export const lowShare = 0.8
export const wellShare = 0.9
const leastKPa = 150
/** So many in a row. */
export const lowSamples = 3

export const lowLineOf = (usual: number): number =>
  usual * wellShare > leastKPa ? Math.max(lowShare * usual, leastKPa) : lowShare * usual
