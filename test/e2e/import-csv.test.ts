/** CSV files of telemetry, brought into a log by the command, and read from it by others. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { command, startCommand } from "../support/command.ts"
import { vin } from "../support/given.ts"
import { storedEvents } from "../support/stored-log.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

const timeout = 60_000

const mapping = {
  vin,
  at: { column: "time", format: "yyyy-MM-dd HH:mm:ss", timeZone: "Europe/Berlin" },
  signals: { "Vehicle.Speed": { column: "speed" }, "Vehicle.TraveledDistance": { column: "km", scale: 1000, round: 0 } },
}

const folderWith = Effect.fnUntraced(function*(lines: ReadonlyArray<string>) {
  const folder = yield* temporaryFolder
  const mappingFile = join(folder, "m.json")
  writeFileSync(mappingFile, JSON.stringify(mapping))
  const data = join(folder, "data.csv")
  writeFileSync(data, `${["time,speed,km", ...lines].join("\n")}\n`)
  const run = (...args: ReadonlyArray<string>) =>
    command(["import", "--csv", "--mapping", mappingFile, ...args], { DATA_DIR: folder })
  return { folder, data, mappingFile, run }
})

/** A row a second. */
const drive = (count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => {
    const at = new Date(Date.UTC(2026, 5, 1) + i * 1_000).toISOString()
    return `${at.slice(0, 10)} ${at.slice(11, 19)},${i % 120}.5,${1_000 + i / 100}`
  })

describe("vehicle-twin import --csv", () => {
  it.live("brings rows in that an export shows, and the same rows no second time", () =>
    Effect.gen(function*() {
      const { data, folder, run } = yield* folderWith(drive(600))
      const first = yield* run(data)
      assert.strictEqual(first.code, 0, first.err)
      assert.strictEqual(first.out, "")
      assert.include(first.err, "600 rows: 600 new; 1 vehicle; ")
      const again = yield* run(data)
      assert.strictEqual(again.code, 0, again.err)
      assert.include(again.err, "600 rows: 0 new, 600 there already; 1 vehicle; ")

      const out = yield* command(["export", "--vin", vin], { DATA_DIR: folder })
      const events = out.out.trimEnd().split("\n").map((line): { data: unknown } => JSON.parse(line))
      assert.strictEqual(events.length, 600)
      assert.deepStrictEqual(events[599]?.data, {
        at: "2026-05-31T22:09:59.000Z",
        readings: { "Vehicle.Speed": 119.5, "Vehicle.TraveledDistance": 1_005_990 },
      })
    }), timeout)

  it.live("goes on where it was killed, and nothing is lost or twice", () =>
    Effect.gen(function*() {
      const count = 20_000
      const { data, folder, mappingFile, run } = yield* folderWith(drive(count))
      const importing = yield* startCommand(["import", "--csv", "--mapping", mappingFile, "-"], { DATA_DIR: folder })
      const text = readFileSync(data)
      importing.child.stdin.write(text.subarray(0, text.length - 1_000))
      const there = Effect.map(Effect.orElseSucceed(storedEvents(folder, ["vehicle-"]), () => []), ({ length }) => length)
      while ((yield* there) === 0) yield* Effect.sleep("50 millis")
      importing.child.kill("SIGKILL")
      yield* importing.ended
      const written = yield* there
      assert.isBelow(written, count)
      const done = yield* run(data)
      assert.strictEqual(done.code, 0, done.err)
      const number = (of: number) => of.toLocaleString("en-US")
      assert.include(done.err, `20,000 rows: ${number(count - written)} new, ${number(written)} there already; 1 vehicle`)
      const events = yield* storedEvents(folder, ["vehicle-"])
      assert.strictEqual(events.length, count)
      assert.strictEqual(new Set(events.map(({ data }) => data["at"])).size, count)
      assert.strictEqual(new Set(events.map(({ id }) => id)).size, count)
    }), timeout)

  it.live("says where a bad row stands and what was written, and fails", () =>
    Effect.gen(function*() {
      const bad = ["2026-06-02 10:00:00,abc,1", "2026-03-29 02:30:00,1,1"]
      const { data, folder, run } = yield* folderWith([...drive(3), ...bad])
      const stopped = yield* run(data)
      assert.strictEqual(stopped.code, 1)
      assert.include(
        stopped.err,
        `data.csv, line 5, column 2 (speed): Vehicle.Speed: found "abc", expected a number (float)\n`
          + "Up to there: 4 rows: 3 new; 1 vehicle",
      )
      const rejects = join(folder, "rejects.csv")
      const skipped = yield* run("--on-error", "skip", "--rejects", rejects, data)
      assert.strictEqual(skipped.code, 0, skipped.err)
      assert.include(skipped.err, "5 rows: 0 new, 3 there already, 2 bad; 1 vehicle")
      assert.include(
        skipped.err,
        `data.csv, line 6, column 1 (time): "2026-03-29 02:30:00" is not the time of a row: `
          + "there is no such time in Europe/Berlin: clocks went forward over it\n",
      )
      assert.strictEqual(readFileSync(rejects, "utf8").trimEnd().split("\n").length, 3)
    }), timeout)

  it.live("says what is wrong with what it was asked, and makes no log for it", () =>
    Effect.gen(function*() {
      const { data, folder, mappingFile } = yield* folderWith([])
      const said = (...args: ReadonlyArray<string>) => command(["import", ...args], { DATA_DIR: folder })
      const answers = yield* Effect.forEach([
        [["--csv", data], "--csv needs --mapping, a file that says which column is which signal"],
        [["--mapping", mappingFile, data], "--mapping is for CSV files: give --csv too"],
        [["--csv", "--mapping", mappingFile, "--rejects", "r.csv", data], "--rejects goes with --on-error skip"],
        [["--csv", "--mapping", mappingFile, "car.csv.xz"], "unpack it into a pipe, and give - for the file"],
      ] as const, ([args, message]) => Effect.map(said(...args), ({ code, err }) => ({ code, err, message })), {
        concurrency: 2,
      })
      for (const { code, err, message } of answers) {
        assert.strictEqual(code, 1, message)
        assert.include(err, message)
      }
      assert.isFalse(existsSync(join(folder, "log.db")))
    }), timeout)
})
