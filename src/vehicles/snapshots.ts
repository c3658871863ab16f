/**
 * Snapshots on `snapshot-<VIN>`. They are written outside the way of an append, and one that cannot be written or read
 * costs only time: an earlier one serves, or the stream.
 */
import { Context, Effect, Layer, Option, Semaphore, Stream } from "effect"
import * as Identity from "../../domain/vehicle/identity.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import * as Snapshot from "../../domain/vehicle/snapshot.ts"
import type * as State from "../../domain/vehicle/state.ts"
import { EventStore, type RecordedEvent } from "../eventstore/event-store.ts"
import type { EventStoreError, EventUnreadable, StreamDeleted } from "../eventstore/errors.ts"
import { receiptOf } from "./fold-stream.ts"
import { policy } from "./policy.ts"

export class Snapshots extends Context.Service<Snapshots, {
  readonly write: (state: State.State) => Effect.Effect<void>
  /**
   * The newest snapshot that can be read, is not ahead of a revision, and holds only what was received by a time (epoch
   * ms, the end of time by default). Reads in the order of log n of a vehicle's snapshots, however many are damaged.
   */
  readonly nearest: (
    vin: string,
    upTo: { readonly revision: number; readonly receivedAt?: number },
  ) => Effect.Effect<State.State | undefined, EventStoreError>
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

      /** The first at or after a revision of the stream of snapshots. */
      const onwards = (vin: string, from: number) =>
        one(store.read(Snapshot.streamOf(vin), { from, limit: 1 }), Effect.succeed(from))
      /** The last at or before one. */
      const backwards = (vin: string, from: number) =>
        one(store.readBackwards(Snapshot.streamOf(vin), { from, limit: 1 }), Effect.succeed(from))
      const last = (vin: string) =>
        one(store.readBackwards(Snapshot.streamOf(vin), { limit: 1 }), store.revision(Snapshot.streamOf(vin)))

      /**
       * The last that says that it was made by a time. Bisected: snapshots are nearly always in the order of time, and
       * where two are not, one beside the best is found.
       */
      const lastBy = Effect.fnUntraced(function*(vin: string, time: number) {
        const newest = yield* last(vin)
        if (newest === undefined || madeAt(newest) <= time) return newest
        let found: Found | undefined
        let low = 0
        let high = newest.revision
        while (low < high) {
          const middle = (low + high) >>> 1
          const probe = yield* onwards(vin, middle)
          if (probe === undefined || probe.revision >= high || madeAt(probe) > time) high = middle
          else {
            found = probe
            low = probe.revision + 1
          }
        }
        return found
      })

      const nearest: Snapshots["Service"]["nearest"] = Effect.fnUntraced(function*(vin, upTo) {
        const time = upTo.receivedAt ?? Number.POSITIVE_INFINITY
        let found = yield* lastBy(vin, time)
        // In strides that double, so that thousands of damaged ones are passed in few.
        for (let stride = 1; found !== undefined; stride *= 2) {
          const { revision, stored }: Found = found
          const state = stored && Option.getOrUndefined(Snapshot.decode(vin, stored.data, stored.metadata))
          if (state !== undefined && state.twin.revision <= upTo.revision && state.twin.updatedAt <= time) return state
          found = revision < stride ? undefined : yield* backwards(vin, revision - stride)
          // The first may be the one that all the others rest on, where what was before it is archived.
          found ??= yield* onwards(vin, 0)
          if (found !== undefined && found.revision >= revision) return undefined
        }
        return undefined
      })

      return Snapshots.of({ write, nearest })
    }),
  )
}

interface Found {
  readonly revision: number
  /** Left out where the store itself cannot read it. */
  readonly stored?: RecordedEvent
}

/** A single snapshot; one that the store cannot read stands at `place`. Where the stream was deleted there is none. */
const one = <E>(
  events: Stream.Stream<RecordedEvent, E | EventUnreadable | StreamDeleted>,
  place: Effect.Effect<number, E | StreamDeleted>,
) =>
  Stream.runCollect(events).pipe(
    Effect.map(([stored]): Found | undefined => stored && { revision: stored.revision, stored }),
    Effect.catchTag("EventUnreadable", () => Effect.map(place, (revision): Found => ({ revision }))),
    Effect.catchTag("StreamDeleted", () => Effect.succeed(undefined)),
  )

/** Epoch ms: as its metadata has it, or else when it was written, which was later; the end of time if unreadable. */
const madeAt = ({ stored }: Found): number => {
  if (stored === undefined) return Number.POSITIVE_INFINITY
  const receivedAt = receiptOf(stored)
  return Number.isNaN(receivedAt) ? stored.created : receivedAt
}
