/**
 * What scoring costs. The projector's time per event with the health read model beside the others against without it,
 * over the same log; and a rebuild of all scores, against a pass over the same log that decodes every event and folds
 * nothing of it.
 *
 * Each is a process of its own, `scoring.ts <part> <log> <skipped> <count>`, which prints seconds for the events after
 * the first `skipped`, up to `count`: by the clock, and of the processor. The ratios are of the processor's time, to
 * which it does not matter what else the machine does.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { Deferred, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { streamOf } from "../../domain/vehicle/events.ts"
import { health } from "../../projections/health.ts"
import type { Projection } from "../../projections/projection.ts"
import { EventStore, type EventToAppend } from "../../src/eventstore/event-store.ts"
import { fromNumber } from "../../src/eventstore/position.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"
import { Changes } from "../../src/live/changes.ts"
import { projected } from "../../src/readmodel/projected.ts"
import * as Projector from "../../src/readmodel/projector.ts"
import { readModels } from "../../src/readmodel/projections.ts"
import * as Rebuild from "../../src/readmodel/rebuild.ts"
import * as Tables from "../../src/readmodel/tables.ts"
import * as Database from "../../src/sql/database.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { eventOf } from "./export.ts"
import { vinOf } from "./load.ts"
import { median } from "./median.ts"
import { scoredEvent, signalsAMessage } from "./scoring-load.ts"

const vehicles = 200

/** `plain`: the messages of the other benchmarks, of each vehicle one a second. `full`: those of `scoring-load.ts`. */
const loads = {
  plain: (vin: string, _: number, seq: number) => eventOf(vin, seq),
  full: (vin: string, n: number, seq: number) => scoredEvent(vin, n, vehicles, seq),
}

type Load = keyof typeof loads

/** Of the vehicles in turn, so that each batch of the projector's is about all of them. */
const fill = (file: string, events: number, event: (vin: string, n: number, seq: number) => EventToAppend) =>
  Effect.gen(function*() {
    const { append } = yield* EventStore
    const vins = Array.from({ length: vehicles }, (_, n) => vinOf(n))
    for (let seq = 0; seq < events / vehicles; seq++) {
      yield* Effect.forEach(
        vins.entries(),
        ([n, vin]) => append(streamOf(vin), seq === 0 ? "no_stream" : seq - 1, [event(vin, n, seq)]),
        { concurrency: "unbounded", discard: true },
      )
    }
  }).pipe(Effect.provide(Sqlite.layer({ file })))

interface Spent {
  /** Microseconds an event. */
  readonly clock: number
  readonly processor: number
}

const parts = ["with", "without", "scores", "nothing"] as const
type Part = (typeof parts)[number]

const measure = (part: Part, log: string, skipped: number, count: number) =>
  Effect.promise(async (): Promise<Spent> => {
    const child = spawn(process.execPath, [import.meta.filename, part, log, `${skipped}`, `${count}`], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    let output = ""
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString()
    })
    await once(child, "close")
    if (child.exitCode !== 0) throw new Error(`scoring.ts ${part} ended with ${child.exitCode}`)
    const { clock, processor }: Spent = JSON.parse(output)
    const perEvent = 1e6 / (count - skipped)
    return { clock: clock * perEvent, processor: processor * perEvent }
  })

export interface ScoringFigures {
  readonly events: number
  readonly signalsAMessage: number
  /** Of each run, µs an event, by load. */
  readonly projector: Readonly<Record<Load, { readonly with: ReadonlyArray<Spent>; readonly without: ReadonlyArray<Spent> }>>
  readonly rebuild: { readonly scores: ReadonlyArray<Spent>; readonly nothing: ReadonlyArray<Spent> }
}

export const processorOf = (runs: ReadonlyArray<Spent>): number => median(runs.map(({ processor }) => processor))
export const clockOf = (runs: ReadonlyArray<Spent>): number => median(runs.map(({ clock }) => clock))

/** `events` are rebuilt; the projector takes as many as `projectedEvents`, the first third to warm up. */
export const benchScoring = Effect.fnUntraced(function*(events: number, projectedEvents: number, runs: number) {
  const folder = yield* temporaryFolder
  const compare = Effect.fnUntraced(function*(load: Load, stored: number) {
    const log = join(folder, `${load}.db`)
    yield* fill(log, stored, loads[load])
    const skipped = Math.floor(projectedEvents / 3)
    const spent = { with: new Array<Spent>(), without: new Array<Spent>() }
    for (let run = 0; run < runs; run++) {
      spent.without.push(yield* measure("without", log, skipped, projectedEvents))
      spent.with.push(yield* measure("with", log, skipped, projectedEvents))
    }
    return spent
  })
  const projector = { plain: yield* compare("plain", projectedEvents), full: yield* compare("full", events) }
  const rebuild = { scores: new Array<Spent>(), nothing: new Array<Spent>() }
  for (let run = 0; run < Math.min(3, runs); run++) {
    rebuild.nothing.push(yield* measure("nothing", join(folder, "full.db"), 0, events))
    rebuild.scores.push(yield* measure("scores", join(folder, "full.db"), 0, events))
  }
  return { events, signalsAMessage, projector, rebuild } satisfies ScoringFigures
}, Effect.scoped)

// What follows runs in the process that is measured.

const stopwatch = () => {
  const clock = performance.now()
  const processor = process.cpuUsage()
  return (): Spent => {
    const { system, user } = process.cpuUsage(processor)
    return { clock: (performance.now() - clock) / 1_000, processor: (system + user) / 1e6 }
  }
}

/** The service's projector on an empty database, over a log that is there. */
const project = Effect.fnUntraced(function*(others: ReadonlyArray<string>, skipped: number, count: number) {
  const [from, to] = [fromNumber(skipped), fromNumber(count)]
  const done = yield* Deferred.make<Spent>()
  let stop: (() => Spent) | undefined
  const changes = Layer.succeed(Changes, Changes.of({
    listen: () => Effect.void,
    publish: ({ position }) => {
      if (position >= from) stop ??= stopwatch()
      return position >= to && stop !== undefined ? Deferred.succeed(done, stop()) : Effect.void
    },
  }))
  const projector = Projector.layer({
    ...readModels,
    others: readModels.others.filter(({ name }) => others.includes(name)),
    build: () => Effect.die(new Error("There is nothing to build on an empty database")),
  })
  return yield* Effect.provide(Deferred.await(done), Layer.provide(projector, changes))
})

const nothing: Projection<{ readonly vin: string }> = {
  name: "nothing",
  version: 1,
  columns: { vin: "text" },
  key: [],
  indexes: [],
  evolve: (_, rows) => rows,
}

const rebuild = Effect.fnUntraced(function*(projection: ReturnType<typeof projected>) {
  const sql = yield* SqlClient.SqlClient
  const store = yield* EventStore
  yield* Tables.prepare(sql, [projection])
  const stop = stopwatch()
  yield* Rebuild.run({ sql, store, projections: [projection] })
  return stop()
})

const allOthers = readModels.others.map(({ name }) => name)

const measured = (part: Part, skipped: number, count: number) => {
  switch (part) {
    case "with":
      return project(allOthers, skipped, count)
    case "without":
      return project(allOthers.filter((name) => name !== health.name), skipped, count)
    case "scores":
      return rebuild(projected(health))
    case "nothing":
      return rebuild(projected(nothing))
  }
}

if (import.meta.main) {
  const [name = "", log = "", skipped = "", count = ""] = process.argv.slice(2)
  const part = parts.find((part) => part === name)
  if (part === undefined) throw new Error(`There is no part ${name}`)
  const spent = Effect.scoped(Effect.gen(function*() {
    const file = join(yield* temporaryFolder, "readmodel.db")
    const database = Database.layer({ _tag: "Sqlite", file, synchronous: "NORMAL" })
    const layer = Layer.merge(Sqlite.layerReadOnly({ file: log }), database)
    return yield* Effect.provide(measured(part, Number(skipped), Number(count)), layer)
  }))
  console.log(JSON.stringify(await Effect.runPromise(spent)))
}
