/** The thread that `scans.ts` starts: it reads the log that it is given, beside whoever appends to it. */
import { workerData } from "node:worker_threads"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import { Effect, Layer, Stream } from "effect"
import { RpcServer } from "effect/rpc"
import { loadCatalogue } from "../catalogue-file.ts"
import { EventStore } from "../eventstore/event-store.ts"
import * as Log from "../eventstore/location.ts"
import * as Logging from "../logging.ts"
import { Settings } from "../settings.ts"
import { forReadings, tally, toText } from "./export.ts"
import { ScanFailed, ScanRpcs } from "./scans.ts"
import { select } from "./select.ts"

const handlers = ScanRpcs.toLayer(Effect.gen(function*() {
  const store = yield* EventStore
  const catalogue = yield* loadCatalogue((yield* Settings).vssFile)
  return {
    Scan: ({ limit, readings, selection: asked }) => {
      const { filter, selection } = readings === undefined
        ? { filter: undefined, selection: asked }
        : forReadings(asked, readings.paths)
      const events = select(store, selection).pipe(
        (all) => limit === undefined ? all : Stream.take(all, limit),
      )
      const shape = filter === undefined ? { _tag: "Events" as const } : { _tag: "Long" as const, filter }
      return toText(events, shape, catalogue, tally()).pipe(
        Stream.mapError(({ message }) => new ScanFailed({ message })),
      )
    },
  }
}))

RpcServer.layer(ScanRpcs, { disableTracing: true }).pipe(
  Layer.provide(handlers),
  Layer.provide(RpcServer.layerProtocolWorkerRunner),
  Layer.provide(NodeWorkerRunner.layer),
  Layer.provide(Log.layerReadOnly(workerData)),
  Layer.provide(Logging.layerFromSettings),
  Layer.provide(Settings.layer),
  Layer.provide(NodeServices.layer),
  Layer.launch,
  NodeRuntime.runMain,
)
