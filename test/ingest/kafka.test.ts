import { it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Latch, Layer, Metric, Scope } from "effect"
import { CompressionTypes } from "kafkajs"
import { describe, expect } from "vitest"
import * as KafkaIn from "../../src/ingest/kafka.ts"
import * as Metrics from "../../src/ingest/metrics.ts"
import { maxDecompressedBytes } from "../../src/kafka/codecs.ts"
import { telemetry, vinOf } from "../support/messages.ts"
import { kafka, kafkaIsThere } from "../support/kafka.ts"
import { logLines } from "../support/log-lines.ts"
import { accepted, RecordingDeadLetters, RecordingVehicles } from "../support/recording-vehicles.ts"
import { until } from "../support/until.ts"
import {
  Brokers,
  caughtUp,
  clientOf,
  committed,
  layer,
  makeTopics,
  members,
  newName,
  optionsOf,
  send,
  type Sent,
  service,
  topicsOf,
} from "./kafka-support.ts"

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)
const messages = (count: number, vehicles: number, from = 0): ReadonlyArray<Sent> =>
  upTo(count).map((n) => ({ key: vinOf(n % vehicles), value: telemetry(from + n) }))

const gated = () => {
  const commit = Latch.makeUnsafe()
  const vehicles = new RecordingVehicles(({ observations }) => Effect.as(commit.await, accepted(observations)))
  return { commit, vehicles }
}

/** In the order of the log, each number once: what a vehicle makes of repeats. */
const firstSeqs = (vehicles: RecordingVehicles, vin: string) => [...new Set(vehicles.seqs(vin))]

describe.skipIf(!kafkaIsThere)("Kafka", () => {
  it.layer(Brokers.layer, { timeout: "90 seconds", excludeTestServices: true })((it) => {
    it.effect("is read in each vehicle's order, and committed when all is durable", () =>
      Effect.gen(function*() {
        const brokers = yield* Brokers
        const name = newName()
        const { telemetry: topic } = topicsOf(name)
        const { commit, vehicles } = gated()
        // One partition, so that all of it is one batch.
        yield* makeTopics(brokers, Object.values(topicsOf(name)), 1)
        yield* service(optionsOf(brokers, name), { vehicles })
        yield* send(brokers, topic, messages(400, 10))
        yield* until(() => vehicles.begun.length === 10)
        yield* Effect.sleep("1 second")
        expect(yield* committed(brokers, name, topic)).toBe(0)
        commit.openUnsafe()
        yield* caughtUp(brokers, name, topic)
        for (const n of upTo(10)) expect(firstSeqs(vehicles, vinOf(n))).toEqual(upTo(40).map((i) => i * 10 + n))
      }))

    it.effect("commits up to the first message that is not durable, and reads on from there after a stop", () =>
      Effect.gen(function*() {
        const brokers = yield* Brokers
        const name = newName()
        const { telemetry: topic } = topicsOf(name)
        yield* makeTopics(brokers, Object.values(topicsOf(name)), 1)
        const slow = Latch.makeUnsafe()
        const vehicles = new RecordingVehicles(({ observations, vin }) =>
          Effect.as(vin === vinOf(1) ? slow.await : Effect.void, accepted(observations))
        )
        const scope = yield* Scope.make()
        yield* service(optionsOf(brokers, name), { vehicles }).pipe(Scope.provide(scope))
        // The first of the slow vehicle is the eleventh.
        yield* send(brokers, topic, [...messages(10, 1), ...messages(10, 2, 10)])
        while ((yield* committed(brokers, name, topic)) < 11) yield* Effect.sleep(20)
        yield* Effect.sleep("1 second")
        expect(yield* committed(brokers, name, topic)).toBe(11)
        yield* Effect.forkChild(Scope.close(scope, Exit.void))
        yield* Effect.sleep(300)
        slow.openUnsafe()
        while ((yield* committed(brokers, name, topic)) < 20) yield* Effect.sleep(20)

        const again = new RecordingVehicles()
        yield* service(optionsOf(brokers, name), { vehicles: again })
        yield* send(brokers, topic, messages(1, 1, 20))
        yield* until(() => again.seqs().length > 0)
        expect(again.seqs()).toEqual([20])
      }))

    it.effect("finishes and commits what it has taken before it stops, and leaves the group", () =>
      Effect.gen(function*() {
        const brokers = yield* Brokers
        const name = newName()
        const { telemetry: topic } = topicsOf(name)
        const { commit, vehicles } = gated()
        yield* makeTopics(brokers, Object.values(topicsOf(name)), 1)
        const scope = yield* Scope.make()
        yield* service(optionsOf(brokers, name), { vehicles }).pipe(Scope.provide(scope))
        yield* send(brokers, topic, messages(100, 5))
        yield* until(() => vehicles.begun.length === 5)
        const stopping = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        yield* Effect.sleep(200)
        commit.openUnsafe()
        yield* Fiber.join(stopping)
        expect(yield* committed(brokers, name, topic)).toBe(vehicles.seqs().length)
        expect(yield* members(brokers, name)).toBe(0)
      }))

    it.effect("is read again, in order, from what could not be taken", () =>
      Effect.gen(function*() {
        const brokers = yield* Brokers
        const name = newName()
        const { telemetry: topic } = topicsOf(name)
        let broken = 2
        const vehicles = new RecordingVehicles(({ observations }) =>
          Effect.suspend(() => broken-- > 0 ? Effect.die(new Error("broken")) : Effect.succeed(accepted(observations)))
        )
        yield* service(optionsOf(brokers, name), { vehicles })
        yield* send(brokers, topic, messages(2_000, 2))
        yield* until(() => firstSeqs(vehicles, vinOf(0)).length === 1_000 && firstSeqs(vehicles, vinOf(1)).length === 1_000)
        for (const n of [0, 1]) expect(firstSeqs(vehicles, vinOf(n))).toEqual(upTo(1_000).map((i) => 2 * i + n))
        yield* caughtUp(brokers, name, topic)
      }))

    it.effect("is held back at the intake's bound, keeps its place in the group meanwhile, and tells the lag", () =>
      Effect.gen(function*() {
        const brokers = yield* Brokers
        const name = newName()
        const { telemetry: topic } = topicsOf(name)
        const { commit, vehicles } = gated()
        yield* service(optionsOf(brokers, name), { vehicles, maxPending: 50 })
        yield* send(brokers, topic, messages(1_000, 1))
        yield* until(() => vehicles.begun.length === 1)
        const before = yield* Metric.value(Metrics.kafkaJoins)
        // Longer than the group waits for a member that gives no sign of life.
        yield* Effect.sleep("7 seconds")
        expect(vehicles.begun.flatMap(({ observations }) => observations).length).toBeLessThanOrEqual(50)
        const lags = yield* Effect.forEach(upTo(12), (partition) => Metric.value(Metrics.kafkaLag(topic, partition)))
        expect(lags.reduce((sum, { value }) => sum + value, 0)).toBeGreaterThanOrEqual(1_000)
        commit.openUnsafe()
        yield* caughtUp(brokers, name, topic)
        expect(firstSeqs(vehicles, vinOf(0))).toEqual(upTo(1_000))
        expect(yield* Metric.value(Metrics.kafkaJoins)).toEqual(before)
      }), { timeout: 60_000 })

    it.effect("is behind while there is more in a partition than is fetched at once", () =>
      Effect.gen(function*() {
        const brokers = yield* Brokers
        const name = newName()
        const { telemetry: topic } = topicsOf(name)
        const { commit, vehicles } = gated()
        yield* makeTopics(brokers, Object.values(topicsOf(name)), 1)
        for (const n of upTo(4)) {
          yield* send(brokers, topic, [{ key: vinOf(0), value: `${telemetry(n)}${" ".repeat(200_000)}` }])
        }
        const status = yield* service(optionsOf(brokers, name), { vehicles })
        yield* until(() => vehicles.begun.length === 1)
        expect(yield* status).toEqual({ failure: undefined, isBehind: true })
        commit.openUnsafe()
        yield* caughtUp(brokers, name, topic)
        expect(yield* status).toEqual({ failure: undefined, isBehind: false })
      }))

    it.effect("is shared with a second member, and nothing is lost or out of order on the way", () =>
      Effect.gen(function*() {
        const brokers = yield* Brokers
        const name = newName()
        const { telemetry: topic } = topicsOf(name)
        const order: Array<readonly [vin: string, seq: number]> = []
        const slowly = (): RecordingVehicles =>
          new RecordingVehicles((call) =>
            Effect.sleep(2).pipe(
              Effect.andThen(Effect.sync(() => {
                for (const observation of call.observations) {
                  if (observation._tag !== "Telemetry" || observation.identity._tag !== "Sequenced") continue
                  order.push([call.vin, observation.identity.seq])
                }
              })),
              Effect.as(accepted(call.observations)),
            )
          )
        const [one, two] = [slowly(), slowly()]
        yield* service(optionsOf(brokers, name), { vehicles: one, maxPending: 100 })
        yield* send(brokers, topic, messages(5_000, 20))
        yield* until(() => one.seqs().length > 500)
        yield* service(optionsOf(brokers, name), { vehicles: two, maxPending: 100 })
        yield* send(brokers, topic, messages(5_000, 20, 5_000))
        const seen = (vin: string) => [...new Set(order.filter((entry) => entry[0] === vin).map(([, seq]) => seq))]
        yield* caughtUp(brokers, name, topic)
        expect(two.seqs().length).toBeGreaterThan(0)
        for (const n of upTo(20)) expect(seen(vinOf(n))).toEqual(upTo(500).map((i) => i * 20 + n))
      }), { timeout: 60_000 })

    it.effect.each<readonly [string, CompressionTypes]>([
      ["gzip", CompressionTypes.GZIP],
      ["Snappy", CompressionTypes.Snappy],
      ["LZ4", CompressionTypes.LZ4],
      ["ZSTD", CompressionTypes.ZSTD],
    ])("is read where it is compressed with %s", ([, compression]) =>
      Effect.gen(function*() {
        const brokers = yield* Brokers
        const name = newName()
        const vehicles = new RecordingVehicles()
        yield* service(optionsOf(brokers, name), { vehicles })
        yield* send(brokers, topicsOf(name).telemetry, messages(500, 1), compression)
        yield* caughtUp(brokers, name, topicsOf(name).telemetry)
        expect(firstSeqs(vehicles, vinOf(0))).toEqual(upTo(500))
      }))

    it.effect("puts what is no message into the dead letters, and goes on", () =>
      Effect.gen(function*() {
        const brokers = yield* Brokers
        const name = newName()
        const { telemetry: topic } = topicsOf(name)
        const letters = new RecordingDeadLetters()
        const vehicles = new RecordingVehicles()
        yield* makeTopics(brokers, Object.values(topicsOf(name)), 1)
        yield* service(optionsOf(brokers, name), { vehicles, letters })
        yield* send(brokers, topic, [
          { key: null, value: telemetry(0) },
          { key: Buffer.from([0xff, 0xfe]), value: telemetry(0) },
          { key: "not-a-vin", value: telemetry(0) },
          { key: vinOf(0), value: null },
          { key: vinOf(0), value: "x".repeat(300_000) },
          { key: vinOf(0), value: "not json" },
          { key: vinOf(0), value: telemetry(1) },
        ])
        yield* caughtUp(brokers, name, topic)
        expect(vehicles.seqs()).toEqual([1])
        expect(letters.letters.map(({ reason }) => reason).toSorted())
          .toEqual(["json", "shape", "too_large", "vin", "vin", "vin"])
        const tombstone = letters.letters.find(({ reason }) => reason === "shape")
        expect(tombstone).toMatchObject({ key: vinOf(0), source: { kind: "kafka", topic, position: "0:3" } })
      }))

    it.effect("puts a batch that holds too much into the dead letters, message by message, and goes on", () =>
      Effect.gen(function*() {
        const brokers = yield* Brokers
        const name = newName()
        const { telemetry: topic } = topicsOf(name)
        const letters = new RecordingDeadLetters()
        const vehicles = new RecordingVehicles()
        yield* makeTopics(brokers, Object.values(topicsOf(name)), 1)
        yield* service(optionsOf(brokers, name), { vehicles, letters })
        const bomb = { key: vinOf(0), value: Buffer.alloc(maxDecompressedBytes / 2) }
        yield* send(brokers, topic, messages(3, 1))
        yield* send(brokers, topic, [bomb, bomb], CompressionTypes.ZSTD)
        yield* send(brokers, topic, messages(3, 1, 3))
        yield* caughtUp(brokers, name, topic)
        expect(vehicles.seqs()).toEqual(upTo(6))
        expect(letters.letters.map(({ message, source }) => [message, source])).toEqual(["0:3", "0:4"].map((position) => [
          expect.stringContaining("cannot be decompressed"),
          { kind: "kafka", topic, position },
        ]))
      }))

    it.effect("says so where messages were deleted before they were read, and reads those that are left", () =>
      Effect.gen(function*() {
        const brokers = yield* Brokers
        const name = newName()
        const { telemetry: topic } = topicsOf(name)
        const { layer: logger, lines } = logLines()
        yield* makeTopics(brokers, Object.values(topicsOf(name)), 1)
        yield* send(brokers, topic, messages(5, 1))
        yield* Effect.promise(async () => {
          const admin = clientOf(brokers).admin()
          await admin.setOffsets({ groupId: name, topic, partitions: [{ partition: 0, offset: "1" }] })
          await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "3" }] })
          await admin.disconnect()
        })
        const vehicles = new RecordingVehicles()
        yield* Layer.build(layer(optionsOf(brokers, name), { vehicles })).pipe(Effect.provide(logger))
        yield* until(() => vehicles.seqs().length >= 2)
        expect(vehicles.seqs()).toEqual([3, 4])
        expect(lines.find((line) => line.includes("deleted messages"))).toContain(`${topic}, partition 0`)
      }))

    it.effect("waits for topics that are missing, says so, and reads them once they are there", () =>
      Effect.gen(function*() {
        const brokers = yield* Brokers
        const name = newName()
        const { service: workshop, telemetry: topic } = topicsOf(name)
        const { layer: logger, lines } = logLines()
        const vehicles = new RecordingVehicles()
        const built = yield* Layer.build(layer(optionsOf(brokers, name, { createTopics: false }), { vehicles })).pipe(
          Effect.provide(logger),
        )
        const { status } = Context.get(built, KafkaIn.KafkaIn)
        yield* until(() => lines.some((line) => line.includes(`no topic ${topic}`)))
        expect((yield* status).failure).toContain("none of the topics")
        yield* makeTopics(brokers, [topic])
        yield* send(brokers, topic, messages(10, 1))
        yield* until(() => vehicles.seqs().length >= 10)
        expect((yield* status).failure).toBeUndefined()
        expect(lines.findLast((line) => line.includes("KAFKA_CREATE_TOPICS"))).toContain(workshop)
      }), { timeout: 40_000 })
  })
})

describe.skipIf(!kafkaIsThere)("a Kafka that goes away", () => {
  it.live("is waited for, at start and after it was killed, and nothing is lost", () =>
    Effect.gen(function*() {
      const server = yield* kafka({ stopped: true })
      const name = newName()
      const { telemetry: topic } = topicsOf(name)
      const vehicles = new RecordingVehicles()
      const { layer: logger, lines } = logLines()
      const built = yield* Layer.build(layer(optionsOf(server.brokers, name), { vehicles })).pipe(Effect.provide(logger))
      const { status } = Context.get(built, KafkaIn.KafkaIn)
      yield* until(() => lines.some((line) => line.includes("no broker answers at KAFKA_BROKERS")))
      expect((yield* status).failure).toContain("ECONNREFUSED")
      yield* server.start
      while ((yield* status).failure !== undefined) yield* Effect.sleep(20)
      yield* send(server.brokers, topic, messages(100, 1))
      yield* until(() => vehicles.seqs().length >= 100)
      yield* server.kill
      while ((yield* status).failure === undefined) yield* Effect.sleep(20)
      yield* server.start
      yield* send(server.brokers, topic, messages(100, 1, 100))
      yield* until(() => new Set(vehicles.seqs()).size === 200)
      expect(firstSeqs(vehicles, vinOf(0))).toEqual(upTo(200))
    }), { timeout: 120_000 })
})
