/**
 * Whether vehicles are heard now: who is not heard of while they are has not spoken. A backlog that is being taken in
 * fills the intake, or leaves more in Kafka than is fetched at once, and whoever speaks now is heard only after it. Of
 * what waits at an MQTT broker that hands out few messages at a time nobody can tell.
 */
import { Effect, Metric, Option } from "effect"
import { KafkaIn } from "./kafka.ts"
import * as Metrics from "./metrics.ts"
import { Mqtt } from "./mqtt.ts"

/** Messages that are taken and not durable: some thousands a second leave some dozens. */
const littleWaits = 800

/** All ways in there are, are open, and little waits. */
export const listening = Effect.gen(function*() {
  const mqtt = yield* Mqtt
  const kafka = yield* Effect.serviceOption(KafkaIn)
  const kafkaIsPrompt = Option.match(kafka, {
    onNone: () => Effect.succeed(true),
    onSome: ({ status }) => Effect.map(status, ({ failure, isBehind }) => failure === undefined && !isBehind),
  })
  const isPrompt = Effect.map(Metric.value(Metrics.pending), ({ value }) => value < littleWaits)
  return Effect.map(Effect.all([mqtt.ready, kafkaIsPrompt, isPrompt]), (all) => all.every((one) => one))
})
