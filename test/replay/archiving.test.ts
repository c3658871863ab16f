import { describe, expect, it } from "@effect/vitest"
import { DuckDBInstance } from "@duckdb/node-api"
import { Effect, Exit, Layer, Schema, Stream } from "effect"
import * as fc from "fast-check"
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Archived from "../../domain/vehicle/archived.ts"
import { streamOf, type VehicleEvent } from "../../domain/vehicle/events.ts"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { beginning } from "../../src/eventstore/position.ts"
import { Hydration } from "../../src/vehicles/hydration.ts"
import { eventStoreContract } from "../contract/event-store.ts"
import { deliveriesUntil, eventsIn, newEvents } from "../contract/event-store-support.ts"
import { anyEvent } from "../support/arbitraries.ts"
import { minute, now } from "../support/given.ts"
import {
  archive,
  archiveToday,
  behindArchive,
  Driven,
  historyOf,
  isHistory,
  openLogs,
  openServerLogs,
  receivedAt,
  type Store,
} from "./archive-support.ts"

const hour = 60 * minute

const vins = ["LSVAA4187E0000001", "LSVAA4187E0000002", "LSVAA4187E0000003"]

const hydrated = (store: Store, vin: string) =>
  Effect.flatMap(Hydration, ({ hydrate }) => hydrate(vin)).pipe(
    Effect.provide(Layer.fresh(Hydration.layer)),
    Effect.provideService(EventStore, store),
    Effect.map(({ state }) => state),
  )

type Step =
  | { readonly _tag: "Events"; readonly vehicle: number; readonly events: ReadonlyArray<VehicleEvent> }
  | { readonly _tag: "Snapshot"; readonly vehicle: number; readonly form: "whole" | "damaged" | "false" }
  | { readonly _tag: "Other" }
  | { readonly _tag: "Run"; readonly ago: number }

const vehicle = fc.nat({ max: vins.length - 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      _tag: fc.constant("Events" as const),
      vehicle,
      events: fc.array(anyEvent, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      _tag: fc.constant("Snapshot" as const),
      vehicle,
      form: fc.oneof(
        { weight: 4, arbitrary: fc.constant("whole" as const) },
        { weight: 2, arbitrary: fc.constantFrom("damaged" as const, "false" as const) },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ _tag: "Other" as const }) },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Run" as const), ago: fc.nat({ max: 20 }) }) },
)

/** Vehicles with a snapshot each after each round; a round is received an hour after the one before it. */
const filled = Effect.fnUntraced(function*(log: Store, rounds: number, perRound: number) {
  const vehicles = vins.map((vin) => new Driven(vin))
  const sample = fc.sample(anyEvent, 50)
  for (let round = 0; round < rounds; round++) {
    const events = sample.map((event) => receivedAt(now + round * hour, event))
    for (const driven of vehicles) {
      for (let n = 0; n < perRound; n += 50) yield* driven.append(log, events.slice(0, Math.min(50, perRound - n)))
      yield* driven.snapshot(log)
    }
    yield* log.append("maintenance-X", "any", newEvents(1))
  }
  return vehicles
})

const rowsIn = (folder: string) =>
  Effect.promise(async () => {
    const connection = await (await DuckDBInstance.create(":memory:")).connect()
    try {
      const reader = await connection.runAndReadAll(
        `SELECT position, stream, revision FROM '${join(folder, "archive")}/*.parquet' ORDER BY position`,
      )
      return reader.getRowObjectsJson()
    } finally {
      connection.closeSync()
    }
  })

describe.each([
  { kept: "in SQLite", open: openLogs, runs: 25 },
  { kept: "in EventStoreDB", open: openServerLogs, runs: 8 },
])("with the log $kept,", ({ kept, open, runs }) => {
  describe("a log with an archive", () => {
    it.live("reads the same as before, whatever was moved and when", () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: "max" }), fc.nat(), (steps, seed) =>
            Effect.runPromise(Effect.scoped(readsTheSame(steps, seed)))),
          { numRuns: runs },
        )
      ), 120_000)

    const readsTheSame = Effect.fnUntraced(function*(steps: ReadonlyArray<Step>, seed: number) {
      const { folder, log, store } = yield* open
      const vehicles = vins.map((vin) => new Driven(vin))
      let received = now
      for (const one of [...steps, { _tag: "Run", ago: 0 } as const]) {
        const driven = "vehicle" in one ? vehicles[one.vehicle] : undefined
        if (one._tag === "Events") {
          yield* driven?.append(log, one.events.map((event) => receivedAt(received += minute, event))) ?? Effect.void
        } else if (one._tag === "Snapshot" && driven !== undefined && driven.state.twin.revision >= 0) {
          yield* driven.snapshot(log, (data) =>
            one.form === "whole" ? data : one.form === "damaged" ? {} : { ...data, sessions: ["another"] })
        } else if (one._tag === "Other") yield* log.append("maintenance-X", "any", newEvents(1))
        else if (one._tag === "Run") {
          const before = yield* historyOf(store)
          yield* archive(log, folder, { before: received - one.ago * minute })
          expect(yield* historyOf(store)).toEqual(before)
        }
      }
      const all = yield* historyOf(store)
      for (const { state, vin } of vehicles) {
        const ofVehicle = all.filter(({ stream }) => stream === streamOf(vin))
        expect(ofVehicle.map(({ revision }) => revision)).toEqual(ofVehicle.map((_, n) => n))
        expect(ofVehicle.length).toBe(state.twin.revision + 1)
        if (state.twin.revision < 0) continue
        expect(yield* Stream.runCollect(store.read(streamOf(vin)))).toEqual(ofVehicle)
        expect(yield* Stream.runCollect(store.readBackwards(streamOf(vin)))).toEqual(ofVehicle.toReversed())
        const [from, limit] = [seed % (ofVehicle.length + 2), (seed >> 4) % 7]
        expect(yield* Stream.runCollect(store.read(streamOf(vin), { from, limit }))).toEqual(
          ofVehicle.slice(from, from + limit),
        )
        expect(yield* Stream.runCollect(store.readBackwards(streamOf(vin), { from, limit }))).toEqual(
          ofVehicle.slice(0, from + 1).toReversed().slice(0, limit),
        )
      }
      for (const n of [0, seed % (all.length + 1), all.length]) {
        const after = all[n - 1]?.position ?? beginning
        expect(yield* historyOf(store, after)).toEqual(all.slice(n))
        const filter = { streams: ["vehicle-"] }
        const ofVehicles = all.slice(n).filter(({ stream }) => stream.startsWith("vehicle-"))
        expect(yield* Stream.runCollect(store.readAll({ after, filter, limit: 5 }))).toEqual(ofVehicles.slice(0, 5))
        const deliveries = yield* deliveriesUntil(store.subscribeAll({ after }), (_, { _tag }) => _tag === "CaughtUp")
        expect(eventsIn(deliveries).filter(isHistory)).toEqual(all.slice(n))
        const positions = deliveries.flatMap((delivery) => delivery._tag === "CaughtUp" ? [] : [delivery.upTo])
        expect(positions).toEqual([...new Set(positions)].toSorted())
      }
    })

    it.live("gives twins as they were, also where every snapshot is broken", () =>
      Effect.gen(function*() {
        const { folder, log, store } = yield* open
        const driven = new Driven(vins[0] ?? "")
        const events = fc.sample(anyEvent, 60)
        for (let n = 0; n < 60; n += 10) {
          yield* driven.append(log, events.slice(n, n + 10))
          yield* driven.snapshot(log)
          if (n % 20 === 0) yield* archive(log, folder)
        }
        expect(yield* hydrated(store, driven.vin)).toEqual(driven.state)
        yield* log.deleteStream(`snapshot-${driven.vin}`)
        expect(yield* hydrated(store, driven.vin)).toEqual(driven.state)
      }))
  })

  describe("a run of the archive", () => {
    it.live("leaves the log with what is after each vehicle's boundary, and the file with what was before it", () =>
      Effect.gen(function*() {
        const { folder, log, store } = yield* open
        const [first] = yield* filled(log, 3, 20)
        const all = yield* historyOf(store)
        const driven = first ?? new Driven("")
        yield* driven.append(log, fc.sample(anyEvent, 5))
        expect(yield* archive(log, folder)).toMatchObject({
          file: "events-000001.parquet",
          vehicles: 3,
          events: 3 * 59,
        })
        const inLog = yield* Stream.runCollect(log.read(streamOf(driven.vin)))
        expect(inLog.map(({ revision }) => revision)).toEqual([59, 60, 61, 62, 63, 64])
        const snapshots = yield* Stream.runCollect(log.read(`snapshot-${driven.vin}`))
        expect(snapshots.map(({ metadata }) => metadata["revision"])).toEqual([59])
        const archived = all.filter(({ revision, stream }) => stream.startsWith("vehicle-") && revision < 59)
        expect(yield* rowsIn(folder)).toEqual(archived.map(({ position, revision, stream }) => ({
          position,
          stream,
          revision: String(revision),
        })))
        const [note] = yield* Stream.runCollect(log.read(Archived.streamOf(driven.vin)))
        expect(Schema.is(Archived.EventsArchived)(note?.data)).toBe(true)
        expect(note?.data).toMatchObject({ file: "events-000001.parquet", fromRevision: 0, toRevision: 58 })
      }))

    it.live("writes a file that DuckDB opens with the types of its columns", () =>
      Effect.gen(function*() {
        const { folder, log } = yield* open
        yield* filled(log, 2, 20)
        yield* archive(log, folder)
        const columns = yield* Effect.promise(async () => {
          const connection = await (await DuckDBInstance.create(":memory:")).connect()
          const reader = await connection.runAndReadAll(`DESCRIBE FROM '${folder}/archive/events-000001.parquet'`)
          connection.closeSync()
          return reader.getRowsJson().map(([name, type]) => `${String(name)} ${String(type)}`)
        })
        expect(columns).toEqual([
          "position VARCHAR",
          "stream VARCHAR",
          "revision BIGINT",
          "id VARCHAR",
          "type VARCHAR",
          "vin VARCHAR",
          "observedAt TIMESTAMP WITH TIME ZONE",
          "receivedAt TIMESTAMP WITH TIME ZONE",
          "created TIMESTAMP WITH TIME ZONE",
          "data JSON",
          "metadata JSON",
        ])
      }))

    it.live("moves nothing without a snapshot of its time, nothing of the last hour, and nothing twice", () =>
      Effect.gen(function*() {
        const { folder, log } = yield* open
        const [driven = new Driven("")] = yield* filled(log, 1, 20)
        const earlier = { files: 0, events: 0 }
        const nothing = { file: undefined, vehicles: 0, events: 0, bytes: 0, earlier }
        expect(yield* archive(log, folder, { before: 0 })).toEqual(nothing)
        expect(yield* archiveToday(log, folder)).toEqual(nothing)
        expect(yield* archive(log, folder, { dryRun: true })).toEqual({ ...nothing, vehicles: 3, events: 57 })
        expect(yield* log.revision("archive")).toBe(-1)
        expect(yield* archive(log, folder)).toMatchObject({ events: 57 })
        yield* driven.append(log, fc.sample(anyEvent, 5))
        expect(yield* archive(log, folder)).toEqual(nothing)
        expect(readdirSync(join(folder, "archive"))).toEqual(["events-000001.parquet"])
      }))

    it.live("leaves a vehicle alone whose snapshot is not what its events give, and says so", () =>
      Effect.gen(function*() {
        const { folder, log } = yield* open
        yield* filled(log, 1, 20)
        const liar = new Driven("LSVAA4187E0000009")
        yield* liar.append(log, fc.sample(anyEvent, 5).map((event) => receivedAt(now, event)))
        yield* liar.snapshot(log, (data) => ({ ...data, sessions: ["another"] }))
        const left: Array<string> = []
        const outcome = yield* archive(log, folder, { left: ({ message }) => left.push(message) })
        expect(outcome.vehicles).toBe(3)
        expect(left).toEqual([
          `The events of ${liar.vin} stay in the log: they do not give the state that the snapshot of revision 4 has`,
        ])
        expect((yield* Stream.runCollect(log.read(streamOf(liar.vin)))).length).toBe(5)
      }))

    it.live("can be stopped at any step: all is read as before, and the next run ends it", () =>
      Effect.gen(function*() {
        let steps = 0
        for (let cut = 0; cut <= steps; cut++) {
          for (const applied of [false, true]) {
            yield* Effect.scoped(Effect.gen(function*() {
              const { folder, log, store } = yield* open
              yield* filled(log, 2, 20)
              const before = yield* historyOf(store)
              let step = 0
              const cutOff = <A, E>(change: Effect.Effect<A, E>) =>
                Effect.suspend(() => {
                  if (step++ !== cut) return change
                  const stopped = Effect.die("stopped here")
                  return applied ? Effect.andThen(change, stopped) : stopped
                })
              const failing: Store = {
                ...log,
                append: (...args) => cutOff(log.append(...args)),
                truncate: (...args) => cutOff(log.truncate(...args)),
              }
              const exit = yield* Effect.exit(archive(failing, folder))
              expect(Exit.isFailure(exit)).toBe(step > cut)
              steps = Math.max(steps, step)
              expect(yield* historyOf(yield* behindArchive(log, folder))).toEqual(before)

              yield* archive(log, folder)
              expect(yield* historyOf(yield* behindArchive(log, folder))).toEqual(before)
              expect(readdirSync(join(folder, "archive"))).toEqual(["events-000001.parquet"])
              expect((yield* rowsIn(folder)).length).toBe(3 * 39)
              for (const vin of vins) {
                const inLog = yield* Stream.runCollect(log.read(streamOf(vin)))
                expect(inLog.map(({ revision }) => revision)).toEqual([39])
                expect(yield* log.revision(Archived.streamOf(vin))).toBe(0)
                expect((yield* Stream.runCollect(log.read(`snapshot-${vin}`))).length).toBe(1)
              }
              expect((yield* Stream.runCollect(log.read("archive"))).map(({ type }) => type)).toEqual(
                ["ArchiveWritten", "ArchiveCompleted"],
              )
            }))
          }
        }
        // Two notes on the archive, and for each vehicle one and two truncations.
        expect(steps).toBe(2 + 3 * vins.length)
      }), 60_000)

    it.live("moves nothing where another run came before it", () =>
      Effect.gen(function*() {
        const { folder, log, store } = yield* open
        yield* filled(log, 2, 20)
        const before = yield* historyOf(store)
        let reads = 0
        const slow: Store = {
          ...log,
          // For its boundaries first, and then for what is to be written.
          readAll: (options) =>
            ++reads !== 2
              ? log.readAll(options)
              : Stream.unwrap(Effect.as(Effect.orDie(archive(log, folder)), log.readAll(options))),
        }
        const error = yield* Effect.flip(archive(slow, folder))
        expect(["ArchiveNotWritten", "FileNotWhole", "WrongExpectedRevision"]).toContain(error._tag)
        expect(readdirSync(join(folder, "archive"))).toEqual(["events-000001.parquet"])
        expect(yield* historyOf(store)).toEqual(before)
        expect((yield* rowsIn(folder)).length).toBe(3 * 39)
      }))
  })

  describe("reading from the archive", () => {
    const archived = Effect.fnUntraced(function*() {
      const logs = yield* open
      yield* filled(logs.log, 2, 1_000)
      const before = yield* historyOf(logs.store)
      yield* archive(logs.log, logs.folder)
      return { ...logs, before, file: join(logs.folder, "archive", "events-000001.parquet") }
    })

    it.live("says which file is missing or damaged, and goes on once it is back", () =>
      Effect.gen(function*() {
        const { before, file, folder, log } = yield* archived()
        const whole = readFileSync(file)
        const middle = Buffer.from(whole)
        // A bit here and there: one alone may hit a column that nobody reads here.
        for (let n = Math.floor(whole.length / 4); n < whole.length / 2; n += 97) middle[n] = (middle[n] ?? 0) ^ 0x10
        const short = whole.subarray(0, whole.length - 100)
        for (const damaged of [undefined, short, middle, Buffer.from("no Parquet at all")]) {
          if (damaged === undefined) rmSync(file)
          else writeFileSync(file, damaged)
          const store = yield* behindArchive(log, folder)
          for (const read of [
            Effect.asVoid(historyOf(store)),
            Stream.runDrain(store.read(streamOf(vins[0] ?? ""))),
            Effect.asVoid(deliveriesUntil(store.subscribeAll({ after: beginning }), (_, last) => last._tag === "CaughtUp")),
          ]) {
            const error = yield* Effect.flip<void, Effect.Error<typeof read>, never>(read)
            expect(error._tag).toBe("EventStoreUnavailable")
            expect(error).toMatchObject({ cause: { _tag: "ArchiveFileUnreadable", file } })
            expect(error.message).toContain(`${file} cannot be read`)
          }
          // What is in the log is there all the same.
          expect(yield* Stream.runCollect(store.read(streamOf(vins[0] ?? ""), { from: 1_999 }))).toHaveLength(1)
        }
        writeFileSync(file, whole)
        expect(yield* historyOf(yield* behindArchive(log, folder))).toEqual(before)
      }), 30_000)

    it.live("misses nothing and repeats nothing where events are moved while it reads", () =>
      Effect.gen(function*() {
        const { folder, log, store } = yield* open
        yield* filled(log, 3, 700)
        const before = yield* historyOf(store)
        const half = Math.floor(before.length / 2)
        for (const [n, after] of [beginning, before[half]?.position ?? beginning].entries()) {
          const expected = before.slice(n === 0 ? 0 : half + 1)
          let seen = 0
          let moved = 0
          // Events that were handed out, and events that were not.
          const moveMidway = Effect.suspend(() =>
            ++seen !== 300 ? Effect.void : archive(log, folder, { before: now + (n + 0.5) * hour }).pipe(
              Effect.map(({ events }) => {
                moved = events
              }),
            )
          )
          const readAll = store.readAll({ after }).pipe(
            Stream.tap(() => moveMidway),
            Stream.filter(isHistory),
            Stream.runCollect,
          )
          const subscription = store.subscribeAll({ after }).pipe(
            Stream.tap((delivery) => delivery._tag === "Events" ? moveMidway : Effect.void),
          )
          const [read, deliveries] = yield* Effect.all([
            readAll,
            deliveriesUntil(subscription, (_, { _tag }) => _tag === "CaughtUp"),
          ], { concurrency: 2 })
          expect(read).toEqual(expected)
          expect(eventsIn(deliveries).filter(isHistory)).toEqual(expected)
          expect(moved).toBeGreaterThan(2_000)
        }
      }), 30_000)

    eventStoreContract(
      `a log behind an archive, ${kept}`,
      Layer.effect(EventStore, Effect.map(archived(), ({ store }) => store)),
    )
  })
})
