import { expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { streamOf } from "../../domain/vehicle/events.ts"
import { seriesOf } from "../../projections/history-series.ts"
import { type BucketSize, day, history, hour, minute } from "../../projections/history.ts"
import { keyed } from "../../src/readmodel/projected.ts"
import { ReadModel } from "../../src/readmodel/read-model.ts"
import * as SqlReadModel from "../../src/readmodel/sql-read-model.ts"
import { overDatabases } from "../contract/databases.ts"
import { append, caughtUp, openLog, openProjector, openSql, placeIn, telemetry } from "./harness.ts"

const midnight = Date.parse("2026-03-02T00:00:00.000Z")
const sizes: ReadonlyArray<BucketSize> = [minute, hour, day]
const vin = "A"

overDatabases("history, while it is written", (newDatabase) => {
  const newPlace = placeIn(newDatabase)

  it.live("has each reading once, from one moment to the next never fewer, as minutes, hours and days close", () =>
    Effect.gen(function*() {
      const place = yield* newPlace
      const store = yield* openLog(place)
      const { projector } = yield* openProjector(place, store, { projections: [keyed(history)], batchEvents: 2 })
      const reader = yield* openSql(place)
      const readModel = Context.get(
        yield* Layer.build(Layer.fresh(SqlReadModel.layer)).pipe(Effect.provideService(SqlClient.SqlClient, reader)),
        ReadModel,
      )
      const counted = Effect.fnUntraced(function*(bucketMs: BucketSize) {
        const found = yield* readModel.history([vin], { bucketMs, from: midnight - day, to: midnight + 2 * day })
        const points = seriesOf(found.get(vin) ?? [], bucketMs, () => true).get("Vehicle.Speed") ?? []
        return points.reduce((sum, { count }) => sum + count, 0)
      })

      const seen = new Map(sizes.map((bucketMs): [BucketSize, Array<number>] => [bucketMs, []]))
      const watching = yield* Effect.forEach(sizes, (bucketMs) =>
        Effect.map(counted(bucketMs), (count) => void seen.get(bucketMs)?.push(count))).pipe(
          Effect.andThen(Effect.yieldNow),
          Effect.forever,
          Effect.forkChild({ startImmediately: true }),
        )
      // Across midnight, four minutes apart; now and then one comes hours late.
      const events = Array.from({ length: 900 }, (_, i) => {
        const at = midnight - 18 * hour + i * 4 * minute - (i % 10 === 9 ? 5 * hour : 0)
        return telemetry(i, new Date(at).toISOString())
      })
      for (let start = 0; start < events.length; start += 100) {
        yield* append(store, streamOf(vin), events.slice(start, start + 100))
        yield* caughtUp(store, projector)
      }
      yield* Fiber.interrupt(watching)

      for (const bucketMs of sizes) {
        const counts = seen.get(bucketMs) ?? []
        expect(counts).toEqual(counts.toSorted((a, b) => a - b))
        expect(new Set(counts).size).toBeGreaterThan(5)
        expect(yield* counted(bucketMs)).toBe(events.length)
      }
    }))
})
