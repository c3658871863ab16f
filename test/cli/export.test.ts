/** `vehicle-twin export` as its users run it: a process, its exit code, its two outputs and what it leaves behind. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Effect, Exit, Scope, Stream } from "effect"
import { uuid } from "../../domain/vehicle/identity.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import { EventStore, type RecordedEvent } from "../../src/eventstore/event-store.ts"
import { beginning } from "../../src/eventstore/position.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"
import { now, second } from "../support/given.ts"
import { vinOf } from "../support/messages.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { toLine } from "../replay/event-lines.ts"

const main = join(import.meta.dirname, "../../src/cli/main.ts")
/** Enough that an export is under way for a while, and that its NDJSON has some megabytes. */
const perVehicle = 10_000

const fill = Effect.gen(function*() {
  const { append, readAll } = yield* EventStore
  for (const vehicle of [1, 2]) {
    const vin = vinOf(vehicle)
    for (let from = 0; from < perVehicle; from += 500) {
      yield* append(`vehicle-${vin}`, from === 0 ? "no_stream" : from - 1, Array.from({ length: 500 }, (_, i) => {
        const seq = from + i
        const at = toTime(now + seq * second)
        return {
          id: uuid(`${vin} ${seq}`),
          type: "TelemetryReceived",
          data: { at, session: "boot-1", seq, readings: { "Vehicle.Speed": seq % 200, "Vehicle.IsMoving": seq % 2 === 0 } },
          metadata: { schema: 1, receivedAt: at, source: { kind: "mqtt", topic: `vehicles/${vin}/telemetry` } },
        }
      }))
    }
  }
  return yield* Stream.runCollect(readAll({ after: beginning }))
})

const scope = Scope.makeUnsafe()
let data: string
let folder: string
let log: ReadonlyArray<RecordedEvent>

beforeAll(async () => {
  const made = Effect.gen(function*() {
    data = yield* temporaryFolder
    folder = yield* temporaryFolder
    log = yield* Effect.provide(fill, Sqlite.layer({ file: join(data, "log.db") }))
  })
  await Effect.runPromise(Scope.provide(made, scope))
})
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

const environment = () => ({ PATH: process.env["PATH"], DATA_DIR: data })

const ended = async (child: ReturnType<typeof spawn>) => {
  const out: Array<Buffer> = []
  let err = ""
  child.stdout?.on("data", (chunk: Buffer) => out.push(chunk))
  child.stderr?.on("data", (chunk: Buffer) => (err += chunk.toString()))
  await once(child, "close")
  return { code: child.exitCode, out: Buffer.concat(out), err }
}

const start = (args: ReadonlyArray<string>, env: Readonly<Record<string, string | undefined>> = {}) =>
  spawn(process.execPath, [main, "export", ...args], {
    cwd: folder,
    env: { ...environment(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  })

const run = (...args: ReadonlyArray<string>) => ended(start(args))

/** By a shell, whose limits and pipes it then has. */
const shell = (script: string) =>
  ended(spawn("bash", ["-c", script], {
    cwd: folder,
    env: { ...environment(), EXPORT: `${process.execPath} ${main} export` },
    stdio: ["ignore", "pipe", "pipe"],
  }))

const linesOf = (bytes: Buffer) => bytes.toString().trimEnd().split("\n")

describe("vehicle-twin export", { timeout: 60_000 }, () => {
  it("writes the log's events to standard output, and says on standard error how many", async () => {
    const { code, err, out } = await run()
    expect(code).toBe(0)
    expect(linesOf(out)).toEqual(log.map((event) => JSON.stringify(toLine(event))))
    expect(err).toContain("20,000 events")
    expect(err).toContain(`--after ${log.at(-1)?.position}`)
  })

  it("goes on after a position with exactly the rest, of the vehicles and the time asked for", async () => {
    const place = log[4_321]
    const args = ["--vin", vinOf(1), "--after", place?.position ?? "", "--from", toTime(now + 5_000 * second), "--to", toTime(now + 5_003 * second)]
    const { out } = await run(...args)
    const wanted = log.filter(({ revision, stream }) => stream === `vehicle-${vinOf(1)}` && revision >= 5_000 && revision < 5_003)
    expect(linesOf(out)).toEqual(wanted.map((event) => JSON.stringify(toLine(event))))
  })

  it("tells the format from the file's name, and replaces a file only when it is told to", async () => {
    const file = join(folder, "rows.parquet")
    expect((await run("--signals", "wide", "-o", "rows.parquet")).code).toBe(0)
    const first = readFileSync(file)
    expect(first.subarray(0, 4).toString()).toBe("PAR1")
    const again = await run("--vin", vinOf(1), "-o", "rows.parquet")
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("--force")])
    expect(readFileSync(file).equals(first)).toBe(true)
    expect((await run("--vin", vinOf(1), "-o", "rows.parquet", "--force")).code).toBe(0)
    expect(readFileSync(file).equals(first)).toBe(false)
  })

  it("pipes Parquet too", async () => {
    const { code, out } = await run("--format", "parquet", "--vin", vinOf(2))
    expect([code, out.subarray(0, 4).toString(), out.subarray(-4).toString()]).toEqual([0, "PAR1", "PAR1"])
  })

  it.each([
    [["-o", "refused.ndjson", "--vin", vinOf(99)], `${vinOf(99)}: the log has no events of this vehicle`],
    [["-o", "refused.parquet", "--from", "2026-11-23", "--to", "2026-11-22"], "a range ends after it begins"],
    [["-o", "refused.parquet", "--signals", "wide", "--path", "Vehicle.Sped"], "did you mean Vehicle.Speed?"],
    [["-o", "refused.parquet", "--path", "Vehicle.Speed"], "--path goes with --signals"],
    [["-o", "missing/refused.ndjson"], "its folder is not there"],
  ])("refuses %j with a message and a code, and writes nothing", async (args, told) => {
    const before = readdirSync(folder)
    const { code, err, out } = await run(...args)
    expect(err).toContain(told)
    expect([code, out.length, readdirSync(folder)]).toEqual([1, 0, before])
  })

  it("says so where there is no log", async () => {
    const { code, err } = await ended(start([], { DATA_DIR: join(data, "elsewhere") }))
    expect([code, err]).toEqual([1, expect.stringContaining("is DATA_DIR right?")])
  })

  it("warns of a vehicle without events beside one that has some", async () => {
    const { code, err, out } = await run("--vin", vinOf(1), "--vin", vinOf(99))
    expect([code, linesOf(out).length, err]).toEqual([0, perVehicle, expect.stringContaining(`${vinOf(99)}: the log has no`)])
  })

  it.each(["full.ndjson", "full.parquet"])("leaves no %s on a disk that is full, and says why", async (name) => {
    // The limit is of 1 KiB blocks: where it ends, a write fails as it does on a full disk.
    const { code, err } = await shell(`ulimit -f 100; $EXPORT -o ${name}`)
    expect(err).toContain("was not written: the file would be larger than is allowed")
    expect(code).toBe(1)
    expect(readdirSync(folder).filter((file) => file.startsWith("full"))).toEqual([])
  })

  it("fails where standard output goes to a disk that is full", async () => {
    const { code, err } = await shell("ulimit -f 100; $EXPORT > cut.ndjson")
    expect([code, err]).toEqual([1, expect.stringContaining("Standard output was not written")])
  })

  it("ends by itself, quietly and as by the signal, when nobody reads on", async () => {
    const { code, err, out } = await shell("$EXPORT | head -n 1; exit ${PIPESTATUS[0]}")
    expect([code, err]).toEqual([141, ""])
    expect(linesOf(out)).toEqual([JSON.stringify(toLine(log[0] as RecordedEvent))])
  })

  it.each(["SIGINT", "SIGTERM"] as const)("leaves nothing when it ends by %s", async (signal) => {
    const child = start(["--signals", "long", "-o", "stopped.ndjson"])
    const end = ended(child)
    while (!readdirSync(folder).some((name) => name.startsWith("stopped"))) {
      expect(child.exitCode).toBe(null)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    child.kill(signal)
    expect((await end).code).toBe(130)
    expect(readdirSync(folder).filter((name) => name.startsWith("stopped"))).toEqual([])
  })

  it("leaves what another export is writing alone", async () => {
    const other = join(folder, "both.ndjson.1.partial")
    writeFileSync(other, "another's")
    expect((await run("-o", "both.ndjson", "--vin", vinOf(1))).code).toBe(0)
    expect(readFileSync(other, "utf8")).toBe("another's")
  })
})
