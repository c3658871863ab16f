import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { VehicleRecord } from "../../domain/vehicle/record.ts"
import { tripGapMs, type TripRow, trips } from "../../projections/trips.ts"
import { contiguousMs, maxLinkMs, maxRuns } from "../../projections/trip-runs.ts"
import { skipped } from "../support/say.ts"

const vin = "WVWZZZ1KZAW000001"
const t0 = Date.parse("2026-03-02T08:00:00.000Z")

interface Sample {
  /** Seconds. */
  readonly t: number
  readonly v: number
  readonly latitude?: number
  readonly longitude?: number
  readonly soc?: number
  readonly clockFault?: boolean
}

let revision = 0
const message = (
  t: number,
  readings: Record<string, number>,
  personal: Record<string, number> = {},
  clockFault = false,
): VehicleRecord => ({
  _tag: "Vehicle",
  vin,
  revision: revision++,
  position: String(revision).padStart(16, "0"),
  event: {
    id: "e",
    type: "TelemetryReceived",
    data: {
      at: new Date(t0 + t * 1000).toISOString(),
      readings,
      personal,
      ...(clockFault && { clockFault: true as const }),
    },
    metadata: { schema: 1, receivedAt: new Date(t0).toISOString(), source: { kind: "mqtt" } },
  },
})

const record = ({ clockFault, latitude, longitude, soc, t, v }: Sample): VehicleRecord =>
  message(
    t,
    {
      "Vehicle.Speed": v,
      ...(soc !== undefined && { "Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed": soc }),
    },
    latitude === undefined || longitude === undefined
      ? {}
      : { "Vehicle.CurrentLocation.Latitude": latitude, "Vehicle.CurrentLocation.Longitude": longitude },
    clockFault,
  )

const fold = (samples: ReadonlyArray<Sample>, rows: ReadonlyArray<TripRow> = []): ReadonlyArray<TripRow> =>
  samples.reduce((folded, sample) => trips.evolve(vin, folded, record(sample)), rows)
    .toSorted((a, b) => a.startAt - b.startAt)

/** The definition, over samples in order. */
const oracle = (samples: ReadonlyArray<Sample>) => {
  const found: Array<{ startAt: number; endAt: number; distanceKm: number; maxSpeed: number }> = []
  const moving = samples.filter(({ v }) => v > 1)
  const ends: Array<[Sample, Sample]> = []
  for (const sample of moving) {
    const last = ends.at(-1)
    if (last !== undefined && (sample.t - last[1].t) * 1000 < tripGapMs) last[1] = sample
    else ends.push([sample, sample])
  }
  for (const [start, end] of ends) {
    const within = samples.filter(({ t }) => t >= start.t && t <= end.t)
    let distanceKm = 0
    within.forEach((b, i) => {
      const a = within[i - 1]
      if (a === undefined || (b.t - a.t) * 1000 > maxLinkMs) return
      distanceKm += ((a.v > 1 ? a.v : 0) + (b.v > 1 ? b.v : 0)) / 2 * (b.t - a.t) / 3600
    })
    found.push({
      startAt: t0 + start.t * 1000,
      endAt: t0 + end.t * 1000,
      distanceKm,
      maxSpeed: Math.max(...within.map(({ v }) => v)),
    })
  }
  return found
}

const bounds = (rows: ReadonlyArray<{ startAt: number; endAt: number; maxSpeed: number }>) =>
  rows.map(({ endAt, maxSpeed, startAt }) => ({ startAt, endAt, maxSpeed }))

const expectDistances = (
  rows: ReadonlyArray<{ distanceKm: number }>,
  expected: ReadonlyArray<{ distanceKm: number }>,
  digits = 9,
) => {
  expect(rows).toHaveLength(expected.length)
  rows.forEach((row, i) => expect(row.distanceKm).toBeCloseTo(expected[i]?.distanceKm ?? NaN, digits))
}

/** A drive with stops and silences: each step is how long after the one before, and the speed. */
const drive = (steps: fc.Arbitrary<number>) =>
  fc.array(fc.tuple(steps, fc.oneof(fc.constant(0), fc.double({ min: 0, max: 180, noNaN: true }))), {
    minLength: 1,
    maxLength: 60,
  }).map((parts) => {
    let t = 0
    return parts.map(([step, v]): Sample => ({ t: t += step, v }))
  })

const anyStep = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 41, max: 400 }))

const shuffled = <A>(items: ReadonlyArray<A>) =>
  fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length })

/** At a steady 36 km/h, every second. */
const stretch = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i): Sample => ({ t: from + i, v: 36 }))

describe("trips", () => {
  it("in order are what the definition says", () => {
    fc.assert(fc.property(drive(anyStep), (samples) => {
      const rows = fold(samples)
      expect(bounds(rows)).toEqual(bounds(oracle(samples)))
      // Past the bound of runs distances are still what they were: gaps are settled as they would be bridged.
      expectDistances(rows, oracle(samples))
    }))
  })

  it("start and end the same in whatever order samples arrive", () => {
    fc.assert(fc.property(
      drive(anyStep).chain((samples) => fc.tuple(fc.constant(samples), shuffled(samples))),
      ([samples, arrived]) => {
        const expected = oracle(samples)
        const rows = fold(arrived)
        expect(bounds(rows)).toEqual(bounds(expected))
        for (const row of rows) {
          expect(row.distanceKm).toBeLessThanOrEqual(row.maxSpeed * (row.endAt - row.startAt) / 3_600_000 + 1e-9)
          expect(row.runs.length).toBeLessThanOrEqual(maxRuns)
        }
      },
    ))
  })

  it("have the distance of the definition where long stretches come late, each in order within itself", () => {
    /** Moving samples all the way, cut in stretches longer than what counts as contiguous. */
    const stretches = fc.array(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.double({ min: 2, max: 180, noNaN: true })), {
        minLength: 45,
        maxLength: 60,
      }),
      { minLength: 2, maxLength: 6 },
    ).map((parts) => {
      let t = 0
      return parts.map((part) => part.map(([step, v]): Sample => ({ t: t += step, v })))
    })
    fc.assert(
      fc.property(
        stretches.chain((parts) => fc.tuple(fc.constant(parts), shuffled(parts))),
        ([parts, arrived]) => {
          const rows = fold(arrived.flat())
          expect(rows).toHaveLength(1)
          expectDistances(rows, oracle(parts.flat()))
        },
      ),
      { numRuns: 50 },
    )
  })

  it("are off by no more than the stated bound where samples of a smooth drive arrive in any order", () => {
    const step = 5
    const smooth = fc.array(fc.integer({ min: -10, max: 10 }), { minLength: 2, maxLength: 60 }).map((changes) => {
      let v = 60
      return changes.map((change, i): Sample => ({ t: i * step, v: v = Math.min(130, Math.max(2, v + change)) }))
    })
    fc.assert(fc.property(
      smooth.chain((samples) => fc.tuple(fc.constant(samples), shuffled(samples))),
      ([samples, arrived]) => {
        const [expected] = oracle(samples)
        const [row] = fold(arrived)
        // L·h²/4 for each stretch of h = 40 s, L = 10 km/h in 5 s.
        const seconds = samples.length * step
        const h = contiguousMs / 1000
        const boundKm = Math.ceil(seconds / h) * (10 / step) * h ** 2 / 4 / 3600
        expect(Math.abs((row?.distanceKm ?? NaN) - (expected?.distanceKm ?? NaN))).toBeLessThanOrEqual(boundKm)
      },
    ))
  })

  it("are not changed by samples that come again", () => {
    fc.assert(fc.property(
      drive(anyStep).chain((samples) => fc.tuple(fc.constant(samples), fc.subarray(samples))),
      ([samples, again]) => {
        const rows = fold(samples)
        expect(fold(again, rows)).toEqual(rows)
      },
    ))
  })

  it("become one when what lies between comes late", () => {
    const apart = fold([...stretch(0, 600), ...stretch(1200, 1800)])
    expect(apart).toHaveLength(2)
    const nearer = fold(stretch(601, 900), apart)
    expect(nearer).toHaveLength(2)
    const whole = fold(stretch(901, 1199).toReversed(), nearer)
    expectDistances(whole, [{ distanceKm: 18 }])
    expect(whole[0]?.runs).toHaveLength(1)
  })

  it("go on after a stop at a light, and count nothing for it", () => {
    const speeds = [[0, 50], [10, 0], [20, 0.4], [100, 0.9], [110, 50], [120, 50]] as const
    const rows = fold(speeds.map(([t, v]) => ({ t, v })))
    expect(rows).toHaveLength(1)
    expect(rows[0]?.distanceKm).toBeCloseTo((25 * 10 + 25 * 10 + 50 * 10) / 3600, 9)
  })

  it("have a late sample amid a standstill, of which the ends are known", () => {
    const speeds = [[0, 36], [1, 36], [2, 0], [100, 0], [101, 36], [102, 36], [51, 36], [52, 36]] as const
    const rows = fold(speeds.map(([t, v]) => ({ t, v })))
    // 36 km/h is 10 m/s. From rest at 2 s up to 51 s, on to 52 s, and down to rest at 100 s.
    expect(rows[0]?.distanceKm).toBeCloseTo((10 + 5 + 49 * 5 + 10 + 48 * 5 + 5 + 10) / 1000, 9)
  })

  it("know nothing of readings whose clock is at fault, or that are not good", () => {
    const rows = fold([{ t: 0, v: 50 }])
    expect(trips.evolve(vin, rows, message(10, { "Vehicle.Speed": 50 }, {}, true))).toBe(rows)
    const bad = message(10, {})
    if (bad.event.type !== "TelemetryReceived") return
    const data = { ...bad.event.data, readings: { "Vehicle.Speed": { value: 50, quality: "ABNORMAL" as const } } }
    expect(trips.evolve(vin, rows, { ...bad, event: { ...bad.event, data } })).toBe(rows)
  })

  it("leave the rows alone on whatever does not concern them", () => {
    const rows = fold([{ t: 0, v: 50 }, { t: 10, v: 50 }])
    expect(trips.evolve(vin, rows, message(20, { "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen": 1 }))).toBe(rows)
    expect(trips.evolve(vin, rows, record({ t: 4000, v: 0 }))).toBe(rows)
    expect(trips.evolve(vin, rows, record({ t: 5, v: 40 }))).toBe(rows)
  })

  it("older than the 20 newest are final", () => {
    const rows = fold(Array.from({ length: 20 }, (_, i): Sample => ({ t: 10_000 + i * 1000, v: 50 })))
    expect(fold([{ t: 9_900, v: 50 }, { t: 100, v: 50 }], rows)).toEqual(rows)
    expect(fold([{ t: 10_010, v: 50 }], rows)).toHaveLength(20)
    expect(fold([{ t: 10_500, v: 50 }], rows)).toHaveLength(21)
  })

  it("have the charge and position of their start and end, whatever came between and after", () => {
    const rows = fold([
      { t: 0, v: 50, latitude: 48, longitude: 11, soc: 80 },
      { t: 60, v: 50, latitude: 48.005, longitude: 11, soc: 79 },
      { t: 120, v: 50, latitude: 48.01, longitude: 11, soc: 78 },
      { t: 130, v: 0, latitude: 48.0101, longitude: 11, soc: 77.9 },
      { t: 3000, v: 0, latitude: 48.0101, longitude: 11, soc: 95 },
    ])
    expect(rows).toHaveLength(1)
    expect(rows[0]).toMatchObject({
      startLatitude: 48,
      startSoc: 80,
      startSocAt: t0,
      endLatitude: 48.0101,
      endSoc: 77.9,
      endPositionAt: t0 + 130_000,
    })
  })

  it("believe no position that the vehicle cannot have come to, and none of a receiver without a fix", () => {
    const positions = [
      [0, 0],
      [10, 10], // where the receiver was last switched off
      [48, 11],
      [48.0001, 11],
      [0, 11],
      [48.0002, 1555.6],
      [48.0003, 11],
      [49, 11],
    ] as const
    const [row] = fold(positions.map(([latitude, longitude], t) => ({ t, v: 40, latitude, longitude })))
    expect(fold([{ t: 0, v: 40, latitude: 0, longitude: 0 }])[0]).toMatchObject({ startLatitude: null, endLatitude: null })
    expect(row).toMatchObject({ startLatitude: 48, startPositionAt: t0 + 2000 })
    expect(row).toMatchObject({ endLatitude: 48.0003, endLongitude: 11, endPositionAt: t0 + 6000 })
  })
})

const samplesOf = (text: string): ReadonlyArray<Sample> =>
  text.trim().split(/\r?\n/).slice(1).flatMap((line): ReadonlyArray<Sample> => {
    const [date = "", time = "", soc, speed, , latitude, longitude] = line.split(",")
    const [month = NaN, day = NaN, year = NaN] = date.split("/").map(Number)
    const [hour = NaN, minute = NaN, second = NaN] = time.split(":").map(Number)
    const at = Date.UTC(year, month - 1, day, hour, minute, second)
    const sample = {
      // Here and there the clock was lost for a while: days such as 90/02/2032.
      clockFault: year !== 2021,
      t: (at - t0) / 1000,
      v: Number(speed),
      latitude: Number(latitude),
      longitude: Number(longitude),
      soc: Number(soc),
    }
    return [sample]
  })

const archive = join(import.meta.dirname, "../../../shared/data/trips/analyzed.tar.xz")
const hasArchive = existsSync(archive)
if (!hasArchive) skipped("no recorded trips here, so trips are not checked against them")

describe.runIf(hasArchive)("17 recorded trips of one car", () => {
  const folder = mkdtempSync(join(tmpdir(), "trips-"))
  if (hasArchive) execFileSync("tar", ["-xJf", archive, "-C", folder])
  const files = readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }))
  rmSync(folder, { recursive: true })

  it.each(files)("$name is one trip from its first to its last movement", ({ text }) => {
    const rows = fold(samplesOf(text))
    const samples = samplesOf(text).filter(({ clockFault }) => !clockFault)
    const expected = oracle(samples)
    expect(rows).toHaveLength(1)
    expect(bounds(rows)).toEqual(bounds(expected))
    expectDistances(rows, expected, 6)
    // The file's own row for row sum, with no threshold for standing still.
    const plain = samples.reduce((sum, b, i) => {
      const a = samples[i - 1]
      return a === undefined ? sum : sum + (a.v + b.v) / 2 * (b.t - a.t) / 3600
    }, 0)
    const [row] = rows
    expect(Math.abs((row?.distanceKm ?? 0) / plain - 1)).toBeLessThan(0.02)
    // All were driven between Rabat and Témara; two files hold positions thousands of kilometres away.
    for (const latitude of [row?.startLatitude, row?.endLatitude]) expect(latitude).toBeCloseTo(34, 0)
    for (const longitude of [row?.startLongitude, row?.endLongitude]) expect(longitude).toBeCloseTo(-6.8, 0)
  })

  it.each(files.slice(0, 4))("$name mends to the same after ten minutes came late, newest first", ({ text }) => {
    const samples = samplesOf(text).filter(({ clockFault }) => !clockFault)
    const middle = Math.floor(samples.length / 2)
    const late = samples.slice(middle, middle + 600)
    const rows = fold([...samples.slice(0, middle), ...samples.slice(middle + 600)])
    const [row] = fold(late.toReversed(), rows)
    const [expected] = oracle(samples)
    expect(row).toMatchObject({ startAt: expected?.startAt, endAt: expected?.endAt })
    expect(Math.abs((row?.distanceKm ?? 0) / (expected?.distanceKm ?? 1) - 1)).toBeLessThan(0.01)
  })
})
