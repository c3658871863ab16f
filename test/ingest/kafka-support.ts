/** A way in over Kafka under test, and who writes to its topics. */
import { Context, Effect, Layer, Redacted } from "effect"
import { type CompressionTypes, Kafka, logLevel } from "kafkajs"
import { catalogue } from "../../domain/signals/catalogue.ts"
import * as Intake from "../../src/ingest/intake.ts"
import * as KafkaIn from "../../src/ingest/kafka.ts"
import { registerCodecs } from "../../src/kafka/codecs.ts"
import { kafkaBrokers } from "../support/kafka.ts"
import { RecordingDeadLetters, type RecordingVehicles } from "../support/recording-vehicles.ts"

/** One Kafka for a file's tests, each with topics and a group of its own. */
export class Brokers extends Context.Service<Brokers, string>()("test/Brokers") {
  static readonly layer = Layer.effect(Brokers, kafkaBrokers)
}

export interface Setup {
  readonly vehicles: RecordingVehicles
  readonly letters?: RecordingDeadLetters
  readonly maxPending?: number
}

export const topicsOf = (name: string): KafkaIn.KafkaInOptions["topics"] => ({
  telemetry: `${name}-telemetry`,
  diagnostics: `${name}-diagnostics`,
  service: `${name}-service`,
})

let names = 0
/** A name that no other test has, nor an earlier run of this one. */
export const newName = (): string => `test-${process.pid}-${Date.now()}-${names++}`

export const optionsOf = (
  brokers: string,
  name: string,
  more: Partial<KafkaIn.KafkaInOptions> = {},
): KafkaIn.KafkaInOptions => ({
  connection: { brokers: [brokers], clientId: "twin" },
  groupId: name,
  topics: topicsOf(name),
  createTopics: true,
  topicPrefix: "",
  ...more,
})

export const layer = (options: KafkaIn.KafkaInOptions, { letters, maxPending, vehicles }: Setup) =>
  KafkaIn.layer(options).pipe(
    Layer.provide(Intake.layer({ catalogue, ...(maxPending === undefined ? undefined : { maxPending }) })),
    Layer.provide([vehicles.layer, (letters ?? new RecordingDeadLetters()).layer]),
  )

/** Runs until the scope closes; done once messages can come in. */
export const service = (...args: Parameters<typeof layer>) =>
  Effect.gen(function*() {
    const { status } = Context.get(yield* Layer.build(layer(...args)), KafkaIn.KafkaIn)
    while ((yield* status).failure !== undefined) yield* Effect.sleep(5)
    return status
  })

export const clientOf = (brokers: string) => {
  registerCodecs()
  return new Kafka({ clientId: "test", brokers: [brokers], logLevel: logLevel.NOTHING, retry: { retries: 8 } })
}

const adminOf = (brokers: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const admin = clientOf(brokers).admin()
      await admin.connect()
      return admin
    }),
    (admin) => Effect.promise(() => admin.disconnect()),
  )

export const makeTopics = (brokers: string, topics: ReadonlyArray<string>, numPartitions = 4) =>
  Effect.flatMap(adminOf(brokers), (admin) =>
    Effect.promise(() => admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions })) }))
  ).pipe(Effect.scoped)

/** The sum over a topic's partitions of what the group has committed. */
export const committed = (brokers: string, groupId: string, topic: string) =>
  Effect.flatMap(adminOf(brokers), (admin) =>
    Effect.promise(async () => {
      const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] })
      return (offsets?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
    })
  ).pipe(Effect.scoped)

/** Until the group has committed all that is in a topic, which may be more than was sent: a producer tries again. */
export const caughtUp = (brokers: string, groupId: string, topic: string) =>
  Effect.flatMap(adminOf(brokers), (admin) =>
    Effect.promise(async () => {
      for (;;) {
        const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] })
        // A topic just made has no leader for a moment.
        const ends = await admin.fetchTopicOffsets(topic).catch(() => [{ high: "unknown", partition: 0 }])
        const isThere = ends.every(({ high, partition }) =>
          high === "0" || offsets?.partitions.some((one) => one.partition === partition && one.offset === high)
        )
        if (isThere) return
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })
  ).pipe(Effect.scoped)

/** How many the group has. */
export const members = (brokers: string, groupId: string) =>
  Effect.flatMap(adminOf(brokers), (admin) =>
    Effect.promise(async () => (await admin.describeGroups([groupId])).groups[0]?.members.length)
  ).pipe(Effect.scoped)

export interface Sent {
  readonly key: string | Buffer | null
  readonly value: string | Buffer | null
}

export const send = (brokers: string, topic: string, messages: ReadonlyArray<Sent>, compression?: CompressionTypes) =>
  Effect.promise(async () => {
    const producer = clientOf(brokers).producer({ allowAutoTopicCreation: false })
    const batch = { topic, messages: [...messages], ...(compression === undefined ? undefined : { compression }) }
    await producer.connect()
    for (let attempt = 1;; attempt++) {
      try {
        await producer.send(batch)
        break
      } catch (error) {
        // A topic just made has no leader for a moment.
        if (attempt === 20) throw error
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
    }
    await producer.disconnect()
  })

export const sasl = (mechanism: "plain" | "scram-sha-256" | "scram-sha-512", username: string, password: string) => ({
  mechanism,
  username,
  password: Redacted.make(password),
})
