/** Vehicles whose messages come over Kafka, as from a telematics service provider: keyed by VIN, acks from all. */
import { Kafka, logLevel } from "kafkajs"
import { type LedgerEntry, type Link, type Load, publishingOver, type Told } from "./publisher.ts"

export interface KafkaTarget {
  readonly brokers: string
  readonly topic: string
}

/**
 * One request under way at a time, and the same again until it is acknowledged, so that a vehicle's messages stay in
 * order. A broker that failed in between may have written a part of it: those come twice.
 */
const kafkaLink = <M>({ brokers, topic }: KafkaTarget) => (told: Told<M>): Link<M> => {
  const kafka = new Kafka({
    clientId: "publisher",
    brokers: [brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    requestTimeout: 5_000,
    retry: { retries: 0 },
  })
  const waiting: Array<LedgerEntry<M>> = []
  let closed = false
  let wake: (() => void) | undefined

  const run = async (): Promise<void> => {
    let producer = kafka.producer({ maxInFlightRequests: 1, allowAutoTopicCreation: false })
    let batch: ReadonlyArray<LedgerEntry<M>> = []
    for (;;) {
      if (closed) break
      if (batch.length === 0) batch = waiting.splice(0)
      if (batch.length === 0) {
        await new Promise<void>((resolve) => (wake = resolve))
        continue
      }
      try {
        await producer.connect()
        const messages = batch.map(({ message, vin }) => ({ key: vin, value: JSON.stringify(message) }))
        await producer.send({ topic, acks: -1, messages })
        for (const entry of batch) told.acknowledged(entry)
        batch = []
      } catch {
        // What it knows of the cluster may be out of date, so the next one asks anew.
        await producer.disconnect().catch(() => {})
        producer = kafka.producer({ maxInFlightRequests: 1, allowAutoTopicCreation: false })
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
    await producer.disconnect().catch(() => {})
  }
  void run()

  return {
    isOpen: () => true,
    send: (entry) => {
      waiting.push(entry)
      wake?.()
    },
    close: () => {
      closed = true
      wake?.()
    },
  }
}

/** Publishes to a topic that is there. */
export const publishingToKafka = <M>({ brokers, topic, ...load }: Load<M> & KafkaTarget) =>
  publishingOver(load, kafkaLink<M>({ brokers, topic }))
