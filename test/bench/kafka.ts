/**
 * Messages a second from Kafka to durable events, against the floor (`kafka-floor.ts`), over the same backlog: both
 * find it in the topic when they start, and the first third warms them up. The service folds its read model meanwhile;
 * and once more it also publishes every event to Kafka, with the same two cores.
 */
import { Effect } from "effect"
import { kafka } from "../support/kafka.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { fillKafka, makeTopic } from "./load.ts"
import { reached, service } from "./service.ts"
import { floorSeconds } from "./throughput.ts"

/** What vehicles have taken and the log has made durable. */
const durable = "vehicle_twin_eventstore_appended_events_total"

const partitions = 12

export interface KafkaFigures {
  readonly vehicles: number
  /** Messages a second, of each run. */
  readonly service: ReadonlyArray<number>
  readonly publishing: ReadonlyArray<number>
  readonly floor: ReadonlyArray<number>
}

/** A service's settings for a topic of its own. */
export const kafkaEnv = (brokers: string, topic: string): Readonly<Record<string, string>> => ({
  KAFKA_BROKERS: brokers,
  KAFKA_GROUP_ID: topic,
  KAFKA_TOPIC_TELEMETRY: topic,
  KAFKA_TOPIC_EVENTS: `${topic}-events`,
  KAFKA_TOPIC_ALERTS: `${topic}-alerts`,
  KAFKA_CREATE_TOPICS: "true",
  MQTT_PORT: "0",
})

const runFloor = Effect.fnUntraced(function*(brokers: string, topic: string, count: number) {
  const folder = yield* temporaryFolder
  const skipped = Math.floor(count / 3)
  const file = `${folder}/floor.db`
  const seconds = yield* floorSeconds("kafka-floor.ts", [brokers, topic, file, `${skipped}`, `${count}`])
  return (count - skipped) / seconds
}, Effect.scoped)

const runService = Effect.fnUntraced(function*(
  brokers: string,
  topic: string,
  count: number,
  env: Readonly<Record<string, string>> = {},
) {
  const running = yield* service({ ...kafkaEnv(brokers, topic), ...env })
  yield* Effect.forkScoped(running.start)
  const first = yield* reached(running.url, durable, Math.floor(count / 3))
  const last = yield* reached(running.url, durable, count)
  yield* running.stop
  return (last.value - first.value) / ((last.at - first.at) / 1000)
}, Effect.scoped)

/** A topic of its own with messages in it. */
export const filled = (brokers: string, topic: string, vehicles: number, count: number) =>
  Effect.promise(async () => {
    await makeTopic(brokers, topic, partitions)
    await fillKafka(brokers, topic, vehicles, count)
  })

/** Messages a second to durable events, from a topic that is made for it. */
export const kafkaRate = (brokers: string, topic: string, vehicles: number, count: number) =>
  Effect.andThen(filled(brokers, topic, vehicles, count), runService(brokers, topic, count))

export const benchKafka = Effect.fnUntraced(function*(vehicles: number, count: number, runs: number) {
  const { brokers } = yield* kafka()
  const figures = {
    vehicles,
    service: new Array<number>(),
    publishing: new Array<number>(),
    floor: new Array<number>(),
  }
  for (let run = 0; run < runs; run++) {
    const topic = `load-${run}`
    yield* filled(brokers, topic, vehicles, count)
    figures.floor.push(yield* runFloor(brokers, topic, count))
    const alone = { KAFKA_PUBLISH: "false", KAFKA_GROUP_ID: `${topic}-alone` }
    figures.service.push(yield* runService(brokers, topic, count, alone))
    figures.publishing.push(yield* runService(brokers, topic, count))
  }
  return figures satisfies KafkaFigures
}, Effect.scoped)
