/**
 * From estimates of the capacity to a state of health: what the pack holds today over what it held as new, and the
 * latter is measured where it was new when first seen, else taken from the maker's figures, else not known.
 */
import {
  daysAYear,
  type Estimate,
  fadeOf,
  type Level,
  levelOf,
  levelOn,
  type Quarter,
} from "./battery-capacity-statistics.ts"
import { rounded } from "./score-line.ts"

/** Reckoned when a charge ends. */
export type Health = {
  /** Days since the epoch. */
  readonly day: number
  /** Percent of the capacity as new, and its standard deviation in points. */
  readonly percent: number
  readonly sigma: number
  readonly ah: number
  readonly reference: number
  readonly basis: "new" | "maker" | "seen"
  /** Points lost a year, and their standard deviation. */
  readonly fade: number
  readonly fadeSigma: number
}

export type Known = {
  /** The pack is known from new; null while that is open. */
  readonly isNew: boolean | null
  readonly grossKwh: number | null
  readonly volts: number | null
  /** The first estimates, and once those are enough, what they come to. */
  readonly early: ReadonlyArray<Estimate>
  readonly asSeen: Level | null
  readonly recent: ReadonlyArray<Estimate>
  readonly quarters: ReadonlyArray<Quarter>
}

/** What can be used of the gross capacity, and how far that differs with maker, pack and sensor, percent. */
const usableShare = 0.95
const makerSigma = 3.3
/** Of smaller packs, those of hybrids, makers hold back anything from a tenth to a third. */
const minMakerKwh = 30
/** Shares of the maker's figure that a pack may hold when first seen; outside of it the figure is not of this pack. */
const believable = [0.6, 1.15] as const
/** What a new pack has lost by the middle of its first quarter: calendar ageing goes with the root of time. */
const firstLoss = 0.008
/** What does not average out: how the estimator's scale changes over years, percent. */
const ownSigma = 0.7

type Reference = Level & { readonly basis: Health["basis"] }

const referenceOf = ({ asSeen, early, grossKwh, isNew, volts }: Known): Reference | undefined => {
  const level = asSeen ?? levelOf(early)
  if (level === undefined) return undefined
  const sigma = Math.hypot(level.sigma, ownSigma)
  if (isNew === true) return { ah: level.ah * (1 + firstLoss), sigma, basis: "new" }
  if (grossKwh !== null && volts !== null && grossKwh >= minMakerKwh) {
    const ah = (usableShare * 1000 * grossKwh) / volts
    if (level.ah > believable[0] * ah && level.ah < believable[1] * ah) return { ah, sigma: makerSigma, basis: "maker" }
  }
  return { ah: level.ah, sigma, basis: "seen" }
}

export const healthOf = (known: Known, day: number): Health | null => {
  const reference = referenceOf(known)
  if (reference === undefined) return null
  const fade = fadeOf(known.quarters, reference.ah)
  const level = levelOn(day, known.recent, fade)
  if (level === undefined) return null
  const percent = (100 * level.ah) / reference.ah
  return {
    day,
    percent: rounded(percent, 2),
    sigma: rounded((Math.hypot(level.sigma, reference.sigma) * percent) / 100, 2),
    ah: rounded(level.ah, 1),
    reference: rounded(reference.ah, 1),
    basis: reference.basis,
    fade: rounded(-100 * daysAYear * fade.aDay, 2),
    fadeSigma: rounded(100 * daysAYear * fade.sigma, 2),
  }
}
