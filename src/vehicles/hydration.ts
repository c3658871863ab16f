/** A vehicle's state from the log: the nearest snapshot, and the events after it. */
import { Context, Effect, Layer, Option, Result, Stream } from "effect"
import * as Record from "../../domain/vehicle/record.ts"
import { streamOf } from "../../domain/vehicle/events.ts"
import * as Snapshot from "../../domain/vehicle/snapshot.ts"
import * as State from "../../domain/vehicle/state.ts"
import { EventStore } from "../eventstore/event-store.ts"
import type { EventStoreError, StreamDeleted } from "../eventstore/errors.ts"

/** Newer snapshots than these were all damaged: better to read the stream than to look further. */
const snapshotsTried = 3

export interface Hydrated {
  readonly state: State.State
  /** The revision of the snapshot it began with, −1 where there was none. */
  readonly snapshotRevision: number
}

export class Hydration extends Context.Service<Hydration, {
  readonly hydrate: (
    vin: string,
  ) => Effect.Effect<Hydrated, StreamDeleted | EventStoreError | Record.UnreadableEvent>
}>()("vehicle-twin/vehicles/Hydration") {
  static readonly layer = Layer.effect(
    Hydration,
    Effect.gen(function*() {
      const store = yield* EventStore

      const newestSnapshot = Effect.fnUntraced(function*(vin: string, head: number) {
        const stored = yield* Stream.runCollect(
          store.readBackwards(Snapshot.streamOf(vin), { limit: snapshotsTried }),
        )
        for (const { data, metadata } of stored) {
          const state = Snapshot.decode(vin, data, metadata)
          // A snapshot may be ahead of a log that was brought back from a backup.
          if (Option.isSome(state) && state.value.twin.revision <= head) return state.value
        }
        return undefined
      })

      const hydrate = Effect.fnUntraced(function*(vin: string) {
        const head = yield* store.revision(streamOf(vin))
        if (head < 0) return { state: State.initial(vin), snapshotRevision: -1 }
        const snapshot = head === 0 ? undefined : yield* newestSnapshot(vin, head)
        const from = snapshot ?? State.initial(vin)
        const state = yield* store.read(streamOf(vin), { from: from.twin.revision + 1 }).pipe(
          Stream.chunks,
          Stream.runFoldEffect(() => from, foldPage),
        )
        return { state, snapshotRevision: snapshot?.twin.revision ?? -1 }
      })

      return Hydration.of({ hydrate })
    }),
  )
}

const foldPage = (
  state: State.State,
  page: ReadonlyArray<Record.Stored>,
): Effect.Effect<State.State, Record.UnreadableEvent> => {
  let folded = state
  for (const stored of page) {
    const record = Record.decode(stored)
    if (Result.isFailure(record)) return Effect.fail(record.failure)
    if (record.success !== undefined) folded = State.evolve(folded, record.success.event, stored.revision)
  }
  return Effect.succeed(folded)
}
