import { Effect } from "effect"

/** Waits until something holds. A test that waits in vain ends at its time limit. */
export const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.andThen(Effect.sleep(2), until(holds))))
