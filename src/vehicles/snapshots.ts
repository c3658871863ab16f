/** Writes snapshots on `snapshot-<VIN>`, outside the way of an append. One that cannot be written costs only time. */
import { Context, Effect, Layer, Semaphore } from "effect"
import * as Identity from "../../domain/vehicle/identity.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import * as Snapshot from "../../domain/vehicle/snapshot.ts"
import type * as State from "../../domain/vehicle/state.ts"
import { EventStore } from "../eventstore/event-store.ts"
import { policy } from "./policy.ts"

export class Snapshots extends Context.Service<Snapshots, {
  readonly write: (state: State.State) => Effect.Effect<void>
}>()("vehicle-twin/vehicles/Snapshots") {
  static readonly layer = Layer.effect(
    Snapshots,
    Effect.gen(function*() {
      const store = yield* EventStore
      const places = yield* Semaphore.make(policy.snapshotsAtOnce)
      const write = Effect.fnUntraced(
        function*(state: State.State) {
          const { revision, updatedAt, vin } = state.twin
          yield* store.append(Snapshot.streamOf(vin), "any", [{
            id: Identity.uuid(`${vin} snapshot ${Snapshot.version} ${revision}`),
            type: Snapshot.eventType,
            data: Snapshot.encode(state),
            metadata: Snapshot.metadata(state, toTime(updatedAt)),
          }])
        },
        Effect.catch((error) => Effect.logWarning("A snapshot was not written", error)),
        places.withPermit,
      )
      return Snapshots.of({ write })
    }),
  )
}
