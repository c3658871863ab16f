/** What the outbox wrote to a topic, held against the log. */
import type { RecordedEvent } from "../../src/eventstore/event-store.ts"
import type { TopicMessage } from "../support/kafka-topic.ts"

export interface TopicAccount {
  readonly events: number
  /** In the log, and not in the topic. */
  readonly missing: number
  /** In the topic, and not in the log, or not under that vehicle. */
  readonly strange: number
  /** Came first after an event of the same vehicle that stands later in the log. */
  readonly outOfOrder: number
  /** Came again, under the same id: as may be. */
  readonly again: number
}

const vinOf = (stream: string): string => stream.slice(stream.indexOf("-") + 1)

/** The log's events in its order, a partition's messages in theirs. */
export const accountTopic = (
  log: ReadonlyArray<RecordedEvent>,
  messages: ReadonlyArray<TopicMessage>,
): TopicAccount => {
  const places = new Map(log.map(({ id, stream }, place) => [id, { vin: vinOf(stream), place }]))
  const come = new Set<string>()
  const newest = new Map<string, number>()
  let strange = 0
  let outOfOrder = 0
  let again = 0
  for (const { headers, key } of messages) {
    const id = String(headers?.["ce_id"])
    const event = places.get(id)
    if (event === undefined || event.vin !== String(key)) {
      strange++
      continue
    }
    if (come.has(id)) {
      again++
      continue
    }
    come.add(id)
    if (event.place < (newest.get(event.vin) ?? -1)) outOfOrder++
    else newest.set(event.vin, event.place)
  }
  return { events: log.length, missing: log.length - come.size, strange, outOfOrder, again }
}
