/**
 * What has just come into the read model, told to who is subscribed. The projector publishes after its commit, so a
 * reader who fetches again on a change never reads the past.
 */
import { Context, type Effect, type Scope } from "effect"
import type { AlertRow } from "../../projections/alerts.ts"
import type { VehicleRow } from "../../projections/vehicles.ts"
import type { Position } from "../eventstore/position.ts"

/** One batch of the projector: each vehicle and each alert once, as it was and as it is. */
export interface Committed {
  /**
   * What came after this is in the batch. Where it is past the position of the batch before, what lies between was
   * committed by another projector, or by one that failed before it could tell: it is in the read model alone.
   */
  readonly after: Position
  /** Everything up to here is in the read model. */
  readonly position: Position
  readonly vehicles: ReadonlyArray<{ readonly before: VehicleRow | undefined; readonly after: VehicleRow }>
  readonly alerts: ReadonlyArray<{ readonly before: AlertRow | undefined; readonly after: AlertRow }>
}

export class Changes extends Context.Service<Changes, {
  /** For the projector. Never waits: who cannot follow loses the batches, not the projector its pace. */
  readonly publish: (committed: Committed) => Effect.Effect<void>
  /** Calls `listener`, which must be quick and not throw, on every batch until the scope closes. */
  readonly listen: (listener: (committed: Committed) => void) => Effect.Effect<void, never, Scope.Scope>
}>()("vehicle-twin/live/Changes") {}
