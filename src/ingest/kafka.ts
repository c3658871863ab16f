/**
 * The way in from Kafka: one member of a consumer group. Offsets are committed when what they stand for is durable, so
 * that every message comes at least once; the vehicle knows what it has had.
 *
 * One session after another, each with a client of its own, for as long as it takes: nothing that happens to Kafka ends
 * this process, or leaves it silently without messages.
 */
import { Clock, Context, Duration, Effect, Layer, Random } from "effect"
import type { Consumer, Kafka } from "kafkajs"
import * as Connection from "../kafka/connection.ts"
import { createTopics, missingTopics } from "../kafka/missing-topics.ts"
import { explain, KafkaUnavailable } from "../kafka/problem.ts"
import type { InTopics } from "../kafka/topics.ts"
import { Intake } from "./intake.ts"
import { type BatchContext, takeBatch } from "./kafka-batch.ts"
import * as Lag from "./kafka-lag.ts"
import * as KafkaRoutes from "./kafka-routes.ts"
import * as Metrics from "./metrics.ts"
import { stopWithin } from "./mqtt.ts"
import * as Topics from "./topics.ts"

export interface KafkaInOptions {
  readonly connection: Connection.KafkaConnection
  /** `KAFKA_GROUP_ID` */
  readonly groupId: string
  /** `KAFKA_TOPIC_TELEMETRY`, `KAFKA_TOPIC_DIAGNOSTICS`, `KAFKA_TOPIC_SERVICE` */
  readonly topics: InTopics
  /** `KAFKA_CREATE_TOPICS` */
  readonly createTopics: boolean
  /** `MQTT_TOPIC_PREFIX`: where vehicles publish on EMQX, whose rules write to these topics. */
  readonly topicPrefix: string
}

export class KafkaIn extends Context.Service<KafkaIn, {
  readonly status: Effect.Effect<{
    /** Why no messages can come in now; nothing while they can. */
    readonly failure: string | undefined
    /** Whether there was more in a partition than was fetched of it at once: what is said now is heard later. */
    readonly isBehind: boolean
  }>
}>()("vehicle-twin/ingest/KafkaIn") {}

export const layer = (options: KafkaInOptions) => Layer.effect(KafkaIn, make(options))

/**
 * After a hard stop, ours or the broker's, the group waits for the member that is gone as long as this. The shortest
 * that brokers allow by default; no work here holds the event loop nearly so long.
 */
const sessionMillis = 6_000
const heartbeatMillis = 1_500
/** A member that does not come back from its batch when the group is rebalanced is put out after so long. */
const rebalanceMillis = 20_000
/** A sign of life of the library is due at least so often: it has been seen to stop without a word. */
const silentMillis = 60_000
const fetch = { minBytes: 1, maxWaitTimeInMs: 500, maxBytesPerPartition: 512 * 1024, maxBytes: 6 * 1024 * 1024 }
/** More than most processes have; how much of it is under way at once is bounded by the intake. */
const partitionsAtOnce = 64
/** Partitions and topics that are added are noticed within this. */
const metadataMillis = 60_000
const lookForTopicsEvery = "5 seconds"
/** Waits between sessions double from the first to the last, less a random part of up to half. */
const backoffMillis = { first: 250, last: 5_000 }
/** A session that worked so long was a good one: the next wait is the shortest again. */
const goodAfterMillis = 10_000

const make = Effect.fnUntraced(function*(options: KafkaInOptions) {
  const intake = yield* Intake
  const clock = yield* Clock.Clock
  const context = yield* Effect.context()
  const log = Effect.runForkWith(context)
  const run = Effect.runPromiseWith(context)
  const now = () => clock.currentTimeMillisUnsafe()
  const { connection: { brokers }, groupId } = options
  const at = `KAFKA_BROKERS ${brokers.join(",")}`
  const wanted = Object.values<string>({ ...options.topics })
  let failure: string | undefined = `not yet connected to ${at}`
  let joinedAt: number | undefined
  let stopping = false
  let generation = 0
  /** Partitions, by topic and number, that had more than was fetched. */
  const behind = new Set<string>()
  const told: Lag.Told = new Map()

  const batchContext: BatchContext = {
    intake,
    routes: KafkaRoutes.make(options.topics, Topics.make(options.topicPrefix)),
    now,
    generation: () => generation,
    isStopping: () => stopping,
    stopMillis: Duration.toMillis(Duration.fromInputUnsafe(stopWithin)),
  }
  const ask = <A>(promise: () => Promise<A>) =>
    Effect.tryPromise({ try: promise, catch: (error) => explain(error, brokers) })

  const adminOf = (kafka: Kafka) =>
    Effect.acquireRelease(Effect.sync(() => kafka.admin()), (admin) => quietly(() => admin.disconnect())).pipe(
      Effect.tap((admin) => ask(() => admin.connect())),
    )

  /** Runs until it fails, or its topics are to be looked at anew. */
  const consume = Effect.fnUntraced(function*(consumer: Consumer, topics: ReadonlyArray<string>, lag: LagWatch) {
    let heardAt = now()
    let told: string | undefined
    const heard = () => {
      heardAt = now()
    }
    const crashed = Effect.callback<never, KafkaUnavailable>((resume) => {
      let isOver = false
      const { CRASH, FETCH, FETCH_START, GROUP_JOIN, HEARTBEAT } = consumer.events
      consumer.on(FETCH, heard)
      consumer.on(FETCH_START, heard)
      consumer.on(HEARTBEAT, heard)
      consumer.on(CRASH, ({ payload: { error } }) => resume(Effect.fail(explain(error, brokers))))
      consumer.on(GROUP_JOIN, ({ payload: { memberAssignment } }) => {
        heard()
        generation++
        joinedAt ??= now()
        failure = undefined
        lag.assignment = memberAssignment
        for (const name of behind) if (!isOneOf(memberAssignment, name)) behind.delete(name)
        Metrics.kafkaJoins.updateUnsafe(1, context)
        const parts = Object.entries(memberAssignment).map(([topic, { length }]) => `${length} of ${topic}`)
        const has = parts.length === 0 ? "no partitions: the group has as many members as there are" : parts.join(", ")
        // Topics just made have the group meet several times, to the same end.
        if (has !== told) log(Effect.logInfo(`In Kafka's group ${groupId} with ${has}`))
        told = has
      })
      const eachBatch: Parameters<Consumer["run"]>[0] = {
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: partitionsAtOnce,
        eachBatch: (payload) => {
          Metrics.kafkaBatches.updateUnsafe(1, context)
          const { batch } = payload
          const partition = nameOf(batch.topic, batch.partition)
          if (Number(batch.offsetLag()) > 0) behind.add(partition)
          else behind.delete(partition)
          return run(takeBatch(payload, batchContext))
        },
      }
      const begin = async () => {
        await consumer.connect()
        if (!isOver) await consumer.subscribe({ topics: [...topics], fromBeginning: true })
        if (!isOver) await consumer.run(eachBatch)
        // Closed in the middle of it, it would be a member that nobody knows of.
        if (isOver) await consumer.disconnect()
      }
      begin().catch((error: unknown) => resume(Effect.fail(explain(error, brokers))))
      return Effect.sync(() => {
        isOver = true
      })
    })
    const silence = Effect.gen(function*() {
      while (now() - heardAt < silentMillis) yield* Effect.sleep("5 seconds")
      return yield* new KafkaUnavailable({ message: `nothing was heard of ${at} for ${silentMillis / 1000} s` })
    })
    return yield* Effect.raceFirst(crashed, silence)
  })

  const session = Effect.gen(function*() {
    const kafka = yield* Connection.make(options.connection)
    const admin = yield* adminOf(kafka)
    const missing = yield* present(admin)
    const topics = wanted.filter((topic) => !missing.includes(topic))
    const lag: LagWatch = { assignment: {} }
    yield* Effect.forkScoped(Lag.watch(admin, groupId, () => lag.assignment, told))
    const appeared = Effect.gen(function*() {
      if (missing.length === 0) return yield* Effect.never
      for (;;) {
        yield* Effect.sleep(lookForTopicsEvery)
        if ((yield* ask(() => missingTopics(admin, missing))).length < missing.length) return
      }
    })
    if (topics.length === 0) {
      failure = `none of the topics ${missing.join(", ")} is there`
      return yield* appeared
    }
    const consumer = yield* Effect.acquireRelease(
      Effect.sync(() =>
        kafka.consumer({
          groupId,
          sessionTimeout: sessionMillis,
          heartbeatInterval: heartbeatMillis,
          rebalanceTimeout: rebalanceMillis,
          metadataMaxAge: metadataMillis,
          allowAutoTopicCreation: false,
          // A session that failed is followed by another here, where it is told.
          retry: { restartOnFailure: async () => false },
          ...fetch,
        })
      ),
      (consumer) => quietly(() => consumer.disconnect()),
    )
    return yield* Effect.raceFirst(consume(consumer, topics, lag), appeared)
  }).pipe(Effect.scoped)

  const present = Effect.fnUntraced(function*(admin: Parameters<typeof missingTopics>[0]) {
    const missing = yield* ask(() => missingTopics(admin, wanted))
    if (missing.length === 0) return missing
    if (options.createTopics) {
      yield* ask(() => createTopics(admin, missing.map((topic) => ({ topic }))))
      yield* Effect.logInfo(`Made Kafka's topics ${missing.join(", ")}`)
      return []
    }
    yield* Effect.logWarning(
      `Kafka has no topic ${missing.join(", ")}, or does not show it to this user: make it, or set `
        + "KAFKA_CREATE_TOPICS=true; until then nothing comes in by it",
    )
    return missing
  })

  const sessions = Effect.gen(function*() {
    let failures = 0
    for (;;) {
      joinedAt = undefined
      const ended = yield* Effect.result(session)
      generation++
      if (stopping) return
      if (ended._tag === "Success") continue
      failure = ended.failure.message
      failures = joinedAt !== undefined && now() - joinedAt >= goodAfterMillis ? 0 : failures + 1
      const wait = Math.min(backoffMillis.last, backoffMillis.first * 2 ** Math.min(failures, 10)) *
        (1 - (yield* Random.next) / 2)
      yield* Effect.logWarning(`Nothing comes in by Kafka: ${failure}. Trying again in ${(wait / 1000).toFixed(1)} s`)
      yield* Effect.sleep(wait)
    }
  })

  yield* Effect.forkScoped(sessions)
  // Before the session is interrupted, whose end waits for the batches under way.
  yield* Effect.addFinalizer(() => Effect.sync(() => {
    stopping = true
    failure = "stopping"
  }))

  return KafkaIn.of({ status: Effect.sync(() => ({ failure, isBehind: behind.size > 0 })) })
})

const nameOf = (topic: string, partition: number): string => `${topic}/${partition}`

const isOneOf = (assignment: Lag.Assignment, name: string): boolean =>
  Object.entries(assignment).some(([topic, partitions]) => partitions.some((one) => nameOf(topic, one) === name))

interface LagWatch {
  assignment: Lag.Assignment
}

/** Of what is closed: how that goes is of no interest, but it must not take for ever. */
const quietly = (close: () => Promise<void>): Effect.Effect<void> =>
  Effect.tryPromise(close).pipe(Effect.timeoutOption("15 seconds"), Effect.ignore)
