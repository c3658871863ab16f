import type { Effect, Scope } from "effect"
import type { Random } from "../../src/simulator/random.ts"
import type { World } from "./world.ts"

/** Something that befalls a service or what it stands on. */
export interface Fault {
  /** For the table. */
  readonly kind: string
  /**
   * Lets it happen, and end. `over` is told when what was away is back, from which the recovery is counted. The answer
   * is asked for after the recovery: whether the fault hit anything.
   */
  readonly strike: (
    world: World,
    random: Random,
    over: Effect.Effect<void>,
  ) => Effect.Effect<() => boolean, never, Scope.Scope>
}
