/** Vehicles that say once a day how far it is to their service, as a log has them. */
import { uuid } from "../../domain/vehicle/identity.ts"
import { streamOf } from "../../domain/vehicle/events.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import type { RecordedEvent } from "../../src/eventstore/event-store.ts"
import { fromNumber } from "../../src/eventstore/position.ts"
import { day } from "./given.ts"
import { signal } from "./maintenance.ts"
import { vinOf } from "./messages.ts"

/** Midnight, so that days of histories are days of the calendar. */
export const began = Date.parse("2025-01-01T00:00:00.000Z")

/** A vehicle's message of a day. */
export interface Message {
  readonly vehicle: number
  readonly day: number
  /** Remaining, km. */
  readonly km: number
}

/** Vehicles that are at 3,000 km on the first day, the next ten days later and so on, and drive 100 km a day. */
export const wearing = (vehicles: number, days: number): ReadonlyArray<Message> =>
  Array.from({ length: days }, (_, day) =>
    Array.from({ length: vehicles }, (_, vehicle) => ({ vehicle, day, km: 3_000 - 100 * (day - 10 * vehicle) }))
  ).flat()

/** In this order. Messages come at six in the morning. */
export const logOf = (messages: ReadonlyArray<Message>): ReadonlyArray<RecordedEvent> => {
  const revisions = new Map<number, number>()
  return messages.map(({ day: days, km, vehicle }, index) => {
    const revision = revisions.get(vehicle) ?? 0
    revisions.set(vehicle, revision + 1)
    const at = toTime(began + (days + 0.25) * day)
    return {
      position: fromNumber(index + 1),
      stream: streamOf(vinOf(vehicle)),
      revision,
      id: uuid(`${vehicle} ${revision}`),
      type: "TelemetryReceived",
      created: began + days * day,
      // The date of the service is far off, so that distance decides.
      data: { at, readings: { [signal.distance]: km, [signal.time]: 6e7 } },
      metadata: { schema: 1, receivedAt: at, source: { kind: "mqtt", topic: "vehicles/telemetry" } },
    }
  })
}
