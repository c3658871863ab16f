/**
 * A service whose event store does a tenth of what it did, and a backlog that waits for it: whether it holds back, what
 * memory it uses while it does, and what its metrics say.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { Effect } from "effect"
import { kafka } from "../support/kafka.ts"
import { metrics } from "../support/metrics.ts"
import { mosquitto } from "../support/mosquitto.ts"
import type { ServiceProcess } from "../support/service-process.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { filled, kafkaEnv, kafkaRate } from "./kafka.ts"
import { fill, publisher } from "./load.ts"
import { median } from "./median.ts"
import { reached, service } from "./service.ts"
import type { MemoryLine } from "./slow-store.ts"
import { folded } from "./throughput.ts"

const vehicles = 1_000

interface Sample {
  readonly accepted: number
  /** What Kafka still holds, by the service's own metric; nothing where the messages come by MQTT. */
  readonly lag: number
  /** Taken and not yet durable. */
  readonly pending: number
}

export interface DrainFigures {
  readonly backlog: number
  /** Events a second that the store takes. */
  readonly rate: number
  readonly seconds: number
  /** MB of 10^6 bytes, as medians of the second and of the last fifth of the time, and at most. */
  readonly resident: Course
  /** After garbage collection, of the main thread. */
  readonly used: Course
  /** At the beginning, amid, and at the end. */
  readonly lag: readonly [number, number, number]
  readonly pending: readonly [number, number, number]
  /** Messages fewer than the backlog that became events; below 0 where some did twice. */
  readonly missing: number
  readonly deadLetters: number
  /** Messages that came again and were known. */
  readonly repeated: number
}

interface Course {
  readonly early: number
  readonly late: number
  readonly most: number
}

const courseOf = (bytes: ReadonlyArray<number>): Course => {
  const fifth = Math.ceil(bytes.length / 5)
  const mb = (values: ReadonlyArray<number>) => median(values) / 1e6
  return { early: mb(bytes.slice(fifth, 2 * fifth)), late: mb(bytes.slice(-fifth)), most: Math.max(...bytes) / 1e6 }
}

const observations = "vehicle_twin_ingest_observations_total"
/** Samples, a second apart, in which the service asked Kafka for the lag, also when the machine is busy. */
const sight = 20

/** Starts the service, waits until it has the whole backlog, also in its read model, and looks at it meanwhile. */
const drained = Effect.fnUntraced(function*(
  running: ServiceProcess,
  memoryFile: string,
  backlog: number,
  rate: number,
) {
  const samples: Array<Sample> = []
  const started = performance.now()
  yield* running.start
  for (;;) {
    const sum = yield* metrics(running.url)
    const sample: Sample = {
      accepted: sum(observations, 'outcome="accepted"'),
      lag: sum("vehicle_twin_kafka_lag"),
      pending: sum("vehicle_twin_ingest_pending"),
    }
    samples.push(sample)
    if (sample.accepted >= backlog && sample.lag === 0 && sample.pending === 0) break
    yield* Effect.sleep("1 second")
  }
  const seconds = (performance.now() - started) / 1_000
  yield* reached(running.url, folded, backlog)
  const sum = yield* metrics(running.url)
  yield* running.stop
  const memory = readFileSync(memoryFile, "utf8").trim().split("\n").map((line): MemoryLine => JSON.parse(line))
  const three = (of: (sample: Sample) => number): readonly [number, number, number] => {
    const most = (several: ReadonlyArray<Sample>) => Math.max(...several.map(of))
    const half = samples.length >> 1
    return [most(samples.slice(0, sight)), most(samples.slice(half, half + sight)), most(samples.slice(-1))]
  }
  const figures: DrainFigures = {
    backlog,
    rate,
    seconds,
    resident: courseOf(memory.map(({ resident }) => resident)),
    used: courseOf(memory.map(({ used }) => used)),
    lag: three(({ lag }) => lag),
    pending: three(({ pending }) => pending),
    missing: backlog - sum(observations, 'outcome="accepted"'),
    deadLetters: sum("vehicle_twin_ingest_dead_letters_total"),
    repeated: sum(observations, 'outcome="repeated"'),
  }
  return figures
})

const slowEnv = (folder: string, rate: number): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, "slow-store.ts")).href}`,
  SLOW_STORE_EVENTS: `${rate}`,
  SLOW_STORE_MEMORY: join(folder, "memory"),
})

const overKafka = Effect.fnUntraced(function*(brokers: string, backlog: number, rate: number) {
  const folder = yield* temporaryFolder
  const topic = "backlog"
  yield* filled(brokers, topic, vehicles, backlog)
  const running = yield* service({ ...kafkaEnv(brokers, topic), ...slowEnv(folder, rate) })
  return yield* drained(running, join(folder, "memory"), backlog, rate)
}, Effect.scoped)

const overMosquitto = Effect.fnUntraced(function*(backlog: number, rate: number) {
  const folder = yield* temporaryFolder
  const { url } = yield* mosquitto()
  const running = yield* service({ MQTT_URL: url, MQTT_TOPIC_PREFIX: "backlog", ...slowEnv(folder, rate) })
  yield* running.start
  yield* running.stop
  const client = yield* Effect.promise(() => publisher(url))
  yield* Effect.promise(() => fill(client, "backlog", vehicles, backlog))
  yield* Effect.promise(() => client.endAsync())
  return yield* drained(running, join(folder, "memory"), backlog, rate)
}, Effect.scoped)

/** Of what the service does with its store as it is, taken from a short run before. */
const share = 0.1
const before = 60_000

export const benchBackpressure = Effect.fnUntraced(function*(inKafka: number, inMosquitto: number) {
  const { brokers } = yield* kafka()
  const full = yield* kafkaRate(brokers, "full-speed", vehicles, before)
  const rate = Math.round(full * share)
  return {
    full,
    kafka: yield* overKafka(brokers, inKafka, rate),
    mosquitto: yield* overMosquitto(inMosquitto, rate),
  }
}, Effect.scoped)
