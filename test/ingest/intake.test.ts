import { it } from "@effect/vitest"
import { Deferred, Effect, Exit, Latch, Layer, Metric, Scope } from "effect"
import { describe, expect } from "vitest"
import { catalogue } from "../../domain/signals/catalogue.ts"
import { type DeadLetter, DeadLetters } from "../../src/deadletters/dead-letters.ts"
import { EventStoreUnavailable } from "../../src/eventstore/errors.ts"
import { maxPayloadBytes } from "../../src/ingest/decode.ts"
import * as Intake from "../../src/ingest/intake.ts"
import * as Metrics from "../../src/ingest/metrics.ts"
import * as Topics from "../../src/ingest/topics.ts"
import { status, telemetry, vinOf } from "../support/messages.ts"
import { accepted, RecordingDeadLetters, RecordingVehicles } from "../support/recording-vehicles.ts"
import { until } from "../support/until.ts"

const topics = Topics.make("")

const layer = (
  vehicles: RecordingVehicles,
  letters: { readonly layer: Layer.Layer<DeadLetters> },
  maxPending = Intake.maxPending,
) => Intake.layer({ catalogue, maxPending }).pipe(Layer.provide([vehicles.layer, letters.layer]))

type Settled = Array<readonly [name: string | number, durable: boolean]>

const incoming = (
  settled: Settled,
  name: string | number,
  topic: string,
  payload: string | Buffer,
): Intake.Incoming => ({
  route: topics.route(topic),
  payload: Buffer.from(payload),
  receivedAt: Date.now(),
  source: { kind: "mqtt", topic },
  settled: (durable) => settled.push([name, durable]),
})

const message = (settled: Settled, vehicle: number, seq: number) =>
  incoming(settled, seq, `vehicles/${vinOf(vehicle)}/telemetry`, telemetry(seq))

describe("the intake", () => {
  it.live("says that a message is durable only after its vehicle has it in the log", () => {
    const commit = Latch.makeUnsafe()
    const vehicles = new RecordingVehicles(({ observations }) => Effect.as(commit.await, accepted(observations)))
    return Effect.gen(function*() {
      const intake = yield* Intake.Intake
      const settled: Settled = []
      intake.offer(message(settled, 1, 1))
      yield* until(() => vehicles.begun.length === 1)
      yield* Effect.sleep(20)
      expect(settled).toEqual([])
      commit.openUnsafe()
      yield* until(() => settled.length === 1)
      expect(settled).toEqual([[1, true]])
    }).pipe(Effect.provide(layer(vehicles, new RecordingDeadLetters())))
  })

  it.live("tells a vehicle in order, one call at a time, and never waits for another vehicle", () => {
    const slow = Latch.makeUnsafe()
    const underWay = new Map<string, number>()
    const vehicles = new RecordingVehicles(({ observations, vin }) =>
      Effect.gen(function*() {
        const calls = (underWay.get(vin) ?? 0) + 1
        expect(calls).toBe(1)
        underWay.set(vin, calls)
        yield* vin === vinOf(1) ? slow.await : Effect.sleep(1)
        underWay.set(vin, 0)
        return accepted(observations)
      })
    )
    return Effect.gen(function*() {
      const intake = yield* Intake.Intake
      const settled: Settled = []
      for (let seq = 0; seq < 2000; seq++) {
        intake.offer(message(settled, 1 + (seq % 4), seq))
        if (seq % 100 === 0) yield* Effect.sleep(1)
      }
      yield* until(() => settled.length === 1500)
      expect(vehicles.begun.filter(({ vin }) => vin === vinOf(1))).toHaveLength(1)
      slow.openUnsafe()
      yield* until(() => settled.length === 2000)
      for (let vehicle = 1; vehicle <= 4; vehicle++) {
        expect(vehicles.seqs(vinOf(vehicle))).toEqual(Array.from({ length: 500 }, (_, i) => i * 4 + vehicle - 1))
      }
    }).pipe(Effect.provide(layer(vehicles, new RecordingDeadLetters())))
  })

  it.live("tells a vehicle no more in one call than the log takes in one append", () => {
    const first = Latch.makeUnsafe()
    const vehicles = new RecordingVehicles(({ observations }) => Effect.as(first.await, accepted(observations)))
    return Effect.gen(function*() {
      const intake = yield* Intake.Intake
      const settled: Settled = []
      const topic = `vehicles/${vinOf(1)}/telemetry`
      for (let seq = 0; seq < 20; seq++) {
        intake.offer(incoming(settled, seq, topic, telemetry(seq) + " ".repeat(200_000)))
      }
      yield* until(() => vehicles.begun.length === 1)
      first.openUnsafe()
      yield* until(() => settled.length === 20)
      expect(Math.max(...vehicles.begun.map(({ observations }) => observations.length))).toBe(2)
      expect(vehicles.seqs()).toEqual(Array.from({ length: 20 }, (_, seq) => seq))
    }).pipe(Effect.provide(layer(vehicles, new RecordingDeadLetters())))
  })

  it.live("keeps what it cannot take as dead letters, and the rest of the same message", () => {
    const vehicles = new RecordingVehicles()
    const letters = new RecordingDeadLetters()
    return Effect.gen(function*() {
      const intake = yield* Intake.Intake
      const settled: Settled = []
      const good = `vehicles/${vinOf(1)}/telemetry`
      const mixed = JSON.stringify([
        JSON.parse(telemetry(7)),
        {
          session: "boot-1",
          seq: 8,
          at: "2026-11-22T08:15:30Z",
          signals: { "Vehicle.Speed": "fast", "Vehicle.Sped": 1 },
        },
      ])
      intake.offer(incoming(settled, "topic", "vehicles/x", "{}"))
      intake.offer(incoming(settled, "vin", "vehicles/x/telemetry", "{}"))
      intake.offer(incoming(settled, "json", good, "{"))
      intake.offer(incoming(settled, "too_large", good, Buffer.alloc(maxPayloadBytes + 1, 0x20)))
      intake.offer(incoming(settled, "mixed", good, mixed))
      yield* until(() => settled.length === 5)
      expect(settled.every(([, durable]) => durable)).toBe(true)
      expect(letters.letters.map(({ reason }) => reason).toSorted())
        .toEqual(["json", "path", "too_large", "topic", "type", "vin"])
      expect(letters.letters.find(({ reason }) => reason === "type")).toMatchObject({ path: "Vehicle.Speed" })
      expect(vehicles.seqs()).toEqual([7, 8])
    }).pipe(Effect.provide(layer(vehicles, letters)))
  })

  it.live("bounds the dead letters of one message", () => {
    const letters = new RecordingDeadLetters()
    return Effect.gen(function*() {
      const intake = yield* Intake.Intake
      const settled: Settled = []
      intake.offer(incoming(settled, 1, `vehicles/${vinOf(1)}/telemetry`, `[${"{},".repeat(499)}{}]`))
      yield* until(() => settled.length === 1)
      expect(letters.letters).toHaveLength(16)
      expect(letters.letters.at(-1)?.message).toContain("there is more")
    }).pipe(Effect.provide(layer(new RecordingVehicles(), letters)))
  })

  it.live("keeps what a vehicle refuses as a dead letter before it is acknowledged", () => {
    const stored = Latch.makeUnsafe()
    const letters: Array<DeadLetter> = []
    const slowLetters = Layer.succeed(DeadLetters, DeadLetters.of({
      put: (more) => Effect.andThen(stored.await, Effect.sync(() => void letters.push(...more))),
    }))
    const vehicles = new RecordingVehicles(({ observations }) =>
      Effect.succeed(observations.map(() => ({ _tag: "Refused", reason: "not_registered", message: "who is this?" })))
    )
    return Effect.gen(function*() {
      const intake = yield* Intake.Intake
      const settled: Settled = []
      intake.offer(message(settled, 1, 1))
      yield* until(() => vehicles.durable.length === 1)
      yield* Effect.sleep(20)
      expect(settled).toEqual([])
      stored.openUnsafe()
      yield* until(() => settled.length === 1)
      expect(letters).toMatchObject([{ reason: "not_registered", message: "who is this?" }])
    }).pipe(Effect.provide(layer(vehicles, { layer: slowLetters })))
  })

  it.live("tries dead letters again while the log is out of reach", () => {
    let failures = 2
    const letters: Array<DeadLetter> = []
    const failing = Layer.succeed(DeadLetters, DeadLetters.of({
      put: (more) =>
        Effect.suspend(() => {
          if (failures-- > 0) return Effect.fail(new EventStoreUnavailable({ operation: "append", cause: "down" }))
          letters.push(...more)
          return Effect.void
        }),
    }))
    return Effect.gen(function*() {
      const intake = yield* Intake.Intake
      const settled: Settled = []
      intake.offer(incoming(settled, 1, "vehicles/x/telemetry", "{}"))
      yield* until(() => settled.length === 1)
      expect(settled).toEqual([[1, true]])
      expect(letters).toHaveLength(1)
    }).pipe(Effect.provide(layer(new RecordingVehicles(), { layer: failing })))
  })

  it.live("gives messages back whose dead letters could not be stored", () => {
    const failing = Layer.succeed(DeadLetters, DeadLetters.of({ put: () => Effect.die(new Error("broken")) }))
    return Effect.gen(function*() {
      const intake = yield* Intake.Intake
      const settled: Settled = []
      intake.offer(incoming(settled, 1, "vehicles/x/telemetry", "{}"))
      yield* until(() => settled.length === 1)
      expect(settled).toEqual([[1, false]])
    }).pipe(Effect.provide(layer(new RecordingVehicles(), { layer: failing })))
  })

  it.live("gives a vehicle's messages back, all of them, when taking them in failed", () => {
    const commit = Latch.makeUnsafe()
    let broken = true
    const vehicles = new RecordingVehicles(({ observations, vin }) =>
      broken && vin === vinOf(1)
        ? Effect.andThen(commit.await, Effect.die(new Error("broken")))
        : Effect.succeed(accepted(observations))
    )
    return Effect.gen(function*() {
      const intake = yield* Intake.Intake
      const settled: Settled = []
      intake.offer(message(settled, 1, 1))
      yield* until(() => vehicles.begun.length === 1)
      intake.offer(message(settled, 1, 2))
      intake.offer(message(settled, 2, 3))
      yield* until(() => settled.length === 1)
      commit.openUnsafe()
      yield* until(() => settled.length === 3)
      expect(settled).toEqual([[3, true], [1, false], [2, false]])
      broken = false
      intake.offer(message(settled, 1, 1))
      yield* until(() => settled.length === 4)
      expect(settled.at(-1)).toEqual([1, true])
    }).pipe(Effect.provide(layer(vehicles, new RecordingDeadLetters())))
  })

  it.live("lets nothing of a connection pass a message of it that was given back", () => {
    const commit = Latch.makeUnsafe()
    const vehicles = new RecordingVehicles(({ observations, vin }) =>
      vin === vinOf(1)
        ? Effect.andThen(commit.await, Effect.die(new Error("broken")))
        : Effect.as(commit.await, accepted(observations))
    )
    return Effect.gen(function*() {
      const intake = yield* Intake.Intake
      const settled: Settled = []
      const connection: Intake.Connection = { failed: false }
      intake.offer({ ...message(settled, 1, 1), connection })
      intake.offer({ ...message(settled, 2, 2), connection })
      yield* until(() => vehicles.begun.length === 2)
      intake.offer({ ...message(settled, 2, 3), connection })
      intake.offer(message(settled, 2, 4))
      commit.openUnsafe()
      yield* until(() => settled.length === 4)
      expect(connection.failed).toBe(true)
      expect(settled.filter(([, durable]) => durable).map(([name]) => name)).toEqual([2, 4])
      expect(vehicles.seqs(vinOf(2))).toEqual([2, 4])
    }).pipe(Effect.provide(layer(vehicles, new RecordingDeadLetters())))
  })

  it.live("acknowledges nothing that was not durable when it is interrupted", () => {
    const vehicles = new RecordingVehicles(() => Effect.never)
    return Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layer(vehicles, new RecordingDeadLetters()), scope)
      const settled: Settled = []
      yield* Effect.gen(function*() {
        const intake = yield* Intake.Intake
        for (let seq = 0; seq < 1000; seq++) intake.offer(message(settled, seq % 3, seq))
      }).pipe(Effect.provide(context))
      yield* until(() => vehicles.begun.length > 0)
      yield* Scope.close(scope, Exit.void)
      yield* Effect.sleep(50)
      expect(settled).toEqual([])
    })
  })

  it.live("says when it is full, and when there is room again", () => {
    const commit = Latch.makeUnsafe()
    const vehicles = new RecordingVehicles(({ observations }) => Effect.as(commit.await, accepted(observations)))
    return Effect.gen(function*() {
      const intake = yield* Intake.Intake
      const settled: Settled = []
      const answers = Array.from({ length: 10 }, (_, seq) => intake.offer(message(settled, 1, seq)))
      expect(answers).toEqual([...Array(9).fill(true), false])
      const room = yield* Deferred.make<number>()
      intake.whenRoom(() => Deferred.doneUnsafe(room, Effect.succeed(settled.length)))
      yield* Effect.sleep(20)
      expect(Deferred.isDoneUnsafe(room)).toBe(false)
      commit.openUnsafe()
      expect(yield* Deferred.await(room)).toBeGreaterThanOrEqual(3)
      expect(intake.isFull()).toBe(false)
    }).pipe(Effect.provide(layer(vehicles, new RecordingDeadLetters(), 10)))
  })

  it.live("acknowledges a retained status that is taken back, and tells nobody", () => {
    const vehicles = new RecordingVehicles()
    const letters = new RecordingDeadLetters()
    return Effect.gen(function*() {
      const intake = yield* Intake.Intake
      const settled: Settled = []
      intake.offer(incoming(settled, "cleared", `vehicles/${vinOf(1)}/status`, ""))
      intake.offer(incoming(settled, "on", `vehicles/${vinOf(1)}/status`, status(true)))
      yield* until(() => settled.length === 2)
      expect(letters.letters).toEqual([])
      expect(vehicles.durable.flatMap(({ observations }) => observations)).toMatchObject([
        { _tag: "Presence", online: true },
      ])
    }).pipe(Effect.provide(layer(vehicles, letters)))
  })

  it.live("counts what came, what became of it, and how long that took", () => {
    const outcomes = ["Accepted", "Repeated", "Refused"] as const
    const vehicles = new RecordingVehicles(({ observations }) =>
      Effect.succeed(observations.map((observation, index) => {
        const _tag = outcomes[index % 3] ?? "Accepted"
        return _tag === "Refused" ? { _tag, reason: "not_registered", message: observation._tag } : { _tag }
      }))
    )
    return Effect.gen(function*() {
      const intake = yield* Intake.Intake
      const settled: Settled = []
      intake.offer(incoming(
        settled,
        1,
        `vehicles/${vinOf(1)}/telemetry`,
        `[${telemetry(1)},${telemetry(2)},${telemetry(3)}]`,
      ))
      intake.offer(incoming(settled, 2, "vehicles/x/telemetry", "{}"))
      yield* until(() => settled.length === 2)
      expect((yield* Metric.value(Metrics.messagesReceived.mqtt)).count).toBe(2)
      for (const outcome of outcomes) expect((yield* Metric.value(Metrics.observations[outcome])).count).toBe(1)
      expect((yield* Metric.value(Metrics.deadLetters.vin)).count).toBe(1)
      expect((yield* Metric.value(Metrics.deadLetters.not_registered)).count).toBe(1)
      expect((yield* Metric.value(Metrics.lag)).count).toBe(2)
      yield* Effect.sleep(5)
      expect((yield* Metric.value(Metrics.pending)).value).toBe(0)
    }).pipe(
      Effect.provide(layer(vehicles, new RecordingDeadLetters())),
      Effect.provideService(Metric.MetricRegistry, new Map()),
    )
  })
})
