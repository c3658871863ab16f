/** Which part of history is wanted. */
import type { Position } from "../eventstore/position.ts"

export interface Selection {
  /** Of these vehicles; of all where it is left out. */
  readonly vins?: ReadonlyArray<string>
  /** Of these event types; of all where it is left out. */
  readonly types?: ReadonlyArray<string>
  /** From this time on, epoch ms, by `clock`. */
  readonly from?: number
  /** Before this time, epoch ms, by `clock`. */
  readonly to?: number
  /**
   * `received`: when the service took an event. `observed`: the vehicle's own clock, so that what it kept while
   * offline counts for when it was measured; where the vehicle did not say, as received.
   */
  readonly clock: "received" | "observed"
  /** Only what stands in the log after this: an export that broke off goes on from its last line's position. */
  readonly after?: Position
}
