/** What stands in a topic. */
import { Effect } from "effect"
import { type Consumer, Kafka, type KafkaMessage, logLevel } from "kafkajs"
import { registerCodecs } from "../../src/kafka/codecs.ts"

// The service's own topics are compressed in a way that the library does not read by itself.
registerCodecs()

const client = (brokers: string) =>
  new Kafka({ clientId: "reader", brokers: [brokers], logLevel: logLevel.NOTHING, connectionTimeout: 1_000 })

/** The sum of the partitions' ends: how many messages there ever were, as long as none was compacted. */
export const highWatermarks = (brokers: string, topic: string): Effect.Effect<number> =>
  Effect.promise(async () => {
    const admin = client(brokers).admin({ retry: { retries: 0 } })
    try {
      await admin.connect()
      return (await admin.fetchTopicOffsets(topic)).reduce((sum, { high }) => sum + Number(high), 0)
    } finally {
      await admin.disconnect()
    }
  })

export type TopicMessage = KafkaMessage & { readonly partition: number }

/** All that is in it now; a partition's messages in order. */
export const topicMessages = (brokers: string, topic: string): Effect.Effect<ReadonlyArray<TopicMessage>> =>
  Effect.promise(async () => {
    const kafka = client(brokers)
    const admin = kafka.admin()
    await admin.connect()
    const ends = new Map(
      (await admin.fetchTopicOffsets(topic)).filter(({ high, low }) => high !== low)
        .map(({ high, partition }) => [partition, Number(high)]),
    )
    await admin.disconnect()
    const messages: Array<TopicMessage> = []
    if (ends.size === 0) return messages
    const consumer: Consumer = kafka.consumer({ groupId: `reader-${crypto.randomUUID()}` })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await new Promise<void>((resolve, reject) => {
      consumer.on("consumer.crash", ({ payload }) => reject(payload.error))
      void consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          const end = ends.get(batch.partition)
          if (end === undefined) return
          for (const message of batch.messages) {
            if (Number(message.offset) < end) messages.push({ ...message, partition: batch.partition })
          }
          if (Number(batch.lastOffset()) + 1 >= end) ends.delete(batch.partition)
          if (ends.size === 0) resolve()
        },
      })
    })
    await consumer.disconnect()
    return messages
  })
