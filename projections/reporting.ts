/**
 * How a vehicle reports: a row for each day (UTC, of receipt) on which something came of it, with what there was to
 * count; the newest also says how things stand: whether it reports as it should, its rhythm, and what is missing of its
 * numbered messages.
 *
 * A vehicle is expected to report unless its last word on presence, or its will, was that it goes. Whether it is late
 * is no part of this: from `limitMs` and `lastSeenAt` whoever knows the time tells that (`src/absence`), and what comes
 * of it is an event as any other.
 *
 * All counts are of what this service took in, by the day on which it did. A message that comes late mends the gaps and
 * counts as `filled` on the day that it comes.
 */
import type { DataOf, VehicleEvent } from "../domain/vehicle/events.ts"
import { timeOf } from "../domain/vehicle/good-reading.ts"
import * as Readings from "../domain/vehicle/readings.ts"
import * as Rhythm from "../domain/vehicle/rhythm.ts"
import type { Projection } from "./projection.ts"
import * as Sequence from "./sequence-gaps.ts"

export const day = 24 * 3_600_000

export type ReportingState = "REPORTING" | "STALE" | "SILENT" | "OFFLINE"

/** What is counted of a day. */
export interface Counts {
  /** Of telemetry that is in the log. */
  readonly messages: number
  readonly readings: number
  /** Messages by whose own time a newer one had come before, and that the vehicle did not mark. */
  readonly late: number
  /** Messages that the vehicle marked as kept while offline and sent later. */
  readonly reissued: number
  /** Messages that came again, and left nothing but this. */
  readonly duplicates: number
  /** Readings that their sender marked so. */
  readonly invalid: number
  readonly abnormal: number
  /** Readings whose time could not be believed. */
  readonly clockFaulty: number
  /** Messages, or single readings of them, that could not be taken in. */
  readonly deadLettered: number
  /** Numbers that a later message showed to be missing, and those of them that came after all. */
  readonly missed: number
  readonly filled: number
}

export const countNames = [
  "messages",
  "readings",
  "late",
  "reissued",
  "duplicates",
  "invalid",
  "abnormal",
  "clockFaulty",
  "deadLettered",
  "missed",
  "filled",
] as const satisfies ReadonlyArray<keyof Counts>

export interface ReportingRow extends Counts {
  readonly vin: string
  /** Its start, epoch ms. */
  readonly day: number
  /** As it was known last on that day. */
  readonly brand: string | null
  /** What follows is of the newest row alone; null, too, until something was heard of the vehicle. */
  readonly state: ReportingState | null
  /** Receipt of what brought it into this state, epoch ms. */
  readonly since: number | null
  /** Receipt of the last that was heard of it, epoch ms. */
  readonly lastSeenAt: number | null
  /** The longest usual interval between its messages, ms; null until it is known. */
  readonly rhythmMs: number | null
  /** Quiet for so long, ms, it is no longer in this state; null for a silent one. One of `Rhythm.limits`. */
  readonly limitMs: number | null
  /** Of its newest event; −1 where it has none. */
  readonly revision: number
  readonly memory: Memory | null
}

/** What the fold goes on with. */
interface Memory {
  /** Its last word on presence. */
  readonly online: boolean | null
  /** Receipt of the message that an interval is measured from, epoch ms. */
  readonly heardAt: number | null
  /** The newest device time of a message, epoch ms. */
  readonly newestAt: number
  readonly rhythm: Rhythm.Rhythm
  readonly sequences: Sequence.Sequences
}

const fresh: Memory = {
  online: null,
  heardAt: null,
  newestAt: 0,
  rhythm: Rhythm.unknown,
  sequences: Sequence.none,
}

export const nothing: Counts = {
  messages: 0,
  readings: 0,
  late: 0,
  reissued: 0,
  duplicates: 0,
  invalid: 0,
  abnormal: 0,
  clockFaulty: 0,
  deadLettered: 0,
  missed: 0,
  filled: 0,
}

export const reporting: Projection<ReportingRow> = {
  name: "reporting",
  version: 1,
  columns: {
    vin: "text",
    day: "time",
    brand: "text",
    messages: "integer",
    readings: "integer",
    late: "integer",
    reissued: "integer",
    duplicates: "integer",
    invalid: "integer",
    abnormal: "integer",
    clockFaulty: "integer",
    deadLettered: "integer",
    missed: "integer",
    filled: "integer",
    state: "text",
    since: "time",
    lastSeenAt: "time",
    rhythmMs: "integer",
    limitMs: "integer",
    revision: "integer",
    memory: "json",
  },
  key: ["day"],
  indexes: [["brand", "day"], ["limitMs", "lastSeenAt"]],
  recent: { by: "day", count: 1 },
  evolve: (vin, rows, record) => {
    if (record._tag === "Alert") return rows
    const [newest] = rows
    if (record._tag === "Letter") {
      const [row, ...closed] = onDay(vin, newest, record.receivedAt)
      return [...closed, { ...row, deadLettered: row.deadLettered + 1 }]
    }
    const { event, revision } = record
    const receivedAt = Date.parse(event.metadata.receivedAt)
    const [row, ...closed] = onDay(vin, newest, receivedAt)
    const next = evolve(row, event, receivedAt, revision)
    return closed.length === 0 ? [next] : [...closed, next]
  },
}

/** The row of a time's day, or of the newest there is if that is later; and the one before it, where it is new. */
const onDay = (
  vin: string,
  newest: ReportingRow | undefined,
  receivedAt: number,
): readonly [ReportingRow, ...ReadonlyArray<ReportingRow>] => {
  const today = Math.floor(receivedAt / day) * day
  if (newest === undefined) {
    return [{ vin, day: today, brand: null, ...nothing, ...unheard, revision: -1, memory: fresh }]
  }
  if (today <= newest.day) return [newest]
  return [{ ...newest, day: today, ...nothing }, { ...newest, ...unheard, memory: null }]
}

const unheard = { state: null, since: null, lastSeenAt: null, rhythmMs: null, limitMs: null }

/** A new row, on its way. */
type Draft = { -readonly [Column in keyof ReportingRow]: ReportingRow[Column] }

const evolve = (before: ReportingRow, event: VehicleEvent, receivedAt: number, revision: number): ReportingRow => {
  const row: Draft = { ...before, revision }
  const { brand, repeats } = event.metadata
  if (brand !== undefined) row.brand = brand
  if (repeats !== undefined) row.duplicates += repeats
  const memory = before.memory ?? fresh
  switch (event.type) {
    case "TelemetryReceived":
      takeTelemetry(row, memory, event.data, receivedAt)
      break
    case "VehicleConnected":
      hear(row, { ...memory, online: true, heardAt: null }, receivedAt)
      break
    case "VehicleDisconnected":
      hear(row, { ...memory, online: false, heardAt: null }, receivedAt)
      break
    case "TroubleCodeRaised":
    case "TroubleCodeCleared":
      hear(row, memory, receivedAt)
      break
    case "VehicleWentStale":
      if (row.state !== null) enter(row, "STALE", receivedAt)
      break
    case "VehicleWentSilent":
      if (row.state !== null) enter(row, "SILENT", receivedAt)
      break
    case "VehicleRegistered":
    case "VehicleDescribed":
    case "ClockFaultDetected":
    case "ServiceRecorded":
  }
  return row
}

const takeTelemetry = (row: Draft, before: Memory, data: DataOf<"TelemetryReceived">, receivedAt: number): void => {
  const { clockFault = false, personal, readings, reissued = false, seq, session } = data
  row.messages++
  tally(row, readings, clockFault)
  if (personal !== undefined) tally(row, personal, clockFault)
  let { newestAt, sequences } = before
  if (session !== undefined && seq !== undefined) {
    const step = Sequence.note(sequences, session, seq, receivedAt)
    sequences = step.sequences
    row.missed += step.missed
    row.filled += step.filled
  }
  const at = clockFault ? 0 : timeOf(data)
  if (reissued) row.reissued++
  else if (!clockFault && at < newestAt) row.late++
  newestAt = Math.max(at, newestAt)
  const { heardAt, rhythm } = reissued ? before : withInterval(before, receivedAt)
  hear(row, { online: before.online, heardAt, newestAt, rhythm, sequences }, receivedAt)
}

const tally = (row: Draft, readings: DataOf<"TelemetryReceived">["readings"], messageFault: boolean): void => {
  for (const path in readings) {
    const stored = readings[path]
    if (stored === undefined) continue
    row.readings++
    if (Readings.isBare(stored)) {
      if (messageFault) row.clockFaulty++
      continue
    }
    if (stored.quality === "INVALID") row.invalid++
    else if (stored.quality === "ABNORMAL") row.abnormal++
    if (stored.at === undefined ? messageFault : stored.clockFault) row.clockFaulty++
  }
}

/** Of messages that come in one burst, as a backlog does, the first alone counts. */
const withInterval = (
  { heardAt, online, rhythm }: Memory,
  receivedAt: number,
): Pick<Memory, "heardAt" | "rhythm"> => {
  if (online === false) return { heardAt, rhythm }
  if (heardAt === null) return { heardAt: receivedAt, rhythm }
  const interval = receivedAt - heardAt
  if (interval < Rhythm.shortestMs) return { heardAt, rhythm }
  return { heardAt: receivedAt, rhythm: Rhythm.take(rhythm, interval, receivedAt) }
}

/** Something came of the vehicle itself. */
const hear = (row: Draft, memory: Memory, receivedAt: number): void => {
  if (memory.rhythm !== row.memory?.rhythm) row.rhythmMs = Rhythm.longestUsual(memory.rhythm) ?? null
  row.memory = memory
  row.lastSeenAt = Math.max(row.lastSeenAt ?? 0, receivedAt)
  enter(row, memory.online === false ? "OFFLINE" : "REPORTING", receivedAt)
}

const enter = (row: Draft, state: ReportingState, at: number): void => {
  if (state !== row.state) row.since = at
  row.state = state
  row.limitMs = limitOf(state, row.rhythmMs ?? undefined)
}

const limitOf = (state: ReportingState, rhythmMs: number | undefined): number | null => {
  switch (state) {
    case "REPORTING":
      return Rhythm.staleAfter(rhythmMs)
    case "STALE":
      return Rhythm.silentAfter(rhythmMs)
    case "OFFLINE":
      return Rhythm.offlineLimitMs
    case "SILENT":
      return null
  }
}
