/** How long a vehicle takes to be there again, behind a snapshot, by the length of its stream. */
import { Effect, Layer } from "effect"
import { streamOf } from "../../domain/vehicle/events.ts"
import * as Snapshot from "../../domain/vehicle/snapshot.ts"
import { EventStore } from "../../src/eventstore/event-store.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"
import { Hydration } from "../../src/vehicles/hydration.ts"
import * as LocalVehicles from "../../src/vehicles/local-vehicles.ts"
import { policy } from "../../src/vehicles/policy.ts"
import { Vehicles } from "../../src/vehicles/vehicles.ts"
import { speedAt, vinOf } from "../support/observations.ts"
import { temporaryFolder } from "./service.ts"

export interface HydrationFigures {
  readonly events: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

const samples = 300

const grow = Effect.fnUntraced(function*(vin: ReturnType<typeof vinOf>, events: number) {
  const vehicles = yield* Vehicles
  const store = yield* EventStore
  const step = 250
  for (let from = 0; from < events; from += step) {
    yield* vehicles.observe(vin, Array.from({ length: Math.min(step, events - from) }, (_, i) => speedAt(from + i)))
  }
  // Each as far behind its last snapshot as the next, so that lengths alone are compared.
  if (events < policy.snapshotEvery) {
    const { state } = yield* (yield* Hydration).hydrate(vin)
    const id = "6fd9fdbb-4a3f-5f3e-9a2e-3b1f6a8f5d10"
    yield* store.append(Snapshot.streamOf(vin), "any", [
      { id, type: Snapshot.eventType, data: Snapshot.encode(state), metadata: Snapshot.metadata(state, "") },
    ])
  }
  yield* Effect.sleep("200 millis")
  return yield* store.revision(streamOf(vin))
})

const measure = Effect.fnUntraced(function*(vin: string, events: number) {
  const { hydrate } = yield* Hydration
  const millis: Array<number> = []
  for (let i = 0; i < samples; i++) {
    const started = performance.now()
    yield* hydrate(vin)
    millis.push(performance.now() - started)
  }
  const sorted = millis.toSorted((a, b) => a - b)
  const at = (q: number) => sorted[Math.floor(q * samples)] ?? Number.NaN
  return { events, p50: at(0.5), p99: at(0.99) } satisfies HydrationFigures
})

export const benchHydration = Effect.fnUntraced(function*() {
  const folder = yield* temporaryFolder
  const layer = Layer.mergeAll(LocalVehicles.layer({ admission: "open" }), Hydration.layer).pipe(
    Layer.provideMerge(Sqlite.layer({ file: `${folder}/log.db` })),
  )
  return yield* Effect.gen(function*() {
    const lengths = [100, 1_000, 10_000, 100_000]
    for (const [i, events] of lengths.entries()) yield* grow(vinOf(i), events)
    yield* measure(vinOf(0), 0)
    return yield* Effect.forEach(lengths, (events, i) => measure(vinOf(i), events))
  }).pipe(Effect.provide(layer))
}, Effect.scoped)
