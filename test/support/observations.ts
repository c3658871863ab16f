/** Observations as codecs make them, for tests that begin behind the codecs. */
import * as Identity from "../../domain/vehicle/identity.ts"
import type { Telemetry } from "../../domain/vehicle/observation.ts"
import type { Vin } from "../../domain/vehicle/vin.ts"

/** A VIN with its check digit left to chance. */
export const vinOf = (n: number): Vin => `LSVAA${String(n).padStart(12, "0")}` as Vin

export const start = Date.parse("2026-11-22T08:00:00.000Z")

/** Message `seq` of a session: the speed at a second of device time, received half a second later. */
export const speedAt = (seq: number, speed = seq % 200, session = "boot-1"): Telemetry => {
  const at = start + seq * 1000
  return {
    _tag: "Telemetry",
    identity: Identity.sequenced(session, seq),
    at,
    receivedAt: at + 500,
    source: { kind: "mqtt" },
    reissued: false,
    readings: [{ path: "Vehicle.Speed", value: speed, at, quality: "GOOD", personal: false }],
  }
}
