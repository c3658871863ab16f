/**
 * Every vehicle's twin, as a service. Behind it each vehicle is an actor (`vehicle-actor.ts`): one batch of a vehicle
 * is under way at a time, its events are in the log before anyone is answered.
 */
import { Context, type Effect, type Option } from "effect"
import type { Lapse, RegisterVehicle, RevisionConflict } from "../../domain/vehicle/decide.ts"
import type { Observation, ServiceDone } from "../../domain/vehicle/observation.ts"
import type { Twin } from "../../domain/vehicle/twin.ts"
import type { Vin } from "../../domain/vehicle/vin.ts"
import type { VehicleNotFound, VehicleUnavailable } from "./errors.ts"

/** What became of an observation. All but `Refused` are in the log, now or already. */
export type Outcome =
  | { readonly _tag: "Accepted" }
  | { readonly _tag: "Repeated" }
  | { readonly _tag: "Refused"; readonly reason: RefusalReason; readonly message: string }

/** Why a vehicle takes nothing, or not this. Each is for the dead letters: trying again would change nothing. */
export type RefusalReason = "not_registered" | "too_large" | "stream_deleted" | "stream_unreadable" | "not_processed"

export class Vehicles extends Context.Service<Vehicles, {
  /**
   * Tells a vehicle what was observed, in this order. Answers once all is durable, an outcome for each. While the log
   * is out of reach it waits and tries again; the callers' waiting is what slows the brokers down.
   */
  readonly observe: (
    vin: Vin,
    observations: ReadonlyArray<Observation>,
  ) => Effect.Effect<ReadonlyArray<Outcome>>
  /** Registers a vehicle, or changes its description; the twin as it then is. */
  readonly register: (
    vin: Vin,
    command: RegisterVehicle,
  ) => Effect.Effect<Twin, RevisionConflict | VehicleUnavailable>
  /** Records work done on a vehicle that is known; the twin as it then is. */
  readonly recordService: (
    vin: Vin,
    done: ServiceDone,
    ifRevision?: number | undefined,
  ) => Effect.Effect<Twin, RevisionConflict | VehicleNotFound | VehicleUnavailable>
  /** Tells a vehicle that it may have been quiet for too long; the twin as it then is. */
  readonly lapse: (vin: Vin, lapse: Lapse) => Effect.Effect<Twin, VehicleUnavailable>
  /** The twin as its actor has it; none where the vehicle has no events. */
  readonly current: (vin: Vin) => Effect.Effect<Option.Option<Twin>, VehicleUnavailable>
}>()("vehicle-twin/vehicles/Vehicles") {}
