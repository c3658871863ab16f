import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { join } from "node:path"
import { beginning } from "../../src/eventstore/position.ts"
import * as Checkpoints from "../../src/readmodel/checkpoints.ts"
import { allProjected } from "../../src/readmodel/projections.ts"
import * as Tables from "../../src/readmodel/tables.ts"
import * as RebuildThread from "../../src/readmodel/rebuild-thread.ts"
import { type NewDatabase, overDatabases } from "../contract/databases.ts"
import { append, openLog, openSql, type Place, placeIn, telemetry } from "./harness.ts"

const names = allProjected().map(({ name }) => name)

const rebuildIn = ({ database, folder }: Place, log = join(folder, "log.db")) =>
  RebuildThread.run({
    log: { _tag: "Sqlite", file: log, archive: join(folder, "archive") },
    database,
    names,
  })

const setupIn = Effect.fnUntraced(function*(newDatabase: NewDatabase) {
  const place = yield* placeIn(newDatabase)
  const store = yield* openLog(place)
  const sql = yield* openSql(place)
  yield* Tables.prepare(sql, allProjected())
  yield* Effect.forEach(Array.from({ length: 40 }, (_, i) => `V${i}`), (vin) =>
    append(store, `vehicle-${vin}`, Array.from({ length: 100 }, (_, i) => telemetry(i))), {
    concurrency: "unbounded",
    discard: true,
  })
  return { place, sql, head: yield* store.head }
})

overDatabases("a rebuild in a thread", (newDatabase) => {
  const setup = setupIn(newDatabase)

  it.live("swaps the tables in that it has built", () =>
    Effect.gen(function*() {
      const { place, head, sql } = yield* setup
      yield* rebuildIn(place)
      expect(yield* sql`SELECT COUNT(*) AS vehicles, CAST(SUM(revision) AS BIGINT) AS revisions FROM vehicles`)
        .toEqual([{ vehicles: 40, revisions: 40 * 99 }])
      expect((yield* Checkpoints.list(sql)).map(({ name, position, served }) => ({ name, position, served })))
        .toEqual(names.toSorted().map((name) => ({ name, position: head, served: true })))
    }), 60_000)

  it.live("goes on where it was after it was ended in the middle, which leaves nothing locked", () =>
    Effect.gen(function*() {
      const { place, head, sql } = yield* setup
      const first = yield* Effect.forkChild(rebuildIn(place))
      const reached = yield* Checkpoints.list(sql).pipe(
        Effect.map((all) => all.filter(({ served }) => !served).map(({ position }) => position)[0] ?? beginning),
        Effect.repeat({ until: (position) => position > beginning, schedule: Schedule.spaced("1 millis") }),
      )
      yield* Fiber.interrupt(first)
      expect(reached < head).toBe(true)
      const builds = (yield* Checkpoints.list(sql)).filter(({ served }) => !served)
      expect(builds.every(({ position }) => position >= reached)).toBe(true)
      yield* rebuildIn(place)
      expect(yield* sql`SELECT CAST(SUM(revision) AS BIGINT) AS revisions FROM vehicles`).toEqual([{ revisions: 40 * 99 }])
    }), 60_000)

  it.live("says what went wrong", () =>
    Effect.gen(function*() {
      const { place } = yield* setup
      const failure = yield* Effect.flip(rebuildIn(place, join(place.folder, "elsewhere.db")))
      expect(failure.message).toContain("unable to open database file")
    }), 60_000)
})
