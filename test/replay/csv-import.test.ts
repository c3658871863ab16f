import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result, Stream } from "effect"
import { catalogue } from "../../domain/signals/catalogue.ts"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { beginning } from "../../src/eventstore/position.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"
import { type CsvImportOptions, importCsv } from "../../src/replay/csv-import.ts"
import * as LocalVehicles from "../../src/vehicles/local-vehicles.ts"
import { Vehicles } from "../../src/vehicles/vehicles.ts"
import { vin } from "../support/given.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

const other = "LSVAA4182E2184847"
const cells = "Vehicle.Powertrain.TractionBattery.CellVoltage.CellVoltages"

const mapping = {
  vin: { column: "vehicle", lookup: { a: vin, b: other } },
  at: { column: "time", format: "iso", timeZone: "UTC" },
  signals: {
    "Vehicle.Speed": { column: "speed", skip: ["-1"] },
    "Vehicle.TraveledDistance": { column: "km", scale: 1000, round: 0 },
    [cells]: { columns: "c{1..2}", scale: 0.001, round: 3, skip: ["65535"] },
    "Vehicle.IsMoving": { column: "state", values: { 1: true, 2: false, 9: null } },
    "Vehicle.CurrentLocation.Latitude": { column: "lat" },
    "Vehicle.Powertrain.Type": { value: "ELECTRIC" },
  },
}

const header = "vehicle,time,speed,km,c1,c2,state,lat"
const good = [
  "a,2026-01-01T10:00:00,50.5,18837.7,3658,3660,1,52.5",
  "b,2026-01-01T10:00:01,0,1,3600,3601,2.0,",
  "a,2026-01-01T10:00:30,-1,18838.2,65535,3661,9,",
]

/** A folder with a mapping and a log, and imports into it. */
const world = Effect.fnUntraced(function*(
  { admission = "open", told = mapping }: { admission?: "open" | "registered"; told?: unknown } = {},
) {
  const folder = yield* temporaryFolder
  const mappingFile = join(folder, "m.json")
  writeFileSync(mappingFile, JSON.stringify(told))
  const log = Layer.fresh(Sqlite.layer({ file: join(folder, "log.db") }))
  const layer = Layer.mergeAll(Layer.provideMerge(LocalVehicles.layer({ admission }), log), NodeServices.layer)
  const file = (name: string, lines: ReadonlyArray<string>) => {
    const path = join(folder, name)
    const text = `${lines.join("\n")}\n`
    writeFileSync(path, name.endsWith(".gz") ? gzipSync(text) : text)
    return path
  }
  const run = (files: ReadonlyArray<string>, options: Partial<CsvImportOptions> = {}) => {
    const bad: Array<string> = []
    return importCsv({
      files,
      mapping: mappingFile,
      catalogue,
      onError: "stop",
      rejects: undefined,
      rejected: ({ message }) => bad.push(message),
      progress: () => {},
      ...options,
    }).pipe(
      Effect.mapError(({ message }) => message),
      Effect.result,
      Effect.map((result) => ({ result, bad })),
      Effect.provide(layer),
    )
  }
  const using = <A, E>(effect: Effect.Effect<A, E, EventStore | Vehicles>) => Effect.provide(effect, layer)
  const events = using(EventStore.use(({ readAll }) =>
    Stream.runCollect(readAll({ after: beginning, filter: { streams: ["vehicle-"] } }))
  ))
  return { folder, file, run, using, events, mappingFile }
})

const counts = (done: Partial<Record<"rows" | "written" | "found" | "empty" | "rejected" | "vehicles", number>>) =>
  Result.succeed({ rows: 0, written: 0, found: 0, empty: 0, rejected: 0, vehicles: 0, ...done })

describe("an import of CSV", () => {
  it.live("makes a message of each row, received when it was measured", () =>
    Effect.gen(function*() {
      const { events, file, run } = yield* world()
      const { result } = yield* run([file("data.csv", [header, ...good])])
      assert.deepStrictEqual(result, counts({ rows: 3, written: 3, vehicles: 2 }))
      const stored = yield* events
      assert.deepStrictEqual(stored.filter(({ stream }) => stream.endsWith(vin)).map(({ data, metadata }) => [
        data,
        metadata["receivedAt"],
        metadata["source"],
      ]), [
        [
          {
            at: "2026-01-01T10:00:00.000Z",
            readings: {
              "Vehicle.Speed": 50.5,
              "Vehicle.TraveledDistance": 18_837_700,
              [cells]: [3.658, 3.66],
              "Vehicle.IsMoving": true,
              "Vehicle.Powertrain.Type": "ELECTRIC",
            },
            personal: { "Vehicle.CurrentLocation.Latitude": 52.5 },
          },
          "2026-01-01T10:00:00.000Z",
          { kind: "import", topic: "data.csv", position: "line 2" },
        ],
        [
          {
            at: "2026-01-01T10:00:30.000Z",
            readings: { "Vehicle.TraveledDistance": 18_838_200, "Vehicle.Powertrain.Type": "ELECTRIC" },
          },
          "2026-01-01T10:00:30.000Z",
          { kind: "import", topic: "data.csv", position: "line 4" },
        ],
      ])
      assert.deepStrictEqual(stored.find(({ stream }) => stream.endsWith(other))?.data, {
        at: "2026-01-01T10:00:01.000Z",
        readings: {
          "Vehicle.Speed": 0,
          "Vehicle.TraveledDistance": 1_000,
          [cells]: [3.6, 3.601],
          "Vehicle.IsMoving": false,
          "Vehicle.Powertrain.Type": "ELECTRIC",
        },
      })
    }))

  it.live("adds each row once, whatever file it comes in, and however many came between", () =>
    Effect.gen(function*() {
      const { events, file, run } = yield* world()
      // More than an actor remembers.
      const many = Array.from({ length: 2_000 }, (_, i) =>
        `a,${new Date(Date.UTC(2026, 0, 2) + i * 1_000).toISOString()},${i % 100},${i},3600,3601,1,`)
      const data = file("data.csv", [header, ...good, ...many])
      assert.deepStrictEqual((yield* run([data])).result, counts({ rows: 2_003, written: 2_003, vehicles: 2 }))
      assert.deepStrictEqual((yield* run([data])).result, counts({ rows: 2_003, found: 2_003, vehicles: 2 }))
      const [first = "", second = ""] = good
      const more = file("more.csv.gz", [header, second, first, "a,2025-12-31T23:59:59,1,1,3600,3601,1,", second])
      assert.deepStrictEqual((yield* run([more])).result, counts({ rows: 4, written: 1, found: 3, vehicles: 2 }))
      const stored = yield* events
      assert.strictEqual(stored.length, 2_004)
      // Older than all that is there: history, and no clock fault.
      assert.deepStrictEqual([...new Set(stored.map(({ type }) => type))], ["TelemetryReceived"])
      assert.notProperty(stored.at(-1)?.data, "clockFault")
    }))

  it.live("keeps two rows of one time that say different things, and tells rows apart by their id if they have one", () =>
    Effect.gen(function*() {
      const rows = ["a,2026-01-01T10:00:00,50,1,3658,3660,1,", "a,2026-01-01T10:00:00,51,1,3658,3660,1,"]
      const { file, run } = yield* world()
      const { result } = yield* run([file("data.csv", [header, ...rows])])
      assert.deepStrictEqual(result, counts({ rows: 2, written: 2, vehicles: 1 }))
      const named = yield* world({ told: { ...mapping, id: "km" } })
      const once = yield* named.run([named.file("data.csv", [header, ...rows])])
      assert.deepStrictEqual(once.result, counts({ rows: 2, written: 1, found: 1, vehicles: 1 }))
    }))

  it.live.each([
    ["a,2026-01-01T10:00:00,fast,1,3658,3660,1,", `column 3 (speed): Vehicle.Speed: found "fast", expected a number (float)`],
    ["a,2026-01-01T10:00:00,0x10,1,3658,3660,1,", `column 3 (speed): Vehicle.Speed: found "0x10", expected a number (float)`],
    [
      "a,2026-01-01T10:00:00,1,-0.5,3658,3660,1,",
      `column 4 (km): Vehicle.TraveledDistance: found -500, expected 0 to 4294967295 m (uint32), from "-0.5"`,
    ],
    ["a,2026-01-01T10:00:00,1,1,3658,3.6V,1,", `column 6 (c2): ${cells}: found "3.6V", expected a number (float)`],
    [
      "a,2026-01-01T10:00:00,1,1,3658,3660,7,",
      `column 7 (state): Vehicle.IsMoving: found "7", expected one of "1", "2", "9", as the mapping's "values" has it`,
    ],
    ["a,2026-01-01T10:00:00,1,1,3658,3660,1,91", "column 8 (lat): Vehicle.CurrentLocation.Latitude: found 91, expected -90 to 90 degrees"],
    [
      "a,1.1.2026,1,1,3658,3660,1,",
      `column 2 (time): "1.1.2026" is not the time of a row: expected ISO 8601, such as 2026-11-22T08:15:30`,
    ],
    [
      "a,2126-01-01T10:00:00,1,1,3658,3660,1,",
      "column 2 (time): 2126-01-01T10:00:00.000Z is yet to come: is the mapping's format right?",
    ],
    ["c,2026-01-01T10:00:00,1,1,3658,3660,1,", `column 1 (vehicle): "c" is not an id in vin.lookup of the mapping`],
  ] as const)("stops at %s, and says where and what was expected", ([row, message]) =>
    Effect.gen(function*() {
      const { events, file, run } = yield* world()
      const { result } = yield* run([file("data.csv", [header, ...good, row, ...good])])
      assert.deepStrictEqual(result, Result.fail(`data.csv, line 5, ${message}`))
      // What stands before it is written.
      assert.strictEqual((yield* events).length, 3)
    }))

  it.live("reads lines however each of them ends, with the last one open", () =>
    Effect.gen(function*() {
      const { file, folder, run } = yield* world()
      const [first = "", second = "", third = ""] = good
      const mixed = join(folder, "mixed.csv")
      writeFileSync(mixed, `\u{FEFF}${header}\r\n${first}\n\r\n${second}\r\n${third}`)
      assert.deepStrictEqual((yield* run([mixed])).result, counts({ rows: 3, written: 3, vehicles: 2 }))
      assert.deepStrictEqual((yield* run([file("a.csv", [header, ...good])])).result, counts({ rows: 3, found: 3, vehicles: 2 }))
      writeFileSync(mixed, `${header}\n${first}\r\n\r\n"${header}"\r\n`)
      assert.deepStrictEqual(
        (yield* run([mixed])).result,
        Result.fail("mixed.csv, line 4: it has 1 columns, and the file's first row has 8"),
      )
    }))

  it.live("takes for true and false what says so, and no word of the language's own", () =>
    Effect.gen(function*() {
      const { file, run } = yield* world({
        told: { ...mapping, signals: { ...mapping.signals, "Vehicle.IsMoving": { column: "state" } } },
      })
      const rows = ["TRUE", "false", "1", "0", "constructor"].map((state, i) => `a,2026-01-01T10:00:0${i},1,1,1,1,${state},`)
      const { bad, result } = yield* run([file("data.csv", [header, ...rows])], { onError: "skip" })
      assert.deepStrictEqual(result, counts({ rows: 5, written: 4, rejected: 1, vehicles: 1 }))
      assert.deepStrictEqual(bad, [
        `data.csv, line 6, column 7 (state): Vehicle.IsMoving: found "constructor", expected true or false`,
      ])
    }))

  it.live("says where a file is no CSV any more, and which rows are too short", () =>
    Effect.gen(function*() {
      const { file, run } = yield* world()
      const short = yield* run([file("short.csv", [header, ...good, "a,2026-01-01T10:00:00,1"])])
      assert.deepStrictEqual(
        short.result,
        Result.fail("short.csv, line 5: it has 3 columns, and the file's first row has 8"),
      )
      const quote = yield* run([file("quote.csv", [header, ...good, `a,"2026-01-01T10:00:00"x,1`])])
      assert.match(Result.getOrThrow(Result.flip(quote.result)), /^quote\.csv, line 5: Invalid Closing Quote/)
      const open = yield* run([file("open.csv", [header, ...good, `a,"2026-01-01T10:00:00,1`])])
      assert.match(Result.getOrThrow(Result.flip(open.result)), /^open\.csv, line \d: Quote Not Closed/)
    }))

  it.live("passes over bad rows if asked, and keeps them with their reasons, to be mended and imported", () =>
    Effect.gen(function*() {
      const { events, file, folder, run } = yield* world()
      const rejects = join(folder, "rejects.csv")
      const bad = [`a,2026-01-01T10:00:05,"1,5",1,3658,3660,1,`, "a,2026-01-01T10:00:06,1,1"]
      const [first = "", second = "", third = ""] = good
      const data = file("data.csv", [header, first, bad[0] ?? "", second, bad[1] ?? "", third])
      const skipped = yield* run([data], { onError: "skip", rejects })
      assert.deepStrictEqual(skipped.result, counts({ rows: 5, written: 3, rejected: 2, vehicles: 2 }))
      const reasons = [
        `data.csv, line 3, column 3 (speed): Vehicle.Speed: found "1,5", expected a number (float)`,
        "data.csv, line 5: it has 4 columns, and the file's first row has 8",
      ]
      assert.deepStrictEqual(skipped.bad, reasons)
      const quoted = reasons.map((reason) => `"${reason.replaceAll("\"", "\"\"")}"`)
      assert.deepStrictEqual(readFileSync(rejects, "utf8").split("\n"), [
        `${header},rejected because`,
        `${bad[0]},${quoted[0]}`,
        `${bad[1]},${quoted[1]}`,
        "",
      ])

      const again = yield* run([data], { onError: "skip", rejects })
      assert.deepStrictEqual(
        again.result,
        Result.fail(`Cannot write the rejects ${rejects}: it is there already; name another file, or remove it`),
      )
      writeFileSync(rejects, readFileSync(rejects, "utf8").replace(`"1,5"`, "1.5").replace("06,1,1,", "06,1,1,1,1,1,,"))
      assert.deepStrictEqual((yield* run([rejects])).result, counts({ rows: 2, written: 2, vehicles: 1 }))
      // Mended in the file that they came from too.
      const whole = [`a,2026-01-01T10:00:05,1.5,1,3658,3660,1,`, "a,2026-01-01T10:00:06,1,1,1,1,1,"]
      const mended = file("mended.csv", [header, ...whole])
      const twice = yield* run([mended])
      assert.deepStrictEqual(twice.result, counts({ rows: 2, found: 2, vehicles: 1 }))
      assert.strictEqual((yield* events).length, 5)
      const none = join(folder, "none.csv")
      yield* run([rejects], { onError: "skip", rejects: none })
      assert.isFalse(existsSync(none))
    }))

  it.live("finds what is wrong with any file's columns before it writes", () =>
    Effect.gen(function*() {
      const { events, file, folder, run } = yield* world()
      const wrong = yield* run([file("data.csv", [header, ...good]), file("odd.csv", [header.replace("km", "kms"), ...good])])
      assert.deepStrictEqual(
        wrong.result,
        Result.fail(
          `odd.csv: there is no column "km", which the mapping names at signals["Vehicle.TraveledDistance"].column`,
        ),
      )
      const semicolons = yield* run([file("semicolons.csv", [header.replaceAll(",", ";")])])
      assert.include(
        Result.getOrThrow(Result.flip(semicolons.result)),
        `semicolons.csv: its first row is of one column, "${header.replaceAll(",", ";")}": is "delimiter" right?`,
      )
      const empty = yield* run([file("empty.csv", [])])
      assert.deepStrictEqual(empty.result, Result.fail("empty.csv: it is empty"))
      const missing = yield* run([join(folder, "missing.csv")])
      assert.include(Result.getOrThrow(Result.flip(missing.result)), `Cannot read ${join(folder, "missing.csv")}: ENOENT`)
      assert.strictEqual((yield* events).length, 0)
    }))

  it.live("reads semicolons, decimal commas, columns by number and arrays in one column", () =>
    Effect.gen(function*() {
      const { events, file, run } = yield* world({
        told: {
          vin: other,
          at: { column: "1", format: "dd.MM.yyyy HH:mm", timeZone: "Europe/Berlin" },
          delimiter: ";",
          decimal: ",",
          header: false,
          signals: { "Vehicle.Speed": { column: "2" }, [cells]: { column: "3", split: "|" } },
        },
      })
      const { result } = yield* run([file("data.csv", ["05.07.2026 12:00;88,5;3,658|3,7", "05.07.2026 12:01;;"])])
      assert.deepStrictEqual(result, counts({ rows: 2, written: 1, empty: 1, vehicles: 1 }))
      assert.deepStrictEqual((yield* events)[0]?.data, {
        at: "2026-07-05T10:00:00.000Z",
        readings: { "Vehicle.Speed": 88.5, [cells]: [3.658, 3.7] },
      })
      const { result: pointed } = yield* run([file("points.csv", ["05.07.2026 12:00;88.5;"])])
      assert.deepStrictEqual(
        pointed,
        Result.fail(`points.csv, line 1, column 2 (2): Vehicle.Speed: found "88.5", expected a number (float)`),
      )
    }))

  it.live("registers vehicles that are not, as of their first row, and leaves the others as they are", () =>
    Effect.gen(function*() {
      const told = { ...mapping, vehicle: { brand: "Roewe", powertrain: "BEV" } }
      const { events, file, run, using } = yield* world({ admission: "registered", told })
      yield* using(Vehicles.use(({ register }) =>
        register(vin, { description: { brand: "Own" }, now: Date.UTC(2025), source: { kind: "api" } })
      ))
      const { result } = yield* run([file("data.csv", [header, ...good])])
      assert.deepStrictEqual(result, counts({ rows: 3, written: 3, vehicles: 2 }))
      const registered = (yield* events).filter(({ type }) => type === "VehicleRegistered")
      assert.deepStrictEqual(registered.map(({ data, metadata, stream }) => [stream, data, metadata["receivedAt"]]), [
        [`vehicle-${vin}`, { brand: "Own" }, "2025-01-01T00:00:00.000Z"],
        [`vehicle-${other}`, told.vehicle, "2026-01-01T10:00:01.000Z"],
      ])
      const strangers = yield* world({ admission: "registered" })
      const refused = yield* strangers.run([strangers.file("data.csv", [header, ...good])])
      assert.include(Result.getOrThrow(Result.flip(refused.result)), "data.csv, line 2: the vehicle is not registered")
    }))
})
