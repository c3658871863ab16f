/**
 * Readings of telemetry as a data scientist takes them: long, a row a reading, with all that is known of it; or wide, a
 * row a message and device time, with a column a signal.
 */
import { Result } from "effect"
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import type { SignalValue } from "../../domain/signals/signal.ts"
import type { DataOf, StoredReading } from "../../domain/vehicle/events.ts"
import { decode, type UnreadableEvent } from "../../domain/vehicle/record.ts"
import type { RecordedEvent } from "../eventstore/event-store.ts"

/** The events that have readings. */
export const telemetryType = "TelemetryReceived"

type Telemetry = DataOf<typeof telemetryType>
type Quality = "GOOD" | "ABNORMAL" | "INVALID"

/** A message whose readings are asked for. */
export interface Message {
  readonly vin: string
  /** RFC 3339, in UTC. */
  readonly receivedAt: string
  readonly reissued: boolean
  readonly revision: number
  readonly position: string
  readonly eventId: string
  readonly data: Telemetry
}

/** Undefined for an event without readings. */
export const messageOf = (event: RecordedEvent): Result.Result<Message | undefined, UnreadableEvent> => {
  if (event.type !== telemetryType) return Result.succeed(undefined)
  return Result.map(decode(event), (record) => {
    if (record?.event.type !== telemetryType) return undefined
    const { data } = record.event
    return {
      vin: record.vin,
      receivedAt: record.event.metadata.receivedAt,
      reissued: data.reissued === true,
      revision: event.revision,
      position: event.position,
      eventId: event.id,
      data,
    }
  })
}

export interface Reading {
  readonly path: string
  /** Device time, RFC 3339 in UTC. */
  readonly observedAt: string
  readonly value: SignalValue | null
  readonly quality: Quality
  /** The time cannot be believed. */
  readonly clockFault: boolean
}

/** Which readings are wanted: of these paths (all, where it is left out), and observed from `from` on and before `to`. */
export interface ReadingFilter {
  readonly paths?: ReadonlySet<string>
  /** Epoch ms. */
  readonly from?: number
  /** Epoch ms. */
  readonly to?: number
}

export const readingsOf = ({ data }: Message, { from, paths, to }: ReadingFilter): ReadonlyArray<Reading> => {
  const readings: Array<Reading> = []
  const timed = from !== undefined || to !== undefined
  const add = (path: string, stored: StoredReading) => {
    if (paths !== undefined && !paths.has(path)) return
    const reading = readingOf(path, stored, data)
    if (timed) {
      const at = Date.parse(reading.observedAt)
      if (at < (from ?? -Infinity) || at >= (to ?? Infinity)) return
    }
    readings.push(reading)
  }
  for (const path in data.readings) add(path, data.readings[path] ?? noReading)
  for (const path in data.personal) add(path, data.personal[path] ?? noReading)
  return readings
}

const noReading: StoredReading = { value: null }

const readingOf = (path: string, stored: StoredReading, data: Telemetry): Reading => {
  const clockFault = data.clockFault === true
  if (typeof stored !== "object" || !("value" in stored)) {
    return { path, observedAt: data.at, value: stored, quality: "GOOD", clockFault }
  }
  return {
    path,
    observedAt: stored.at ?? data.at,
    value: stored.value,
    quality: stored.quality ?? "GOOD",
    clockFault: stored.at === undefined ? clockFault : stored.clockFault === true,
  }
}

/** A reading's number: that of a boolean is 1 or 0; NaN where it has none. */
export const numberOf = (value: SignalValue | null): number =>
  typeof value === "number" ? value : typeof value === "boolean" ? Number(value) : Number.NaN

/** A reading's text: of an array its JSON; null where it has none. */
export const textOf = (value: SignalValue | null): string | null =>
  typeof value === "string" ? value : Array.isArray(value) ? JSON.stringify(value) : null

/** The readings of one message that were made at one time and are to be reckoned with. */
export interface WideRow {
  readonly observedAt: string
  readonly values: ReadonlyMap<string, SignalValue>
}

/** Only good readings, and such whose time can be believed; the oldest first. */
export const wideRowsOf = (message: Message, filter: ReadingFilter): ReadonlyArray<WideRow> => {
  const rows = new Map<string, Map<string, SignalValue>>()
  for (const { clockFault, observedAt, path, quality, value } of readingsOf(message, filter)) {
    if (clockFault || quality !== "GOOD" || value === null) continue
    let values = rows.get(observedAt)
    if (values === undefined) rows.set(observedAt, values = new Map())
    values.set(path, value)
  }
  const sorted = rows.size < 2 ? [...rows] : [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return sorted.map(([observedAt, values]) => ({ observedAt, values }))
}

/** The paths of the signals that these name: of a branch all that stand below it. Of a name that is none, why not. */
export const pathsOf = (
  names: ReadonlyArray<string>,
  catalogue: Catalogue,
): Result.Result<ReadonlyArray<string>, string> => {
  const paths = new Set<string>()
  for (const name of names) {
    const named = catalogue.all.filter(({ path }) => path === name || path.startsWith(`${name}.`))
    if (named.length === 0) {
      const nearest = catalogue.suggest(name)
      const hint = nearest === undefined ? "" : `: did you mean ${nearest}?`
      return Result.fail(`there is no signal ${JSON.stringify(name)}${hint}`)
    }
    for (const { path } of named) paths.add(path)
  }
  return Result.succeed([...paths])
}
