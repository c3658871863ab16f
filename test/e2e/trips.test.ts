/**
 * 17 recorded drives of one car, each sent by a vehicle of its own through a real broker into the real service. Twins
 * and trips are held against what the rows say by the definition in `projections/trips.ts`.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Random from "../../src/simulator/random.ts"
import { ask } from "../api/client.ts"
import { mosquitto, mosquittoIsThere } from "../support/mosquitto.ts"
import { publishAll, publisher } from "../support/mqtt-publisher.ts"
import { serviceProcess } from "../support/service-process.ts"
import { storedStreams } from "../support/stored-log.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { say, skipped } from "../support/say.ts"

const archive = join(import.meta.dirname, "../../../shared/data/trips/analyzed.tar.xz")
const isThere = existsSync(archive)
if (!isThere) skipped("no recorded trips in ../shared/data/trips, so the service is not tested with them")

const path = {
  speed: "Vehicle.Speed",
  latitude: "Vehicle.CurrentLocation.Latitude",
  longitude: "Vehicle.CurrentLocation.Longitude",
  altitude: "Vehicle.CurrentLocation.Altitude",
  charge: "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current",
  temperature: "Vehicle.Exterior.AirTemperature",
  humidity: "Vehicle.Exterior.Humidity",
} as const

interface Row {
  readonly seq: number
  /** As it is written; a lost clock writes what is no date. */
  readonly at: string
  /** Epoch ms; NaN where it is no date. */
  readonly time: number
  readonly speed: number
  readonly latitude: number
  readonly longitude: number
  readonly charge: number
  readonly signals: Readonly<Record<string, number>>
}

const rowOf = (line: string, seq: number): Row => {
  const [date = "", clock = "", soc, speed, , latitude, longitude, altitude, , temperature, humidity] = line.split(",")
  const [month = "", day = "", year = ""] = date.split("/")
  const at = `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}T${clock}Z`
  const row = { speed: Number(speed), latitude: Number(latitude), longitude: Number(longitude), charge: Number(soc) }
  return {
    ...row,
    seq,
    at,
    time: Date.parse(at),
    signals: {
      [path.speed]: row.speed,
      [path.latitude]: row.latitude,
      [path.longitude]: row.longitude,
      [path.altitude]: Number(altitude),
      [path.charge]: row.charge,
      [path.temperature]: Number(temperature),
      [path.humidity]: Number(humidity),
    },
  }
}

const rowsOf = (text: string): ReadonlyArray<Row> => text.trim().split(/\r?\n/).slice(1).map(rowOf)

const recordings = (): ReadonlyArray<{ readonly file: string; readonly rows: ReadonlyArray<Row> }> => {
  if (!isThere) return []
  const folder = mkdtempSync(join(tmpdir(), "vehicle-twin-trips-"))
  execFileSync("tar", ["-xJf", archive, "-C", folder])
  const files = readdirSync(folder).toSorted()
  const read = files.map((file) => ({ file, rows: rowsOf(readFileSync(join(folder, file), "utf8")) }))
  rmSync(folder, { recursive: true })
  // One more ends while its receiver was astray.
  const amidLeap = read.flatMap(({ file, rows }) => {
    const last = rows.findLastIndex(({ latitude }) => latitude === 0)
    return last < 0 ? [] : [{ file: `${file} up to a leap`, rows: rows.slice(0, last + 1) }]
  })
  return [...read, ...amidLeap]
}

const messageOf = ({ at, seq, signals }: Row) => ({ session: "drive", seq, at, reissued: true, signals })

/** Of one row an object, of several an array. */
const payloadOf = (rows: ReadonlyArray<Row>): string => {
  const messages = rows.map(messageOf)
  return JSON.stringify(messages.length === 1 ? messages[0] : messages)
}

const chunked = <A>(all: ReadonlyArray<A>, size: number): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))

const shuffled = <A>(all: ReadonlyArray<A>, name: string): ReadonlyArray<A> => {
  const random = Random.make(1, name)
  const left = [...all]
  return all.map(() => left.splice(random.whole(0, left.length - 1), 1)[0]).filter((one) => one !== undefined)
}

type Rows = ReadonlyArray<Row>

/** How a recording is sent: what goes into each payload, in the order of publishing. */
const ways = {
  "row by row": (rows: Rows) => chunked(rows, 1),
  "in batches": (rows: Rows) => chunked(rows, 120),
  // As kept while offline: five minutes at a time, in whatever order the modem has them.
  "in shuffled batches": (rows: Rows) => shuffled(chunked(rows, 300), "batches"),
  "row by row, shuffled": (rows: Rows) => chunked(shuffled(rows, "rows"), 1),
} as const

type Way = keyof typeof ways

const special: Readonly<Record<string, Way>> = {
  "T1_03_29_2021.csv": "in batches",
  "T2_03_29_2021.csv": "in batches",
  "T2_03_30_2021.csv": "in shuffled batches",
  "T3_05_25_2021_2.csv": "row by row, shuffled",
}

interface Trip {
  readonly startAt: number
  readonly endAt: number
  readonly distanceKm: number
  readonly maxSpeed: number
}

/** By the definition: moving is above 1 km/h; 5 minutes without it part two trips; links of over 2 minutes are no way. */
const tripsOf = (rows: ReadonlyArray<Row>): ReadonlyArray<Trip> => {
  const trips: Array<{ startAt: number; endAt: number }> = []
  for (const { speed, time } of rows) {
    if (speed <= 1) continue
    const last = trips.at(-1)
    if (last !== undefined && time - last.endAt < 5 * 60_000) last.endAt = time
    else trips.push({ startAt: time, endAt: time })
  }
  return trips.map(({ endAt, startAt }) => {
    const within = rows.filter(({ time }) => time >= startAt && time <= endAt)
    let distanceKm = 0
    for (const [i, b] of within.entries()) {
      const a = within[i - 1]
      if (a === undefined || b.time - a.time > 120_000) continue
      const [from, to] = [a, b].map(({ speed }) => (speed > 1 ? speed : 0))
      distanceKm += ((from ?? 0) + (to ?? 0)) / 2 * (b.time - a.time) / 3_600_000
    }
    return { startAt, endAt, distanceKm, maxSpeed: Math.max(...within.map(({ speed }) => speed)) }
  })
}

interface Point {
  readonly latitude: number
  readonly longitude: number
}

interface Answer {
  readonly vehicle: {
    readonly events: { readonly totalCount: number }
    readonly signals: ReadonlyArray<{ readonly path: string; readonly value: number; readonly at: string }>
    readonly trips: {
      readonly totalCount: number
      readonly edges: ReadonlyArray<{
        readonly node: {
          readonly startAt: string
          readonly endAt: string
          readonly distanceKm: number
          readonly maxSpeed: number
          readonly start: Point | null
          readonly end: Point | null
          readonly startSoc: number | null
          readonly endSoc: number | null
        }
      }>
    }
  }
}

const document = `query ($vin: String!) {
  vehicle(vin: $vin) {
    events(last: 1) { totalCount }
    signals { path value at }
    trips(last: 200) {
      totalCount
      edges { node {
        startAt endAt distanceKm maxSpeed startSoc endSoc
        start { latitude longitude } end { latitude longitude }
      } }
    }
  }
}`

/** Great-circle distance on a sphere, km. */
const kmBetween = (a: Point, b: Point): number => {
  const [la, lb, dl] = [a.latitude, b.latitude, b.longitude - a.longitude].map((degrees) => degrees * Math.PI / 180)
  const cosine = Math.sin(la ?? 0) * Math.sin(lb ?? 0) + Math.cos(la ?? 0) * Math.cos(lb ?? 0) * Math.cos(dl ?? 0)
  return 6371 * Math.acos(Math.min(1, cosine))
}

/** A payload with more to complain of has its last dead letter say so. */
const lettersOfOne = 16

const lostClock = ({ time }: Row) => Number.isNaN(time)
const outOfRange = ({ longitude }: Row) => Math.abs(longitude) > 180
const pointOf = (row: Row | undefined) => row === undefined ? null : { latitude: row.latitude, longitude: row.longitude }

/**
 * All was driven between Rabat and Témara. In one drive the receiver was on the equator for a while, which is a place
 * for a car to be; in another it was east of 180 degrees, which is none.
 */
const leaps = (row: Row) => row.latitude === 0 || outOfRange(row)

describe.skipIf(!isThere || !mosquittoIsThere)("17 recorded drives, through a broker and the service", () => {
  it.live("end with each twin as its last row has it, and with the trips that its rows tell of", () =>
    Effect.gen(function*() {
      const drives = recordings().map(({ file, rows }, i) => {
        const way = special[file] ?? "row by row"
        return { file, rows, way, payloads: ways[way](rows), vin: `LSVAA4187E${String(i + 1).padStart(7, "0")}` }
      })
      assert.lengthOf(drives, 17 + 1)
      const broker = yield* mosquitto()
      const folder = yield* temporaryFolder
      const service = yield* serviceProcess({ DATA_DIR: folder, MQTT_URL: broker.url, LOG_LEVEL: "warn" })
      yield* service.start

      const began = performance.now()
      yield* Effect.forEach(drives, ({ payloads, vin }) =>
        Effect.gen(function*() {
          const client = yield* publisher(broker.url)
          yield* publishAll(client, payloads.map((payload) => [`vehicles/${vin}/telemetry`, payloadOf(payload)]))
        }).pipe(Effect.scoped), { concurrency: 4, discard: true })

      const look = (vin: string) => Effect.promise(() => ask<Answer>(service.url, document, { vin }))
      const good = (rows: ReadonlyArray<Row>) => rows.filter((row) => !lostClock(row))
      const arrived = Effect.fnUntraced(function*(vin: string, count: number) {
        for (;;) {
          const { vehicle } = yield* look(vin)
          if (vehicle !== null && vehicle.events.totalCount >= count) return
          yield* Effect.sleep("100 millis")
        }
      })
      for (const { rows, vin } of drives) yield* arrived(vin, good(rows).length)
      const seconds = (performance.now() - began) / 1000

      let worst = 0
      let told = 0
      for (const { file, rows, vin, way } of drives) {
        const says = `${file}, ${way}`
        const believed = good(rows)
        const { vehicle } = yield* look(vin)
        assert.strictEqual(vehicle.events.totalCount, believed.length, says)

        const last = believed.at(-1)
        assert.strictEqual(last, rows.at(-1))
        const values = Object.fromEntries(vehicle.signals.map(({ path: name, value }) => [name, value]))
        assert.deepStrictEqual(values, last?.signals, says)
        for (const signal of vehicle.signals) assert.strictEqual(Date.parse(signal.at), last?.time, says)

        const expected = tripsOf(believed)
        assert.isNotEmpty(expected)
        const trips = vehicle.trips.edges.map(({ node }) => node).toSorted((a, b) => (a.startAt < b.startAt ? -1 : 1))
        const bounds = trips.map(({ endAt, maxSpeed, startAt }) => ({
          startAt: Date.parse(startAt),
          endAt: Date.parse(endAt),
          maxSpeed,
        }))
        assert.deepStrictEqual(bounds, expected.map(({ endAt, maxSpeed, startAt }) => ({ startAt, endAt, maxSpeed })), says)
        for (const [i, trip] of trips.entries()) {
          const deviation = Math.abs(trip.distanceKm / (expected[i]?.distanceKm ?? Number.NaN) - 1)
          assert.isBelow(deviation, 0.02, says)
          worst = Math.max(worst, deviation)
          told++
          // Its ends are where the rows have them, and a minute to settle.
          const { endAt, startAt } = bounds[i] ?? { endAt: Number.NaN, startAt: Number.NaN }
          const first = believed.find(({ time }) => time === startAt)
          const settled = believed.filter(({ time }) => time < endAt + 60_000)
          const { end, endSoc, start, startSoc } = trip
          assert.deepStrictEqual(start, pointOf(first), says)
          assert.deepStrictEqual(end, pointOf(settled.findLast((row) => !leaps(row))), says)
          assert.deepStrictEqual([startSoc, endSoc], [first?.charge, settled.at(-1)?.charge], says)
        }
        // Leaps of the receiver are no way: by its positions these two would have been around the world.
        const byPosition = believed.reduce((sum, b, i) => sum + (i === 0 ? 0 : kmBetween(believed[i - 1] ?? b, b)), 0)
        assert.strictEqual(byPosition > 1_000, rows.some(leaps), says)
      }

      // What could not be taken: rows of no date, and positions off the map, the rest of whose row counts.
      const [letters = []] = (yield* storedStreams(folder, "deadletter-")).values()
      const reasons = (vin: string) =>
        letters
          .filter(({ metadata }) => JSON.stringify(metadata["source"]).includes(vin))
          .map(({ data }) => [data["reason"], data["path"]].join(" ").trim())
      for (const { payloads, vin } of drives) {
        const expected = payloads.flatMap((payload) =>
          payload
            .flatMap((row) => lostClock(row) ? ["time"] : outOfRange(row) ? [`range ${path.longitude}`] : [])
            .slice(0, lettersOfOne)
        )
        assert.deepStrictEqual(reasons(vin).toSorted(), expected.toSorted())
      }
      // The recordings have what all this is about.
      assert.isTrue(drives.some(({ rows }) => rows.some(lostClock)))
      assert.lengthOf(drives.filter(({ rows }) => rows.some(leaps)), 2 + 1)
      assert.strictEqual(yield* service.stop, 0)
      const rows = drives.reduce((sum, drive) => sum + drive.rows.length, 0)
      say(
        `${drives.length} drives, ${rows} rows in ${seconds.toFixed(1)} s: ${told} trips, distances at most ${
          (worst * 100).toFixed(3)
        } % off, ${letters.length} dead letters`,
      )
    }), 180_000)
})
