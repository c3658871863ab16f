/** `vehicle-twin backtest` as its users run it. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { EventStore } from "../../src/eventstore/event-store.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"
import { writeEvents } from "../replay/event-lines.ts"
import { command } from "../support/command.ts"
import { vinOf } from "../support/messages.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { logOf, wearing } from "../support/wearing-fleet.ts"

const events = logOf(wearing(3, 60))

const labels = `vin,component,at,note
${vinOf(0)},vehicle,2025-01-31,ran out
${vinOf(1)},vehicle,2025-01-20,
`

const told = `2025-01-01 to 2025-03-01: 180 events of 3 vehicles, 1 of them without a known failure

                               service-due@1
Horizon                        30 days
Vehicle-years observed         0.49
Failures                       2
  foretold                     1
Alerts                         3
  true                         1
  false                        0
  late                         1
  undecided                    1
Recall                         50.0 % (9.5 % – 90.5 %)
Precision                      100.0 % (20.7 % – 100.0 %)
False alarms per vehicle-year  0.00 (0.00 – 7.49)
Lead time, median              12.8 days
`

/** A folder with the history as a file, the labels, and the same history in a log. */
const given = Effect.gen(function*() {
  const folder = yield* temporaryFolder
  writeEvents(join(folder, "history.ndjson.gz"), events)
  writeFileSync(join(folder, "labels.csv"), labels)
  yield* Effect.gen(function*() {
    const { append } = yield* EventStore
    for (const stream of new Set(events.map(({ stream }) => stream))) {
      yield* append(stream, "no_stream", events.filter((event) => event.stream === stream))
    }
  }).pipe(Effect.provide(Sqlite.layer({ file: join(folder, "log.db") })))
  const run = (...args: ReadonlyArray<string>) => command(["backtest", ...args], { DATA_DIR: folder })
  return { folder, run, labels: join(folder, "labels.csv"), history: join(folder, "history.ndjson.gz") }
})

describe("vehicle-twin backtest", () => {
  it.live("tells figures and alerts of a file, and of the log, and writes a page", () =>
    Effect.gen(function*() {
      const { folder, history, labels, run } = yield* given
      const page = join(folder, "report.html")
      const [file, log] = yield* Effect.all([
        run("--model", "service-due", "--labels", labels, "--html", page, history),
        run("--model", "service-due@1", "--labels", labels),
      ], { concurrency: 2 })
      expect(file.code, file.err).toBe(0)
      expect(file.out.slice(0, told.length)).toBe(told)
      expect(file.out).toContain(
        `  2025-01-31  ${vinOf(0)}  vehicle: foretold 12.8 days before (ran out)\n` +
          "    alert before: 2025-01-18  vehicle, drive_on, score 19, confidence 0.95: Regular service is due soon\n" +
          `  2025-01-20  ${vinOf(1)}  vehicle: missed\n    no alert before\n`,
      )
      expect(file.err).toMatch(/180 events, \d+\.\d s, [\d,]+ events\/s\n$/)
      expect(log.code, log.err).toBe(0)
      expect(log.out).toBe(file.out)
      expect(readFileSync(page, "utf8")).toContain("<h2>Calibration</h2>")
      expect(existsSync(join(folder, "readmodel.db"))).toBe(false)
    }), 60_000)

  it.live("tells it as JSON, of the vehicle and the time that are asked for", () =>
    Effect.gen(function*() {
      const { history, run } = yield* given
      const asked = ["--model", "service-due", "--json", "--vin", vinOf(1), "--from", "2025-01-11"]
      const [file, log] = yield* Effect.all([run(...asked, history), run(...asked)], { concurrency: 2 })
      expect(file.code, file.err).toBe(0)
      const report: unknown = JSON.parse(file.out)
      expect(report).toMatchObject({
        events: 60,
        vehicles: 1,
        healthy: null,
        from: Date.parse("2025-01-11T00:00:00Z"),
        versions: [{ model: "service-due@1", verdict: { outcomes: null, alerts: [{ alert: { vin: vinOf(1) } }] } }],
      })
      expect(JSON.parse(log.out)).toEqual(report)
    }), 60_000)

  it.live("says what is wrong with what it is asked, and reads nothing", () =>
    Effect.gen(function*() {
      const { folder, history, labels, run } = yield* given
      const bad = join(folder, "bad.csv")
      writeFileSync(bad, `vin,component,at\n${vinOf(0)},brakes,soon\n`)
      const cases: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
        [`--model: "service-dew" is no model; there are service-due@1, `, ["--model", "service-dew", history]],
        [`--model: "service-due@7" is no model; there are service-due@1, `, ["--model", "service-due@7", history]],
        ["--model: service-due@1 is given twice", ["--model", "service-due", "--model", "service-due@1", history]],
        [
          `bad.csv, line 2, column 3: at: "soon" is no time: expected one like 2026-11-22T08:15:30Z, or a date`,
          ["--model", "service-due", "--labels", bad, history],
        ],
        [
          "--from 2025-02-01 to 2025-01-01: a range ends after it begins",
          ["--model", "service-due", "--from", "2025-02-01", "--to", "2025-01-01", history],
        ],
        [
          "History has no events of such vehicles and times",
          ["--model", "service-due", "--labels", labels, "--vin", vinOf(9), history],
        ],
        [
          `Cannot write ${folder}/none/page.html: ENOENT`,
          ["--model", "service-due", "--html", `${folder}/none/page.html`, history],
        ],
        [`--html: ${folder} is a folder; name a file in it`, ["--model", "service-due", "--html", folder, history]],
        [
          `--html: ${labels} is what is to be read; name another file`,
          ["--model", "service-due", "--labels", labels, "--html", labels, history],
        ],
        [`Cannot read ${folder}/none.ndjson: `, ["--model", "service-due", `${folder}/none.ndjson`]],
      ]
      yield* Effect.forEach(cases, ([message, args]) =>
        Effect.map(run(...args), ({ code, err, out }) => {
          expect(err).toContain(message)
          expect({ code, out }).toEqual({ code: 1, out: "" })
        }), { concurrency: 2 })
    }), 60_000)
})
