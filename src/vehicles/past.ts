/**
 * Twins as they were known at a time: what the service had received by then, whatever has come late since. Read from
 * the log, beside the actors.
 */
import { Context, Effect, Layer, Stream } from "effect"
import { streamOf } from "../../domain/vehicle/events.ts"
import * as State from "../../domain/vehicle/state.ts"
import type { Twin } from "../../domain/vehicle/twin.ts"
import { EventStore } from "../eventstore/event-store.ts"
import { archivedOf } from "./archive-marks.ts"
import { HistoryArchived, NotKnownYet, VehicleNotFound } from "./errors.ts"
import { type FoldError, foldStream, receiptOf } from "./fold-stream.ts"
import { Snapshots } from "./snapshots.ts"

export class Past extends Context.Service<Past, {
  /**
   * The twin as it was known at a time, epoch ms. Reads what lies between two snapshots, and of the snapshots as many
   * as finding one takes. What is being received while this is asked may be missing from an answer about that moment.
   */
  readonly asOf: (
    vin: string,
    time: number,
  ) => Effect.Effect<Twin, VehicleNotFound | NotKnownYet | HistoryArchived | FoldError>
}>()("vehicle-twin/vehicles/Past") {
  static readonly layer = Layer.effect(
    Past,
    Effect.gen(function*() {
      const store = yield* EventStore
      const snapshots = yield* Snapshots

      /** Receipt of a stream's first event from a revision on, epoch ms. */
      const receiptFrom = Effect.fnUntraced(function*(vin: string, from: number) {
        const [first] = yield* Stream.runCollect(store.read(streamOf(vin), { from, limit: 1 }))
        if (first === undefined) return yield* new VehicleNotFound({ vin })
        const receivedAt = receiptOf(first)
        return Number.isNaN(receivedAt) ? first.created : receivedAt
      })

      /** Fails where the log itself has no answer. */
      const checkArchive = Effect.fnUntraced(function*(vin: string, at: number) {
        const marks = yield* archivedOf(store, vin)
        const [oldest] = marks
        const newest = marks.at(-1)
        if (oldest === undefined || newest === undefined) return
        const since = Date.parse(oldest.firstReceivedAt)
        if (at < since) return yield* new NotKnownYet({ vin, at, since })
        const boundary = yield* receiptFrom(vin, newest.toRevision + 1)
        if (at >= boundary) return
        const { file } = marks.findLast(({ firstReceivedAt }) => Date.parse(firstReceivedAt) <= at) ?? oldest
        return yield* new HistoryArchived({ vin, at, file, since: boundary })
      })

      const asOf = Effect.fnUntraced(function*(vin: string, time: number) {
        const revision = yield* store.revision(streamOf(vin))
        if (revision < 0) return yield* new VehicleNotFound({ vin })
        const snapshot = yield* snapshots.nearest(vin, { revision, receivedAt: time })
        if (snapshot === undefined) yield* checkArchive(vin, time)
        const { twin } = yield* foldStream(store, snapshot ?? State.initial(vin), time)
        if (twin.revision >= 0) return twin
        return yield* new NotKnownYet({ vin, at: time, since: yield* receiptFrom(vin, 0) })
      })

      return Past.of({ asOf })
    }),
  ).pipe(Layer.provide(Snapshots.layer))
}
