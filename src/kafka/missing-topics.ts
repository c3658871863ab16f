import { setTimeout } from "node:timers/promises"
import type { Admin, ITopicConfig } from "kafkajs"

/** Partitions bound how many processes share a topic; more later would move vehicles between them, out of order. */
export const partitions = 12
/** As the broker has it by default. */
const replicationFactor = -1
const createMillis = 10_000
/** Leaders are named before they are at work, and what they refuse until then would be sent again as a whole. */
const leaders = { tries: 40, everyMillis: 100 }

export type NewTopic = Pick<ITopicConfig, "topic" | "configEntries">

/** Makes topics that are missing, and waits until they can be used. Another process that makes them too does no harm. */
export const createTopics = async (admin: Admin, topics: ReadonlyArray<NewTopic>): Promise<void> => {
  await admin.createTopics({
    topics: topics.map((topic) => ({ ...topic, numPartitions: partitions, replicationFactor })),
    timeout: createMillis,
    waitForLeaders: true,
  })
  await Promise.all(topics.map(({ topic }) => leaderOf(admin, topic, leaders.tries)))
}

const leaderOf = async (admin: Admin, topic: string, tries: number): Promise<void> => {
  try {
    await admin.fetchTopicOffsets(topic)
  } catch (error) {
    if (tries <= 1) throw error
    await setTimeout(leaders.everyMillis)
    await leaderOf(admin, topic, tries - 1)
  }
}

/** Those of the topics that are not there, or that this user may not see. */
export const missingTopics = async (
  admin: Admin,
  topics: ReadonlyArray<string>,
): Promise<ReadonlyArray<string>> => {
  const there = new Set(await admin.listTopics())
  return topics.filter((topic) => !there.has(topic))
}
