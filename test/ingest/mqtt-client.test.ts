import { execFileSync, spawn } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { it } from "@effect/vitest"
import { Effect, Exit, Latch, Layer, Redacted, Scope } from "effect"
import mqtt from "mqtt"
import { describe, expect } from "vitest"
import { catalogue } from "../../domain/signals/catalogue.ts"
import * as EventStoreDeadLetters from "../../src/deadletters/event-store-dead-letters.ts"
import { EventStore } from "../../src/eventstore/event-store.ts"
import * as Intake from "../../src/ingest/intake.ts"
import { Mqtt, type MqttClientOptions } from "../../src/ingest/mqtt.ts"
import * as MqttClient from "../../src/ingest/mqtt-client.ts"
import { eventsOf, temporary } from "../support/event-store.ts"
import { freePort } from "../support/free-port.ts"
import { logLines } from "../support/log-lines.ts"
import { status, telemetry, vinOf } from "../support/messages.ts"
import { mosquitto, mosquittoIsThere } from "../support/mosquitto.ts"
import { publishAll, publisher } from "../support/mqtt-publisher.ts"
import { wire } from "../support/mqtt-wire.ts"
import { accepted, RecordingDeadLetters, RecordingVehicles } from "../support/recording-vehicles.ts"
import { until } from "../support/until.ts"

const topicOf = (vehicle: number) => `vehicles/${vinOf(vehicle)}/telemetry`
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)
const messages = (count: number, vehicles: number) =>
  upTo(count).map((seq) => [topicOf(seq % vehicles), telemetry(seq)] as const)

interface Setup {
  readonly vehicles: RecordingVehicles
  readonly letters?: RecordingDeadLetters
  readonly maxPending?: number
}

const layer = (url: string, { letters, maxPending, vehicles }: Setup, options: Partial<MqttClientOptions> = {}) =>
  MqttClient.layer({ url, clientId: "twin", topicPrefix: "", ...options }).pipe(
    Layer.provide(Intake.layer({ catalogue, ...(maxPending === undefined ? undefined : { maxPending }) })),
    Layer.provide([vehicles.layer, (letters ?? new RecordingDeadLetters()).layer]),
  )

/** A service on this broker, until the scope closes; done once it is connected and subscribed. */
const service = (...args: Parameters<typeof layer>) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(layer(...args))
    yield* isReady.pipe(Effect.provide(context))
  })

const isReady: Effect.Effect<void, never, Mqtt> = Effect.gen(function*() {
  const { ready } = yield* Mqtt
  while (!(yield* ready)) yield* Effect.sleep(5)
})

const gated = () => {
  const commit = Latch.makeUnsafe()
  const vehicles = new RecordingVehicles(({ observations }) => Effect.as(commit.await, accepted(observations)))
  return { commit, vehicles }
}

describe("the MQTT client library", () => {
  it("is the version whose internals were read: PUBACKs are sent past its public interface", () => {
    expect(String(mqtt.MqttClient.VERSION)).toBe("5.16.0")
    expect(mqtt.MqttClient.prototype["_sendPacket"]).toBeTypeOf("function")
  })
})

describe.skipIf(!mosquittoIsThere)("an MQTT client of Mosquitto", () => {
  it.live("acknowledges after the commit, in the order of receipt, with many messages under way", () =>
    Effect.gen(function*() {
      const broker = yield* mosquitto()
      const proxy = yield* wire(broker.port)
      const commits = upTo(10).map(() => Latch.makeUnsafe())
      const vehicles = new RecordingVehicles(({ observations, vin }) =>
        Effect.as(commits[Number(vin.slice(-1))]?.await ?? Effect.void, accepted(observations))
      )
      yield* service(proxy.url, { vehicles })
      yield* publishAll(yield* publisher(broker.url), messages(300, 10))
      const received = () => proxy.fromBroker.filter(({ cmd }) => cmd === "publish").map(({ messageId }) => messageId)
      const acknowledged = () => proxy.toBroker.filter(({ cmd }) => cmd === "puback").map(({ messageId }) => messageId)
      yield* until(() => received().length === 300 && vehicles.begun.length === 10)
      for (const commit of commits.toReversed()) {
        expect(acknowledged()).toEqual([])
        commit.openUnsafe()
        yield* Effect.sleep(10)
      }
      yield* until(() => acknowledged().length === 300)
      expect(acknowledged()).toEqual(received())
      for (const vehicle of upTo(10)) {
        expect(vehicles.seqs(vinOf(vehicle))).toEqual(upTo(30).map((n) => n * 10 + vehicle))
      }
    }))

  it.live("receives again, in order, what a dropped connection left unacknowledged, and acknowledges that alone", () =>
    Effect.gen(function*() {
      const broker = yield* mosquitto()
      const proxy = yield* wire(broker.port)
      const { commit, vehicles } = gated()
      yield* service(proxy.url, { vehicles })
      yield* publishAll(yield* publisher(broker.url), messages(100, 1))
      const received = () => proxy.fromBroker.flatMap((packet) => (packet.cmd === "publish" ? [packet] : []))
      yield* until(() => received().length === 100)
      yield* proxy.cut
      yield* until(() => received().length === 200)
      const again = received().slice(100)
      expect(again.every(({ dup }) => dup)).toBe(true)
      expect(again.map(({ payload }) => payload.toString())).toEqual(upTo(100).map((seq) => telemetry(seq)))
      const acknowledged = () => proxy.toBroker.filter(({ cmd }) => cmd === "puback").map(({ messageId }) => messageId)
      expect(acknowledged()).toEqual([])
      commit.openUnsafe()
      yield* until(() => acknowledged().length === 100 && vehicles.seqs().length === 200)
      yield* Effect.sleep(50)
      expect(acknowledged()).toEqual(again.map(({ messageId }) => messageId))
      expect(vehicles.seqs()).toEqual([...upTo(100), ...upTo(100)])
    }))

  it.live("drops the connection when messages could not be taken, and takes them in order from the broker again", () =>
    Effect.gen(function*() {
      const broker = yield* mosquitto()
      let broken = true
      const vehicles = new RecordingVehicles(({ observations }) =>
        Effect.suspend(() => {
          if (!broken) return Effect.succeed(accepted(observations))
          broken = false
          return Effect.die(new Error("broken"))
        })
      )
      yield* service(broker.url, { vehicles })
      yield* publishAll(yield* publisher(broker.url), messages(200, 1))
      yield* until(() => new Set(vehicles.seqs()).size === 200)
      // What came again is known as repeated by the vehicle; each first time is in order.
      expect([...new Set(vehicles.seqs())]).toEqual(upTo(200))
    }))

  it.live("loses nothing when the service is killed with messages under way", () =>
    Effect.gen(function*() {
      const broker = yield* mosquitto()
      const file = join(broker.directory, "durable.txt")
      const lines = () => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [])
      const run = Effect.acquireRelease(
        Effect.sync(() =>
          spawn(process.execPath, [join(import.meta.dirname, "../support/ingest-process.ts"), broker.url, file], {
            stdio: "ignore",
          })
        ),
        (child) => Effect.sync(() => child.kill("SIGKILL")),
      )
      const readies = () => lines().filter((line) => line === "ready").length
      const first = yield* run
      yield* until(() => readies() === 1)
      const client = yield* publisher(broker.url)
      yield* publishAll(client, messages(2000, 20))
      yield* until(() => lines().length > 200)
      first.kill("SIGKILL")
      yield* publishAll(client, upTo(500).map((n) => [topicOf(n % 20), telemetry(2000 + n)]))
      const durable = () => new Set(lines().filter((line) => line !== "ready").map(Number))
      expect(durable().size).toBeLessThan(2500)
      yield* run
      yield* until(() => durable().size === 2500)
      expect([...durable()].toSorted((a, b) => a - b)).toEqual(upTo(2500))
    }))

  it.live("takes what comes after the broker went and came back", () =>
    Effect.gen(function*() {
      const broker = yield* mosquitto()
      const vehicles = new RecordingVehicles()
      yield* service(broker.url, { vehicles })
      yield* publishAll(yield* publisher(broker.url), messages(10, 1))
      yield* until(() => vehicles.seqs().length === 10)
      yield* broker.stop
      yield* broker.start
      yield* publishAll(yield* publisher(broker.url), upTo(10).map((seq) => [topicOf(0), telemetry(10 + seq)]))
      yield* until(() => new Set(vehicles.seqs()).size === 20)
    }))

  it.live("holds the broker back when vehicles are slow, and loses nothing of 20,000 messages", () =>
    Effect.gen(function*() {
      const broker = yield* mosquitto()
      let most = 0
      let underWay = 0
      const vehicles = new RecordingVehicles(({ observations }) =>
        Effect.gen(function*() {
          underWay += observations.length
          most = Math.max(most, underWay)
          yield* Effect.sleep(100)
          underWay -= observations.length
          return accepted(observations)
        })
      )
      yield* service(broker.url, { vehicles, maxPending: 2000 })
      yield* publishAll(yield* publisher(broker.url), messages(20_000, 50))
      yield* until(() => vehicles.durable.reduce((sum, call) => sum + call.observations.length, 0) >= 20_000)
      expect(most).toBeLessThanOrEqual(2000)
      for (const vehicle of upTo(50)) {
        expect(vehicles.seqs(vinOf(vehicle))).toEqual(upTo(400).map((n) => n * 50 + vehicle))
      }
    }))

  it.live("stops gracefully: finishes and acknowledges what it took, and leaves the rest to its successor", () =>
    Effect.gen(function*() {
      const broker = yield* mosquitto()
      const proxy = yield* wire(broker.port)
      const first = new RecordingVehicles(({ observations }) => Effect.as(Effect.sleep(50), accepted(observations)))
      const scope = yield* Scope.make()
      yield* service(proxy.url, { vehicles: first, maxPending: 200 }).pipe(Scope.provide(scope))
      const client = yield* publisher(broker.url)
      yield* publishAll(client, messages(2000, 10))
      yield* until(() => first.seqs().length > 100)
      yield* Scope.close(scope, Exit.void)
      expect(first.begun).toHaveLength(first.durable.length)
      yield* until(() => proxy.toBroker.at(-1)?.cmd === "disconnect")
      expect(proxy.toBroker.at(-1)).toMatchObject({ reasonCode: 0 })
      expect(proxy.toBroker.filter(({ cmd }) => cmd === "puback")).toHaveLength(first.seqs().length)
      expect(first.seqs().length).toBeLessThan(2000)

      const second = new RecordingVehicles()
      yield* service(broker.url, { vehicles: second })
      yield* until(() => first.seqs().length + second.seqs().length >= 2000)
      yield* Effect.sleep(50)
      const both = [...first.seqs(), ...second.seqs()]
      expect(both).toHaveLength(2000)
      expect(new Set(both).size).toBe(2000)
    }))

  it.live("takes in QoS 0, retained status, and the will of a vehicle that is gone", () =>
    Effect.gen(function*() {
      const broker = yield* mosquitto()
      const topic = `vehicles/${vinOf(1)}/status`
      const vehicle = yield* publisher(broker.url, {
        reconnectPeriod: 0,
        will: { topic, payload: Buffer.from(status(false)), qos: 1, retain: true },
      })
      yield* Effect.promise(() => vehicle.publishAsync(topic, status(true), { qos: 1, retain: true }))
      const vehicles = new RecordingVehicles()
      yield* service(broker.url, { vehicles })
      const presence = () =>
        vehicles.durable.flatMap(({ observations }) =>
          observations.flatMap((observation) => (observation._tag === "Presence" ? [observation.online] : []))
        )
      yield* until(() => presence().length === 1)
      yield* Effect.promise(() => vehicle.publishAsync(topicOf(1), telemetry(1), { qos: 0 }))
      yield* until(() => vehicles.seqs().length === 1)
      vehicle.stream.destroy()
      yield* until(() => presence().length === 2)
      expect(presence()).toEqual([true, false])
    }))

  it.live("keeps what cannot be taken in as dead letters in the log", () =>
    Effect.gen(function*() {
      const broker = yield* mosquitto()
      const vehicles = new RecordingVehicles()
      const context = yield* Layer.build(
        MqttClient.layer({ url: broker.url, clientId: "twin", topicPrefix: "" }).pipe(
          Layer.provide(Intake.layer({ catalogue })),
          Layer.provide([vehicles.layer, EventStoreDeadLetters.layer]),
          Layer.provideMerge(temporary),
        ),
      )
      yield* Effect.gen(function*() {
        yield* isReady
        const store = yield* EventStore
        yield* publishAll(yield* publisher(broker.url), [
          ["vehicles/nobody/telemetry", telemetry(1)],
          [topicOf(1), "not JSON"],
          [topicOf(1), telemetry(2).replace("42", "\"fast\"")],
          [topicOf(1), telemetry(3)],
        ])
        yield* until(() => vehicles.seqs().includes(3))
        let events = yield* eventsOf(store, "deadletter-mqtt")
        while (events.length < 3) {
          yield* Effect.sleep(10)
          events = yield* eventsOf(store, "deadletter-mqtt")
        }
        expect(events.map(({ data }) => data["reason"]).toSorted()).toEqual(["json", "type", "vin"])
        expect(events.find(({ data }) => data["reason"] === "json")).toMatchObject({
          type: "DeadLettered",
          data: { payload: { encoding: "utf8", content: "not JSON", bytes: 8 } },
          metadata: { schema: 1, source: { kind: "mqtt", topic: topicOf(1) } },
        })
      }).pipe(Effect.provide(context))
    }))

  it.live("shares the messages with others of its group", () =>
    Effect.gen(function*() {
      const broker = yield* mosquitto()
      const members = [new RecordingVehicles(), new RecordingVehicles()]
      for (const [index, vehicles] of members.entries()) {
        yield* service(broker.url, { vehicles }, { clientId: `twin-${index}`, shareGroup: "twins", topicPrefix: "eu/" })
      }
      const shared = messages(200, 4).map(([topic, payload]) => [`eu/${topic}`, payload] as const)
      yield* publishAll(yield* publisher(broker.url), shared)
      yield* until(() => members.flatMap((vehicles) => vehicles.seqs()).length === 200)
      expect(new Set(members.flatMap((vehicles) => vehicles.seqs())).size).toBe(200)
      for (const vehicles of members) expect(vehicles.seqs().length).toBeGreaterThan(0)
    }))

  it.live("waits for a broker that is not there yet, and says which setting to look at", () =>
    Effect.gen(function*() {
      const broker = yield* mosquitto({ stopped: true })
      const vehicles = new RecordingVehicles()
      const log = logLines()
      const context = yield* Layer.build(layer(broker.url, { vehicles })).pipe(Effect.provide(log.layer))
      yield* until(() => log.lines.some((line) => line.includes("no broker answers at MQTT_URL")))
      yield* broker.start
      yield* isReady.pipe(Effect.provide(context))
      expect(log.lines.at(-1)).toContain("with MQTT 5")
    }))

  it.live("connects over TLS with a password, and says what is wrong when it cannot", () =>
    Effect.gen(function*() {
      const broker = yield* mosquitto({
        scheme: "mqtts",
        configuration: (directory) => {
          const path = (name: string) => join(directory, name)
          for (const name of ["ca", "other"]) {
            execFileSync("openssl", [
              ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj".split(" "),
              `/CN=${name}`, "-keyout", path(`${name}.key`), "-out", path(`${name}.pem`),
            ], { stdio: "ignore" })
          }
          execFileSync("openssl", [
            ..."req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost".split(" "),
            "-keyout", path("server.key"), "-out", path("server.csr"),
          ], { stdio: "ignore" })
          writeFileSync(path("server.ext"), "subjectAltName=DNS:localhost")
          execFileSync("openssl", [
            "x509", "-req", "-days", "2", "-in", path("server.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
            "-CAcreateserial", "-extfile", path("server.ext"), "-out", path("server.pem"),
          ], { stdio: "ignore" })
          writeFileSync(path("passwords"), "")
          execFileSync("mosquitto_passwd", ["-b", path("passwords"), "twin", "secret"], { stdio: "ignore" })
          return [
            "allow_anonymous false",
            `password_file ${path("passwords")}`,
            `certfile ${path("server.pem")}`,
            `keyfile ${path("server.key")}`,
          ]
        },
      })
      const file = (name: string) => join(broker.directory, name)
      const secret = Redacted.make("secret")
      const good = { tlsCa: file("ca.pem"), username: "twin", password: secret }
      const problems: ReadonlyArray<readonly [said: string, options: Partial<MqttClientOptions>]> = [
        ["MQTT_TLS_CA", { username: "twin", password: secret }],
        ["MQTT_TLS_CA", { ...good, tlsCa: file("other.pem") }],
        ["MQTT_TLS_CA", { ...good, tlsCa: file("nowhere.pem") }],
        ["MQTT_USERNAME and MQTT_PASSWORD", { ...good, password: Redacted.make("wrong") }],
      ]
      for (const [said, options] of problems) {
        const log = logLines()
        yield* Effect.scoped(Effect.gen(function*() {
          yield* Layer.build(layer(broker.url, { vehicles: new RecordingVehicles() }, options)).pipe(
            Effect.provide(log.layer),
          )
          yield* until(() => log.lines.some((line) => line.startsWith("No MQTT connection") && line.includes(said)))
        }))
        expect(log.lines.join("\n")).not.toMatch(/secret|wrong/)
      }
      const vehicles = new RecordingVehicles()
      yield* service(broker.url, { vehicles }, good)
      const ca = readFileSync(file("ca.pem"))
      const client = yield* publisher(broker.url, { ca, username: "twin", password: "secret" })
      yield* publishAll(client, messages(3, 1))
      yield* until(() => vehicles.seqs().length === 3)
    }))
})

describe("an MQTT client of a broker without MQTT 5", () => {
  it.live("falls back to MQTT 3.1.1, with the same promises", () =>
    Effect.gen(function*() {
      const other = yield* Effect.promise(() => oldBroker())
      yield* Effect.addFinalizer(() => Effect.promise(() => other.close()))
      const log = logLines()
      const { commit, vehicles } = gated()
      const context = yield* Layer.build(layer(other.url, { vehicles })).pipe(Effect.provide(log.layer))
      yield* isReady.pipe(Effect.provide(context))
      expect(log.lines.at(-1)).toContain("with MQTT 3.1.1")
      yield* publishAll(yield* publisher(other.url), messages(50, 5))
      yield* until(() => vehicles.begun.length === 5)
      expect(other.acknowledged()).toBe(0)
      commit.openUnsafe()
      yield* until(() => other.acknowledged() === 50)
    }))

  it.live("names MQTT_URL where nobody answers, and keeps its password to itself", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      const log = logLines()
      yield* Layer.build(layer(`mqtt://twin:secret@127.0.0.1:${port}`, { vehicles: new RecordingVehicles() })).pipe(
        Effect.provide(log.layer),
        Effect.andThen(until(() => log.lines.some((line) => line.includes("MQTT_URL")))),
        Effect.scoped,
      )
      expect(log.lines.join("\n")).not.toContain("secret")
    }))
})

/** An ordinary broker that speaks MQTT 3.1.1 alone. */
const oldBroker = async () => {
  const { Aedes } = await import("aedes")
  const { createServer } = await import("node:net")
  const broker = await Aedes.createBroker()
  const server = createServer(broker.handle)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  let acknowledged = 0
  broker.on("ack", () => acknowledged++)
  const address = server.address()
  return {
    url: `mqtt://127.0.0.1:${typeof address === "object" ? address?.port : address}`,
    acknowledged: () => acknowledged,
    close: async () => {
      server.close()
      await new Promise<void>((resolve) => broker.close(resolve))
    },
  }
}
