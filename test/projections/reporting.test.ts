import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { VehicleEvent } from "../../domain/vehicle/events.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import type { Observation } from "../../domain/vehicle/observation.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import * as State from "../../domain/vehicle/state.ts"
import { countNames, type Counts, reporting, type ReportingRow } from "../../projections/reporting.ts"
import { gapsOf } from "../../projections/sequence-gaps.ts"
import { vehicles, type VehicleRow } from "../../projections/vehicles.ts"
import { anyEvent } from "../support/arbitraries.ts"
import {
  day,
  minute,
  now,
  observeAll,
  reading,
  recorded,
  second,
  speed,
  status,
  telemetry,
  vin,
} from "../support/given.ts"

const hour = 60 * minute

type Rows = ReadonlyArray<ReportingRow>

/** All rows, in the order of the days; the fold is given the newest. */
const folded = (events: ReadonlyArray<VehicleEvent>, rows: Rows = []): Rows =>
  events.reduce<Rows>((all, event, i) => {
    const record = { _tag: "Vehicle", vin, revision: i, position: `${i}`.padStart(6, "0"), event } as const
    const changed = reporting.evolve(vin, all.slice(-1), record).toSorted((a, b) => a.day - b.day)
    return [...all.slice(0, -1), ...changed]
  }, rows)

const rowsOf = (...observations: ReadonlyArray<Observation>): Rows =>
  folded(observeAll(State.initial(vin), observations).events)

const rowOf = (...observations: ReadonlyArray<Observation>): ReportingRow => {
  const row = rowsOf(...observations).at(-1)
  if (row === undefined) throw new Error("no row")
  return row
}

/** A message every so often. */
const steady = (count: number, every: number, from = now) =>
  Array.from({ length: count }, (_, i) => speed(i, { at: from + i * every, receivedAt: from + i * every }))

const told = (type: "VehicleWentStale" | "VehicleWentSilent", receivedAt: number): VehicleEvent =>
  recorded({ type, data: { lastSeenAt: toTime(now), limitMs: 30_000 } }, { receivedAt })

describe("whether a vehicle reports", () => {
  it("is known from the first word on, with patience while its rhythm is not", () => {
    expect(rowOf(speed(1))).toMatchObject({
      state: "REPORTING",
      since: now,
      lastSeenAt: now,
      rhythmMs: null,
      limitMs: 3 * day,
    })
  })

  it("goes by its rhythm once there is one", () => {
    expect(rowOf(...steady(12, 10 * second))).toMatchObject({ rhythmMs: 10_000, limitMs: 30_000, since: now })
  })

  it("takes a backlog that arrives at once for one message", () => {
    const backlog = Array.from({ length: 500 }, (_, i) => speed(i, { at: now + i * second, receivedAt: now + i }))
    expect(rowOf(...backlog)).toMatchObject({ rhythmMs: null, limitMs: 3 * day, messages: 500 })
    expect(rowOf(...steady(12, minute), ...backlog)).toMatchObject({ rhythmMs: 60_000 })
  })

  it("takes a batch every minute for a rhythm of a minute", () => {
    const batches = Array.from({ length: 12 }, (_, batch) =>
      Array.from({ length: 6 }, (_, i) =>
        speed(i, { at: now + batch * minute + i * 10 * second, receivedAt: now + (batch + 1) * minute }))).flat()
    expect(rowOf(...batches)).toMatchObject({ rhythmMs: 60_000 })
  })

  it("learns nothing from what was kept and sent later, which yet is a word from it", () => {
    const kept = Array.from({ length: 30 }, (_, i) =>
      speed(i, { at: now + i * second, receivedAt: now + hour + i * 2 * second, reissued: true }))
    expect(rowOf(...steady(12, minute), ...kept)).toMatchObject({
      rhythmMs: 60_000,
      reissued: 30,
      late: 0,
      lastSeenAt: now + hour + 58 * second,
    })
  })

  it("does not expect a vehicle that said it goes, nor learns from the time it was away", () => {
    const drives = Array.from({ length: 8 }, (_, i) => {
      const from = now + i * 8 * hour
      return [
        status(true, `boot-${i}`, from, from),
        ...steady(20, 10 * second, from + second),
        status(false, `boot-${i}`, from + hour, from + hour),
      ]
    }).flat()
    expect(rowOf(...drives)).toMatchObject({ state: "OFFLINE", limitMs: 30 * day, rhythmMs: 10_000 })
    const back = now + 70 * hour
    expect(rowOf(...drives, status(true, "boot-9", back, back))).toMatchObject({ state: "REPORTING", limitMs: 30_000 })
  })

  it("ends with the event that says so, and begins again with any word", () => {
    const { events } = observeAll(State.initial(vin), steady(12, 10 * second))
    const stale = folded([...events, told("VehicleWentStale", now + 10 * minute)]).at(-1)
    expect(stale).toMatchObject({ state: "STALE", since: now + 10 * minute, limitMs: 2 * minute })
    const silent = folded([...events, told("VehicleWentSilent", now + 10 * minute)])
    expect(silent.at(-1)).toMatchObject({ state: "SILENT", limitMs: null })
    const back = observeAll(State.initial(vin), [speed(1, { receivedAt: now + hour })]).events
    expect(folded(back, silent).at(-1)).toMatchObject({ state: "REPORTING", since: now + hour, limitMs: 30_000 })
  })

  it("is in every history what the vehicle's own row says", () => {
    fc.assert(fc.property(fc.array(anyEvent, { maxLength: 30 }), (events) => {
      let row: VehicleRow | undefined
      events.forEach((event, i) => {
        const record = { _tag: "Vehicle", vin, revision: i, position: "", event } as const
        row = vehicles.evolve(vin, row === undefined ? [] : [row], record)[0]
      })
      const newest = folded(events).at(-1)
      expect(newest?.state).toBe(row?.reporting)
      expect(newest?.revision).toBe(row?.revision)
    }))
  })
})

describe("what is counted of a vehicle's day", () => {
  const counts = (row: Counts | undefined): Partial<Counts> =>
    Object.fromEntries(countNames.flatMap((name) => row === undefined || row[name] === 0 ? [] : [[name, row[name]]]))

  it("is its messages and readings, and what was not good about them", () => {
    const at = now - second
    const mixed = telemetry({
      readings: [
        reading("Vehicle.Speed", 1),
        reading("Vehicle.IsMoving", null, { quality: "INVALID" }),
        reading("Vehicle.CurrentLocation.Latitude", 99, { quality: "ABNORMAL" }),
        reading("Vehicle.TraveledDistance", 1, { at: at + hour }),
      ],
    })
    const clock = speed(2, { at: now + hour })
    expect(counts(rowOf(mixed, clock))).toEqual({ messages: 2, readings: 5, invalid: 1, abnormal: 1, clockFaulty: 2 })
  })

  it("is what came late, whether the vehicle marked it or not", () => {
    const [first, second, ...rest] = steady(4, 10_000)
    if (first === undefined || second === undefined) throw new Error("no messages")
    expect(counts(rowOf(second, ...rest, first))).toMatchObject({ messages: 4, late: 1 })
    expect(counts(rowOf(second, ...rest, { ...first, reissued: true }))).toMatchObject({ messages: 4, reissued: 1 })
  })

  it("is what is missing, and on its own day what comes after all", () => {
    const numbered = (seq: number, receivedAt: number) =>
      speed(seq, { at: receivedAt, receivedAt, identity: Identity.sequenced("boot-1", seq) })
    const rows = rowsOf(numbered(0, now), numbered(5, now + second), numbered(2, now + day), numbered(3, now + day + 1))
    expect(rows.map(counts)).toEqual([
      { messages: 2, readings: 2, missed: 4 },
      { messages: 2, readings: 2, filled: 2 },
    ])
    expect(gapsOf(rows.at(-1)?.memory?.sequences ?? [])).toEqual([
      { session: "boot-1", from: 1, to: 1, since: now + second },
      { session: "boot-1", from: 4, to: 4, since: now + second },
    ])
  })

  it("is what came again, as the next event tells", () => {
    const { events } = observeAll(State.initial(vin), [speed(1)])
    const repeated = events.map((event) => ({ ...event, metadata: { ...event.metadata, repeats: 3 } }) as VehicleEvent)
    expect(counts(folded(repeated).at(-1))).toMatchObject({ messages: 1, duplicates: 3 })
  })

  it("is its dead letters, whether or not it is known, on no day before its newest", () => {
    const letter = (receivedAt: number) => ({ _tag: "Letter", vin, position: "", receivedAt }) as const
    const unknown = reporting.evolve(vin, [], letter(now))
    expect(unknown).toMatchObject([{ deadLettered: 1, state: null, revision: -1 }])
    const [known] = rowsOf(speed(1))
    if (known === undefined) throw new Error("no row")
    const [same] = reporting.evolve(vin, [known], letter(now - 2 * day))
    expect(same).toEqual({ ...known, deadLettered: 1 })
    const later = reporting.evolve(vin, [known], letter(now + day)).toSorted((a, b) => a.day - b.day)
    expect(later.map(({ deadLettered }) => deadLettered)).toEqual([0, 1])
    expect(later.map(({ state }) => state)).toEqual([null, "REPORTING"])
  })

  it("is each message and number once, over all days of any history", () => {
    fc.assert(fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
      const rows = folded(events)
      const messages = events.filter(({ type }) => type === "TelemetryReceived").length
      expect(rows.reduce((sum, row) => sum + row.messages, 0)).toBe(messages)
      for (const { limitMs, memory, state } of rows.slice(0, -1)) expect([limitMs, memory, state]).toEqual([null, null, null])
      expect(rows.map((row) => row.day)).toEqual([...new Set(rows.map((row) => row.day))].toSorted((a, b) => a - b))
    }))
  })
})
