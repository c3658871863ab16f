/** Asks now and then how far the partitions that this process has are behind. */
import { Effect, type Metric } from "effect"
import type { Admin } from "kafkajs"
import * as Metrics from "./metrics.ts"

const every = "5 seconds"

/** The partitions assigned, by topic. */
export type Assignment = Readonly<Record<string, ReadonlyArray<number>>>

export const watch = Effect.fnUntraced(function*(admin: Admin, groupId: string, assignment: () => Assignment) {
  const gauges = new Map<string, Metric.Gauge<number>>()
  const context = yield* Effect.context()
  const tell = (topic: string, partition: number, lag: number): void => {
    const name = `${topic}/${partition}`
    const gauge = gauges.get(name) ?? Metrics.kafkaLag(topic, partition)
    gauges.set(name, gauge)
    gauge.updateUnsafe(lag, context)
  }
  const told = new Map<string, readonly [topic: string, partition: number]>()

  const ask = async (): Promise<void> => {
    const assigned = assignment()
    const before = new Map(told)
    told.clear()
    const topics = Object.keys(assigned)
    const committed = topics.length === 0 ? [] : await admin.fetchOffsets({ groupId, topics })
    const ends = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)))
    for (const [index, topic] of topics.entries()) {
      const offsets = committed.find((one) => one.topic === topic)?.partitions ?? []
      for (const { high, low, partition } of ends[index] ?? []) {
        if (assigned[topic]?.includes(partition) !== true) continue
        // −1 where nothing was ever committed.
        const offset = Number(offsets.find((one) => one.partition === partition)?.offset ?? -1)
        const lag = Number(high) - Math.max(offset, Number(low))
        tell(topic, partition, Math.max(0, lag))
        told.set(`${topic}/${partition}`, [topic, partition])
        before.delete(`${topic}/${partition}`)
      }
    }
    // Another process tells of these now.
    for (const [topic, partition] of before.values()) tell(topic, partition, 0)
  }

  for (;;) {
    yield* Effect.sleep(every)
    yield* Effect.tryPromise(ask).pipe(Effect.catch(({ cause }) => Effect.logDebug("Kafka does not tell the lag", cause)))
  }
})
