/**
 * Exports of a whole log, each a process of its own as users run it, against a bare scan of the same file that only
 * reads and parses the rows; and what a full export over HTTP does to the service's latency.
 *
 * Run as a process, `export.ts <file>` is the bare scan; prints its seconds.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { copyFileSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Effect } from "effect"
import * as Identity from "../../domain/vehicle/identity.ts"
import { streamOf } from "../../domain/vehicle/events.ts"
import { EventStore, type EventToAppend } from "../../src/eventstore/event-store.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { benchLatency, type LatencyFigures } from "./latency.ts"
import { message, vinOf } from "./load.ts"
import { median } from "./median.ts"
import { reached } from "./service.ts"

export const vehicles = 500
const perAppend = 20
const firstAt = Date.parse("2026-11-01T00:00:00.000Z")
const personal = /^Vehicle\.CurrentLocation\./

/** What a vehicle's message of `load.ts` becomes. */
export const eventOf = (vin: string, seq: number): EventToAppend => {
  const { at, session, signals }: { at: string; session: string; signals: Record<string, number> } = JSON.parse(
    message(seq, firstAt + seq * 1_000),
  )
  const group = (isPersonal: boolean) =>
    Object.fromEntries(Object.entries(signals).filter(([path]) => personal.test(path) === isPersonal))
  const identity = Identity.toText(Identity.sequenced(session, seq))
  return {
    id: Identity.uuid(`${vin} ${identity}`),
    type: "TelemetryReceived",
    data: { at, session, seq, readings: group(false), personal: group(true) },
    metadata: { schema: 1, receivedAt: at, source: { kind: "mqtt", topic: `vehicles/${vin}/telemetry` }, identity },
  }
}

export const fillLog = (file: string, events: number) =>
  Effect.gen(function*() {
    const { append } = yield* EventStore
    for (let from = 0; from < events / vehicles; from += perAppend) {
      yield* Effect.forEach(Array.from({ length: vehicles }, (_, n) => vinOf(n)), (vin) =>
        append(
          streamOf(vin),
          from === 0 ? "no_stream" : from - 1,
          Array.from({ length: perAppend }, (_, i) => eventOf(vin, from + i)),
        ), { concurrency: "unbounded", discard: true })
    }
  }).pipe(Effect.provide(Sqlite.layer({ file })))

interface Run {
  readonly seconds: number
  /** At its most, MB of 10^6 bytes. */
  readonly residentMb: number
}

const residentOf = (pid: number): number => {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1_024 / 1e6
  } catch {
    return 0
  }
}

export const run = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  Effect.promise(async (): Promise<Run & { readonly output: string }> => {
    const started = performance.now()
    const child = spawn(process.execPath, args, {
      env: { PATH: process.env["PATH"], ...env },
      stdio: ["ignore", "pipe", "ignore"],
    })
    let output = ""
    let residentMb = 0
    const watch = setInterval(() => {
      residentMb = Math.max(residentMb, residentOf(child.pid ?? 0))
    }, 20)
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString()
    })
    await once(child, "close")
    clearInterval(watch)
    if (child.exitCode !== 0) throw new Error(`${args.join(" ")} ended with ${child.exitCode}`)
    return { seconds: (performance.now() - started) / 1_000, residentMb, output }
  })

export const cli = join(import.meta.dirname, "../../src/cli/main.ts")

/** By name, what is exported to which file. */
const exports: Readonly<Record<string, ReadonlyArray<string>>> = {
  ndjson: ["-o", "events.ndjson"],
  parquet: ["-o", "events.parquet"],
  "long ndjson": ["--signals", "long", "-o", "long.ndjson"],
  "long parquet": ["--signals", "long", "-o", "long.parquet"],
  "wide parquet": ["--signals", "wide", "-o", "wide.parquet"],
}

export interface ExportFigures {
  readonly events: number
  /** Events a second of the bare scan: the medians' ratio is what counts. */
  readonly floor: number
  /** Events a second, from the process's start to its end, and its memory. */
  readonly exports: Readonly<Record<string, { readonly rate: number; readonly residentMb: number }>>
  /** Publish to subscriber, without and with a full export over HTTP beside it. */
  readonly quiet: LatencyFigures
  readonly exporting: LatencyFigures
  /** Full exports that ended while the latency was measured, and events in them. */
  readonly exported: number
}

const runs = 3

const throughput = Effect.fnUntraced(function*(folder: string, events: number) {
  const floors: Array<number> = []
  const done = Object.keys(exports).map((name) => ({ name, seconds: new Array<number>(), residentMb: 0 }))
  for (let i = 0; i < runs; i++) {
    const floor = yield* run([import.meta.filename, join(folder, "log.db")])
    floors.push(Number(floor.output))
    for (const one of done) {
      const [file, ...args] = [...exports[one.name] ?? []].toReversed()
      const output = join(folder, file ?? "")
      const { residentMb, seconds } = yield* run([cli, "export", ...args.toReversed(), output], { DATA_DIR: folder })
      one.seconds.push(seconds)
      one.residentMb = Math.max(one.residentMb, residentMb)
      rmSync(output)
    }
  }
  return {
    floor: events / median(floors),
    exports: Object.fromEntries(
      done.map(({ name, residentMb, seconds }) => [name, { rate: events / median(seconds), residentMb }]),
    ),
  }
})

/** How long each latency is measured, and the history that is exported beside it. */
const seconds = 20
const history = 100_000

/** Takes what a URL gives as fast as it comes, in a process of its own: this one measures. */
const drained = (url: string) =>
  Effect.callback<void>((resume) => {
    const script = `for await (const _ of (await fetch(${JSON.stringify(url)})).body) {}`
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" })
    child.on("exit", (code) => resume(code === 0 ? Effect.void : Effect.die(new Error(`an export ended with ${code}`))))
    return Effect.sync(() => child.kill())
  })

const latency = Effect.fnUntraced(function*(folder: string) {
  const filled = join(folder, "history.db")
  yield* fillLog(filled, history)
  let exported = 0
  const withHistory = Effect.fnUntraced(function*(during: (url: string) => Effect.Effect<void>) {
    const data = yield* temporaryFolder
    copyFileSync(filled, join(data, "log.db"))
    return yield* benchLatency(seconds, {
      env: { DATA_DIR: data },
      before: (url) => Effect.asVoid(reached(url, "vehicle_twin_projection_events_total", history)),
      during,
    })
  }, Effect.scoped)
  const quiet = yield* withHistory(() => Effect.void)
  const exporting = yield* withHistory((url) =>
    Effect.forever(Effect.andThen(
      drained(`${url}/events`),
      Effect.sync(() => {
        exported++
      }),
    ))
  )
  return { quiet, exporting, exported }
})

/** Takes some minutes and some GB of disk for a million events. */
export const benchExport = Effect.fnUntraced(function*(events: number) {
  const folder = yield* temporaryFolder
  yield* fillLog(join(folder, "log.db"), events)
  const figures: ExportFigures = { events, ...(yield* throughput(folder, events)), ...(yield* latency(folder)) }
  return figures
}, Effect.scoped)

const scan = (file: string): number => {
  const db = new DatabaseSync(file, { readOnly: true })
  db.exec("PRAGMA cache_size = -16384")
  const rows = db.prepare(`
    SELECT e.position, s.name, e.revision, e.created, e.id, e.type, e.metadata, e.data
    FROM events e CROSS JOIN streams s ON s.id = e.stream ORDER BY e.position`)
  const started = performance.now()
  for (const { data, metadata } of rows.iterate()) {
    JSON.parse(String(data))
    JSON.parse(String(metadata))
  }
  return (performance.now() - started) / 1_000
}

if (import.meta.main) console.log(scan(process.argv[2] ?? ""))
