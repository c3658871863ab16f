/** What was known of a vehicle at a time is the fold of what had been received by then, whatever snapshots it has. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Result, Stream } from "effect"
import * as fc from "fast-check"
import * as Archived from "../../domain/vehicle/archived.ts"
import { streamOf, type VehicleEvent } from "../../domain/vehicle/events.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import * as Snapshot from "../../domain/vehicle/snapshot.ts"
import * as State from "../../domain/vehicle/state.ts"
import type { Vin } from "../../domain/vehicle/vin.ts"
import { EventUnreadable } from "../../src/eventstore/errors.ts"
import { EventStore, type EventToAppend } from "../../src/eventstore/event-store.ts"
import { Hydration } from "../../src/vehicles/hydration.ts"
import * as LocalVehicles from "../../src/vehicles/local-vehicles.ts"
import { Past } from "../../src/vehicles/past.ts"
import { Vehicles } from "../../src/vehicles/vehicles.ts"
import { wholeHistory } from "../support/arbitraries.ts"
import { altered, temporary } from "../support/event-store.ts"
import { minute, now, observeAll, second } from "../support/given.ts"
import { speedAt, start, vinOf } from "../support/observations.ts"

type Store = EventStore["Service"]

/** A log in which some snapshots are where the file itself is damaged. */
const damaged = altered((store) => {
  const check = (events: ReturnType<Store["read"]>) =>
    Stream.mapEffect(events, (event) =>
      event.data["unreadable"] === true
        ? Effect.fail(new EventUnreadable({ position: event.position, cause: "damaged by the test" }))
        : Effect.succeed(event))
  return {
    read: (stream, options) => check(store.read(stream, options)),
    readBackwards: (stream, options) => check(store.readBackwards(stream, options)),
  }
})

const services = Layer.mergeAll(Past.layer, Hydration.layer).pipe(Layer.provideMerge(damaged))

/** A state for every event, with what was received up to it. */
interface Life {
  readonly events: ReadonlyArray<VehicleEvent>
  readonly states: ReadonlyArray<State.State>
}

const lifeOf = (vin: Vin, events: ReadonlyArray<VehicleEvent>): Life => {
  const states: Array<State.State> = []
  let state = State.initial(vin)
  for (const [revision, event] of events.entries()) {
    state = State.evolve(state, event, revision)
    states.push(state)
  }
  return { events, states }
}

const receiptOf = ({ metadata }: VehicleEvent): number => Date.parse(metadata.receivedAt)

/** By the events alone. */
const knownAt = (vin: Vin, events: ReadonlyArray<VehicleEvent>, time: number): State.State => {
  const later = events.findIndex((event) => receiptOf(event) > time)
  return lifeOf(vin, later < 0 ? events : events.slice(0, later)).states.at(-1) ?? State.initial(vin)
}

const append = (store: Store, vin: Vin, { events }: Life) => store.append(streamOf(vin), "any", events)

type Fate =
  | "whole"
  | "missing"
  | "garbled"
  | "unreadable"
  | "newer version"
  | "no metadata"
  | "ahead of the log"
  | "said to be older"
  | "swapped"

const storedAs = (vin: Vin, state: State.State, fate: Fate): ReadonlyArray<EventToAppend> => {
  const { revision, updatedAt } = state.twin
  const whole = {
    id: Identity.uuid(`${vin} ${fate} ${revision}`),
    type: Snapshot.eventType,
    data: Snapshot.encode(state),
    metadata: Snapshot.metadata(state, toTime(updatedAt)),
  }
  switch (fate) {
    case "whole":
    case "swapped":
      return [whole]
    case "missing":
      return []
    case "garbled":
      return [{ ...whole, data: { ...whole.data, twin: "?" } }]
    case "unreadable":
      return [{ ...whole, data: { unreadable: true } }]
    case "newer version":
      return [{ ...whole, metadata: { ...whole.metadata, schema: Snapshot.version + 1 } }]
    case "no metadata":
      return [{ ...whole, metadata: {} }]
    case "ahead of the log":
      return [{ ...whole, data: Snapshot.encode({ ...state, twin: { ...state.twin, revision: revision + 1_000 } }) }]
    case "said to be older":
      return [{ ...whole, metadata: { ...whole.metadata, receivedAt: toTime(0) } }]
  }
}

/** One after every so many events, each stored as its fate will have it. */
const snapshots = (vin: Vin, { states }: Life, every: number, fates: ReadonlyArray<Fate>) => {
  const stored: Array<EventToAppend> = []
  for (let n = 0; (n + 1) * every <= states.length; n++) {
    const state = states[(n + 1) * every - 1]
    const fate = fates[n % fates.length] ?? "whole"
    if (state === undefined) continue
    const last = fate === "swapped" ? stored.pop() : undefined
    stored.push(...storedAs(vin, state, fate), ...(last === undefined ? [] : [last]))
  }
  return stored
}

const anyFate = fc.constantFrom<Fate>(
  "whole",
  "whole",
  "missing",
  "garbled",
  "unreadable",
  "newer version",
  "no metadata",
  "ahead of the log",
  "said to be older",
  "swapped",
)

/** How much later than the one before an observation is received. */
const delays = fc.array(fc.constantFrom(0, 0, 1, second, minute, -second), { minLength: 30, maxLength: 30 })

const anyCase = fc.record({
  history: wholeHistory,
  delays,
  every: fc.integer({ min: 1, max: 8 }),
  fates: fc.array(anyFate, { minLength: 1, maxLength: 12 }),
  times: fc.array(fc.record({ event: fc.nat({ max: 60 }), offset: fc.constantFrom(-minute, -1, 0, 1, minute) }), {
    minLength: 1,
    maxLength: 8,
  }),
})

let vehicles = 0

describe("a vehicle's past", () => {
  it.layer(services, { excludeTestServices: true })((it) => {
    it.effect("is the fold of what had been received, and its present the whole stream's, by whatever snapshots", () =>
      Effect.gen(function*() {
        const context = yield* Effect.context<EventStore | Past | Hydration>()
        const tried = Effect.fnUntraced(function*(drawn: typeof anyCase extends fc.Arbitrary<infer A> ? A : never) {
          const store = yield* EventStore
          const past = yield* Past
          const { hydrate } = yield* Hydration
          const vin = vinOf(++vehicles)
          let receivedAt = now
          const received = drawn.history.map((observation, i) => ({
            ...observation,
            receivedAt: receivedAt += drawn.delays[i % drawn.delays.length] ?? 0,
          }))
          const life = lifeOf(vin, observeAll(State.initial(vin), received).events)
          if (life.events.length === 0) return
          yield* append(store, vin, life)
          const kept = snapshots(vin, life, drawn.every, drawn.fates)
          if (kept.length > 0) yield* store.append(Snapshot.streamOf(vin), "any", kept)

          assert.deepStrictEqual((yield* hydrate(vin)).state, life.states.at(-1))
          for (const { event, offset } of drawn.times) {
            const time = receiptOf(life.events[event % life.events.length]!) + offset
            const known = knownAt(vin, life.events, time)
            const answer = yield* Effect.result(past.asOf(vin, time))
            if (known.twin.revision >= 0) assert.deepStrictEqual(Result.getOrThrow(answer), known.twin)
            else {
              const since = receiptOf(life.events[0]!)
              const expected = `Vehicle ${vin} was not known at ${toTime(time)}; it is known since ${toTime(since)}`
              assert.strictEqual(Result.isFailure(answer) ? answer.failure.message : "an answer", expected)
            }
          }
        })
        const property = fc.asyncProperty(anyCase, (drawn) => Effect.runPromiseWith(context)(tried(drawn)))
        yield* Effect.promise(() => fc.assert(property, { numRuns: 200 }))
      }))

    it.effect("of a vehicle that there never was is none", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip((yield* Past).asOf(vinOf(99_999), now))
        assert.strictEqual(error._tag, "VehicleNotFound")
      }))
  })

  it.live("is the fold as well where the snapshots have been deleted for ever", () =>
    Effect.gen(function*() {
      const store = yield* EventStore
      const vin = vinOf(1)
      const life = lifeOf(vin, observeAll(State.initial(vin), [speedAt(0), speedAt(1), speedAt(2)]).events)
      yield* append(store, vin, life)
      yield* store.deleteStream(Snapshot.streamOf(vin), { tombstone: true })
      assert.deepStrictEqual((yield* (yield* Hydration).hydrate(vin)).state, life.states[2])
      assert.deepStrictEqual(yield* (yield* Past).asOf(vin, start + second + 500), life.states[1]?.twin)
    }).pipe(Effect.provide(services)))

  it.live("is the same at any interval of the snapshots that the vehicles write themselves", () =>
    Effect.gen(function*() {
      const store = yield* EventStore
      const messages = Array.from({ length: 60 }, (_, seq) => speedAt(seq))
      const times = Array.from({ length: 62 }, (_, i) => start + 500 + (i - 1) * second)
      for (const [i, snapshotEvery] of [1, 7, 60, 1_000].entries()) {
        const vin = vinOf(i)
        const told = Effect.gen(function*() {
          const { observe } = yield* Vehicles
          for (let from = 0; from < messages.length; from += 5) yield* observe(vin, messages.slice(from, from + 5))
          const count = Math.floor(60 / Math.max(5, Math.ceil(snapshotEvery / 5) * 5))
          while ((yield* store.revision(Snapshot.streamOf(vin))) + 1 < count) yield* Effect.sleep(2)
          assert.strictEqual((yield* store.revision(Snapshot.streamOf(vin))) + 1, count, `every ${snapshotEvery}`)
          const past = yield* Past
          return yield* Effect.forEach(times, (time) => Effect.option(past.asOf(vin, time)))
        })
        const twins = yield* told.pipe(Effect.provide(LocalVehicles.layer({ admission: "open", snapshotEvery })))
        const speeds = twins.map((twin) => Option.getOrUndefined(twin)?.signals["Vehicle.Speed"]?.value)
        assert.deepStrictEqual(speeds, [undefined, ...messages.map((_, seq) => seq), 59])
      }
    }).pipe(Effect.provide(temporary)))

  it.live("of a long stream is read from the events of one interval and a few snapshots", () => {
    const read = { events: 0, snapshots: 0 }
    const counted = altered((store) => {
      const each = (stream: string, events: ReturnType<Store["read"]>) =>
        Stream.map(events, (event) => {
          if (stream.startsWith("snapshot-")) read.snapshots++
          else if (stream.startsWith("vehicle-")) read.events++
          return event
        })
      return {
        read: (stream, options) => each(stream, store.read(stream, options)),
        readBackwards: (stream, options) => each(stream, store.readBackwards(stream, options)),
      }
    })
    const total = 100_000
    const snapshotEvery = 250
    return Effect.gen(function*() {
      const { observe } = yield* Vehicles
      const store = yield* EventStore
      const past = yield* Past
      const vin = vinOf(1)
      for (let from = 0; from < total; from += snapshotEvery) {
        yield* observe(vin, Array.from({ length: snapshotEvery }, (_, i) => speedAt(from + i)))
      }
      const count = total / snapshotEvery
      while ((yield* store.revision(Snapshot.streamOf(vin))) + 1 < count) yield* Effect.sleep(2)
      for (const seq of [0, 249, 250, 1_234, 33_333, 50_000, 77_777, 99_998, 99_999]) {
        read.events = read.snapshots = 0
        const twin = yield* past.asOf(vin, start + seq * second + 500)
        assert.strictEqual(twin.revision, seq)
        // The store hands out pages of up to 256.
        assert.isAtMost(read.events, snapshotEvery + 256, `at ${seq}`)
        assert.isAtMost(read.snapshots, Math.ceil(Math.log2(count)) + 3, `at ${seq}`)
      }
      // And where hundreds of snapshots are damaged, they are not all looked at.
      const { hydrate } = yield* Hydration
      const garbled = Array.from({ length: 300 }, (_, i) => ({
        id: Identity.uuid(`garbled ${i}`),
        type: Snapshot.eventType,
        data: {},
        metadata: { schema: Snapshot.version, revision: total - 1, receivedAt: toTime(start + total * second) },
      }))
      yield* store.append(Snapshot.streamOf(vin), "any", garbled)
      read.snapshots = 0
      assert.strictEqual((yield* hydrate(vin)).state.twin.revision, total - 1)
      assert.isAtMost(read.snapshots, Math.ceil(Math.log2(count)) + 3)
    }).pipe(
      Effect.provide(
        Layer.mergeAll(LocalVehicles.layer({ admission: "open", snapshotEvery }), Hydration.layer).pipe(
          Layer.provideMerge(counted),
        ),
      ),
    )
  })
})

describe("a vehicle whose old events are archived", () => {
  const vin = vinOf(1)
  const life = lifeOf(vin, observeAll(State.initial(vin), Array.from({ length: 30 }, (_, seq) => speedAt(seq))).events)
  const at = (revision: number) => receiptOf(life.events[revision]!)
  const mark = (file: string, fromRevision: number, toRevision: number): EventToAppend => ({
    id: Identity.uuid(`${vin} ${file}`),
    type: Archived.eventType,
    data: {
      file,
      fromRevision,
      toRevision,
      firstReceivedAt: toTime(at(fromRevision)),
      lastReceivedAt: toTime(at(toRevision)),
    },
    metadata: { schema: Archived.version, receivedAt: toTime(at(29)), source: { kind: "api" } },
  })

  /** A snapshot every 5 events. Revisions 0 to 8 are in one file, 9 to 18 in another; the snapshot of 19 stays. */
  const archived = Effect.fnUntraced(function*(boundary: Fate = "whole") {
    const store = yield* EventStore
    yield* append(store, vin, life)
    const kept = snapshots(vin, life, 5, ["whole", "whole", "whole", boundary, "garbled", "garbled"])
    yield* store.append(Snapshot.streamOf(vin), "any", kept)
    const marks = [mark("events-1.parquet", 0, 8), mark("events-2.parquet", 9, 18)]
    yield* store.append(Archived.streamOf(vin), "any", marks)
    yield* store.truncate(streamOf(vin), 19)
    yield* store.truncate(Snapshot.streamOf(vin), 3)
  })

  it.live("is known as before from the boundary on, and before it names the file that has the answer", () =>
    Effect.gen(function*() {
      yield* archived()
      const past = yield* Past
      assert.deepStrictEqual((yield* (yield* Hydration).hydrate(vin)).state, life.states[29])
      for (let revision = 19; revision < 30; revision++) {
        assert.deepStrictEqual(yield* past.asOf(vin, at(revision)), life.states[revision]?.twin)
      }
      const failure = (time: number) => Effect.flip(past.asOf(vin, time))
      const files = [[at(0), 1], [at(8), 1], [at(9) - 1, 1], [at(9), 2], [at(18), 2], [at(19) - 1, 2]] as const
      for (const [time, file] of files) {
        const error = yield* failure(time)
        assert.strictEqual(
          error.message,
          `What was known of vehicle ${vin} at ${toTime(time)} is in the archive, in events-${file}.parquet; `
            + `the log answers from ${toTime(at(19))} on`,
        )
      }
      const early = yield* failure(at(0) - 1)
      assert.strictEqual(
        early.message,
        `Vehicle ${vin} was not known at ${toTime(at(0) - 1)}; it is known since ${toTime(at(0))}`,
      )
    }).pipe(Effect.provide(services)))

  it.live("is never folded from what is left where its boundary cannot be read", () =>
    Effect.gen(function*() {
      yield* archived("garbled")
      const missing = `Events 0 to 18 of vehicle ${vin} are in the archive, the last in events-2.parquet, and `
        + "no snapshot after them can be read: bring the archive's files back"
      const hydrated = yield* Effect.flip((yield* Hydration).hydrate(vin))
      assert.strictEqual(hydrated.message, missing)
      assert.strictEqual((yield* Effect.flip((yield* Past).asOf(vin, at(25)))).message, missing)
      const outcomes = yield* Effect.flatMap(Vehicles, ({ observe }) => observe(vin, [speedAt(30)])).pipe(
        Effect.provide(LocalVehicles.layer({ admission: "open" })),
      )
      assert.deepStrictEqual(outcomes, [{ _tag: "Refused", reason: "stream_unreadable", message: missing }])
    }).pipe(Effect.provide(services)))

  it.live("is begun anew where its events were deleted instead", () =>
    Effect.gen(function*() {
      const store = yield* EventStore
      yield* archived()
      yield* store.deleteStream(streamOf(vin))
      const exit = yield* Effect.exit((yield* Past).asOf(vin, at(29)))
      assert.isTrue(Exit.isFailure(exit))
      yield* store.append(streamOf(vin), "no_stream", life.events.slice(0, 2).map((event) => ({
        ...event,
        id: Identity.uuid(`again ${event.id}`),
      })))
      const { twin } = (yield* (yield* Hydration).hydrate(vin)).state
      assert.deepStrictEqual({ revision: twin.revision, seen: twin.lastSeenAt }, { revision: 31, seen: at(1) })
    }).pipe(Effect.provide(services)))
})
