/** What is kept of an axle's brake pads. */
import { type Braked, nothingBraked } from "./brake-energy.ts"
import { median } from "../statistics.ts"

/** [MJ braked away for each tonne since the pads were new or first seen, wear in per cent, epoch ms, km or null]. */
export type Mark = readonly [number, number, number, number | null]

export type BrakePadsState = {
  /** The hourly wear, per cent, of the pad that is worn most; the newest last. */
  readonly wear: ReadonlyArray<number>
  readonly wearAt: number
  readonly wearEvent: string
  /** Where the wear had grown. */
  readonly marks: ReadonlyArray<Mark>
  /** Wear in per cent for each MJ, and between what it lies in nine of ten cases. */
  readonly rate: { readonly likely: number; readonly low: number; readonly high: number } | null
  /** When the car last told whether they are worn, epoch ms, 0: never; and what it has said for hours. */
  readonly toldAt: number
  readonly toldEvent: string
  readonly isWorn: boolean
  /** So many hourly looks in a row contradicted that. */
  readonly contradictions: number
  readonly braked: Braked
  /** km. */
  readonly odometer: number | null
  /** When the pads were replaced, or else serviced, epoch ms; 0: not known. */
  readonly replacedAt: number
  readonly servicedAt: number
}

export const initial: BrakePadsState = {
  wear: [],
  wearAt: 0,
  wearEvent: "",
  marks: [],
  rate: null,
  toldAt: 0,
  toldEvent: "",
  isWorn: false,
  contradictions: 0,
  braked: nothingBraked,
  odometer: null,
  replacedAt: 0,
  servicedAt: 0,
}

/** Known once most of the last hours' readings are. */
export const levelOf = ({ wear }: BrakePadsState): number | undefined => wear.length < 3 ? undefined : median(wear)
