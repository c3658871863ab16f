/** A reading of what must not be lost: taken whatever the vehicle's clock says. */
import type { SignalValue } from "../../signals/signal.ts"
import * as Clock from "../../vehicle/clock.ts"
import type { DataOf } from "../../vehicle/events.ts"
import { isBare } from "../../vehicle/readings.ts"
import type { Observed } from "../model.ts"

export interface Reported {
  readonly value: SignalValue
  /** Device time, epoch ms; of receipt where that cannot be believed. */
  readonly at: number
  readonly isDated: boolean
}

/** What a vehicle kept for longer than this, it has from a clock that was never set. */
const maxKeptMs = 90 * 24 * 3_600_000
/** Clocks that differ by less are taken as they are. */
const aheadMs = 60_000

export const timeReported = (at: number, receivedAt: number): Pick<Reported, "at" | "isDated"> => {
  const isDated = !Clock.isFaulty(at, receivedAt, true) && receivedAt - at <= maxKeptMs
  return isDated ? { at: at - receivedAt > aheadMs ? receivedAt : at, isDated } : { at: receivedAt, isDated }
}

/** Undefined where the message has no such reading, or none that its sender calls good. */
export const reportedOf = (
  data: DataOf<"TelemetryReceived">,
  path: string,
  { at: messageAt, receivedAt }: Pick<Observed, "at" | "receivedAt">,
): Reported | undefined => {
  const stored = data.readings[path] ?? data.personal?.[path]
  if (stored === undefined) return undefined
  const ofMessage = () =>
    data.clockFault ? { at: receivedAt, isDated: false } : timeReported(messageAt, receivedAt)
  if (isBare(stored)) return { value: stored, ...ofMessage() }
  const { at, clockFault, quality, value } = stored
  if (value === null || (quality !== undefined && quality !== "GOOD")) return undefined
  if (at === undefined) return { value, ...ofMessage() }
  return { value, ...(clockFault ? { at: receivedAt, isDated: false } : timeReported(Date.parse(at), receivedAt)) }
}
