/** The topics that are written, made where they are missing and that is allowed. */
import { Effect } from "effect"
import type { Admin, Kafka } from "kafkajs"
import type { KafkaConnection } from "../kafka/connection.ts"
import { createTopics as create, missingTopics, type NewTopic, partitions } from "../kafka/missing-topics.ts"
import { explain, KafkaUnavailable } from "../kafka/problem.ts"
import type { OutTopics } from "../kafka/topics.ts"

/**
 * Events are kept as long as the broker keeps any topic's: what is older is in the log, and `/events` hands it out. An
 * alert's life is longer than that.
 */
const alertsRetentionDays = 90
const dayMillis = 86_400_000

const topicOf = (topic: string, settings: Readonly<Record<string, string>>): NewTopic => ({
  topic,
  configEntries: Object.entries({
    // Every event counts, not only the last of a vehicle.
    "cleanup.policy": "delete",
    // The broker compresses, where its own processor does it, and every client of today can read this.
    "compression.type": "zstd",
    // As much as the log takes in one event, with room for headers.
    "max.message.bytes": "2097152",
    ...settings,
  }).map(([name, value]) => ({ name, value })),
})

const wanted = ({ alerts, events }: OutTopics): ReadonlyArray<NewTopic> => [
  topicOf(events, {}),
  topicOf(alerts, { "retention.ms": String(alertsRetentionDays * dayMillis) }),
]

const howToMake = (topics: ReadonlyArray<string>): string =>
  `There is no topic ${topics.join(" and no topic ")}, or this user may not see it. Set KAFKA_CREATE_TOPICS=true to `
  + `have what is missing made, or make it, as by: ${
    topics.map((topic) => `kafka-topics.sh --create --topic ${topic} --partitions ${partitions}`).join("; ")
  }`

interface Options {
  readonly connection: KafkaConnection
  readonly topics: OutTopics
  readonly createTopics: boolean
}

/** Succeeds once the topics are there. */
export const withTopics = (kafka: Kafka, { connection, createTopics, topics }: Options) => {
  const tried = <A>(run: () => Promise<A>) =>
    Effect.tryPromise({ try: run, catch: (error) => explain(error, connection.brokers) })
  const use = Effect.fnUntraced(function*(admin: Admin) {
    yield* tried(() => admin.connect())
    const made = wanted(topics)
    const names = yield* tried(() => missingTopics(admin, made.map(({ topic }) => topic)))
    if (names.length === 0) return
    if (!createTopics) return yield* new KafkaUnavailable({ message: howToMake(names) })
    yield* tried(() => create(admin, made.filter(({ topic }) => names.includes(topic))))
    yield* Effect.logInfo(`Made Kafka's topic ${names.join(" and topic ")}, of ${partitions} partitions`)
  })
  return Effect.acquireUseRelease(
    Effect.sync(() => kafka.admin({ retry: { retries: 1 } })),
    use,
    (admin) => tried(() => admin.disconnect()).pipe(Effect.timeout("2 seconds"), Effect.ignore),
  )
}
