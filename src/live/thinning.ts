/** Which changes a reader cares about: the log keeps them all, a feed passes over what is too small to matter. */
import type { Signal, SignalValue } from "../../domain/signals/signal.ts"
import type { SignalState } from "../../domain/vehicle/twin.ts"

type Tuning = Pick<Signal, "deadband" | "staleAfter">

/** For a signal that the catalogue does not know. */
const untuned: Tuning = { deadband: 0, staleAfter: Infinity }

/**
 * Whether a reader who was last told one value should be told the next. A number counts from its signal's deadband on,
 * anything else when it changes. What stays the same is told again once half of its staleness has gone by, in device
 * time, so that a reader sees a value go stale only when the vehicle has fallen silent.
 */
export const isNews = (told: SignalState | undefined, next: SignalState, tuning: Tuning = untuned): boolean =>
  told === undefined ||
  told.quality !== next.quality ||
  next.at - told.at >= tuning.staleAfter / 2 ||
  differs(told.value, next.value, tuning.deadband)

const differs = (a: SignalValue | null, b: SignalValue | null, deadband: number): boolean => {
  if (typeof a === "number" && typeof b === "number") return a !== b && Math.abs(a - b) >= deadband
  if (Array.isArray(a) && Array.isArray(b)) return a.length !== b.length || a.some((element, i) => element !== b[i])
  return a !== b
}
