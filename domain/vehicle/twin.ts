/**
 * A vehicle as its events tell it: what the outside is shown. `evolve` is total and knows no clock; whether a signal is
 * stale is worked out by who reads (see `quality.ts`), and that a vehicle went silent is an event.
 */
import type { SignalValue } from "../signals/signal.ts"
import * as Clock from "./clock.ts"
import type { Description, EventOf, VehicleEvent } from "./events.ts"
import type { ReadingQuality } from "./observation.ts"
import * as Readings from "./readings.ts"

export interface SignalState {
  readonly value: SignalValue | null
  /** Device time, epoch ms. */
  readonly at: number
  /** Epoch ms. */
  readonly receivedAt: number
  /** The revision of the event that brought it. */
  readonly revision: number
  readonly quality: ReadingQuality
}

export interface ActiveTroubleCode {
  readonly code: string
  readonly severity: "info" | "warning" | "critical"
  readonly ecu: string | undefined
  readonly text: string | undefined
  /** Device time, epoch ms. */
  readonly at: number
}

export interface Twin {
  readonly vin: string
  /** Of the newest event folded; −1 where there is none. */
  readonly revision: number
  readonly description: Description
  /** Epoch ms; undefined for a vehicle nobody registered. */
  readonly registeredAt: number | undefined
  readonly online: boolean
  /** The session it is or was last online with. */
  readonly session: string | undefined
  /** Device time of the newest word on presence, epoch ms; undefined where that time cannot be believed. */
  readonly presenceAt: number | undefined
  /** Receipt of the newest event from the vehicle, epoch ms. */
  readonly lastSeenAt: number | undefined
  /** Receipt of the newest event of any kind, epoch ms. Never goes back. */
  readonly updatedAt: number
  readonly signals: Readonly<Record<string, SignalState>>
  /** By ECU and code. */
  readonly troubleCodes: Readonly<Record<string, ActiveTroubleCode>>
  /** Device time less receipt time, ms, while the vehicle's clock cannot be believed. */
  readonly clockOffsetMs: number | undefined
  /** It should have reported and did not; until it is heard of again. */
  readonly silence: "stale" | "silent" | undefined
}

/** Active trouble codes a twin holds: past that the one raised first is forgotten, and told anew if raised again. */
export const maxTroubleCodes = 256

export const initial = (vin: string): Twin => ({
  vin,
  revision: -1,
  description: {},
  registeredAt: undefined,
  online: false,
  session: undefined,
  presenceAt: undefined,
  lastSeenAt: undefined,
  updatedAt: 0,
  signals: {},
  troubleCodes: {},
  clockOffsetMs: undefined,
  silence: undefined,
})

export const troubleCodeKey = (code: { readonly ecu?: string | undefined; readonly code: string }): string =>
  `${code.ecu ?? ""}/${code.code}`

export const evolve = (twin: Twin, event: VehicleEvent, revision: number): Twin => {
  const updatedAt = Math.max(twin.updatedAt, Date.parse(event.metadata.receivedAt))
  switch (event.type) {
    case "TelemetryReceived":
      return {
        ...twin,
        revision,
        updatedAt,
        lastSeenAt: updatedAt,
        signals: withReadings(twin.signals, event, updatedAt, revision),
        clockOffsetMs: Readings.hasClockFault(event.data) ? twin.clockOffsetMs : undefined,
        silence: undefined,
      }
    case "ClockFaultDetected":
      return { ...twin, revision, updatedAt, clockOffsetMs: event.data.offsetMs }
    case "VehicleRegistered":
      return { ...twin, revision, updatedAt, registeredAt: updatedAt, description: event.data }
    case "VehicleDescribed":
      return { ...twin, revision, updatedAt, description: { ...twin.description, ...event.data } }
    case "VehicleConnected":
    case "VehicleDisconnected":
      return {
        ...twin,
        revision,
        updatedAt,
        lastSeenAt: updatedAt,
        online: event.type === "VehicleConnected",
        session: event.data.session,
        presenceAt: event.data.at === undefined
          ? twin.presenceAt
          : Clock.believed(Date.parse(event.data.at), updatedAt),
        silence: undefined,
      }
    case "TroubleCodeRaised": {
      const { code, severity, ecu, text } = event.data
      const raised = { code, severity, ecu, text, at: Date.parse(event.data.at) }
      const key = troubleCodeKey(event.data)
      const troubleCodes = { ...withRoomFor(key, twin.troubleCodes), [key]: raised }
      return { ...twin, revision, updatedAt, lastSeenAt: updatedAt, troubleCodes, silence: undefined }
    }
    case "TroubleCodeCleared": {
      const { [troubleCodeKey(event.data)]: _, ...troubleCodes } = twin.troubleCodes
      return { ...twin, revision, updatedAt, lastSeenAt: updatedAt, troubleCodes, silence: undefined }
    }
    case "ServiceRecorded":
      return { ...twin, revision, updatedAt }
    case "VehicleWentStale":
      return { ...twin, revision, updatedAt, silence: "stale" }
    case "VehicleWentSilent":
      return { ...twin, revision, updatedAt, silence: "silent" }
  }
}

const withRoomFor = (key: string, codes: Twin["troubleCodes"]): Twin["troubleCodes"] => {
  const known = Object.keys(codes)
  const [first] = known
  if (known.length < maxTroubleCodes || first === undefined || Object.hasOwn(codes, key)) return codes
  const { [first]: _, ...rest } = codes
  return rest
}

/** Device time orders a signal: what was measured earlier is history, however late it comes. */
const withReadings = (
  signals: Twin["signals"],
  event: EventOf<"TelemetryReceived">,
  receivedAt: number,
  revision: number,
): Twin["signals"] => {
  let next: Record<string, SignalState> | undefined
  Readings.forEach(event.data, (path, value, at, quality) => {
    const current = signals[path]
    if (current !== undefined && at < current.at) return
    next ??= { ...signals }
    next[path] = { value, at, receivedAt, revision, quality }
  })
  return next ?? signals
}
