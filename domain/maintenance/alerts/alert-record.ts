/**
 * From the log to the fold, for a vehicle's alerts: as `vehicle/record.ts`. Whatever version an event was stored in, it
 * comes out in the current one.
 */
import { Result } from "effect"
import { inCurrentVersion, type Stored, type UnreadableEvent, type Upcaster } from "../../vehicle/record.ts"
import {
  type AlertEvent,
  type AlertEventType,
  type AlertMetadata,
  type AlertRecord,
  isAlertEventType,
  schemas,
  versions,
} from "./alert-events.ts"

/** By type, the steps from version 1, in order: as many as the current version less one. */
export const upcasters: { readonly [T in AlertEventType]?: ReadonlyArray<Upcaster> } = {}

const prefix = "maintenance-"

export const isMaintenanceStream = (stream: string): boolean => stream.startsWith(prefix)

/** The record of a stored event; undefined where its type is none of an alert's, and is to be passed over. */
export const decode = (stored: Stored): Result.Result<AlertRecord | undefined, UnreadableEvent> => {
  const { type } = stored
  if (!isAlertEventType(type)) return Result.succeed(undefined)
  const record = (data: Stored["data"]): AlertRecord => ({
    _tag: "Alert",
    vin: stored.stream.slice(prefix.length),
    revision: stored.revision,
    position: stored.position,
    event: { id: stored.id, type, data, metadata: stored.metadata as AlertMetadata } as AlertEvent,
  })
  return Result.map(inCurrentVersion(stored, versions[type], upcasters[type], schemas[type]), record)
}
