/**
 * `Vehicles` in one process, and their `Past`: a map of actors, the ones used last at its end. Where vehicles are
 * spread over processes, each holds this for its own, behind whatever brings a VIN to its process; the revision that
 * every append expects fences a vehicle that two of them hold for a moment.
 */
import { Clock, Duration, Effect, FiberSet, Layer, Metric, Option, Result, Schedule } from "effect"
import * as Decide from "../../domain/vehicle/decide.ts"
import type { VehicleEvent } from "../../domain/vehicle/events.ts"
import type * as State from "../../domain/vehicle/state.ts"
import type { Twin } from "../../domain/vehicle/twin.ts"
import { EventStore } from "../eventstore/event-store.ts"
import { VehicleUnavailable } from "./errors.ts"
import { Hydration } from "./hydration.ts"
import { Past } from "./past.ts"
import { policy } from "./policy.ts"
import { Snapshots } from "./snapshots.ts"
import type { Mail } from "./turn.ts"
import * as VehicleActor from "./vehicle-actor.ts"
import { type Outcome, Vehicles } from "./vehicles.ts"

const clockFaults = Metric.counter("vehicle_twin_vehicles_clock_faults_total", {
  description: "Times a vehicle's clock was found wrong, or wrong anew",
  incremental: true,
})
const resident = Metric.gauge("vehicle_twin_vehicles_resident", { description: "Twins in memory" })

export const layer = (options: {
  readonly admission: Decide.Admission
  /** Twins kept in memory. */
  readonly maxResident?: number
  /** Events of a vehicle between two snapshots. */
  readonly snapshotEvery?: number
}): Layer.Layer<Vehicles | Past, never, EventStore> =>
  Layer.effect(
    Vehicles,
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const context = yield* Effect.context()
      const snapshots = yield* Snapshots
      const fork = yield* FiberSet.makeRuntime<never>()
      const around: VehicleActor.Surroundings = {
        store: yield* EventStore,
        hydration: yield* Hydration,
        admission: options.admission,
        told: (events) => {
          for (const { type } of events) if (type === "ClockFaultDetected") clockFaults.updateUnsafe(1, context)
        },
        snapshot: (state) => fork(snapshots.write(state)),
        snapshotEvery: options.snapshotEvery ?? policy.snapshotEvery,
      }
      const maxResident = options.maxResident ?? policy.maxResident
      const actors = new Map<string, VehicleActor.VehicleActor>()

      const actorOf = (vin: string): VehicleActor.VehicleActor => {
        const now = clock.currentTimeMillisUnsafe()
        const known = actors.get(vin)
        if (known === undefined && actors.size >= maxResident) makeRoom()
        const actor = known ?? VehicleActor.make(vin, now)
        actor.usedAt = now
        if (known !== undefined) actors.delete(vin)
        actors.set(vin, actor)
        if (known === undefined) resident.updateUnsafe(actors.size, context)
        return actor
      }

      /** Lets the idle actor go that was used longest ago. */
      const makeRoom = (): void => {
        for (const [vin, { busy }] of actors) {
          if (busy) continue
          actors.delete(vin)
          return
        }
      }

      const send = (vin: string, mail: Mail): void => {
        const actor = actorOf(vin)
        actor.mailbox.push(mail)
        if (actor.busy) return
        actor.busy = true
        fork(VehicleActor.run(actor, around))
      }

      const command = <E = never>(
        vin: string,
        decide: (state: State.State) => Result.Result<ReadonlyArray<VehicleEvent>, E>,
      ): Effect.Effect<Twin, E | VehicleUnavailable> =>
        Effect.callback((resume) => {
          let failed: Effect.Effect<never, E> | undefined
          send(vin, {
            _tag: "Commanded",
            decide: (state) => {
              const decided = decide(state)
              failed = Result.isFailure(decided) ? Effect.fail(decided.failure) : undefined
              return Result.isSuccess(decided) ? decided.success : []
            },
            answer: (twin) => resume(failed ?? Effect.succeed(twin)),
            unavailable: (cause) => resume(Effect.fail(new VehicleUnavailable({ vin, cause }))),
          })
        })

      const passivate = Effect.sync(() => {
        const idleSince = clock.currentTimeMillisUnsafe() - Duration.toMillis(policy.passivateAfter)
        for (const [vin, { busy, usedAt }] of actors) {
          if (usedAt > idleSince) break
          if (!busy) actors.delete(vin)
        }
        resident.updateUnsafe(actors.size, context)
      })
      yield* passivate.pipe(
        Effect.repeat(Schedule.spaced(policy.sweepEvery)),
        Effect.forkScoped,
      )

      return Vehicles.of({
        observe: (vin, observations) =>
          Effect.callback<ReadonlyArray<Outcome>>((resume) =>
            send(vin, { _tag: "Observed", observations, answer: (outcomes) => resume(Effect.succeed(outcomes)) })
          ),
        register: (vin, registration) => command(vin, (state) => Decide.register(state, registration)),
        recordService: (vin, done, ifRevision) =>
          command(vin, (state) => Decide.recordService(state, done, ifRevision)),
        lapse: (vin, lapse) => command(vin, (state) => Result.succeed(Decide.lapse(state, lapse))),
        current: (vin) =>
          command(vin, () => Result.succeed([])).pipe(
            Effect.map((twin) => twin.revision < 0 ? Option.none() : Option.some(twin)),
          ),
      })
    }),
  ).pipe(Layer.provide([Hydration.layer, Snapshots.layer]), Layer.merge(Past.layer))
