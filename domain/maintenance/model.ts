/**
 * A component model: a fold over a vehicle's records, and a score from what was folded. Pure; what time it is comes in.
 */
import type { VehicleRecord } from "../vehicle/record.ts"
import type { Evidence, Urgency } from "./alert-events.ts"

/** JSON, so that it can be stored. */
export type ModelState = { readonly [key: string]: unknown }

export interface Assessment {
  /** 0 (failed) to 100 (as new). */
  readonly score: number
  /** 0 (nothing is known) to 1. */
  readonly confidence: number
  readonly evidence: ReadonlyArray<Evidence>
  /** What an alert of this score asks for. */
  readonly urgency: Urgency
  readonly recommendedAction: string
  readonly summary: string
}

export interface ComponentModel<State extends ModelState = ModelState> {
  /** Dotted from the whole to the part, as in a service record. No two models have the same. */
  readonly component: string
  readonly name: string
  /** Raise it when the state's shape or the formula changes. Alerts and scores say which version they are of. */
  readonly version: string
  /** The signals it reads. A message without any of them leaves state and score as they are. */
  readonly signals: ReadonlyArray<string>
  /** What it foretells, for how long ahead, and where its formula comes from. */
  readonly predicts: string
  readonly horizon: string
  readonly source: string
  /** An alert is raised at this score or below it… */
  readonly raiseAt: number
  /** …and resolved by recovery at this one or above it. Higher, so that a score between the two changes nothing. */
  readonly recoverAt: number
  readonly initial: State
  /** Total. The same object where nothing changes. */
  evolve(state: State, record: VehicleRecord): State
  /**
   * The score at a time, epoch ms: the receipt time of the newest record, so that it depends on events alone; or that
   * of a deadline. Undefined while nothing is known.
   */
  assess(state: State, at: number): Assessment | undefined
  /** The next time after `after`, epoch ms, at which the urgency rises or the line is crossed if nothing comes in. */
  deadline(state: State, after: number): number | undefined
}

/** Below this, a score is too uncertain to raise an alert or to resolve one. */
export const minConfidence = 0.5

/** Whether a record may change what the model has folded. */
export const concerns = (model: ComponentModel, { event }: Pick<VehicleRecord, "event">): boolean => {
  if (event.type === "ServiceRecorded") return true
  if (event.type !== "TelemetryReceived") return false
  const { readings } = event.data
  for (const path of model.signals) if (readings[path] !== undefined) return true
  return false
}

const urgencies: ReadonlyArray<Urgency> = ["drive_on", "service_soon", "stop"]

export const isMoreUrgent = (urgency: Urgency, than: Urgency): boolean =>
  urgencies.indexOf(urgency) > urgencies.indexOf(than)
