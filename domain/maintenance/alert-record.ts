/**
 * From the log to the fold, for a vehicle's alerts: as `vehicle/record.ts`. Whatever version an event was stored in, it
 * comes out in the current one.
 */
import { Result, Schema } from "effect"
import { type Stored, UnreadableEvent, type Upcaster } from "../vehicle/record.ts"
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
  const version = stored.metadata["schema"]
  const record = (data: Stored["data"]): AlertRecord => ({
    _tag: "Alert",
    vin: stored.stream.slice(prefix.length),
    revision: stored.revision,
    position: stored.position,
    event: { id: stored.id, type, data, metadata: stored.metadata as AlertMetadata } as AlertEvent,
  })
  if (version === versions[type]) return Result.succeed(record(stored.data))
  const fail = (reason: string) =>
    Result.fail(new UnreadableEvent({ stream: stored.stream, revision: stored.revision, reason }))
  if (typeof version !== "number" || version < 1 || version > versions[type]) {
    return fail(`${type} has schema version ${String(version)}; this service knows 1 to ${versions[type]}`)
  }
  let data = stored.data
  for (const upcast of upcasters[type]?.slice(version - 1) ?? []) data = upcast(data)
  const checked = Schema.is(schemas[type])(data)
  return checked ? Result.succeed(record(data)) : fail(`${type} of version ${version} does not fit after upcasting`)
}
