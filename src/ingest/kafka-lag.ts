/** Asks now and then how far the partitions that this process has are behind. */
import { Effect, type Metric } from "effect"
import type { Admin } from "kafkajs"
import * as Metrics from "./metrics.ts"

const every = "5 seconds"

/** The partitions assigned, by topic. */
export type Assignment = Readonly<Record<string, ReadonlyArray<number>>>

/** Gauges of the partitions told of, by topic and partition. */
export type Told = Map<string, Metric.Gauge<number>>

/** `told` is what an earlier one has told, with another client of the same group. */
export const watch = Effect.fnUntraced(function*(admin: Admin, groupId: string, assignment: () => Assignment, told: Told) {
  const context = yield* Effect.context()

  const ask = async (): Promise<void> => {
    const assigned = assignment()
    const topics = Object.keys(assigned)
    const committed = topics.length === 0 ? [] : await admin.fetchOffsets({ groupId, topics })
    const ends = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)))
    const others = new Map(told)
    for (const [index, topic] of topics.entries()) {
      const offsets = committed.find((one) => one.topic === topic)?.partitions ?? []
      for (const { high, low, partition } of ends[index] ?? []) {
        if (assigned[topic]?.includes(partition) !== true) continue
        // −1 where nothing was ever committed.
        const offset = Number(offsets.find((one) => one.partition === partition)?.offset ?? -1)
        const lag = Number(high) - Math.max(offset, Number(low))
        const name = `${topic}/${partition}`
        const gauge = told.get(name) ?? Metrics.kafkaLag(topic, partition)
        gauge.updateUnsafe(Math.max(0, lag), context)
        told.set(name, gauge)
        others.delete(name)
      }
    }
    // Another process tells of these now.
    for (const [name, gauge] of others) {
      gauge.updateUnsafe(0, context)
      told.delete(name)
    }
  }

  for (;;) {
    yield* Effect.sleep(every)
    yield* Effect.tryPromise(ask).pipe(Effect.catch(({ cause }) => Effect.logDebug("Kafka does not tell the lag", cause)))
  }
})
