import { it } from "@effect/vitest"
import { Context, Effect, Layer, Stream } from "effect"
import { describe, expect } from "vitest"
import { catalogue } from "../../domain/signals/catalogue.ts"
import { EventStore } from "../../src/eventstore/event-store.ts"
import * as Ingest from "../../src/ingest/ingest.ts"
import { KafkaIn } from "../../src/ingest/kafka.ts"
import { Mqtt } from "../../src/ingest/mqtt.ts"
import * as Vehicles from "../../src/vehicles/local-vehicles.ts"
import { temporary } from "../support/event-store.ts"
import { kafkaBrokers, kafkaIsThere } from "../support/kafka.ts"
import { telemetry, vinOf } from "../support/messages.ts"
import { mosquitto, mosquittoIsThere } from "../support/mosquitto.ts"
import { publishAll, publisher } from "../support/mqtt-publisher.ts"
import { RecordingDeadLetters } from "../support/recording-vehicles.ts"
import { caughtUp, newName, optionsOf, send, topicsOf } from "./kafka-support.ts"

describe.skipIf(!kafkaIsThere || !mosquittoIsThere)("the same fact over MQTT and over Kafka", () => {
  it.live("counts once, whichever comes first, and whatever EMQX put around it", () =>
    Effect.gen(function*() {
      const brokers = yield* kafkaBrokers
      const { url } = yield* mosquitto()
      const name = newName()
      const letters = new RecordingDeadLetters()
      const services = yield* Layer.build(
        Ingest.layer({
          catalogue,
          mqtt: { _tag: "MqttClient", url, clientId: "twin", topicPrefix: "" },
          kafka: optionsOf(brokers, name),
        }).pipe(
          Layer.provide([Vehicles.layer({ admission: "open" }), letters.layer]),
          Layer.provideMerge(temporary),
        ),
      )
      const { ready } = Context.get(services, Mqtt)
      const { status } = Context.get(services, KafkaIn)
      while (!(yield* ready) || (yield* status).failure !== undefined) yield* Effect.sleep(5)

      const [count, cars] = [600, 6]
      const numbers = Array.from({ length: count }, (_, n) => n)
      const topicOf = (n: number) => `vehicles/${vinOf(n % cars)}/telemetry`
      const enveloped = (n: number) =>
        JSON.stringify({ clientid: vinOf(n % cars), event: "message.publish", topic: topicOf(n), payload: telemetry(n) })
      const client = yield* publisher(url)
      yield* Effect.all([
        publishAll(client, numbers.map((n) => [topicOf(n), telemetry(n)])),
        send(brokers, topicsOf(name).telemetry, numbers.map((n) => ({ key: vinOf(n % cars), value: telemetry(n) }))),
        send(brokers, topicsOf(name).telemetry, numbers.map((n) => ({ key: "emqx", value: enveloped(n) }))),
      ], { concurrency: "unbounded" })
      yield* caughtUp(brokers, name, topicsOf(name).telemetry)

      const store = Context.get(services, EventStore)
      for (let car = 0; car < cars; car++) {
        const events = yield* Stream.runCollect(store.read(`vehicle-${vinOf(car)}`))
        const received = events.filter(({ type }) => type === "TelemetryReceived")
        expect(received).toHaveLength(count / cars)
        expect(new Set(received.map(({ id }) => id)).size).toBe(count / cars)
      }
      expect(letters.letters).toEqual([])
    }), { timeout: 60_000 })
})
