/** Records of a vehicle as component models read them. */
import type { StoredReading, VehicleEvent } from "../../domain/vehicle/events.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import type { VehicleRecord } from "../../domain/vehicle/record.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import { day, now, recorded, vin } from "./given.ts"

export const signal = {
  distance: "Vehicle.Service.DistanceToService",
  time: "Vehicle.Service.TimeToService",
  due: "Vehicle.Service.IsServiceDue",
  odometer: "Vehicle.TraveledDistance",
} as const

/** Received when it was made. */
export const readings = (at: number, values: Readonly<Record<string, StoredReading>>): VehicleEvent =>
  recorded({ type: "TelemetryReceived", data: { at: toTime(at), readings: values } }, { receivedAt: at })

export const serviced = (
  at: number,
  { component = "vehicle", odometerKm }: { readonly component?: string; readonly odometerKm?: number } = {},
): VehicleEvent =>
  recorded({
    type: "ServiceRecorded",
    data: { at: toTime(at), component, kind: "repaired", ...(odometerKm !== undefined && { odometerKm }) },
  }, { receivedAt: at })

export const recordsOf = (events: ReadonlyArray<VehicleEvent>): ReadonlyArray<VehicleRecord> =>
  events.map((event, revision) => ({
    _tag: "Vehicle",
    vin,
    revision,
    position: revision.toString(16).padStart(16, "0"),
    event: { ...event, id: Identity.uuid(`event ${revision}`) },
  }))

/** Once a day from `now` on: so many km remain. */
export const remaining = (...kilometres: ReadonlyArray<number>): ReadonlyArray<VehicleEvent> =>
  kilometres.map((km, i) => readings(now + i * day, { [signal.distance]: km }))
