/**
 * What EMQX 5's rule engine writes to Kafka where a rule's columns are written whole, as JSON (`${.}`, its default):
 *
 * - of a message, among others `clientid`, `topic` and `payload`, the bytes that the vehicle published, as a text;
 * - of `$events/client_connected` and `$events/client_disconnected`, `event`, `clientid`, `username`, `connected_at`, and
 *   of the latter `disconnected_at` and a `reason`, epoch ms on EMQX's clock. Before 5.8.6 an end does not say when its
 *   connection was made.
 *
 * Pure. The vehicle of an event is the client id, or else the user name: a VIN, alone or after a separator
 * (`car/LSVAA4187E0000001`).
 */
import { Result } from "effect"
import * as Connections from "../vehicle/connections.ts"
import * as Vin from "../vehicle/vin.ts"
import type { Rejection } from "./rejection.ts"

export type Envelope =
  /** A message: what was published, and on what topic. */
  | { readonly _tag: "Published"; readonly topic: string; readonly content: Uint8Array }
  /** A client came or went. */
  | Presence
  /** A connection ended because the same client has another: nothing about the vehicle. */
  | { readonly _tag: "Replaced"; readonly vin: Vin.Vin }

/** Each connection is a session. A vehicle's own status has sessions of its own, which these events do not end. */
export interface Presence {
  readonly _tag: "Presence"
  readonly vin: Vin.Vin
  readonly online: boolean
  readonly session: string
  /** Epoch ms. */
  readonly at: number
}

const marker = Buffer.from("\"clientid\"")
const encoder = new TextEncoder()

/** Nothing where the payload is no envelope, which is told without parsing almost all that are none. */
export const unwrap = (payload: Uint8Array): Result.Result<Envelope, Rejection> | undefined => {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  // JSON.parse would take the same bytes apart again for the codec: only for what is likely to be an envelope.
  if (!bytes.includes(marker)) return undefined
  const columns = parse(bytes)
  if (columns === undefined || !Object.hasOwn(columns, "clientid")) return undefined
  const { event, payload: published, topic } = columns
  if (typeof topic === "string" && (event === undefined || event === "message.publish")) {
    return typeof published === "string"
      ? Result.succeed({ _tag: "Published", topic, content: encoder.encode(published) })
      : reject("EMQX's \"payload\" is not a text; let its rule write ${payload} as it is")
  }
  switch (event) {
    case "client.connected":
      return presence(columns, true, "connected_at")
    case "client.disconnected":
      return presence(columns, false, "disconnected_at")
    default:
      // Telemetry with a member of that name.
      return event === undefined ? undefined : reject(
        `EMQX's event ${shown(event)} is not taken; expected message.publish, client.connected or client.disconnected`,
      )
  }
}

type Columns = Readonly<Record<string, unknown>>

const parse = (bytes: Buffer): Columns | undefined => {
  const parsed = Result.try((): unknown => JSON.parse(bytes.toString("utf8")))
  if (Result.isFailure(parsed)) return undefined
  const value = parsed.success
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Columns : undefined
}

/** EMQX 4 spells it `takeovered`. */
const replacing: ReadonlySet<unknown> = new Set(["takenover", "takeovered", "discarded"])

const presence = (columns: Columns, online: boolean, column: string): Result.Result<Envelope, Rejection> => {
  const { clientid, reason, timestamp, username } = columns
  const vin = vinOf(clientid) ?? vinOf(username)
  if (vin === undefined) {
    return Result.fail({
      reason: "vin",
      message: `EMQX's client ${shown(clientid)}, user ${shown(username)} is no vehicle: one of them has to be a VIN, alone `
        + "or after a separator; leave other clients out by the rule's WHERE",
    })
  }
  if (!online && replacing.has(reason)) return Result.succeed({ _tag: "Replaced", vin })
  const at = columns[column] ?? timestamp
  if (!isTime(at)) return badTime(column, at)
  const connectedAt = online ? at : columns["connected_at"]
  if (connectedAt === undefined) {
    return Result.succeed({ _tag: "Presence", vin, online, session: Connections.someSession, at })
  }
  if (!isTime(connectedAt)) return badTime("connected_at", connectedAt)
  return Result.succeed({ _tag: "Presence", vin, online, session: Connections.sessionOf(connectedAt), at })
}

const isTime = (at: unknown): at is number =>
  typeof at === "number" && Number.isSafeInteger(at) && at >= 0 && at <= latest

const badTime = (column: string, at: unknown): Result.Result<never, Rejection> =>
  Result.fail({ reason: "time", message: `EMQX's "${column}" is ${shown(at)}; expected epoch ms` })

/** The year 9999 ends. */
const latest = 253_402_300_799_999

const vinOf = (name: unknown): Vin.Vin | undefined => {
  if (typeof name !== "string") return undefined
  const last = name.slice(-17)
  return Vin.isVin(last) && !/[A-Za-z0-9]/.test(name.slice(-18, -17)) ? last : undefined
}

const reject = (message: string): Result.Result<never, Rejection> => Result.fail({ reason: "shape", message })

const shown = (value: unknown): string => (JSON.stringify(value) ?? "undefined").slice(0, 100)
