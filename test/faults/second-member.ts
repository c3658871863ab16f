/** A second process of the service's consumer group, which takes partitions, does nothing with them, and leaves. */
import { Effect } from "effect"
import { Kafka, logLevel } from "kafkajs"
import { groupId, topics, type World } from "./world.ts"

/** Stays for so long once it has its part; how many partitions that was. */
export const secondMember = ({ kafka }: World, stays: number): Effect.Effect<number> =>
  Effect.promise(async () => {
    const consumer = new Kafka({ clientId: "second", brokers: [kafka.brokers], logLevel: logLevel.NOTHING })
      .consumer({ groupId })
    const joined = new Promise<number>((resolve) => {
      consumer.on("consumer.group_join", ({ payload }) => {
        const partitions = Object.values(payload.memberAssignment).flat().length
        if (partitions > 0) resolve(partitions)
      })
    })
    await consumer.connect()
    await consumer.subscribe({ topics: [topics.telemetry, topics.diagnostics, topics.service] })
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: () => Promise.resolve(),
    })
    const partitions = await joined
    await new Promise((resolve) => setTimeout(resolve, stays))
    await consumer.disconnect()
    return partitions
  })
