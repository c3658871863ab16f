import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { DuckDBInstance } from "@duckdb/node-api"
import { Effect, Fiber, Result, Stream } from "effect"
import { catalogue } from "../../domain/signals/catalogue.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import type { RecordedEvent } from "../../src/eventstore/event-store.ts"
import { readEvents } from "../../src/replay/event-table.ts"
import { forReadings, type Shape, signalsIn, tally, toParquet, toText } from "../../src/replay/export.ts"
import { checkTarget, toFile } from "../../src/replay/export-file.ts"
import { pathsOf } from "../../src/replay/readings.ts"
import type { Selection } from "../../src/replay/selection.ts"
import { selectionOf } from "../../src/replay/selection-input.ts"
import { now, second } from "../support/given.ts"
import { vinOf } from "../support/messages.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { alertRaised, fleetEvents, toLine } from "./event-lines.ts"

const times = { message: toTime(now), before: toTime(now - 5 * second), faulty: toTime(now + 3_600 * second) }

/** A message with everything that a reading may be. */
const [first] = fleetEvents(1)
const varied = {
  ...first,
  data: {
    at: times.message,
    session: "boot-1",
    seq: 0,
    reissued: true,
    readings: {
      "Vehicle.Speed": 88.5,
      "Vehicle.IsMoving": true,
      "Vehicle.TraveledDistance": { value: 1_234, at: times.before },
      "Vehicle.LowVoltageSystemState": "ON",
      "Vehicle.Twin.ElectricMotors.Speed": [1.5, 2],
      "Vehicle.Exterior.AirTemperature": { value: null, quality: "INVALID" },
      "Vehicle.Cabin.DoorCount": { value: 4, at: times.faulty, clockFault: true },
    },
    personal: { "Vehicle.CurrentLocation.Latitude": 31.25 },
  },
} as RecordedEvent

const events = [varied, ...fleetEvents(25_000, { seed: 7 }).slice(1), alertRaised(vinOf(1), 100_000)]

const written = Effect.fnUntraced(function*(shape: Shape, name: string, from: ReadonlyArray<RecordedEvent> = events) {
  const file = join(yield* temporaryFolder, name)
  const stream = Stream.fromIterable(from).pipe(Stream.rechunk(500))
  const counted = tally()
  const make = name.endsWith(".parquet") ? toParquet : toText
  yield* toFile(file, make(stream, shape, catalogue, counted)).pipe(Effect.scoped)
  return { file, counted }
})

const lines = (file: string): ReadonlyArray<Record<string, unknown>> =>
  readFileSync(file, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line))

const duckdb = (query: string) =>
  Effect.promise(async () => {
    const connection = await (await DuckDBInstance.create()).connect()
    return (await connection.runAndReadAll(query)).getRowObjectsJson()
  })

const typesIn = (file: string) =>
  Effect.map(duckdb(`DESCRIBE SELECT * FROM '${file}'`), (columns) =>
    Object.fromEntries(columns.map(({ column_name, column_type }) => [column_name, column_type])))

const asked = (input: Partial<Selection>, paths?: ReadonlyArray<string>) =>
  forReadings({ clock: "received", ...input }, paths)

const long = (input: Partial<Selection> = {}, paths?: ReadonlyArray<string>): Shape => ({
  _tag: "Long",
  filter: asked(input, paths).filter,
})

describe("an export of events", () => {
  it.live("has a line an event, as the log has it", () =>
    Effect.gen(function*() {
      const { counted, file } = yield* written({ _tag: "Events" }, "events.ndjson")
      assert.deepStrictEqual<unknown>(lines(file), events.map(toLine))
      assert.deepInclude(counted, { events: events.length, rows: events.length, position: events.at(-1)?.position })
    }))

  it.live("is the same events in Parquet, read back", () =>
    Effect.gen(function*() {
      const { file } = yield* written({ _tag: "Events" }, "events.parquet")
      assert.deepStrictEqual(yield* Stream.runCollect(readEvents(file)), events.map(toLine))
    }))

  it.live("opens in DuckDB with its types, all its rows and their values", () =>
    Effect.gen(function*() {
      const { file } = yield* written({ _tag: "Events" }, "events.parquet")
      assert.deepStrictEqual<unknown>(yield* typesIn(file), {
        position: "VARCHAR",
        stream: "VARCHAR",
        revision: "BIGINT",
        id: "VARCHAR",
        type: "VARCHAR",
        vin: "VARCHAR",
        observedAt: "TIMESTAMP WITH TIME ZONE",
        receivedAt: "TIMESTAMP WITH TIME ZONE",
        created: "TIMESTAMP WITH TIME ZONE",
        data: "JSON",
        metadata: "JSON",
      })
      const [sums] = yield* duckdb(`
        SELECT count(*) AS events, sum(revision) AS revisions, epoch_ms(max(created)) AS newest,
          sum(CAST(data->'readings'->>'Vehicle.Speed' AS DOUBLE)) AS speeds FROM '${file}'`)
      const speeds = events.map(({ data }) => (data["readings"] as Record<string, number> | undefined)?.["Vehicle.Speed"] ?? 0)
      assert.deepStrictEqual<unknown>(sums, {
        events: String(events.length),
        revisions: String(events.reduce((sum, { revision }) => sum + revision, 0)),
        newest: String(Math.max(...events.map(({ created }) => created))),
        speeds: speeds.reduce((sum, speed) => sum + speed, 0),
      })
    }))

  it.live("without an event is a file all the same", () =>
    Effect.gen(function*() {
      const text = yield* written({ _tag: "Events" }, "none.ndjson", [])
      assert.strictEqual(readFileSync(text.file, "utf8"), "")
      const table = yield* written({ _tag: "Events" }, "none.parquet", [])
      assert.deepStrictEqual<unknown>(yield* duckdb(`SELECT count(*) AS n FROM '${table.file}'`), [{ n: "0" }])
    }))
})

const row = (path: string, rest: Readonly<Record<string, unknown>>) => ({
  vin: varied.stream.slice("vehicle-".length),
  path,
  observedAt: times.message,
  receivedAt: varied.metadata["receivedAt"],
  value: null,
  text: null,
  quality: "GOOD",
  unit: null,
  clockFault: false,
  reissued: true,
  revision: 0,
  position: varied.position,
  eventId: varied.id,
  ...rest,
})

const variedRows = [
  row("Vehicle.Speed", { value: 88.5, unit: "km/h" }),
  row("Vehicle.IsMoving", { value: 1 }),
  row("Vehicle.TraveledDistance", { value: 1_234, unit: "m", observedAt: times.before }),
  row("Vehicle.LowVoltageSystemState", { text: "ON" }),
  row("Vehicle.Twin.ElectricMotors.Speed", { text: "[1.5,2]", unit: "rpm" }),
  row("Vehicle.Exterior.AirTemperature", { quality: "INVALID", unit: "Celsius" }),
  row("Vehicle.Cabin.DoorCount", { value: 4, observedAt: times.faulty, clockFault: true }),
  row("Vehicle.CurrentLocation.Latitude", { value: 31.25, unit: "degrees" }),
]

describe("an export of readings in the long form", () => {
  it.live("has a row a reading with all that is known of it", () =>
    Effect.gen(function*() {
      const { counted, file } = yield* written(long(), "long.ndjson", [varied])
      assert.deepStrictEqual<unknown>(lines(file), variedRows)
      assert.deepInclude(counted, { events: 1, rows: variedRows.length })
    }))

  it.live("has the same in Parquet, with its types", () =>
    Effect.gen(function*() {
      const { file } = yield* written(long(), "long.parquet")
      assert.deepStrictEqual<unknown>(yield* typesIn(file), {
        vin: "VARCHAR",
        path: "VARCHAR",
        observedAt: "TIMESTAMP WITH TIME ZONE",
        receivedAt: "TIMESTAMP WITH TIME ZONE",
        value: "DOUBLE",
        text: "VARCHAR",
        quality: "VARCHAR",
        unit: "VARCHAR",
        clockFault: "BOOLEAN",
        reissued: "BOOLEAN",
        revision: "BIGINT",
        position: "VARCHAR",
        eventId: "VARCHAR",
      })
      const rows = yield* duckdb(`
        SELECT * REPLACE (epoch_ms(observedAt) AS observedAt, epoch_ms(receivedAt) AS receivedAt)
        FROM '${file}' LIMIT ${variedRows.length}`)
      const expected = variedRows.map((one) => ({
        ...one,
        observedAt: String(Date.parse(String(one.observedAt))),
        receivedAt: String(Date.parse(String(one.receivedAt))),
        revision: String(one.revision),
      }))
      assert.deepStrictEqual<unknown>(rows, expected)
      const [count] = yield* duckdb(`SELECT count(*) AS n FROM '${file}'`)
      assert.strictEqual(count?.["n"], String(variedRows.length + events.length - 2))
    }))

  it.live("goes by a reading's own time where the vehicle's clock is asked for", () =>
    Effect.gen(function*() {
      const range = { clock: "observed", from: now - 10 * second, to: now } as const
      const { file } = yield* written(long(range), "long.ndjson", [varied])
      assert.deepStrictEqual(lines(file).map(({ path }) => path), ["Vehicle.TraveledDistance"])
      // The log is not asked for a time then: the message's own may be another.
      assert.deepStrictEqual(asked(range).selection, { clock: "observed", types: ["TelemetryReceived"] })
    }))

  it.live("has only the signals that are asked for, a branch's all", () =>
    Effect.gen(function*() {
      const paths = Result.getOrThrow(pathsOf(["Vehicle.CurrentLocation", "Vehicle.Speed"], catalogue))
      const { file } = yield* written(long({}, paths), "long.ndjson", [varied])
      assert.deepStrictEqual(lines(file).map(({ path }) => path), ["Vehicle.Speed", "Vehicle.CurrentLocation.Latitude"])
      assert.deepStrictEqual(
        pathsOf(["Vehicle.Sped"], catalogue),
        Result.fail(`there is no signal "Vehicle.Sped": did you mean Vehicle.Speed?`),
      )
    }))
})

describe("an export of readings in the wide form", () => {
  const shape = Effect.gen(function*() {
    const { filter } = asked({})
    const signals = yield* signalsIn(Stream.fromIterable([varied]), filter, catalogue, tally())
    return { _tag: "Wide", filter, signals } satisfies Shape
  })
  const none = {
    "Vehicle.CurrentLocation.Latitude": null,
    "Vehicle.IsMoving": null,
    "Vehicle.LowVoltageSystemState": null,
    "Vehicle.Speed": null,
    "Vehicle.TraveledDistance": null,
    "Vehicle.Twin.ElectricMotors.Speed": null,
  }
  const lead = (observedAt: string) => ({
    vin: varied.stream.slice("vehicle-".length),
    observedAt,
    receivedAt: varied.metadata["receivedAt"],
    revision: 0,
    position: varied.position,
  })

  it.live("has a row a device time with the good readings that can be believed, and a column a signal", () =>
    Effect.gen(function*() {
      const { file } = yield* written(yield* shape, "wide.ndjson", [varied])
      assert.deepStrictEqual<unknown>(lines(file), [
        { ...lead(times.before), ...none, "Vehicle.TraveledDistance": 1_234 },
        {
          ...lead(times.message),
          ...none,
          "Vehicle.Speed": 88.5,
          "Vehicle.IsMoving": true,
          "Vehicle.LowVoltageSystemState": "ON",
          "Vehicle.Twin.ElectricMotors.Speed": [1.5, 2],
          "Vehicle.CurrentLocation.Latitude": 31.25,
        },
      ])
    }))

  it.live("has columns typed as the catalogue says", () =>
    Effect.gen(function*() {
      const { counted, file } = yield* written(yield* shape, "wide.parquet")
      assert.deepStrictEqual<unknown>(yield* typesIn(file), {
        vin: "VARCHAR",
        observedAt: "TIMESTAMP WITH TIME ZONE",
        receivedAt: "TIMESTAMP WITH TIME ZONE",
        revision: "BIGINT",
        position: "VARCHAR",
        "Vehicle.CurrentLocation.Latitude": "DOUBLE",
        "Vehicle.IsMoving": "BOOLEAN",
        "Vehicle.LowVoltageSystemState": "VARCHAR",
        "Vehicle.Speed": "DOUBLE",
        "Vehicle.TraveledDistance": "BIGINT",
        "Vehicle.Twin.ElectricMotors.Speed": "JSON",
      })
      const [sums] = yield* duckdb(`
        SELECT count(*) AS rows, count("Vehicle.Speed") AS speeds, sum("Vehicle.TraveledDistance") AS metres,
          any_value("Vehicle.Twin.ElectricMotors.Speed") AS motors FROM '${file}'`)
      assert.deepStrictEqual<unknown>(sums, {
        rows: String(events.length),
        speeds: String(events.length - 1),
        metres: "1234",
        motors: "[1.5,2]",
      })
      assert.strictEqual(counted.misfits, 0)
    }))

  it.live("leaves out and counts what its column cannot hold", () =>
    Effect.gen(function*() {
      const odd = { ...varied, data: { at: times.message, readings: { "Vehicle.Speed": "fast", "Vehicle.IsMoving": true } } }
      const { counted, file } = yield* written(yield* shape, "wide.parquet", [odd])
      assert.strictEqual(counted.misfits, 1)
      const [only] = yield* duckdb(`SELECT "Vehicle.Speed" AS speed, "Vehicle.IsMoving" AS moving FROM '${file}'`)
      assert.deepStrictEqual<unknown>(only, { speed: null, moving: true })
    }))
})

describe("a file that is written", () => {
  const block = Stream.succeed(new Uint8Array(100_000))

  it.live("has its name only once it is whole, and is not there where it fails", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const file = join(folder, "out.ndjson")
      const seen: Array<ReadonlyArray<string>> = []
      const look = Stream.fromEffectDrain(Effect.sync(() => seen.push(readdirSync(folder))))
      yield* toFile(file, Stream.concat(block, look))
      assert.deepStrictEqual(seen.map((names) => names.map((name) => name.replace(/\d+/, "1"))), [["out.ndjson.1.partial"]])
      assert.deepStrictEqual(readdirSync(folder), ["out.ndjson"])

      const failed = yield* Effect.flip(toFile(join(folder, "two"), Stream.concat(block, Stream.fail("no more" as const))))
      assert.strictEqual(failed, "no more")
      assert.deepStrictEqual(readdirSync(folder), ["out.ndjson"])
    }))

  it.live("is not there when it is interrupted", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const fiber = yield* Effect.forkChild(toFile(join(folder, "out"), Stream.concat(block, Stream.never)))
      while (readdirSync(folder).length === 0) yield* Effect.sleep(5)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(readdirSync(folder), [])
    }))

  it.live("leaves one that is there as it is, unless told otherwise or when it fails", () =>
    Effect.gen(function*() {
      const file = join(yield* temporaryFolder, "out")
      writeFileSync(file, "kept")
      const refused = yield* Effect.flip(checkTarget(file, false))
      assert.include(refused.message, "it is there already")
      yield* checkTarget(file, true)
      yield* Effect.flip(toFile(file, Stream.concat(block, Stream.fail("no more"))))
      assert.strictEqual(readFileSync(file, "utf8"), "kept")
    }))

  it.live("says why it cannot be", () =>
    Effect.gen(function*() {
      const missing = join(yield* temporaryFolder, "missing", "out")
      const { message } = yield* Effect.flip(toFile(missing, block))
      assert.include(message, "its folder is not there")
      assert.isFalse(existsSync(missing))
    }))
})

describe("a selection as it is written", () => {
  const none = { vin: [], type: [], from: undefined, to: undefined, clock: undefined, after: undefined }

  it("takes times with a zone, and dates", () => {
    const { from, to } = Result.getOrThrow(selectionOf({ ...none, from: "2026-11-22", to: "2026-11-22T09:30:00+01:30" }))
    assert.deepStrictEqual([from, to], [Date.UTC(2026, 10, 22), Date.UTC(2026, 10, 22, 8)])
  })

  it.each([
    [{ from: "yesterday" }, "from"],
    [{ from: "2026-02-30" }, "from"],
    [{ to: "2026-11-22T08:15:30" }, "to"],
    [{ from: "2026-11-22", to: "2026-11-21" }, "a range ends after it begins"],
    [{ vin: ["LSVAA4187E000000"] }, "vin"],
    [{ type: ["TelemetryRecieved"] }, "no event type; there are VehicleRegistered"],
    [{ clock: "sun" }, "clock"],
    [{ after: "12" }, "after"],
  ])("refuses %j", (input, told) => {
    const refused = selectionOf({ ...none, ...input })
    assert.include(Result.isFailure(refused) ? refused.failure : "", told)
  })
})
