import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { join } from "node:path"
import { beginning } from "../../src/eventstore/position.ts"
import * as Checkpoints from "../../src/readmodel/checkpoints.ts"
import { allProjected } from "../../src/readmodel/projections.ts"
import * as Tables from "../../src/readmodel/tables.ts"
import * as RebuildThread from "../../src/readmodel/rebuild-thread.ts"
import { append, newFolder, openLog, openSql, telemetry } from "./harness.ts"

const names = allProjected().map(({ name }) => name)

const rebuildIn = (folder: string, log = join(folder, "log.db")) =>
  RebuildThread.run({
    log: { _tag: "Sqlite", file: log, archive: join(folder, "archive") },
    database: { file: join(folder, "read-model.db"), synchronous: "NORMAL" },
    names,
  })

const setup = Effect.gen(function*() {
  const folder = yield* newFolder
  const store = yield* openLog(folder)
  const sql = yield* openSql(folder)
  yield* Tables.prepare(sql, allProjected())
  yield* Effect.forEach(Array.from({ length: 40 }, (_, i) => `V${i}`), (vin) =>
    append(store, `vehicle-${vin}`, Array.from({ length: 100 }, (_, i) => telemetry(i))), {
    concurrency: "unbounded",
    discard: true,
  })
  return { folder, sql, head: yield* store.head }
})

describe("a rebuild in a thread", () => {
  it.live("swaps the tables in that it has built", () =>
    Effect.gen(function*() {
      const { folder, head, sql } = yield* setup
      yield* rebuildIn(folder)
      expect(yield* sql`SELECT COUNT(*) AS vehicles, SUM(revision) AS revisions FROM vehicles`)
        .toEqual([{ vehicles: 40, revisions: 40 * 99 }])
      expect((yield* Checkpoints.list(sql)).map(({ name, position, served }) => ({ name, position, served })))
        .toEqual(names.toSorted().map((name) => ({ name, position: head, served: true })))
    }), 60_000)

  it.live("goes on where it was after it was ended in the middle, which leaves nothing locked", () =>
    Effect.gen(function*() {
      const { folder, head, sql } = yield* setup
      const first = yield* Effect.forkChild(rebuildIn(folder))
      const reached = yield* Checkpoints.list(sql).pipe(
        Effect.map((all) => all.filter(({ served }) => !served).map(({ position }) => position)[0] ?? beginning),
        Effect.repeat({ until: (position) => position > beginning, schedule: Schedule.spaced("1 millis") }),
      )
      yield* Fiber.interrupt(first)
      expect(reached < head).toBe(true)
      const builds = (yield* Checkpoints.list(sql)).filter(({ served }) => !served)
      expect(builds.every(({ position }) => position >= reached)).toBe(true)
      yield* rebuildIn(folder)
      expect(yield* sql`SELECT SUM(revision) AS revisions FROM vehicles`).toEqual([{ revisions: 40 * 99 }])
    }), 60_000)

  it.live("says what went wrong", () =>
    Effect.gen(function*() {
      const { folder } = yield* setup
      const failure = yield* Effect.flip(rebuildIn(folder, join(folder, "elsewhere.db")))
      expect(failure.message).toContain("unable to open database file")
    }), 60_000)
})
