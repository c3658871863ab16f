/** From a message to observations, by the codec that its topic asks for. */
import { Result } from "effect"
import type { Decoded } from "../../domain/codecs/decoded.ts"
import { decodeDiagnostics, decodeService, decodeStatus, decodeTelemetry } from "../../domain/codecs/json.ts"
import type { Rejection } from "../../domain/codecs/rejection.ts"
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import type { Source } from "../../domain/vehicle/events.ts"
import type { Route } from "./topics.ts"

/** A larger payload is a dead letter: at the densest, some 2,500 readings. */
export const maxPayloadBytes = 256 * 1024

export interface Undecoded {
  readonly route: Result.Result<Route, Rejection>
  /** The message as it came, which is what a dead letter keeps. */
  readonly payload: Uint8Array
  /** What is to be decoded, where the payload is an envelope of it. */
  readonly content?: Uint8Array | undefined
  /** The key of a message from Kafka. */
  readonly key?: string | undefined
  /** Epoch ms. */
  readonly receivedAt: number
  readonly source: Source
}

export const decode = (undecoded: Undecoded, catalogue: Catalogue): Decoded => {
  const { payload, receivedAt, route, source } = undecoded
  if (payload.length > maxPayloadBytes) {
    return reject({ reason: "too_large", message: `${payload.length} bytes; at most ${maxPayloadBytes} are taken` })
  }
  if (Result.isFailure(route)) return reject(route.failure)
  const { kind, vin } = route.success
  const message = { vin, payload: undecoded.content ?? payload, receivedAt, source }
  try {
    switch (kind) {
      case "telemetry":
        return decodeTelemetry(message, catalogue)
      case "diagnostics":
        return decodeDiagnostics(message)
      case "service":
        return decodeService(message)
      case "status":
        // An empty retained message is how MQTT takes one back; it says nothing of the vehicle.
        return message.payload.length === 0 ? nothing : decodeStatus(message)
    }
  } catch (defect) {
    // A codec does not throw. If one does after all, it is by this message, which would stop every other for ever.
    return reject({ reason: "shape", message: `the decoder failed: ${String(defect)}` })
  }
}

const nothing: Decoded = { observations: [], rejections: [] }
const reject = (rejection: Rejection): Decoded => ({ observations: [], rejections: [rejection] })
