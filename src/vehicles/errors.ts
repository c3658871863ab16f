import { Schema } from "effect"

/** The vehicle's stream cannot be read or written, now or at all. */
export class VehicleUnavailable extends Schema.TaggedError<VehicleUnavailable>()("VehicleUnavailable", {
  vin: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message() {
    return `Vehicle ${this.vin} cannot be reached: ${String(this.cause)}`
  }
}

export { RevisionConflict, VehicleNotFound } from "../../domain/vehicle/decide.ts"
