/** A message's readings, from memory to storage and back. */
import type { SignalValue } from "../signals/signal.ts"
import type { DataOf, StoredReading } from "./events.ts"
import type { Reading, ReadingQuality, Telemetry } from "./observation.ts"

type TelemetryData = DataOf<"TelemetryReceived">

export const toTime = (epochMs: number): string => new Date(epochMs).toISOString()

/** A message's readings as they are stored. `isFaulty` tells the times that cannot be believed. */
export const store = (telemetry: Telemetry, isFaulty: (at: number) => boolean): TelemetryData => {
  const readings: Record<string, StoredReading> = {}
  const personal: Record<string, StoredReading> = {}
  let hasPersonal = false
  for (const reading of telemetry.readings) {
    const stored = storeReading(reading, telemetry.at, isFaulty)
    if (reading.personal) {
      personal[reading.path] = stored
      hasPersonal = true
    } else readings[reading.path] = stored
  }
  const { identity } = telemetry
  return {
    at: toTime(telemetry.at),
    ...(identity._tag === "Sequenced" && { session: identity.session, seq: identity.seq }),
    ...(telemetry.reissued && { reissued: true as const }),
    ...(isFaulty(telemetry.at) && { clockFault: true as const }),
    readings,
    ...(hasPersonal && { personal }),
  }
}

const storeReading = (reading: Reading, messageAt: number, isFaulty: (at: number) => boolean): StoredReading => {
  const ownTime = reading.at !== messageAt
  if (!ownTime && reading.quality === "GOOD" && reading.value !== null) return reading.value
  return {
    value: reading.value,
    ...(ownTime && { at: toTime(reading.at) }),
    ...(reading.quality !== "GOOD" && { quality: reading.quality }),
    ...(ownTime && isFaulty(reading.at) && { clockFault: true as const }),
  }
}

type Visit = (path: string, value: SignalValue | null, at: number, quality: ReadingQuality) => void

/** Visits every reading whose time can be believed, with its device time in epoch ms. */
export const forEach = (data: TelemetryData, visit: Visit): void => {
  const at = Date.parse(data.at)
  const clockFault = data.clockFault === true
  forEachIn(data.readings, at, clockFault, visit)
  if (data.personal !== undefined) forEachIn(data.personal, at, clockFault, visit)
}

const forEachIn = (
  readings: Readonly<Record<string, StoredReading>>,
  messageAt: number,
  messageFault: boolean,
  visit: Visit,
): void => {
  for (const path in readings) {
    const stored = readings[path]
    if (isBare(stored)) {
      if (!messageFault) visit(path, stored, messageAt, "GOOD")
    } else if (stored !== undefined && !(stored.at === undefined ? messageFault : stored.clockFault)) {
      visit(path, stored.value, stored.at === undefined ? messageAt : Date.parse(stored.at), stored.quality ?? "GOOD")
    }
  }
}

/** Whether any of a message's times cannot be believed. */
export const hasClockFault = (data: TelemetryData): boolean =>
  data.clockFault === true || anyClockFault(data.readings) ||
  (data.personal !== undefined && anyClockFault(data.personal))

const anyClockFault = (readings: Readonly<Record<string, StoredReading>>): boolean => {
  for (const path in readings) {
    const stored = readings[path]
    if (!isBare(stored) && stored?.clockFault === true) return true
  }
  return false
}

/** A value alone: good, and of its message's own time. */
export const isBare = (stored: StoredReading | undefined): stored is SignalValue =>
  typeof stored !== "object" || Array.isArray(stored)

/** One signal's reading, or undefined where the message has none that can be believed. */
export const get = (data: TelemetryData, path: string): { value: SignalValue | null; at: number } | undefined => {
  // Whoever asks may ask for `constructor`.
  const group = Object.hasOwn(data.readings, path) ? data.readings : data.personal
  const stored = group !== undefined && Object.hasOwn(group, path) ? group[path] : undefined
  if (stored === undefined) return undefined
  if (isBare(stored)) return data.clockFault ? undefined : { value: stored, at: Date.parse(data.at) }
  if (stored.at === undefined ? data.clockFault : stored.clockFault) return undefined
  return { value: stored.value, at: Date.parse(stored.at ?? data.at) }
}
