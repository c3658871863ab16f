import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { alerts } from "../../projections/alerts.ts"
import { history } from "../../projections/history.ts"
import { trips } from "../../projections/trips.ts"
import { vehicles } from "../../projections/vehicles.ts"
import * as Metrics from "../../src/readmodel/metrics.ts"
import { keyed, projected } from "../../src/readmodel/projected.ts"
import { ReadModel } from "../../src/readmodel/read-model.ts"
import * as SqlReadModel from "../../src/readmodel/sql-read-model.ts"
import { postgres, postgresIsThere } from "../support/postgres.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import {
  append,
  caughtUp,
  countOf,
  counts,
  dump,
  numbers,
  openLog,
  openProjector,
  openSql,
  type Place,
  raised,
  resolved,
  telemetry,
} from "./harness.ts"

const projections = [projected(counts), projected(numbers), projected(trips), keyed(history)]
const tables = [vehicles, alerts, counts, numbers, trips, history].map(({ name }) => name)
const vins = ["A", "B", "C", "D", "E"]
const t0 = Date.parse("2026-03-02T08:00:00.000Z")

const dumped = (sql: SqlClient.SqlClient) => Effect.forEach(tables, (table) => dump(sql, table))

describe.skipIf(!postgresIsThere)("a read model in a PostgreSQL that is killed", () => {
  it.live("fails what is asked meanwhile, recovers by itself, and counts each event once", () =>
    Effect.gen(function*() {
      const server = yield* postgres()
      const place: Place = { folder: yield* temporaryFolder, database: { _tag: "Postgres", url: yield* server.newDatabase } }
      const store = yield* openLog(place)
      const { projector, sql } = yield* openProjector(place, store, { projections, batchEvents: 50 })
      const readModel = Context.get(
        yield* Layer.build(Layer.fresh(SqlReadModel.layer)).pipe(
          Effect.provideService(SqlClient.SqlClient, yield* openSql(place)),
        ),
        ReadModel,
      )

      let sent = 0
      const load = yield* Effect.forEach(vins, (vin, i) => {
        const at = new Date(t0 + sent * 7_000).toISOString()
        return append(store, `vehicle-${vin}`, [telemetry((sent++ * (i + 1)) % 90, at)])
      }).pipe(
        Effect.andThen(append(store, "maintenance-A", [raised("one"), resolved("one")])),
        Effect.uninterruptible,
        Effect.andThen(Effect.sleep("2 millis")),
        Effect.forever,
        Effect.forkChild,
      )
      const restarts = yield* countOf(Metrics.restarts)
      for (let round = 0; round < 4; round++) {
        yield* Effect.sleep(`${200 + 130 * round} millis`)
        yield* server.kill
        const failure = yield* Effect.flip(readModel.countVehicles({}))
        expect(failure._tag).toBe("ReadModelUnavailable")
        yield* projector.status.pipe(
          Effect.repeat({ until: (status) => status.failure !== undefined, schedule: Schedule.spaced("5 millis") }),
        )
        yield* server.start
        const reached = (yield* projector.status).position
        yield* projector.status.pipe(
          Effect.repeat({
            until: ({ failure, position }) => failure === undefined && position > reached,
            schedule: Schedule.spaced("5 millis"),
          }),
        )
        expect(yield* readModel.countVehicles({})).toBe(vins.length)
      }
      yield* Fiber.interrupt(load)
      yield* caughtUp(store, projector)
      expect(yield* countOf(Metrics.restarts)).toBeGreaterThan(restarts + 3)

      const afresh = { ...place, database: { _tag: "Postgres", url: yield* server.newDatabase } } as const
      const fromScratch = yield* openProjector(afresh, store, { projections })
      yield* caughtUp(store, fromScratch.projector)
      expect(yield* dumped(sql)).toEqual(yield* dumped(fromScratch.sql))
      const [[counted] = []] = yield* sql`SELECT CAST(SUM(messages) AS BIGINT) FROM counts`.values
      expect(counted).toBe(sent)
    }), 120_000)

  it.live("writes again what the server had not come to write to disk, also where nothing comes any more", () =>
    Effect.gen(function*() {
      // A commit waits for the disk no more than here, and so would be lost for certain.
      const server = yield* postgres({ configuration: ["wal_writer_delay=10s", "bgwriter_delay=10s"] })
      const place: Place = { folder: yield* temporaryFolder, database: { _tag: "Postgres", url: yield* server.newDatabase } }
      const store = yield* openLog(place)
      const { projector, sql } = yield* openProjector(place, store)
      yield* sql`CHECKPOINT`
      yield* append(store, "vehicle-A", [telemetry(1), telemetry(2)])
      yield* caughtUp(store, projector)
      const counted = sql`SELECT vin, messages FROM counts`
      expect(yield* counted).toEqual([{ vin: "A", messages: 2 }])
      yield* server.kill
      yield* server.start
      expect(yield* counted).toEqual([])
      yield* counted.pipe(
        Effect.repeat({ until: ([row]) => row?.["messages"] === 2, schedule: Schedule.spaced("20 millis") }),
        Effect.timeout("20 seconds"),
      )
    }), 60_000)
})
