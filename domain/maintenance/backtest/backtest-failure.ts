/** Failures that are known to have happened, against which a backtest judges alerts; and what was repaired when. */
import { covers } from "../model.ts"

const dayMs = 24 * 3_600_000

export interface Failure {
  readonly vin: string
  /** `tyres` stands for each of them, `tyres.frontLeft` for that one. */
  readonly component: string
  /** When it was established, by a workshop or the vehicle's own last warning, epoch ms; of a date its beginning. */
  readonly at: number
  /** The same, or the end of the date. */
  readonly until: number
  /** Since when it could have been known, epoch ms. */
  readonly from: number | undefined
  readonly note: string | undefined
}

/** Work that makes a component another one; epoch ms. */
export interface Repair {
  readonly component: string
  readonly at: number
}

/** Whether a failure is one of what a model of this component watches. */
export const concerns = (failure: Failure, component: string): boolean =>
  covers(failure.component, component) || covers(component, failure.component)

/** What a workshop did up to a day before it established the failure belongs to it, not to the time before. */
const isAfter = (repair: Repair, failure: Failure): boolean => repair.at >= failure.at - dayMs

const isRepaired = (repairs: ReadonlyArray<Repair>, component: string, failure: Failure, at: number): boolean =>
  repairs.some((repair) => covers(repair.component, component) && isAfter(repair, failure) && repair.at <= at)

/**
 * Whether the component is broken at a time, epoch ms: a failure was established and is not repaired. It counts for no
 * longer than the horizon, since not every repair is recorded.
 */
export const isBroken = (
  failures: ReadonlyArray<Failure>,
  repairs: ReadonlyArray<Repair>,
  component: string,
  at: number,
  horizonDays: number,
): boolean =>
  failures.some((failure) =>
    concerns(failure, component) && failure.until < at && at <= failure.until + horizonDays * dayMs
    && !isRepaired(repairs, component, failure, at)
  )

/** Whether a warning at a time, epoch ms, foretells the failure: not too long before, and of the part that failed. */
export const isForetold = (
  failure: Failure,
  repairs: ReadonlyArray<Repair>,
  component: string,
  at: number,
  horizonDays: number,
): boolean => {
  if (!concerns(failure, component) || at > failure.until) return false
  if (at < Math.min(failure.at - horizonDays * dayMs, failure.from ?? Infinity)) return false
  return !repairs.some((repair) => covers(repair.component, component) && repair.at > at && !isAfter(repair, failure))
}
