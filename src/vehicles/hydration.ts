/** A vehicle's state from the log: the nearest snapshot, and the events after it. */
import { Context, Effect, Layer } from "effect"
import { streamOf } from "../../domain/vehicle/events.ts"
import * as State from "../../domain/vehicle/state.ts"
import { EventStore } from "../eventstore/event-store.ts"
import { type FoldError, foldStream } from "./fold-stream.ts"
import { Snapshots } from "./snapshots.ts"

export interface Hydrated {
  readonly state: State.State
  /** The revision of the snapshot it began with, −1 where there was none. */
  readonly snapshotRevision: number
}

export class Hydration extends Context.Service<Hydration, {
  readonly hydrate: (vin: string) => Effect.Effect<Hydrated, FoldError>
}>()("vehicle-twin/vehicles/Hydration") {
  static readonly layer = Layer.effect(
    Hydration,
    Effect.gen(function*() {
      const store = yield* EventStore
      const snapshots = yield* Snapshots
      const hydrate = Effect.fnUntraced(function*(vin: string) {
        const revision = yield* store.revision(streamOf(vin))
        if (revision < 0) return { state: State.initial(vin), snapshotRevision: -1 }
        const snapshot = revision === 0 ? undefined : yield* snapshots.nearest(vin, { revision })
        const state = yield* foldStream(store, snapshot ?? State.initial(vin))
        return { state, snapshotRevision: snapshot?.twin.revision ?? -1 }
      })
      return Hydration.of({ hydrate })
    }),
  ).pipe(Layer.provide(Snapshots.layer))
}
