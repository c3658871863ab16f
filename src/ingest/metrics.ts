/** What the way in counts. Series are made once: attributes given at each update cost four times as much. */
import { Metric } from "effect"
import type { RejectionReason } from "../../domain/codecs/rejection.ts"
import type { Source } from "../../domain/vehicle/events.ts"
import type { Outcome, RefusalReason } from "../vehicles/vehicles.ts"

const received = (source: Source["kind"]) =>
  Metric.counter("vehicle_twin_ingest_messages_total", {
    description: "Messages received, by where they came from",
    attributes: { source },
    incremental: true,
  })

export const messagesReceived: Readonly<Record<Source["kind"], Metric.Counter<number>>> = {
  mqtt: received("mqtt"),
  kafka: received("kafka"),
  api: received("api"),
  import: received("import"),
}

const observed = (outcome: Lowercase<Outcome["_tag"]>) =>
  Metric.counter("vehicle_twin_ingest_observations_total", {
    description: "Observations by what became of them; one message may hold several",
    attributes: { outcome },
    incremental: true,
  })

export const observations: Readonly<Record<Outcome["_tag"], Metric.Counter<number>>> = {
  Accepted: observed("accepted"),
  Repeated: observed("repeated"),
  Refused: observed("refused"),
}

const deadLetter = (reason: RejectionReason | RefusalReason) =>
  Metric.counter("vehicle_twin_ingest_dead_letters_total", {
    description: "Dead letters stored, by reason",
    attributes: { reason },
    incremental: true,
  })

export const deadLetters: Readonly<Record<RejectionReason | RefusalReason, Metric.Counter<number>>> = {
  topic: deadLetter("topic"),
  vin: deadLetter("vin"),
  json: deadLetter("json"),
  shape: deadLetter("shape"),
  version: deadLetter("version"),
  time: deadLetter("time"),
  path: deadLetter("path"),
  type: deadLetter("type"),
  range: deadLetter("range"),
  too_large: deadLetter("too_large"),
  not_registered: deadLetter("not_registered"),
  stream_deleted: deadLetter("stream_deleted"),
  stream_unreadable: deadLetter("stream_unreadable"),
  not_processed: deadLetter("not_processed"),
}

export const lag = Metric.histogram("vehicle_twin_ingest_lag_seconds", {
  description: "From a message's receipt until all that came of it was durable, seconds",
  boundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
})

export const pending = Metric.gauge("vehicle_twin_ingest_pending", {
  description: "Messages taken and not yet durable",
})

/** Of a partition; made once for each. */
export const kafkaLag = (topic: string, partition: number): Metric.Gauge<number> =>
  Metric.gauge("vehicle_twin_kafka_lag", {
    description: "Messages of a partition that are not yet taken in and committed; asked every few seconds",
    attributes: { topic, partition: String(partition) },
  })

export const kafkaJoins = Metric.counter("vehicle_twin_kafka_joins_total", {
  description: "Times that this process was given partitions: at start, and with each rebalance of the consumer group",
  incremental: true,
})

export const kafkaBatches = Metric.counter("vehicle_twin_kafka_batches_total", {
  description: "Batches of one partition each that were begun",
  incremental: true,
})
