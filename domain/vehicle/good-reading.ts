/**
 * A message's readings as folds reckon with them: only those that are good and whose time can be believed. Parsing a
 * time costs more than all else here, so the message's own comes in, parsed once.
 */
import type { SignalValue } from "../signals/signal.ts"
import type { DataOf } from "./events.ts"

type TelemetryData = DataOf<"TelemetryReceived">

export interface GoodReading<Value extends SignalValue> {
  readonly value: Value
  /** Device time, epoch ms. */
  readonly at: number
}

export const timeOf = (data: TelemetryData): number => Date.parse(data.at)

/** `messageAt` is `timeOf(data)`. */
export const numberOf = (data: TelemetryData, path: string, messageAt: number): GoodReading<number> | undefined => {
  const { value, at } = goodOf(data, path, messageAt) ?? none
  return typeof value === "number" ? { value, at } : undefined
}

export const booleanOf = (data: TelemetryData, path: string, messageAt: number): GoodReading<boolean> | undefined => {
  const { value, at } = goodOf(data, path, messageAt) ?? none
  return typeof value === "boolean" ? { value, at } : undefined
}

export const textOf = (data: TelemetryData, path: string, messageAt: number): GoodReading<string> | undefined => {
  const { value, at } = goodOf(data, path, messageAt) ?? none
  return typeof value === "string" ? { value, at } : undefined
}

/** Finite numbers, one an element of the vector. */
export const numbersOf = (
  data: TelemetryData,
  path: string,
  messageAt: number,
): GoodReading<ReadonlyArray<number>> | undefined => {
  const { value, at } = goodOf(data, path, messageAt) ?? none
  return areNumbers(value) ? { value, at } : undefined
}

const areNumbers = (value: SignalValue | null): value is ReadonlyArray<number> =>
  Array.isArray(value) && value.every(Number.isFinite)

const none = { value: null, at: 0 }

const goodOf = (data: TelemetryData, path: string, messageAt: number) => {
  const stored = data.readings[path] ?? data.personal?.[path]
  if (stored === undefined) return undefined
  if (typeof stored !== "object" || !("value" in stored)) {
    return data.clockFault ? undefined : { value: stored, at: messageAt }
  }
  if (stored.quality !== undefined && stored.quality !== "GOOD") return undefined
  if (stored.at === undefined) return data.clockFault ? undefined : { value: stored.value, at: messageAt }
  return stored.clockFault ? undefined : { value: stored.value, at: Date.parse(stored.at) }
}
