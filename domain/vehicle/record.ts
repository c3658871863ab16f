/**
 * From the log to the fold. Whatever version an event was stored in, it comes out in the current one.
 */
import { Result, Schema } from "effect"
import { isVehicleEventType, type Metadata, schemas, type VehicleEvent, type VehicleEventType, versions } from "./events.ts"

type JsonObject = { readonly [key: string]: unknown }

/** An event as any layer of the log hands it out. */
export interface Stored {
  readonly id: string
  readonly stream: string
  readonly type: string
  readonly revision: number
  readonly position: string
  readonly data: JsonObject
  readonly metadata: JsonObject
}

/** An event of a vehicle, in its place. */
export interface VehicleRecord {
  readonly _tag: "Vehicle"
  readonly vin: string
  readonly revision: number
  /** Opaque; ordered as strings are. */
  readonly position: string
  readonly event: VehicleEvent
}

/**
 * One step up: the data of version n to that of n + 1. Total: of what does not fit its version it makes what will not
 * fit the current one.
 */
export type Upcaster = (data: JsonObject) => JsonObject

/** By type, the steps from version 1, in order: as many as the current version less one. */
export const upcasters: { readonly [T in VehicleEventType]?: ReadonlyArray<Upcaster> } = {}

export class UnreadableEvent extends Schema.TaggedError<UnreadableEvent>()("UnreadableEvent", {
  stream: Schema.String,
  revision: Schema.Int,
  reason: Schema.String,
}) {
  override get message() {
    return `Event ${this.revision} of ${this.stream}: ${this.reason}`
  }
}

const prefix = "vehicle-"

/**
 * The record of a stored event; undefined where its type is none of a vehicle's, as in a log written by a newer
 * service, and is to be passed over.
 */
export const decode = (stored: Stored): Result.Result<VehicleRecord | undefined, UnreadableEvent> => {
  const { type } = stored
  if (!isVehicleEventType(type)) return Result.succeed(undefined)
  const record = (data: JsonObject): VehicleRecord => ({
    _tag: "Vehicle",
    vin: stored.stream.slice(prefix.length),
    revision: stored.revision,
    position: stored.position,
    event: { id: stored.id, type, data, metadata: stored.metadata as Metadata } as VehicleEvent,
  })
  return Result.map(inCurrentVersion(stored, versions[type], upcasters[type], schemas[type]), record)
}

/**
 * An event's data as the current version of its type has it. What was stored in that version was checked when it was
 * stored and is taken as it is; older data is upcast and checked.
 */
export const inCurrentVersion = (
  { data, metadata, revision, stream, type }: Stored,
  current: number,
  steps: ReadonlyArray<Upcaster> | undefined,
  schema: Schema.Top,
): Result.Result<JsonObject, UnreadableEvent> => {
  const version = metadata["schema"]
  if (version === current) return Result.succeed(data)
  const fail = (reason: string) => Result.fail(new UnreadableEvent({ stream, revision, reason }))
  const upcast = inCurrentShape(data, version, current, steps)
  if (upcast === undefined) {
    return fail(`${type} has schema version ${String(version)}; this service knows 1 to ${current}`)
  }
  return Schema.is(schema)(upcast)
    ? Result.succeed(upcast)
    : fail(`${type} of version ${String(version)} does not fit after upcasting`)
}

/** Data of a version taken up to the current one, unchecked; undefined where there never was such a version. */
export const inCurrentShape = (
  data: JsonObject,
  version: unknown,
  current: number,
  steps: ReadonlyArray<Upcaster> | undefined,
): JsonObject | undefined => {
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1 || version > current) return undefined
  let upcast = data
  for (const step of steps?.slice(version - 1) ?? []) upcast = step(upcast)
  return upcast
}
