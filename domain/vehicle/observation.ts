/**
 * What reaches a vehicle's twin from outside, decoded: the input of `decide`. Codecs make these from bytes.
 */
import type { SignalValue } from "../signals/signal.ts"
import type { Identity } from "./identity.ts"
import type { Source } from "./events.ts"

/** How far a value is to be trusted, as its sender says. `ABNORMAL` and `INVALID` readings may have no value. */
export type ReadingQuality = "GOOD" | "ABNORMAL" | "INVALID"

export interface Reading {
  readonly path: string
  readonly value: SignalValue | null
  /** Device time, epoch ms. */
  readonly at: number
  readonly quality: ReadingQuality
  /** Says where the vehicle or who the driver is. */
  readonly personal: boolean
}

interface Arrived {
  readonly identity: Identity
  /** Device time, epoch ms. */
  readonly at: number
  /** When this service took it, epoch ms. */
  readonly receivedAt: number
  readonly source: Source
}

export interface Telemetry extends Arrived {
  readonly _tag: "Telemetry"
  /** Kept by the vehicle while it was offline, and sent later. */
  readonly reissued: boolean
  readonly readings: ReadonlyArray<Reading>
}

/** The vehicle's own word, or its last will, that it is on or off. */
export interface Presence {
  readonly _tag: "Presence"
  readonly online: boolean
  readonly session: string
  /** Device time, epoch ms. A will has none, since it was written before the fact. */
  readonly at: number | undefined
  readonly receivedAt: number
  readonly source: Source
}

export interface TroubleCode {
  /** SAE J2012 (ISO 15031-6), such as `P0A80`, or the maker's own. */
  readonly code: string
  readonly state: "raised" | "cleared"
  readonly severity: "info" | "warning" | "critical"
  readonly ecu?: string
  readonly text?: string
  readonly freezeFrame?: Readonly<Record<string, SignalValue>>
}

export interface Diagnostics extends Arrived {
  readonly _tag: "Diagnostics"
  readonly codes: ReadonlyArray<TroubleCode>
}

export interface ServiceDone extends Arrived {
  readonly _tag: "ServiceDone"
  /** What was worked on, dotted from the whole to the part: `brakes.front`; `vehicle` for the regular service. */
  readonly component: string
  readonly kind: "inspected" | "repaired" | "replaced" | "updated"
  readonly odometerKm?: number
  readonly parts: ReadonlyArray<string>
  readonly workshop?: string
}

export type Observation = Telemetry | Presence | Diagnostics | ServiceDone
