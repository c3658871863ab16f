import { it } from "@effect/vitest"
import { Effect, Fiber, Result } from "effect"
import type { EachBatchPayload } from "kafkajs"
import { describe, expect } from "vitest"
import type { Incoming, Intake } from "../../src/ingest/intake.ts"
import { takeBatch } from "../../src/ingest/kafka-batch.ts"
import { telemetry, vinOf } from "../support/messages.ts"
import { until } from "../support/until.ts"

const topic = "telemetry"

/** A batch as the library hands it over, and what was asked of the library. */
const batchOf = (count: number, heartbeat: () => Promise<void> = async () => {}) => {
  const told = { heartbeats: 0, resolved: [] as Array<string>, commits: 0 }
  const messages = Array.from({ length: count }, (_, n) => ({
    key: Buffer.from(vinOf(0)),
    value: Buffer.from(telemetry(n)),
    timestamp: "0",
    attributes: 0,
    offset: String(n),
    headers: {},
  }))
  const payload: EachBatchPayload = {
    batch: {
      topic,
      partition: 0,
      highWatermark: String(count),
      messages,
      isEmpty: () => count === 0,
      firstOffset: () => "0",
      lastOffset: () => String(count - 1),
      offsetLag: () => "0",
      offsetLagLow: () => "0",
    },
    resolveOffset: (offset) => told.resolved.push(offset),
    heartbeat: () => {
      told.heartbeats++
      return heartbeat()
    },
    pause: () => () => {},
    commitOffsetsIfNecessary: async () => {
      told.commits++
    },
    uncommittedOffsets: () => ({ topics: [] }),
    isRunning: () => true,
    isStale: () => false,
  }
  return { payload, told }
}

const intakeOf = (room: number) => {
  const taken: Array<Incoming> = []
  const waiting: Array<() => void> = []
  const intake: Intake["Service"] = {
    isFull: () => taken.length >= room,
    offer: (message) => taken.push(message) < room,
    whenRoom: (callback) => waiting.push(callback),
  }
  return { intake, taken, waiting }
}

const contextOf = (intake: Intake["Service"], generation = () => 1) => ({
  intake,
  routes: () => ({ route: Result.fail({ reason: "topic" as const, message: "" }), payload: new Uint8Array() }),
  now: () => performance.now(),
  generation,
  isStopping: () => false,
  stopMillis: 1_000,
})

describe("a batch from Kafka", () => {
  it.live("that is held back asks for room once, however long that takes", () =>
    Effect.gen(function*() {
      const { payload, told } = batchOf(2)
      const { intake, taken, waiting } = intakeOf(1)
      const taking = yield* Effect.forkChild(takeBatch(payload, contextOf(intake)))
      yield* until(() => told.heartbeats >= 4)
      expect(waiting.length).toBe(1)
      taken.splice(0).forEach(({ settled }) => settled(true))
      waiting.splice(0).forEach((callback) => callback())
      yield* until(() => taken.length === 1)
      taken[0]?.settled(true)
      yield* Fiber.join(taking)
      expect(told.resolved.at(-1)).toBe("1")
    }))

  it.live("moves the offset no further than what is durable from the first on, though the heartbeat fails", () =>
    Effect.gen(function*() {
      const failure = new Error("the group is rebalancing")
      const { payload, told } = batchOf(3, () => Promise.reject(failure))
      const { intake, taken } = intakeOf(10)
      const taking = yield* Effect.forkChild(Effect.flip(takeBatch(payload, contextOf(intake))))
      yield* until(() => taken.length === 3)
      taken[0]?.settled(true)
      taken[2]?.settled(true)
      yield* until(() => taken[1]?.connection?.failed === true)
      taken[1]?.settled(false)
      expect(yield* Fiber.join(taking)).toBe(failure)
      expect(told.resolved).toEqual(["0"])
    }))

  it.live("moves no offset where the group has met again since", () =>
    Effect.gen(function*() {
      let generation = 1
      const { payload, told } = batchOf(1)
      const { intake, taken } = intakeOf(10)
      const taking = yield* Effect.forkChild(takeBatch(payload, contextOf(intake, () => generation)))
      yield* until(() => taken.length === 1)
      generation = 2
      taken[0]?.settled(true)
      yield* Fiber.join(taking)
      expect(told).toMatchObject({ resolved: [], commits: 0 })
    }))
})
