import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option, Scheduler } from "effect"
import { TestClock } from "effect/testing"
import { streamOf } from "../../domain/vehicle/events.ts"
import * as Snapshot from "../../domain/vehicle/snapshot.ts"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { WrongExpectedRevision } from "../../src/eventstore/errors.ts"
import * as Vehicles from "../../src/vehicles/local-vehicles.ts"
import { policy } from "../../src/vehicles/policy.ts"
import { Vehicles as Service } from "../../src/vehicles/vehicles.ts"
import { altered, eventsOf, temporary, unavailable } from "../support/event-store.ts"
import { speedAt, start, vinOf } from "../support/observations.ts"

const vin = vinOf(1)
const open = Vehicles.layer({ admission: "open" })

/** The service as after a restart, on the log that is there. */
const restarted = <A, E>(effect: Effect.Effect<A, E, Service>) => Effect.provide(effect, Layer.fresh(open))

const sequence = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => speedAt(from + i))
const tags = (outcomes: ReadonlyArray<{ readonly _tag: string }>) => outcomes.map(({ _tag }) => _tag)
const source = { kind: "api" } as const

const storedSeqs = Effect.fnUntraced(function*(vin: string) {
  const events = yield* eventsOf(yield* EventStore, streamOf(vin))
  return events.filter(({ type }) => type === "TelemetryReceived").map(({ data }) => data["seq"])
})

describe("Vehicles", () => {
  it.live("answers once the events are in the log, each message once", () =>
    Effect.gen(function*() {
      const vehicles = yield* Service
      const first = yield* vehicles.observe(vin, sequence(0, 3))
      assert.deepStrictEqual(tags(first), ["Accepted", "Accepted", "Accepted"])
      const again = yield* vehicles.observe(vin, sequence(1, 5))
      assert.deepStrictEqual(tags(again), ["Repeated", "Repeated", "Accepted", "Accepted"])
      assert.deepStrictEqual(yield* storedSeqs(vin), [0, 1, 2, 3, 4])
    }).pipe(Effect.provide(open.pipe(Layer.provideMerge(temporary)))))

  it.live("finds its state again after a restart, and knows what it has had", () =>
    Effect.gen(function*() {
      yield* restarted(Effect.flatMap(Service, (vehicles) => vehicles.observe(vin, sequence(0, 10))))
      const outcomes = yield* restarted(Effect.flatMap(Service, (vehicles) => vehicles.observe(vin, sequence(8, 12))))
      assert.deepStrictEqual(tags(outcomes), ["Repeated", "Repeated", "Accepted", "Accepted"])
      const twin = yield* restarted(Effect.flatMap(Service, (vehicles) => vehicles.current(vin)))
      assert.strictEqual(Option.getOrThrow(twin).signals["Vehicle.Speed"]?.value, 11)
    }).pipe(Effect.provide(temporary)))

  it.live("hydrates from a snapshot to the same twin as from the stream", () =>
    Effect.gen(function*() {
      const store = yield* EventStore
      const count = policy.snapshotEvery * 2 + 7
      yield* restarted(Effect.gen(function*() {
        const vehicles = yield* Service
        for (let from = 0; from < count; from += 50) {
          yield* vehicles.observe(vin, sequence(from, Math.min(count, from + 50)))
        }
        // Snapshots are written behind the answers.
        while ((yield* store.revision(Snapshot.streamOf(vin))) < 0) yield* Effect.sleep("5 millis")
      }))
      const current = restarted(Effect.flatMap(Service, (vehicles) => vehicles.current(vin)))
      const withSnapshots = Option.getOrThrow(yield* current)
      yield* store.deleteStream(Snapshot.streamOf(vin))
      const withoutSnapshots = Option.getOrThrow(yield* current)
      assert.deepStrictEqual(withSnapshots, withoutSnapshots)
      assert.strictEqual(withSnapshots.revision, count - 1)
    }).pipe(Effect.provide(temporary)))

  it.live("writes snapshots in the midst of a backlog too", () =>
    Effect.gen(function*() {
      const vehicles = yield* Service
      const store = yield* EventStore
      let next = 0
      // Between them the mailbox is never empty.
      const caller = Effect.gen(function*() {
        while ((yield* store.revision(Snapshot.streamOf(vin))) < 0) {
          const from = next
          next += 20
          assert.isBelow(next, policy.snapshotEvery * 20)
          yield* vehicles.observe(vin, sequence(from, next))
        }
      })
      yield* Effect.forEach([1, 2, 3], () => caller, { concurrency: "unbounded", discard: true })
    }).pipe(Effect.provide(open.pipe(Layer.provideMerge(temporary)))))

  it.live("passes over a snapshot that is damaged or ahead of the log", () =>
    Effect.gen(function*() {
      const store = yield* EventStore
      yield* restarted(Effect.flatMap(Service, (vehicles) => vehicles.observe(vin, sequence(0, 3))))
      const stored = yield* restarted(Effect.flatMap(Service, (vehicles) => vehicles.current(vin)))
      const ahead = { ...Option.getOrThrow(stored), revision: 99 }
      const seen = { sessions: [], recent: [] }
      yield* store.append(Snapshot.streamOf(vin), "any", [
        { id: "4b1f6a52-6d3e-5c61-9f7a-0a3f1b6f9d01", type: Snapshot.eventType, data: { twin: ahead, seen, sessions: [] }, metadata: { schema: Snapshot.version } },
        { id: "4b1f6a52-6d3e-5c61-9f7a-0a3f1b6f9d02", type: Snapshot.eventType, data: { twin: "?" }, metadata: { schema: Snapshot.version } },
      ])
      const outcomes = yield* restarted(Effect.flatMap(Service, (vehicles) => vehicles.observe(vin, sequence(2, 4))))
      assert.deepStrictEqual(tags(outcomes), ["Repeated", "Accepted"])
    }).pipe(Effect.provide(temporary)))

  it.live("reads again and decides anew when another process has written", () =>
    Effect.gen(function*() {
      const one = yield* Service
      yield* one.observe(vin, sequence(0, 3))
      yield* restarted(Effect.flatMap(Service, (other) => other.observe(vin, sequence(3, 6))))
      const outcomes = yield* one.observe(vin, sequence(4, 8))
      assert.deepStrictEqual(tags(outcomes), ["Repeated", "Repeated", "Accepted", "Accepted"])
      assert.deepStrictEqual(yield* storedSeqs(vin), [0, 1, 2, 3, 4, 5, 6, 7])
    }).pipe(Effect.provide(open.pipe(Layer.provideMerge(temporary)))))

  it.live("settles an append whose answer was lost without a second one", () => {
    let lost = 0
    const losing = altered((store) => ({
      append: (stream, expected, events) =>
        stream.startsWith("vehicle-") && lost++ < 3
          ? Effect.andThen(store.append(stream, expected, events), Effect.fail(unavailable("append")))
          : store.append(stream, expected, events),
    }))
    return Effect.gen(function*() {
      const vehicles = yield* Service
      const outcomes = yield* vehicles.observe(vin, sequence(0, 4))
      assert.deepStrictEqual(tags(outcomes), Array.from({ length: 4 }, () => "Accepted"))
      yield* vehicles.observe(vin, sequence(2, 6))
      assert.deepStrictEqual(yield* storedSeqs(vin), [0, 1, 2, 3, 4, 5])
      assert.isAbove(lost, 3)
    }).pipe(Effect.provide(open.pipe(Layer.provideMerge(losing))))
  })

  it.live("waits for a log that is away, and answers when it is back", () => {
    let away = true
    const gone = altered((store) => ({
      append: (stream, expected, events) =>
        away ? Effect.fail(unavailable("append")) : store.append(stream, expected, events),
    }))
    return Effect.gen(function*() {
      const vehicles = yield* Service
      const asked = yield* Effect.forkChild(vehicles.observe(vin, sequence(0, 2)))
      yield* Effect.sleep("150 millis")
      assert.isUndefined(asked.pollUnsafe())
      away = false
      assert.deepStrictEqual(tags(yield* Fiber.join(asked)), ["Accepted", "Accepted"])
    }).pipe(Effect.provide(open.pipe(Layer.provideMerge(gone))))
  })

  it.live("refuses alone what is too large for the log, and takes the rest of the batch", () =>
    Effect.gen(function*() {
      const vehicles = yield* Service
      const huge = { ...speedAt(1), readings: [{ ...speedAt(1).readings[0]!, value: "x".repeat(1_100_000) }] }
      const outcomes = yield* vehicles.observe(vin, [speedAt(0), huge, speedAt(2)])
      assert.deepStrictEqual(tags(outcomes), ["Accepted", "Refused", "Accepted"])
      assert.strictEqual(outcomes[1]?._tag === "Refused" ? outcomes[1].reason : "", "too_large")
      assert.deepStrictEqual(yield* storedSeqs(vin), [0, 2])
    }).pipe(Effect.provide(open.pipe(Layer.provideMerge(temporary)))))

  it.live("survives a defect, and refuses only what causes it", () => {
    const failing = altered((store) => ({
      append: (stream, expected, events) =>
        events.some(({ data }) => data["seq"] === 1) ? Effect.die("a defect") : store.append(stream, expected, events),
    }))
    return Effect.gen(function*() {
      const vehicles = yield* Service
      const outcomes = yield* vehicles.observe(vin, sequence(0, 4))
      assert.deepStrictEqual(tags(outcomes), ["Accepted", "Refused", "Accepted", "Accepted"])
      assert.deepStrictEqual(yield* storedSeqs(vin), [0, 2, 3])
    }).pipe(Effect.provide(open.pipe(Layer.provideMerge(failing))))
  })

  it.live("refuses what is for a vehicle whose stream is gone for ever", () =>
    Effect.gen(function*() {
      const vehicles = yield* Service
      yield* (yield* EventStore).deleteStream(streamOf(vin), { tombstone: true })
      const [outcome] = yield* vehicles.observe(vin, [speedAt(0)])
      assert.strictEqual(outcome?._tag === "Refused" ? outcome.reason : outcome?._tag, "stream_deleted")
    }).pipe(Effect.provide(open.pipe(Layer.provideMerge(temporary)))))

  it.live("takes more vehicles than may be resident", () =>
    Effect.gen(function*() {
      const vehicles = yield* Service
      for (let round = 0; round < 3; round++) {
        const outcomes = yield* Effect.forEach(
          Array.from({ length: 200 }, (_, i) => i),
          (i) => vehicles.observe(vinOf(i), sequence(round * 5, round * 5 + 6)),
          { concurrency: "unbounded" },
        )
        const accepted = outcomes.flat().filter(({ _tag }) => _tag === "Accepted").length
        assert.strictEqual(accepted, round === 0 ? 1200 : 1000)
      }
      for (const i of [0, 99, 199]) {
        assert.deepStrictEqual(yield* storedSeqs(vinOf(i)), Array.from({ length: 16 }, (_, seq) => seq))
      }
    }).pipe(
      Effect.provide(Vehicles.layer({ admission: "open", maxResident: 16 }).pipe(Layer.provideMerge(temporary))),
    ))

  it.live("lets an idle vehicle go, and hydrates it when it is asked for again", () => {
    let hydrations = 0
    const counting = altered((store) => ({
      revision: (stream) => {
        if (stream === streamOf(vin)) hydrations++
        return store.revision(stream)
      },
    }))
    return Effect.gen(function*() {
      const vehicles = yield* Service
      yield* vehicles.observe(vin, sequence(0, 3))
      yield* vehicles.observe(vin, sequence(3, 4))
      assert.strictEqual(hydrations, 1)
      yield* TestClock.adjust("30 minutes")
      const [outcome] = yield* vehicles.observe(vin, [speedAt(3)])
      assert.strictEqual(outcome?._tag, "Repeated")
      assert.strictEqual(hydrations, 2)
    }).pipe(Effect.provide(open.pipe(Layer.provideMerge(counting))), Effect.provide(TestClock.layer()))
  })

  it.live("keeps one vehicle's messages in order while another's append hangs", () =>
    Effect.gen(function*() {
      const release = yield* Deferred.make<void>()
      const hanging = altered((store) => ({
        append: (stream, expected, events) =>
          stream === streamOf(vinOf(2))
            ? Effect.andThen(Deferred.await(release), store.append(stream, expected, events))
            : store.append(stream, expected, events),
      }))
      yield* Effect.gen(function*() {
        const vehicles = yield* Service
        const held = yield* Effect.forkChild(
          Effect.forEach([0, 1, 2, 3], (seq) => vehicles.observe(vinOf(2), [speedAt(seq)]), { concurrency: "unbounded" }),
        )
        yield* vehicles.observe(vinOf(3), sequence(0, 5))
        assert.isUndefined(held.pollUnsafe())
        yield* Deferred.succeed(release, undefined)
        yield* Fiber.join(held)
        assert.deepStrictEqual(yield* storedSeqs(vinOf(2)), [0, 1, 2, 3])
      }).pipe(Effect.provide(open.pipe(Layer.provideMerge(hanging))))
    }))

  it.live("answers everyone, wherever its fiber is put aside for others", () => {
    let n = 7
    class Interrupting extends Scheduler.MixedScheduler {
      override shouldYield() {
        n = (n * 1103515245 + 12345) % 2 ** 31
        return n % 3 === 0
      }
    }
    return Effect.gen(function*() {
      const vehicles = yield* Service
      const caller = (shift: number) =>
        Effect.gen(function*() {
          for (let i = 0; i < 2_000; i++) {
            yield* vehicles.observe(vin, [speedAt(i % 40)])
            if ((shift + i) % 3 === 0) yield* Effect.yieldNow
          }
        })
      yield* Effect.forEach([0, 1, 2], caller, { concurrency: "unbounded", discard: true })
    }).pipe(
      Effect.provide(open.pipe(Layer.provideMerge(temporary))),
      Effect.provideService(Scheduler.Scheduler, new Interrupting()),
    )
  })

  it.live("takes only registered vehicles where that is asked for", () =>
    Effect.gen(function*() {
      const vehicles = yield* Service
      const [refused] = yield* vehicles.observe(vin, [speedAt(0)])
      assert.strictEqual(refused?._tag === "Refused" ? refused.reason : refused?._tag, "not_registered")
      assert.isTrue(Option.isNone(yield* vehicles.current(vin)))
      const twin = yield* vehicles.register(vin, { description: { brand: "Roewe" }, now: start, source })
      assert.strictEqual(twin.description.brand, "Roewe")
      assert.deepStrictEqual(tags(yield* vehicles.observe(vin, [speedAt(0)])), ["Accepted"])
    }).pipe(Effect.provide(Vehicles.layer({ admission: "registered" }).pipe(Layer.provideMerge(temporary)))))

  it.live("answers a command that expects another revision with a conflict, and writes nothing", () =>
    Effect.gen(function*() {
      const vehicles = yield* Service
      yield* vehicles.observe(vin, sequence(0, 3))
      const conflict = yield* Effect.flip(
        vehicles.register(vin, { description: { brand: "Roewe" }, ifRevision: 1, now: start, source }),
      )
      assert.strictEqual(conflict._tag, "RevisionConflict")
      const twin = yield* vehicles.register(vin, { description: { brand: "Roewe" }, ifRevision: 2, now: start, source })
      assert.strictEqual(twin.revision, 3)
    }).pipe(Effect.provide(open.pipe(Layer.provideMerge(temporary)))))

  it.live("goes on through conflicts that come again and again", () => {
    let conflicts = 0
    const contested = altered((store) => ({
      append: (stream, expected, events) =>
        conflicts++ < 5
          ? Effect.fail(new WrongExpectedRevision({ stream, expected, actual: 7 }))
          : store.append(stream, expected, events),
    }))
    return Effect.gen(function*() {
      const outcomes = yield* (yield* Service).observe(vin, sequence(0, 2))
      assert.deepStrictEqual(tags(outcomes), ["Accepted", "Accepted"])
      assert.deepStrictEqual(yield* storedSeqs(vin), [0, 1])
    }).pipe(Effect.provide(open.pipe(Layer.provideMerge(contested))))
  })
})
