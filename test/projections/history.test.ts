import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { DataOf, StoredReading } from "../../domain/vehicle/events.ts"
import type { VehicleRecord } from "../../domain/vehicle/record.ts"
import { seriesOf } from "../../projections/history-series.ts"
import { type BucketSize, day, history as projection, hour, minute } from "../../projections/history.ts"
import type { Summary } from "../../projections/rollup.ts"
import { recorded, vin } from "../support/given.ts"
import { HistoryRows } from "../support/history-rows.ts"
import { skipped } from "../support/say.ts"

const t0 = Date.parse("2026-11-22T08:00:00.000Z")
const paths = ["Vehicle.Speed", "Vehicle.IsMoving", "Vehicle.CurrentLocation.Latitude"] as const

const recordOf = (
  at: number,
  readings: Record<string, StoredReading>,
  rest: Pick<DataOf<"TelemetryReceived">, "personal" | "clockFault" | "reissued"> = {},
): VehicleRecord => ({
  _tag: "Vehicle",
  vin,
  revision: 0,
  position: "",
  event: recorded({ type: "TelemetryReceived", data: { at: new Date(at).toISOString(), readings, ...rest } }),
})

/** Near one another, in the same hour, the same day, and days apart. */
const time = fc.tuple(
  fc.constantFrom(0, 0, 0, 1, 2, -1, 30, 90, 91),
  fc.constantFrom(0, 0, 1, 5, -7),
  fc.integer({ min: 0, max: 6 }),
  fc.constantFrom(0, 1, 15_000, 59_999),
).map(([days, hours, minutes, ms]) => t0 + days * day + hours * hour + minutes * minute + ms)

const number = fc.oneof(
  fc.integer({ min: -300, max: 2_500 }).map((n) => n / 10),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }),
).map((n) => n + 0)
const value = fc.oneof(
  { weight: 6, arbitrary: number },
  fc.boolean(),
  fc.constantFrom("off", "on", "x".repeat(200), "x".repeat(201)),
  fc.array(number, { maxLength: 2 }),
)
const reading: fc.Arbitrary<StoredReading> = fc.oneof(
  { weight: 3, arbitrary: value },
  fc.record({
    value: fc.option(value, { freq: 6 }),
    at: time.map((at) => new Date(at).toISOString()),
    quality: fc.constantFrom("GOOD" as const, "ABNORMAL" as const, "INVALID" as const),
    clockFault: fc.constant(true as const),
  }, { requiredKeys: ["value"], noNullPrototype: true }),
)
const readings = fc.dictionary(fc.constantFrom(...paths), reading, { maxKeys: 3, noNullPrototype: true })
const message = fc.tuple(
  time,
  readings,
  fc.record({
    personal: fc.dictionary(fc.constant(paths[2]), reading, { noNullPrototype: true }),
    clockFault: fc.constant(true as const),
    reissued: fc.constant(true as const),
  }, { requiredKeys: [], noNullPrototype: true }),
).map(([at, all, rest]) => recordOf(at, all, rest))
const history = fc.array(message, { minLength: 1, maxLength: 40, size: "max" })

const foldIn = (batches: ReadonlyArray<ReadonlyArray<VehicleRecord>>): HistoryRows => {
  const rows = new HistoryRows()
  for (const batch of batches) rows.fold(vin, batch)
  return rows
}

interface Reading {
  readonly path: string
  readonly at: number
  readonly value: number | string | boolean
}

/** Written out: what each message says, of which only what is good and believed counts. */
const readingsIn = (records: ReadonlyArray<VehicleRecord>): ReadonlyArray<Reading> =>
  records.flatMap(({ event }) => {
    if (event.type !== "TelemetryReceived") return []
    const { at, clockFault, personal, readings } = event.data
    return [...Object.entries(readings), ...Object.entries(personal ?? {})].flatMap(([path, stored]) => {
      const one = typeof stored === "object" && "value" in stored ? stored : { value: stored }
      const isFaulty = one.at === undefined ? clockFault : one.clockFault
      const isGood = (one.quality ?? "GOOD") === "GOOD" && isFaulty !== true
      const { value } = one
      if (!isGood || value === null || typeof value === "object") return []
      return typeof value === "string" && value.length > 200 ? [] : [{ path, at: Date.parse(one.at ?? at), value }]
    })
  })

const directly = (records: ReadonlyArray<VehicleRecord>, kept: BucketSize, bucketMs: number) => {
  const told = readingsIn(records)
  // Minutes are kept for 90 days before the hour of the newest.
  const from = Math.floor(Math.max(...told.map(({ at }) => at)) / hour) * hour - 90 * day
  const among = kept === minute ? told.filter(({ at }) => at >= from) : told
  const byBucket = Map.groupBy(among, ({ at, path }) => `${path} ${Math.floor(at / bucketMs) * bucketMs}`)
  return [...byBucket].map(([place, all]) => {
    const sorted = all.toSorted((a, b) =>
      a.at - b.at || (typeof a.value).localeCompare(typeof b.value) || (a.value < b.value ? -1 : 1))
    const numbers = all.map(({ value }) => value).filter((one) => typeof one === "number")
    const isNumeric = numbers.length === all.length
    return [place, {
      count: all.length,
      first: sorted[0]?.value,
      firstAt: sorted[0]?.at,
      last: sorted.at(-1)?.value,
      lastAt: sorted.at(-1)?.at,
      min: isNumeric ? Math.min(...numbers) : null,
      max: isNumeric ? Math.max(...numbers) : null,
      // The sum of what is compared with is rounded at each step.
      mean: isNumeric ? expect.closeTo(numbers.reduce((sum, x) => sum + x, 0) / numbers.length, 4) : null,
    }] as const
  }).toSorted(([a], [b]) => a < b ? -1 : 1)
}

const asRead = (rows: HistoryRows, kept: BucketSize, bucketMs: number) =>
  [...seriesOf(rows.read(kept), bucketMs, () => true)]
    .flatMap(([path, points]) => points.map(({ at, ...rest }): readonly [string, Summary] => [`${path} ${at}`, rest]))
    .toSorted(([a], [b]) => a < b ? -1 : 1)

const sizes: ReadonlyArray<readonly [kept: BucketSize, bucketMs: number]> = [
  [minute, minute],
  [minute, 5 * minute],
  [hour, hour],
  [hour, 6 * hour],
  [day, day],
]

describe("history", () => {
  it("says in every size what the readings themselves say", () => {
    fc.assert(fc.property(history, (records) => {
      const rows = foldIn(records.map((record) => [record]))
      for (const [kept, bucketMs] of sizes) {
        expect(asRead(rows, kept, bucketMs)).toEqual(directly(records, kept, bucketMs))
      }
    }))
  })

  it("has the very same rows in whatever order messages come, and however they are cut into batches", () => {
    fc.assert(fc.property(
      history.chain((records) =>
        fc.tuple(
          fc.constant(records),
          fc.shuffledSubarray(records, { minLength: records.length, maxLength: records.length }),
          fc.array(fc.nat({ max: records.length }), { maxLength: 4 }),
        )),
      ([records, shuffled, cuts]) => {
        const ends = [...cuts.toSorted((a, b) => a - b), records.length]
        const batches = ends.map((end, i) => shuffled.slice(ends[i - 1] ?? 0, end))
        expect(foldIn(batches).all).toEqual(foldIn(records.map((record) => [record])).all)
      },
    ))
  })

  it("asks for no row but the newest while messages come in order within a minute", () => {
    const rows = foldIn([[recordOf(t0, { "Vehicle.Speed": 50 })]])
    const asked = new Set<string>()
    const given = { newest: rows.newest, at: (key: ReadonlyArray<string | number>) => void asked.add(key.join(" ")) }
    const inputs = [t0 + 1, t0 + 59_999].map((at) => [{ path: "Vehicle.Speed", at, value: 51 }])
    expect([...projection.touches(rows.newest, inputs)]).toEqual([])
    const changed = projection.evolve(vin, given, inputs)
    expect(changed.map(({ bucketMs, startAt }) => [bucketMs, startAt])).toEqual([[minute, t0]])
    expect(asked.size).toBe(0)
  })

  it("mends the minute, the hour and the day of a reading that comes days late, and those alone", () => {
    const of = (at: number, speed: number) => recordOf(at, { "Vehicle.Speed": speed })
    const rows = foldIn([[of(t0, 10), of(t0 + 3 * day, 20)]])
    const before = rows.all
    rows.fold(vin, [of(t0 + 30_000, 90)])
    const changed = rows.all.filter((row) => !before.some((one) => JSON.stringify(one) === JSON.stringify(row)))
    expect(changed.map(({ bucketMs, startAt }) => [bucketMs, startAt]))
      .toEqual([[minute, t0], [hour, t0], [day, t0 - 8 * hour]])
    for (const kept of [minute, hour, day] as const) {
      const [first] = seriesOf(rows.read(kept), kept, () => true).get("Vehicle.Speed") ?? []
      expect(first).toMatchObject({ count: 2, first: 10, last: 90, min: 10, max: 90, mean: 50 })
    }
  })

  it("knows no mean of what no double can hold, and still the smallest and largest", () => {
    const rows = foldIn([[1.5e308, 1.7e308, 1].map((speed, i) => recordOf(t0 + i, { "Vehicle.Speed": speed }))])
    const [point] = seriesOf(rows.read(day), day, () => true).get("Vehicle.Speed") ?? []
    expect(point).toMatchObject({ count: 3, min: 1, max: 1.7e308, mean: null })
  })

  it("takes at most 140 bytes a signal, beside its path", () => {
    const long = [31.230416666666667, 121.47370000000001, -179.99999999999997]
    const records = Array.from({ length: 900 }, (_, i) => recordOf(t0 + i * 61, { "Vehicle.Speed": long[i % 3] ?? 0 }))
    for (const row of foldIn([records]).all) {
      expect(JSON.stringify(row.signals).length).toBeLessThan("Vehicle.Speed".length + 140)
    }
  })
})

const archive = join(import.meta.dirname, "../../../shared/data/trips/analyzed.tar.xz")
const hasArchive = existsSync(archive)
if (!hasArchive) skipped("no recorded trips here, so history is not checked against them")

describe.runIf(hasArchive)("history of 17 recorded trips", () => {
  const folder = mkdtempSync(join(tmpdir(), "trips-"))
  if (hasArchive) execFileSync("tar", ["-xJf", archive, "-C", folder])
  const files = readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }))
  rmSync(folder, { recursive: true })

  /** Charge and speed, as each row has them; here and there the clock was lost. */
  const recordsOf = (text: string): ReadonlyArray<VehicleRecord> =>
    text.trim().split(/\r?\n/).slice(1).map((line) => {
      const [date = "", clock = "", charge, speed] = line.split(",")
      const [month = NaN, dayOfMonth = NaN, year = NaN] = date.split("/").map(Number)
      const [hours = NaN, minutes = NaN, seconds = NaN] = clock.split(":").map(Number)
      const at = Date.UTC(year, month - 1, dayOfMonth, hours, minutes, seconds)
      const readings = { "Vehicle.Speed": Number(speed), [soc]: Number(charge) }
      return recordOf(at, readings, year === 2021 ? {} : { clockFault: true })
    })
  const soc = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed"

  it.each(files)("$name: each bucket is what its rows say, forwards and backwards", ({ text }) => {
    const records = recordsOf(text)
    const rows = foldIn([records.slice(0, 500), records.slice(500)])
    for (const [kept, bucketMs] of sizes) {
      expect(asRead(rows, kept, bucketMs)).toEqual(directly(records, kept, bucketMs))
    }
    expect(foldIn([records.toReversed()]).all).toEqual(rows.all)
  })
})
