import { describe, expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as fc from "fast-check"
import {
  type ChildProcessByStdio,
  spawn,
  type SpawnOptionsWithStdioTuple,
  type StdioNull,
  type StdioPipe,
} from "node:child_process"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Readable } from "node:stream"
import { setTimeout } from "node:timers/promises"
import { streamOf } from "../../domain/vehicle/events.ts"
import { archive, behindArchive, Driven, historyOf, openLogsIn, receivedAt } from "../replay/archive-support.ts"
import { anyEvent } from "../support/arbitraries.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

const launcher = join(import.meta.dirname, "../../src/cli/vehicle-twin.js")

const start = (folder: string, ...args: ReadonlyArray<string>) =>
  started(spawn(process.execPath, [launcher, "archive", ...args], inFolder(folder)))

const inFolder = (folder: string): SpawnOptionsWithStdioTuple<StdioNull, StdioPipe, StdioPipe> => ({
  stdio: ["ignore", "pipe", "pipe"],
  env: { ...process.env, DATA_DIR: folder, EVENTSTORE_URL: "", ARCHIVE_DIR: "" },
})

const started = (child: ChildProcessByStdio<null, Readable, Readable>) => {
  const told = { out: "", err: "" }
  child.stdout.on("data", (chunk: Buffer) => (told.out += chunk.toString()))
  child.stderr.on("data", (chunk: Buffer) => (told.err += chunk.toString()))
  return { child, ended: once(child, "close").then(() => ({ code: child.exitCode, signal: child.signalCode, ...told })) }
}

const run = (folder: string, ...args: ReadonlyArray<string>) => Effect.promise(() => start(folder, ...args).ended)

const yesterday = Date.now() - 86_400_000
const vins = Array.from({ length: 8 }, (_, n) => `LSVAA4187E000000${n}`)

const namesIn = (folder: string): ReadonlyArray<string> => existsSync(folder) ? readdirSync(folder) : []

/** When a run is killed, by the files that are there. */
const moments: ReadonlyArray<(names: ReadonlyArray<string>) => boolean> = [
  (names) => names.some((name) => name.endsWith(".partial")),
  (names) => names.includes("events-000001.parquet"),
]

/** A log as it was left yesterday. */
const filled = Effect.fnUntraced(function*(perVehicle: number) {
  const folder = yield* temporaryFolder
  const history = yield* Effect.scoped(Effect.gen(function*() {
    const { log, store } = yield* openLogsIn(folder)
    const events = fc.sample(anyEvent, 50).map((event) => receivedAt(yesterday, event))
    for (const vin of vins) {
      const driven = new Driven(vin)
      for (let n = 0; n < perVehicle; n += 50) {
        yield* driven.append(log, events.map((event) => ({ ...event, id: randomUUID() })))
      }
      yield* driven.snapshot(log)
    }
    return yield* historyOf(store)
  }))
  const file = new DatabaseSync(join(folder, "log.db"))
  file.prepare("UPDATE events SET created = ?").run(yesterday)
  file.close()
  return { folder, history: history.map((event) => ({ ...event, created: yesterday })) }
})

describe("vehicle-twin archive", () => {
  it.live("moves old events to a file in the archive's folder, says how many, and then has nothing to do", () =>
    Effect.scoped(Effect.gen(function*() {
      const { folder, history } = yield* filled(100)
      const events = vins.length * 99
      const tried = yield* run(folder, "--before", "1h", "--dry-run")
      expect(tried).toMatchObject({ code: 0, out: "" })
      expect(tried.err).toContain(`${events} events of ${vins.length} vehicles would go to a file in ${folder}/archive`)
      expect(existsSync(join(folder, "archive"))).toBe(false)

      const moved = yield* run(folder, "--before", "1h")
      expect(moved).toMatchObject({ code: 0, out: "" })
      expect(moved.err).toContain(`${events} events of ${vins.length} vehicles are in ${folder}/archive/events-000001.parquet`)
      const again = yield* run(folder, "--before", new Date().toISOString())
      expect(again).toMatchObject({ code: 0, out: "" })
      expect(again.err).toContain("Nothing to archive")
      const { store } = yield* openLogsIn(folder)
      expect(yield* historyOf(store)).toEqual(history)
    })), 60_000)

  it.live.each([
    ["soon", "expected a date (2026-01-31), a time (2026-01-31T00:00:00Z) or an age (90d)"],
    ["2026-13-01", "expected a date"],
    ["2999-01-01", "is in the future"],
  ])("refuses --before %s, says why on standard error, and fails", ([before = "", reason = ""]) =>
    Effect.scoped(Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const { code, err, out } = yield* run(folder, "--before", before)
      expect({ code, out }).toEqual({ code: 1, out: "" })
      expect(err).toContain(reason)
    })), 30_000)

  it.live("says that there is no log, or that it is in use, and makes none", () =>
    Effect.scoped(Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const missing = yield* run(folder, "--before", "1h")
      expect(missing.code).toBe(1)
      expect(missing.err).toContain(`There is no log: ${folder}/log.db (DATA_DIR says where it is)`)
      expect(readdirSync(folder)).toEqual([])
      yield* openLogsIn(folder)
      const used = yield* run(folder, "--before", "1h")
      expect(used.code).toBe(1)
      expect(used.err).toContain(`${folder}/log.db is in use`)
      // To look costs nobody anything.
      const looked = yield* run(folder, "--before", "1h", "--dry-run")
      expect(looked.code).toBe(0)
      expect(looked.err).toContain("Nothing to archive")
    })), 30_000)

  it.live("fails where the file does not fit on the disk, leaves nothing of it, and moves nothing", () =>
    Effect.scoped(Effect.gen(function*() {
      const { folder, history } = yield* filled(1_500)
      // As a full disk does, the limit refuses what a file grows beyond it.
      const command = `trap "" XFSZ; ulimit -f 100; exec "${process.execPath}" "${launcher}" archive --before 1h`
      const { code, err } = yield* Effect.promise(() => started(spawn("bash", ["-c", command], inFolder(folder))).ended)
      expect(code).toBe(1)
      expect(err).toContain("was not written: EFBIG")
      expect(readdirSync(join(folder, "archive"))).toEqual([])
      const { store } = yield* openLogsIn(folder)
      expect(yield* store.revision("archive")).toBe(-1)
      expect(yield* historyOf(store)).toEqual(history)
    })), 60_000)

  it.live("can be killed at any time: nothing is lost or doubled, and the next run ends it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { folder, history } = yield* filled(1_500)
      for (const moment of moments) {
        const { child, ended } = start(folder, "--before", "1h")
        yield* Effect.promise(async () => {
          while (child.exitCode === null && !moment(namesIn(join(folder, "archive")))) await setTimeout(1)
          child.kill("SIGKILL")
          expect((await ended).signal).toBe("SIGKILL")
        })
        yield* Effect.scoped(Effect.gen(function*() {
          const { store } = yield* openLogsIn(folder)
          expect(yield* historyOf(store)).toEqual(history)
        }))
      }
      expect((yield* run(folder, "--before", "1h")).code).toBe(0)
      yield* Effect.scoped(Effect.gen(function*() {
        const { log, store } = yield* openLogsIn(folder)
        expect(yield* historyOf(store)).toEqual(history)
        for (const vin of vins) {
          const inLog = yield* Stream.runCollect(log.read(streamOf(vin)))
          expect(inLog.map(({ revision }) => revision)).toEqual([1_499])
        }
        expect(yield* archive(log, folder)).toMatchObject({ events: 0 })
        expect(yield* historyOf(yield* behindArchive(log, folder))).toEqual(history)
      }))
      expect(readdirSync(join(folder, "archive"))).toEqual(["events-000001.parquet"])
    })), 120_000)
})
