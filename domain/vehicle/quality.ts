/** How far a value is to be trusted now. Silence is no event, so this is worked out when a value is read. */
import type { ReadingQuality } from "./observation.ts"
import type { SignalState } from "./twin.ts"

/** `STALE`: it was good, but is older than its signal may be. */
export type Quality = ReadingQuality | "STALE"

/**
 * @param staleAfter The age past which the signal's values are stale, ms; `Infinity` where they never are.
 * @param now Epoch ms. Age is this less the device time, so a clock that is ahead makes no value stale.
 */
export const qualityAt = (
  signal: Pick<SignalState, "at" | "quality">,
  staleAfter: number,
  now: number,
): Quality => signal.quality === "GOOD" && now - signal.at > staleAfter ? "STALE" : signal.quality
