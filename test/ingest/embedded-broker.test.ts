import { it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Layer, Scope } from "effect"
import { describe, expect } from "vitest"
import { catalogue } from "../../domain/signals/catalogue.ts"
import * as EmbeddedBroker from "../../src/ingest/embedded-broker.ts"
import * as Intake from "../../src/ingest/intake.ts"
import { CannotListen, Mqtt } from "../../src/ingest/mqtt.ts"
import { status, telemetry, vinOf } from "../support/messages.ts"
import { publishAll, publisher } from "../support/mqtt-publisher.ts"
import { accepted, RecordingDeadLetters, RecordingVehicles } from "../support/recording-vehicles.ts"
import { until } from "../support/until.ts"

const broker = (
  vehicles: RecordingVehicles,
  options: { readonly letters?: RecordingDeadLetters; readonly maxPending?: number; readonly port?: number } = {},
) =>
  EmbeddedBroker.layer({ host: "127.0.0.1", port: options.port ?? 0, topicPrefix: "" }).pipe(
    Layer.provide(Intake.layer({ catalogue, maxPending: options.maxPending ?? Intake.maxPending })),
    Layer.provide([vehicles.layer, (options.letters ?? new RecordingDeadLetters()).layer]),
  )

const url = Effect.map(Mqtt, ({ address }) => `mqtt://127.0.0.1:${address?.port}`)
const topicOf = (vehicle: number) => `vehicles/${vinOf(vehicle)}/telemetry`

describe("the embedded broker", () => {
  it.live("acknowledges a vehicle once its message is durable, and not before", () => {
    const commit = Latch.makeUnsafe()
    const vehicles = new RecordingVehicles(({ observations }) => Effect.as(commit.await, accepted(observations)))
    return Effect.gen(function*() {
      const client = yield* publisher(yield* url)
      let acknowledged = false
      client.publish(topicOf(1), telemetry(1), { qos: 1 }, () => {
        acknowledged = true
      })
      yield* until(() => vehicles.begun.length === 1)
      yield* Effect.sleep(50)
      expect(acknowledged).toBe(false)
      commit.openUnsafe()
      yield* until(() => acknowledged)
      expect(vehicles.seqs()).toEqual([1])
    }).pipe(Effect.provide(broker(vehicles)))
  })

  it.live("has many of a connection's messages under way, and acknowledges them in order", () => {
    const commits = Array.from({ length: 10 }, () => Latch.makeUnsafe())
    const vehicles = new RecordingVehicles(({ observations, vin }) =>
      Effect.as(commits[Number(vin.slice(-1))]?.await ?? Effect.void, accepted(observations))
    )
    return Effect.gen(function*() {
      const client = yield* publisher(yield* url)
      const sent: Array<number | undefined> = []
      const acknowledged: Array<number | undefined> = []
      client.on("packetsend", (packet) => {
        if (packet.cmd === "publish") sent.push(packet.messageId)
      })
      client.on("packetreceive", (packet) => {
        if (packet.cmd === "puback") acknowledged.push(packet.messageId)
      })
      for (let seq = 0; seq < 100; seq++) client.publish(topicOf(seq % 10), telemetry(seq), { qos: 1 })
      yield* until(() => vehicles.begun.length === 10)
      for (const commit of commits.toReversed()) {
        expect(acknowledged).toEqual([])
        commit.openUnsafe()
        yield* Effect.sleep(10)
      }
      yield* until(() => acknowledged.length === 100)
      expect(acknowledged).toEqual(sent)
    }).pipe(Effect.provide(broker(vehicles)))
  })

  it.live("closes the connection when a message could not be taken, so that the vehicle sends it again", () => {
    let broken = true
    const vehicles = new RecordingVehicles(({ observations }) =>
      Effect.suspend(() => {
        if (!broken) return Effect.succeed(accepted(observations))
        broken = false
        return Effect.die(new Error("broken"))
      })
    )
    return Effect.gen(function*() {
      const client = yield* publisher(yield* url, { clean: false, clientId: "car" })
      yield* publishAll(client, [[topicOf(1), telemetry(1)], [topicOf(1), telemetry(2)]])
      expect([...new Set(vehicles.seqs())]).toEqual([1, 2])
    }).pipe(Effect.provide(broker(vehicles)))
  })

  it.live("takes in QoS 0 and QoS 2, retained status, and the will of a vehicle that is gone", () => {
    const vehicles = new RecordingVehicles()
    return Effect.gen(function*() {
      const topic = `vehicles/${vinOf(1)}/status`
      const client = yield* publisher(yield* url, {
        reconnectPeriod: 0,
        will: { topic, payload: Buffer.from(status(false)), qos: 1, retain: true },
      })
      client.publish(topicOf(1), telemetry(1), { qos: 0 })
      yield* Effect.promise(() => client.publishAsync(topicOf(1), telemetry(2), { qos: 2 }))
      yield* Effect.promise(() => client.publishAsync(topic, status(true), { qos: 1, retain: true }))
      client.stream.destroy()
      const presence = () =>
        vehicles.durable.flatMap(({ observations }) =>
          observations.flatMap((observation) => (observation._tag === "Presence" ? [observation.online] : []))
        )
      yield* until(() => presence().length === 2)
      expect(presence()).toEqual([true, false])
      expect(vehicles.seqs()).toEqual([1, 2])

      const reader = yield* publisher(yield* url)
      const retained: Array<string> = []
      reader.on("message", (_topic, payload) => retained.push(payload.toString()))
      yield* Effect.promise(() => reader.subscribeAsync("vehicles/+/status"))
      yield* until(() => retained.length === 1)
      expect(retained).toEqual([status(false)])
    }).pipe(Effect.provide(broker(vehicles)))
  })

  it.live("hands commands to the vehicle and keeps out of them, and keeps $SYS to itself", () => {
    const vehicles = new RecordingVehicles()
    const letters = new RecordingDeadLetters()
    return Effect.gen(function*() {
      const client = yield* publisher(yield* url)
      const heard: Array<string> = []
      client.on("message", (topic) => heard.push(topic))
      yield* Effect.promise(() => client.subscribeAsync("vehicles/+/commands"))
      yield* publishAll(client, [[`vehicles/${vinOf(1)}/commands`, "{}"], ["elsewhere", "{}"]])
      yield* until(() => heard.length === 1)
      expect(letters.letters).toEqual([])
      const intruder = yield* publisher(yield* url, { reconnectPeriod: 0 })
      intruder.publish("$SYS/heartbeat", "", { qos: 1 })
      yield* until(() => !intruder.connected)
    }).pipe(Effect.provide(broker(vehicles, { letters })))
  })

  it.live("keeps wrong topics, VINs and payloads as dead letters and acknowledges them", () => {
    const letters = new RecordingDeadLetters()
    return Effect.gen(function*() {
      const client = yield* publisher(yield* url)
      yield* publishAll(client, [
        [`vehicles/${vinOf(1)}/gbt32960`, "##"],
        ["vehicles/nobody/telemetry", telemetry(1)],
        [topicOf(1), "not JSON"],
      ])
      expect(letters.letters.map(({ reason }) => reason)).toEqual(["topic", "vin", "json"])
    }).pipe(Effect.provide(broker(new RecordingVehicles(), { letters })))
  })

  it.live("reads no more from its vehicles when there is as much as it may hold, and loses nothing", () => {
    const commit = Latch.makeUnsafe()
    const vehicles = new RecordingVehicles(({ observations }) => Effect.as(commit.await, accepted(observations)))
    return Effect.gen(function*() {
      const client = yield* publisher(yield* url)
      const all: Array<Promise<unknown>> = []
      for (let vehicle = 0; vehicle < 300; vehicle++) {
        all.push(client.publishAsync(topicOf(vehicle), telemetry(vehicle), { qos: 1 }))
        // Each message by itself: a burst is read at once, and then the broker waits of its own accord.
        yield* Effect.sleep(1)
      }
      yield* Effect.sleep(50)
      expect(vehicles.begun.length).toBeGreaterThanOrEqual(50)
      expect(vehicles.begun.length).toBeLessThan(100)
      commit.openUnsafe()
      yield* Effect.promise(() => Promise.all(all))
      expect(vehicles.seqs()).toEqual(Array.from({ length: 300 }, (_, vehicle) => vehicle))
    }).pipe(Effect.provide(broker(vehicles, { maxPending: 50 })))
  })

  it.live("stops gracefully: what was taken is finished and acknowledged, nobody is thought gone", () => {
    const commit = Latch.makeUnsafe()
    const vehicles = new RecordingVehicles(({ observations }) => Effect.as(commit.await, accepted(observations)))
    return Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(broker(vehicles), scope)
      const at = yield* Effect.provide(url, context)
      const client = yield* publisher(at, {
        reconnectPeriod: 0,
        will: { topic: `vehicles/${vinOf(1)}/status`, payload: Buffer.from(status(false)), qos: 1, retain: true },
      })
      const acknowledged: Array<number> = []
      const publish = (seq: number) =>
        client.publish(topicOf(1), telemetry(seq), { qos: 1 }, (error) => {
          if (!error) acknowledged.push(seq)
        })
      publish(1)
      publish(2)
      yield* until(() => vehicles.begun.length === 1)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* Effect.sleep(20)
      publish(3)
      yield* Effect.sleep(50)
      commit.openUnsafe()
      yield* Fiber.join(closing)
      yield* until(() => !client.connected)
      expect(acknowledged).toEqual([1, 2])
      expect(vehicles.durable.flatMap(({ observations }) => observations)).toMatchObject([
        { _tag: "Telemetry" },
        { _tag: "Telemetry" },
      ])
    })
  })

  it.live("names the setting when its port is taken, and is ready once it listens", () =>
    Effect.gen(function*() {
      const { address, ready } = yield* Mqtt
      expect(yield* ready).toBe(true)
      const port = address?.port ?? 0
      expect(port).toBeGreaterThan(0)
      const second = yield* Effect.flip(Effect.scoped(Layer.build(broker(new RecordingVehicles(), { port }))))
      expect(second).toBeInstanceOf(CannotListen)
      expect(second.message).toContain(`MQTT_PORT ${port}`)
    }).pipe(Effect.provide(broker(new RecordingVehicles()))))
})
