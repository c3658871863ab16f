/** What a message from Kafka is, by its topic and key, or by the envelope that EMQX put it in. Pure. */
import { isUtf8 } from "node:buffer"
import { Result } from "effect"
import * as Emqx from "../../domain/codecs/emqx.ts"
import type { Rejection } from "../../domain/codecs/rejection.ts"
import * as Vin from "../../domain/vehicle/vin.ts"
import type { InTopics } from "../kafka/topics.ts"
import { maxPayloadBytes, type Undecoded } from "./decode.ts"
import type { Kind, Topics } from "./topics.ts"

/** How a message comes in; see `Undecoded`. */
export type Routed = Pick<Undecoded, "route" | "payload" | "content" | "key">

/** `problem` is why its batch could not be decompressed, if so: then key and value are not known. */
export type KafkaRoutes = (
  topic: string,
  key: Uint8Array | null,
  value: Uint8Array | null,
  problem?: string,
) => Routed

/** `mqtt` are the topics that vehicles publish on, where their messages come by way of EMQX. */
export const make = (topics: InTopics, mqtt: Topics): KafkaRoutes => {
  const kinds = new Map<string, Kind>([
    [topics.telemetry, "telemetry"],
    [topics.diagnostics, "diagnostics"],
    [topics.service, "service"],
  ])
  return (topic, keyBytes, value, problem) => {
    if (problem !== undefined) {
      return { route: reject("shape", `the batch it came in cannot be decompressed: ${problem}`), payload: nothing }
    }
    const key = keyBytes === null ? undefined : Buffer.from(keyBytes).toString("utf8")
    if (value === null) {
      return { route: reject("shape", "no value (a tombstone); expected a message"), payload: nothing, key }
    }
    // A larger one is not decoded in any case.
    const envelope = value.length > maxPayloadBytes ? undefined : Emqx.unwrap(value)
    if (envelope !== undefined) return { ...unwrapped(envelope, mqtt), payload: value, key }
    const kind = kinds.get(topic)
    if (kind === undefined) {
      const expected = [...kinds.keys()].join(", ")
      const message = `${JSON.stringify(topic.slice(0, 249))} is not a topic that is taken in; expected ${expected}`
      return { route: reject("topic", message), payload: value, key }
    }
    return { route: Result.map(vinOf(keyBytes, key), (vin) => ({ vin, kind })), payload: value, key }
  }
}

const nothing = new Uint8Array()

const unwrapped = (envelope: Result.Result<Emqx.Envelope, Rejection>, mqtt: Topics): Pick<Routed, "route" | "content"> => {
  if (Result.isFailure(envelope)) return { route: Result.fail(envelope.failure) }
  const inner = envelope.success
  switch (inner._tag) {
    case "Published":
      return { route: mqtt.route(inner.topic), content: inner.content }
    case "Presence": {
      // As the vehicle itself would have said it.
      const at = new Date(inner.at).toISOString()
      const status = JSON.stringify({ online: inner.online, session: inner.session, at })
      return { route: Result.succeed({ vin: inner.vin, kind: "status" }), content: Buffer.from(status) }
    }
    case "Replaced":
      return { route: Result.succeed({ vin: inner.vin, kind: "status" }), content: nothing }
  }
}

const vinOf = (bytes: Uint8Array | null, key: string | undefined): Result.Result<Vin.Vin, Rejection> => {
  if (bytes === null || key === undefined || key === "") {
    return reject("vin", "no key; expected the VIN, which keeps a vehicle's messages in order")
  }
  if (Vin.isVin(key)) return Result.succeed(key)
  if (!isUtf8(bytes)) return reject("vin", "the key is not UTF-8; expected the VIN as a text")
  return Result.mapError(Vin.parse(key), ({ message }): Rejection => ({
    reason: "vin",
    message: `the key is not a VIN: ${message}`,
  }))
}

const reject = (reason: Rejection["reason"], message: string): Result.Result<never, Rejection> =>
  Result.fail({ reason, message })
