/**
 * The floor of Kafka in: what a bare consumer of the same library does. It parses each message, stores it
 * (`floor-table.ts`), and commits the offsets of a batch when all of it is durable.
 *
 * Run as a process of its own: `kafka-floor.ts <brokers> <topic> <file> <skipped> <count>`; prints seconds for the
 * messages after the first `skipped`, up to `count`.
 */
import { Kafka, logLevel } from "kafkajs"
import { floorTable } from "./floor-table.ts"

const run = async (brokers: string, topic: string, file: string, skipped: number, count: number) => {
  const kafka = new Kafka({ clientId: "floor", brokers: [brokers], logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer({ groupId: "floor", maxWaitTimeInMs: 500 })
  const add = floorTable(file, skipped, count, () => void consumer.disconnect().then(() => process.exit(0)))
  consumer.on("consumer.crash", () => process.exit(1))
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: true,
    partitionsConsumedConcurrently: 64,
    eachBatch: async ({ batch, heartbeat }) => {
      const { messages, partition } = batch
      await new Promise<void>((resolve) => {
        let left = messages.length
        const stored = () => {
          if (--left === 0) resolve()
        }
        for (const { value } of messages) add({ topic, payload: value ?? Buffer.alloc(0), stored })
      })
      await heartbeat()
      await consumer.commitOffsets([{ topic, partition, offset: String(Number(batch.lastOffset()) + 1) }])
    },
  })
}

if (import.meta.main) {
  const [brokers = "", topic = "", file = "", skipped = "", count = ""] = process.argv.slice(2)
  await run(brokers, topic, file, Number(skipped), Number(count))
}
