import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql"
import { join } from "node:path"
import * as Absence from "../../src/absence/absence.ts"
import * as ListeningStore from "../../src/absence/listening-store.ts"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { EventStoreUnavailable } from "../../src/eventstore/errors.ts"
import { fromNumber } from "../../src/eventstore/position.ts"
import { Projector } from "../../src/readmodel/projector.ts"
import { ReadModel } from "../../src/readmodel/read-model.ts"
import * as SqliteClient from "../../src/sql/sqlite-client.ts"
import { Vehicles } from "../../src/vehicles/vehicles.ts"
import { vinOf, World } from "../api/world.ts"
import { day, now } from "../support/given.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

const [a, b] = [vinOf(1), vinOf(2)]

/** A fleet in memory, and what keeps the service from hearing it. */
const fleet = Effect.gen(function*() {
  yield* TestClock.setTime(now)
  const file = join(yield* temporaryFolder, "readmodel.db")
  const world = new World()
  const can = { listen: true, readLog: true, project: true }

  /** The service, until its scope closes. */
  const running = Layer.build(Layer.fresh(
    Absence.layer({ listening: Effect.sync(() => can.listen) }).pipe(
      Layer.provide([
        SqliteClient.layer({ file, synchronous: "NORMAL" }),
        Layer.succeed(ReadModel, world.readModel),
        Layer.succeed(Vehicles, world.vehicles),
        Layer.succeed(Projector, {
          status: Effect.sync(() => ({ position: fromNumber(can.project ? world.position : 0), failure: undefined })),
        }),
        Layer.succeed(EventStore, {
          ...world.eventStore,
          head: Effect.suspend(() =>
            can.readLog
              ? Effect.succeed(fromNumber(world.position))
              : Effect.fail(new EventStoreUnavailable({ operation: "read", cause: "away" }))
          ),
        }),
      ]),
    ),
  ))

  const report = (...vins: ReadonlyArray<string>) =>
    Effect.map(Clock.currentTimeMillis, (at) => {
      for (const vin of vins) world.telemetry(vin, { "Vehicle.Speed": 1 }, at)
    })

  /** Time goes by, and these report every ten seconds. */
  const pass = Effect.fnUntraced(function*(time: Duration.Input, ...vins: ReadonlyArray<string>) {
    for (let left = Duration.toMillis(time); left > 0; left -= 10_000) {
      yield* TestClock.adjust(Math.min(left, 10_000))
      yield* report(...vins)
    }
  })

  const stateOf = (vin: string) => world.reports.get(vin)?.at(-1)?.state
  return { can, file, pass, running, stateOf, world }
})

const told = (world: World, vin: string) =>
  (world.streams.get(`vehicle-${vin}`) ?? []).flatMap(({ type }) => type.startsWith("VehicleWent") ? [type] : [])

describe("a vehicle that reports every ten seconds", () => {
  it.effect("is stale, then silent, by its own rhythm, once it stops; others are not", () =>
    Effect.gen(function*() {
      const { pass, running, stateOf, world } = yield* fleet
      yield* running
      yield* pass("3 minutes", a, b)
      yield* pass("30 seconds", b)
      assert.strictEqual(stateOf(a), "REPORTING")
      yield* pass("20 seconds", b)
      assert.strictEqual(stateOf(a), "STALE")
      yield* pass("1 minute", b)
      assert.strictEqual(stateOf(a), "STALE")
      yield* pass("30 seconds", b)
      assert.strictEqual(stateOf(a), "SILENT")
      yield* pass("1 hour", b)
      assert.deepStrictEqual(told(world, a), ["VehicleWentStale", "VehicleWentSilent"])
      yield* pass("1 minute", a, b)
      assert.strictEqual(stateOf(a), "REPORTING")
      assert.deepStrictEqual(told(world, b), [])
    }))

  it.effect("is not missed while it is offline by its own word, and is after a month", () =>
    Effect.gen(function*() {
      const { file, pass, running, stateOf, world } = yield* fleet
      for (const vin of [a, b]) {
        const said = now - (vin === a ? 31 : 29) * day
        world.presence(vin, true, said - 1)
        world.presence(vin, false, said)
      }
      yield* Effect.gen(function*() {
        const listening = yield* ListeningStore.make(yield* SqlClient.SqlClient)
        yield* listening.goOn(yield* listening.begin(now - 40 * day), now)
      }).pipe(Effect.provide(Layer.fresh(SqliteClient.layer({ file, synchronous: "NORMAL" }))))
      yield* running
      yield* pass("10 minutes")
      assert.deepStrictEqual([a, b].map(stateOf), ["SILENT", "OFFLINE"])
      assert.deepStrictEqual(told(world, a), ["VehicleWentSilent"])
    }))

  for (const part of ["listen", "readLog"] as const) {
    it.effect(`is not missed for what the service did not hear, as it could not ${part}`, () =>
      Effect.gen(function*() {
        const { can, pass, running, stateOf, world } = yield* fleet
        yield* running
        yield* pass("3 minutes", a, b)
        can[part] = false
        yield* pass("30 minutes")
        can[part] = true
        // What waited comes in, and the others have their time again.
        yield* pass("40 seconds", b)
        assert.deepStrictEqual([a, b].map(stateOf), ["REPORTING", "REPORTING"])
        yield* pass("50 seconds", b)
        assert.deepStrictEqual([a, b].map(stateOf), ["STALE", "REPORTING"])
        assert.deepStrictEqual(told(world, b), [])
      }))
  }

  it.effect("is not missed while what it sent is yet to reach the read model", () =>
    Effect.gen(function*() {
      const { can, pass, running, stateOf } = yield* fleet
      yield* running
      yield* pass("3 minutes", a)
      can.project = false
      yield* pass("30 minutes")
      assert.strictEqual(stateOf(a), "REPORTING")
      can.project = true
      yield* pass("20 seconds")
      assert.notStrictEqual(stateOf(a), "REPORTING")
    }))

  it.effect("has its deadline over a restart, and the time that the service was down does not count", () =>
    Effect.gen(function*() {
      const { pass, running, stateOf, world } = yield* fleet
      yield* Effect.scoped(Effect.gen(function*() {
        yield* running
        yield* pass("3 minutes", a, b)
        yield* pass("20 seconds", b)
      }))
      yield* TestClock.adjust("5 days")
      yield* running
      yield* pass("30 seconds", b)
      assert.strictEqual(stateOf(a), "REPORTING")
      // Of its half minute twenty seconds had passed.
      yield* pass("30 seconds", b)
      assert.strictEqual(stateOf(a), "STALE")
      assert.deepStrictEqual(told(world, b), [])
    }))

  it.effect("is missed by a service whose database lost that it had begun to listen", () =>
    Effect.gen(function*() {
      const { file, pass, running, stateOf } = yield* fleet
      yield* running
      yield* pass("1 minute", a)
      yield* SqlClient.SqlClient.use((sql) => sql`DELETE FROM listening`).pipe(
        Effect.provide(Layer.fresh(SqliteClient.layer({ file, synchronous: "NORMAL" }))),
      )
      yield* pass("2 minutes", a)
      yield* pass("50 seconds")
      assert.strictEqual(stateOf(a), "STALE")
    }))

  it.effect("is asked after with pauses where the read model has not learnt what came of it", () =>
    Effect.gen(function*() {
      const { pass, running, stateOf, world } = yield* fleet
      const fleetOf300 = Array.from({ length: 300 }, (_, i) => vinOf(100 + i))
      yield* running
      yield* pass("3 minutes", ...fleetOf300)
      const asBefore = new Map(world.reports)
      yield* pass("10 seconds", ...fleetOf300)
      for (const [vin, rows] of asBefore) world.reports.set(vin, rows)
      const looks = () => world.calls.filter((name) => name === "quiet").length
      const before = looks()
      // Of a table that is being rebuilt, rows stay as they were.
      yield* TestClock.adjust("1 minute")
      assert.isAtMost(looks() - before, 12)
      assert.deepStrictEqual([...new Set(fleetOf300.map(stateOf))], ["REPORTING"])
    }))

  it.effect("is found beside hundreds of others that cannot be asked", () =>
    Effect.gen(function*() {
      const { pass, running, stateOf, world } = yield* fleet
      const broken = Array.from({ length: 500 }, (_, i) => vinOf(100 + i))
      world.unreachable = new Set(broken)
      yield* running
      yield* pass("3 minutes", ...broken, a)
      yield* pass("80 seconds")
      assert.strictEqual(stateOf(a), "STALE")
      assert.deepStrictEqual([...new Set(broken.map(stateOf))], ["REPORTING"])
    }))
})
