/**
 * Takes a batch of one partition in: offers its messages in order, and lets Kafka know how far all of it is durable.
 * What could not be taken makes the batch fail, upon which the library fetches again from the first such message.
 */
import { Effect, Schema } from "effect"
import type { EachBatchPayload } from "kafkajs"
import { undecodable } from "../kafka/undecodable.ts"
import { type Connection, Intake } from "./intake.ts"
import type { KafkaRoutes } from "./kafka-routes.ts"

/** Heartbeats are due more often than the library looks, and what is durable is committed meanwhile. */
const beatMillis = 500
/** Offering gives way to other work after so many messages. */
const sliceMessages = 512
/** What a lost partition, or a failed batch, still has under way gets so long. */
const giveUpMillis = 5_000

export interface BatchContext {
  readonly intake: Intake["Service"]
  readonly routes: KafkaRoutes
  readonly now: () => number
  /** Counts the assignments of partitions; a batch of an earlier one moves no offsets. */
  readonly generation: () => number
  /** The service stops: no more is offered, and what was is waited for. */
  readonly isStopping: () => boolean
  readonly stopMillis: number
}

export class NotTaken extends Schema.TaggedError<NotTaken>()("NotTaken", {
  topic: Schema.String,
  partition: Schema.Int,
}) {
  override get message() {
    return `messages of ${this.topic}, partition ${this.partition}, could not be taken; they are fetched again`
  }
}

/** Fails with `NotTaken`, or with what the library throws when a partition is lost, which it wants to have back. */
export const takeBatch = Effect.fnUntraced(function*(payload: EachBatchPayload, context: BatchContext) {
  const { batch: { messages, partition, topic }, commitOffsetsIfNecessary, heartbeat, isRunning, resolveOffset } = payload
  const { generation, intake, isStopping, now, routes } = context
  const begun = generation()
  const connection: Connection = { failed: false }
  const durable = new Uint8Array(messages.length)
  let offered = 0
  let settled = 0
  /** So many from the first are durable. */
  let head = 0
  let committed = 0
  /** What the library throws where the partition is lost. */
  const lost: Array<unknown> = []
  let wake = nothing

  const isLost = () => lost.length > 0 || generation() !== begun || (!isRunning() && !isStopping())

  const commit = async (): Promise<void> => {
    while (durable[head] === 1) head++
    const last = messages[head - 1]
    if (head === committed || last === undefined || generation() !== begun) return
    committed = head
    resolveOffset(last.offset)
    await commitOffsetsIfNecessary(payload.uncommittedOffsets())
  }

  let beating: Promise<void> | undefined
  const beat = async (): Promise<void> => {
    try {
      await heartbeat()
      await commit()
    } catch (error) {
      lost.push(error)
    }
    // What is not begun is given up: it comes again, here or elsewhere, and must not be behind itself.
    if (isLost()) connection.failed = true
    beating = undefined
    wake()
  }
  const timer = setInterval(() => {
    beating ??= beat()
  }, beatMillis)

  const offer = (index: number): void => {
    const message = messages[index]
    if (message === undefined) return
    offered++
    intake.offer({
      ...routes(topic, message.key, message.value, message.headers?.[undecodable]?.toString()),
      receivedAt: now(),
      source: { kind: "kafka", topic, position: `${partition}:${message.offset}` },
      connection,
      settled: (isDurable) => {
        if (isDurable) durable[index] = 1
        if (++settled === offered) wake()
      },
    })
  }

  let asksForRoom = false
  /** Until there is room, all is settled, or it is time to look again. */
  const change = (forRoom: boolean) =>
    Effect.callback<void>((resume) => {
      wake = () => resume(Effect.void)
      // Once, however often it looks: the intake keeps who asked.
      if (!forRoom || asksForRoom) return
      asksForRoom = true
      intake.whenRoom(() => {
        asksForRoom = false
        wake()
      })
    })

  const offerAll = Effect.gen(function*() {
    while (offered < messages.length && !connection.failed && !isStopping() && !isLost()) {
      if (intake.isFull()) yield* change(true)
      else {
        offer(offered)
        if (offered % sliceMessages === 0) yield* Effect.yieldNow
      }
    }
  })

  const allSettled = Effect.gen(function*() {
    let deadline: number | undefined
    for (;;) {
      if (settled === offered) return
      const within = connection.failed ? giveUpMillis : isStopping() ? context.stopMillis : undefined
      if (within !== undefined) {
        deadline ??= now() + within
        if (now() >= deadline) return
      }
      yield* change(false)
    }
  })

  yield* Effect.andThen(offerAll, allSettled).pipe(Effect.ensuring(Effect.sync(() => clearInterval(timer))))
  yield* Effect.promise(async () => beating)
  yield* Effect.tryPromise({ try: commit, catch: (error) => error })
  if (lost.length > 0) return yield* Effect.fail(lost[0])
  if (connection.failed) return yield* new NotTaken({ topic, partition })
})

const nothing = (): void => {}
