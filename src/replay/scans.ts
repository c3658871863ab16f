/**
 * Scans of the log in a thread of its own, for whoever must keep the event loop free: their lines come as blocks of
 * bytes, transferred, and the thread runs ahead of their reader by a few blocks only. It is started for the first scan
 * and ends when none has run for a while.
 */
import { Worker } from "node:worker_threads"
import { NodeWorker } from "@effect/platform-node"
import { Context, Effect, Layer, RcRef, Schema, type Scope, Semaphore, Stream } from "effect"
import { Rpc, RpcClient, RpcGroup } from "effect/rpc"
import { Transferable } from "effect/workers"
import type { LogLocation } from "../eventstore/location.ts"

/** At once. More would only share the thread. */
const mostScans = 4
/** How long the thread is kept for the next scan. */
const idle = "1 minute"
const blocksAhead = 4
const resourceLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 256 }

export class ScanFailed extends Schema.TaggedError<ScanFailed>()("ScanFailed", { message: Schema.String }) {}

export class TooManyScans extends Schema.TaggedError<TooManyScans>()("TooManyScans", {}) {
  override get message() {
    return `${mostScans} exports are under way, and no more are run at once: try again later`
  }
}

const Strings = Schema.Array(Schema.String)

export const ScanRequest = Schema.Struct({
  /** See `selection.ts`. */
  selection: Schema.Struct({
    vins: Schema.optionalKey(Strings),
    types: Schema.optionalKey(Strings),
    from: Schema.optionalKey(Schema.Finite),
    to: Schema.optionalKey(Schema.Finite),
    clock: Schema.Literals(["received", "observed"]),
    after: Schema.optionalKey(Schema.String.pipe(Schema.brand("Position"))),
  }),
  /** Events at most. */
  limit: Schema.optionalKey(Schema.Int),
  /** Readings in the long form in place of events; of these paths, or of all. */
  readings: Schema.optionalKey(Schema.Struct({ paths: Schema.optionalKey(Strings) })),
})
export type ScanRequest = typeof ScanRequest.Type

/** What the thread does. */
export const ScanRpcs = RpcGroup.make(
  Rpc.make("Scan", { payload: ScanRequest, success: Transferable.Uint8Array, error: ScanFailed, stream: true }),
)

export class Scans extends Context.Service<Scans, {
  /**
   * Lines of NDJSON, in blocks that each end with a line. Counts as under way until the scope closes; interrupted, it
   * stops reading. Fails with `TooManyScans` at once.
   */
  readonly scan: (
    request: ScanRequest,
  ) => Effect.Effect<Stream.Stream<Uint8Array, ScanFailed>, TooManyScans, Scope.Scope>
}>()("vehicle-twin/replay/Scans") {}

const thread = (location: LogLocation) =>
  RpcClient.layerProtocolWorker({ size: 1, concurrency: mostScans }).pipe(
    Layer.provide(
      NodeWorker.layer(() =>
        new Worker(new URL("./scan-worker.ts", import.meta.url), { workerData: location, resourceLimits })
      ),
    ),
  )

const failed = ({ message }: { readonly message: string }) => new ScanFailed({ message })

export const layer = (location: LogLocation) =>
  Layer.effect(Scans, Effect.gen(function*() {
    const permits = yield* Semaphore.make(mostScans)
    const permit = Effect.acquireRelease(
      Effect.filterOrFail(permits.takeIfAvailable(1), (taken) => taken, () => new TooManyScans()),
      () => permits.release(1),
    )
    const client = yield* RcRef.make({
      acquire: Effect.flatMap(Layer.build(thread(location)), (context) =>
        Effect.provide(RpcClient.make(ScanRpcs, { disableTracing: true }), context)),
      idleTimeToLive: idle,
    })
    return Scans.of({
      scan: Effect.fnUntraced(function*(request) {
        yield* permit
        return Stream.unwrap(Effect.map(RcRef.get(client), ({ Scan }) =>
          Scan(request, { streamBufferSize: blocksAhead }))).pipe(Stream.mapError(failed), Stream.scoped)
      }),
    })
  }))
