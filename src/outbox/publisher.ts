/**
 * Messages to Kafka, acknowledged by all replicas in sync.
 *
 * One request is under way at a time and the next goes out when it is acknowledged, so a vehicle's events keep their
 * order over retries. The library's idempotent mode is left alone: it would spare only repeats within one connection's
 * life, which readers drop by `ce_id` anyway; and after a request that failed it may number the next one as the one
 * that the broker took after all, which a broker that remembers answers as a repeat, writing nothing.
 *
 * After any failure the client is let go: the next one asks anew who leads what, and reads certificates anew.
 */
import { Effect, Schema } from "effect"
import { type Kafka, Partitioners, type Producer } from "kafkajs"
import * as Connection from "../kafka/connection.ts"
import { explain, KafkaUnavailable } from "../kafka/problem.ts"
import type { OutTopics } from "../kafka/topics.ts"
import type { Outgoing, OutMessage } from "./cloud-event.ts"
import { withTopics } from "./out-topics.ts"

const policy = {
  /**
   * Bytes of a request, about: below what a topic takes in a batch by default (1 MiB), though all were for one
   * partition. An event that is larger goes alone.
   */
  requestBytes: 900_000,
  /** Headers and framing of a message, about. */
  overheadBytes: 800,
  /** Within the library, as for a topic just made, which has no leader for a moment; then the client is made anew. */
  retries: 4,
  /** How long a client is given to say goodbye. */
  goodbye: "2 seconds",
} as const

export interface PublisherOptions {
  readonly connection: Connection.KafkaConnection
  readonly topics: OutTopics
  /** Whether topics that are missing are made. */
  readonly createTopics: boolean
}

/** How many of the messages, from the first on, Kafka has acknowledged; and why not the rest. */
export interface Answer {
  readonly published: number
  readonly failure: string | undefined
}

class TooLarge extends Schema.TaggedError<TooLarge>()("TooLarge", {}) {}

interface Client {
  readonly producer: Producer
  /** Grows smaller where a topic takes less. */
  requestBytes: number
}

export const make = Effect.fnUntraced(function*(options: PublisherOptions) {
  const { topics } = options
  let client: Client | undefined

  const tried = <A>(run: () => Promise<A>) =>
    Effect.tryPromise({
      try: run,
      catch: (error) => isTooLarge(error) ? new TooLarge() : explain(error, options.connection.brokers),
    })

  const letGo = Effect.suspend(() => {
    const { producer } = client ?? {}
    client = undefined
    return producer === undefined ? Effect.void : goodbye(producer)
  })

  const goodbye = (leaving: Pick<Producer, "disconnect">) =>
    tried(() => leaving.disconnect()).pipe(Effect.timeout(policy.goodbye), Effect.ignore)

  const connected = Effect.gen(function*() {
    if (client !== undefined) return client
    const kafka: Kafka = yield* Connection.make(options.connection)
    yield* withTopics(kafka, options)
    const producer = kafka.producer({
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
      maxInFlightRequests: 1,
      retry: { retries: policy.retries },
    })
    yield* tried(() => producer.connect()).pipe(Effect.onError(() => goodbye(producer)))
    return (client = { producer, requestBytes: policy.requestBytes })
  })

  const send = (producer: Producer, batch: ReadonlyArray<Outgoing>) => {
    const messages: Array<OutMessage> = []
    const alerts: Array<OutMessage> = []
    for (const { isAlert, message } of batch) {
      messages.push(message)
      if (isAlert) alerts.push(message)
    }
    const topicMessages = [{ topic: topics.events, messages }]
    if (alerts.length > 0) topicMessages.push({ topic: topics.alerts, messages: alerts })
    return tried(() => producer.sendBatch({ acks: -1, topicMessages }))
  }

  /** Connects where it is not connected, if only for no messages. */
  const publish = (batch: ReadonlyArray<Outgoing>): Effect.Effect<Answer> => {
    let published = 0
    return Effect.gen(function*() {
      const current = yield* connected
      while (published < batch.length) {
        const end = endOf(batch, published, current.requestBytes)
        const request = batch.slice(published, end)
        const isTaken = yield* send(current.producer, request).pipe(
          Effect.as(true),
          Effect.catchTag("TooLarge", () => Effect.succeed(false)),
        )
        if (isTaken) published = end
        else if (request.length === 1) return yield* tooLarge(request[0], topics)
        else current.requestBytes = Math.ceil(bytesOf(request) / 2)
      }
      return { published, failure: undefined }
    }).pipe(
      Effect.catch((error) => Effect.as(letGo, { published, failure: error.message })),
    )
  }

  yield* Effect.addFinalizer(() => letGo)
  return { publish }
})

/** Where a request ends that begins at `start`: with one message at least. */
const endOf = (batch: ReadonlyArray<Outgoing>, start: number, limit: number): number => {
  let bytes = 0
  let end = start
  for (const outgoing of batch.slice(start)) {
    bytes += byteLength(outgoing)
    if (bytes > limit && end > start) break
    end++
  }
  return end
}

const byteLength = ({ message }: Outgoing): number => Buffer.byteLength(message.value) + policy.overheadBytes

const bytesOf = (batch: ReadonlyArray<Outgoing>): number => {
  let bytes = 0
  for (const outgoing of batch) bytes += byteLength(outgoing)
  return bytes
}

const tooLarge = (outgoing: Outgoing | undefined, { alerts, events }: OutTopics) => {
  const { headers, key, value } = outgoing?.message ?? { headers: {}, key: "", value: "" }
  const where = outgoing?.isAlert === true ? `${events} or ${alerts}` : events
  return Effect.fail(new KafkaUnavailable({
    message: `${headers["ce_type"]} ${headers["ce_id"]} of ${key} has ${Buffer.byteLength(value)} bytes, more than the `
      + `topic ${where} takes: raise its max.message.bytes. Until then nothing that follows is published`,
  }))
}

const isTooLarge = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false
  if ("type" in error && (error.type === "MESSAGE_TOO_LARGE" || error.type === "RECORD_LIST_TOO_LARGE")) return true
  return isTooLarge(error.cause)
}
