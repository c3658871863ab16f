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
import { temporaryFolder } from "../support/temporary-folder.ts"

export interface HydrationFigures {
  readonly events: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

const samples = 2_000

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

/** In turn, so that what else the machine does falls on all alike. */
const measure = Effect.fnUntraced(function*(lengths: ReadonlyArray<number>) {
  const { hydrate } = yield* Hydration
  const millis = lengths.map(() => new Array<number>())
  for (let i = 0; i < samples; i++) {
    for (const [n] of lengths.entries()) {
      const started = performance.now()
      yield* hydrate(vinOf(n))
      millis[n]?.push(performance.now() - started)
    }
  }
  return lengths.map((events, n): HydrationFigures => {
    const sorted = millis[n]?.toSorted((a, b) => a - b) ?? []
    const at = (q: number) => sorted[Math.floor(q * samples)] ?? Number.NaN
    return { events, p50: at(0.5), p99: at(0.99) }
  })
})

export const benchHydration = Effect.fnUntraced(function*() {
  const folder = yield* temporaryFolder
  const layer = Layer.mergeAll(LocalVehicles.layer({ admission: "open" }), Hydration.layer).pipe(
    Layer.provideMerge(Sqlite.layer({ file: `${folder}/log.db` })),
  )
  return yield* Effect.gen(function*() {
    const lengths = [100, 1_000, 10_000, 100_000]
    for (const [i, events] of lengths.entries()) yield* grow(vinOf(i), events)
    return yield* measure(lengths)
  }).pipe(Effect.provide(layer))
}, Effect.scoped)
