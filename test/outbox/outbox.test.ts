/** A log, the outbox and a real Kafka. Each test has a log, a checkpoint and topics of its own. */
import { describe, expect, it, vi } from "@effect/vitest"
import { join } from "node:path"
import { type CloudEvent, Kafka as CloudEventsKafka } from "cloudevents"
import { Context, Effect, Layer, Redacted, Schedule, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { Kafka as KafkaClient, logLevel } from "kafkajs"
import { streamOf as alertStreamOf } from "../../domain/maintenance/alerts/alert-events.ts"
import { streamOf } from "../../domain/vehicle/events.ts"
import { uuid } from "../../domain/vehicle/identity.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import { EventStore, type EventToAppend, type RecordedEvent } from "../../src/eventstore/event-store.ts"
import { beginning } from "../../src/eventstore/position.ts"
import * as SqliteEventStore from "../../src/eventstore/sqlite.ts"
import type { KafkaConnection } from "../../src/kafka/connection.ts"
import type { OutTopics } from "../../src/kafka/topics.ts"
import * as Outbox from "../../src/outbox/outbox.ts"
import * as SqliteClient from "../../src/sql/sqlite-client.ts"
import { now, second } from "../support/given.ts"
import { type Kafka, kafka, kafkaIsThere } from "../support/kafka.ts"
import { topicMessages } from "../support/kafka-topic.ts"
import { logLines } from "../support/log-lines.ts"
import { vinOf } from "../support/observations.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

// Brokers and topics take their time where others test beside this.
vi.setConfig({ testTimeout: 60_000 })

class Broker extends Context.Service<Broker, Kafka>()("test/Broker") {
  static readonly layer = Layer.effect(
    Broker,
    kafka({ secured: { protocol: "SASL_PLAINTEXT", users: { twin: "its password" } } }),
  )
}

const world = Effect.gen(function*() {
  const folder = yield* temporaryFolder
  const context = yield* Layer.build(Layer.mergeAll(
    SqliteEventStore.layer({ file: join(folder, "log.db") }),
    SqliteClient.layer({ file: join(folder, "reactor.db"), synchronous: "NORMAL" }),
  ))
  const name = crypto.randomUUID().slice(0, 8)
  const topics: OutTopics = { events: `events-${name}`, alerts: `alerts-${name}` }
  return { store: Context.get(context, EventStore), sql: Context.get(context, SqlClient.SqlClient), topics }
})
type World = Effect.Success<typeof world>

/** The outbox at work while `use` runs, on the checkpoint that the one before it left behind. */
const publishing = <A, E, R>(
  { sql, store, topics }: World,
  brokers: string,
  use: (outbox: Outbox.Outbox["Service"]) => Effect.Effect<A, E, R>,
  { connection = {}, createTopics = true }: {
    readonly connection?: Partial<KafkaConnection>
    readonly createTopics?: boolean
  } = {},
) =>
  Effect.flatMap(Outbox.Outbox, use).pipe(
    Effect.provide(
      Layer.fresh(Outbox.layer({ connection: { brokers: [brokers], clientId: "test", ...connection }, topics, createTopics })).pipe(
        Layer.provide(Layer.succeed(EventStore, store)),
        Layer.provide(Layer.succeed(SqlClient.SqlClient, sql)),
      ),
    ),
  )

const eventually = <A, E, R>(check: Effect.Effect<A | undefined, E, R>) =>
  Effect.gen(function*() {
    while (true) {
      const found = yield* check
      if (found !== undefined) return found
      yield* Effect.sleep("20 millis")
    }
  }).pipe(Effect.timeout("45 seconds"))

const logOf = ({ store }: World) =>
  Stream.runCollect(store.readAll({ after: beginning, filter: { streams: ["vehicle-", "maintenance-"] } }))

/** Everything in the log is published, and that is stored. */
const settled = (here: World) =>
  eventually(Effect.gen(function*() {
    const [row] = yield* here.sql`SELECT position FROM outbox_checkpoint`.values.pipe(Effect.orElseSucceed(() => []))
    return row !== undefined && `${row[0]}` >= (yield* here.store.head) ? true : undefined
  }))

const failing = (outbox: Outbox.Outbox["Service"], words: RegExp) =>
  eventually(
    Effect.map(outbox.status, ({ failure }) => failure !== undefined && words.test(failure) ? failure : undefined),
  )

const telemetry = (vin: string, seq: number, ballast = 0): EventToAppend => {
  const at = toTime(now + seq * second)
  return {
    id: uuid(`${vin} ${seq}`),
    type: "TelemetryReceived",
    data: {
      at,
      session: "boot-1",
      seq,
      readings: { "Vehicle.Speed": seq % 200, ...(ballast > 0 && { "Vehicle.VehicleIdentification.Model": "x".repeat(ballast) }) },
    },
    metadata: {
      schema: 1,
      receivedAt: at,
      source: { kind: "mqtt", topic: `vehicles/${vin}/telemetry` },
      identity: `seq:${seq}@boot-1`,
    },
  }
}

/** Appends messages `from` to `to` of some vehicles, 50 in one. */
const drive = ({ store }: World, vehicles: number, from: number, to: number) =>
  Effect.gen(function*() {
    for (let start = from; start < to; start += 50) {
      for (let vehicle = 0; vehicle < vehicles; vehicle++) {
        const vin = vinOf(vehicle)
        const events = Array.from({ length: Math.min(50, to - start) }, (_, i) => telemetry(vin, start + i))
        yield* store.append(streamOf(vin), start === 0 ? "no_stream" : start - 1, events)
      }
    }
  })

const raised = (vin: string): EventToAppend => ({
  id: uuid(`alert of ${vin}`),
  type: "AlertRaised",
  data: {
    alertId: uuid(vin),
    component: "brakes.front",
    urgency: "service_soon",
    score: 17,
    model: "pads",
    modelVersion: "1",
    summary: "刹车片磨损",
    recommendedAction: "Replace the pads",
    evidence: [],
  },
  metadata: { schema: 1, receivedAt: toTime(now), causationId: uuid(`${vin} 0`), causationRevision: 0, brand: "长城" },
})

const published = Effect.fnUntraced(function*(brokers: string, topic: string) {
  // A topic that was made just now may be without a leader yet.
  const messages = yield* topicMessages(brokers, topic).pipe(
    Effect.sandbox,
    Effect.retry({ times: 20, schedule: Schedule.spaced("100 millis") }),
    Effect.orDie,
  )
  return messages.map(({ headers = {}, key, partition, value }) => {
    const texts = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, String(text)]))
    const message = { headers: texts, key: String(key), value, body: value }
    const event = CloudEventsKafka.toEvent<Record<string, unknown>>(message)
    return { key: String(key), partition, value: String(value), event: event as CloudEvent<Record<string, unknown>> }
  })
})
type Published = Effect.Success<ReturnType<typeof published>>

/** The log's events are there, a vehicle's in the order of their revisions once repeats are dropped. */
const expectWhole = (messages: Published, log: ReadonlyArray<RecordedEvent>) => {
  const firsts = new Map<string, Array<string>>()
  const seen = new Set<string>()
  for (const { event, key } of messages) {
    if (seen.has(event.id)) continue
    seen.add(event.id)
    const ids = firsts.get(`${event.source} ${key}`) ?? []
    firsts.set(`${event.source} ${key}`, [...ids, event.id])
  }
  const wanted = new Map<string, Array<string>>()
  for (const { id, stream } of log) {
    const vin = stream.slice(stream.indexOf("-") + 1)
    const ids = wanted.get(`/streams/${stream} ${vin}`) ?? []
    wanted.set(`/streams/${stream} ${vin}`, [...ids, id])
  }
  expect(firsts).toEqual(wanted)
}

const admin = <A>(brokers: string, use: (admin: ReturnType<KafkaClient["admin"]>) => Promise<A>) =>
  Effect.promise(async () => {
    const client = new KafkaClient({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin()
    await client.connect()
    try {
      return await use(client)
    } finally {
      await client.disconnect()
    }
  })

const makeTopics = (brokers: string, { alerts, events }: OutTopics, settings: Readonly<Record<string, string>> = {}) => {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
  return admin(brokers, (client) =>
    client.createTopics({ topics: [events, alerts].map((topic) => ({ topic, numPartitions: 3, configEntries })) }))
}

describe.skipIf(!kafkaIsThere)("the outbox", () => {
  it.layer(Broker.layer, { timeout: "60 seconds", excludeTestServices: true })((it) => {
    it.effect("publishes what the log holds and what comes, as CloudEvents that others read", () =>
      Effect.gen(function*() {
        const { brokers } = yield* Broker
        const here = yield* world
        yield* drive(here, 3, 0, 100)
        yield* here.store.append(alertStreamOf(vinOf(1)), "no_stream", [raised(vinOf(1))])
        yield* here.store.append(`snapshot-${vinOf(1)}`, "any", [{ id: uuid("s"), type: "Snapshot", data: {}, metadata: {} }])
        yield* publishing(here, brokers, () =>
          Effect.gen(function*() {
            yield* settled(here)
            yield* drive(here, 3, 100, 150)
            yield* settled(here)
          }))

        const log = yield* logOf(here)
        const events = yield* published(brokers, here.topics.events)
        expectWhole(events, log)
        for (const { event, key, partition, value } of events) {
          const stored = log.find(({ id }) => id === event.id)
          expect(event.validate()).toBe(true)
          expect(event.data).toEqual(stored?.data)
          expect(JSON.parse(value)).toEqual(stored?.data)
          expect(event.subject).toBe(key)
          expect(event.time).toBe(stored?.metadata["receivedAt"])
          expect(event.datacontenttype).toBe("application/json")
          expect(event["revision"]).toBe(String(stored?.revision))
          expect(event["position"]).toBe(stored?.position)
          expect(partition).toBe(events.find((other) => other.key === key)?.partition)
        }
        expect(events.find(({ event }) => event.id === telemetry(vinOf(2), 7).id)?.event).toMatchObject({
          specversion: "1.0",
          type: "vehicle-twin.TelemetryReceived",
          source: `/streams/vehicle-${vinOf(2)}`,
          dataschema: "urn:vehicle-twin:schema:TelemetryReceived.v1",
          identity: "seq:7@boot-1",
          origin: `mqtt:vehicles/${vinOf(2)}/telemetry`,
        })

        const alerts = yield* published(brokers, here.topics.alerts)
        expect(alerts.map(({ event }) => event)).toMatchObject([{
          id: raised(vinOf(1)).id,
          type: "vehicle-twin.AlertRaised",
          subject: vinOf(1),
          brand: "长城",
          causationid: uuid(`${vinOf(1)} 0`),
          data: { summary: "刹车片磨损" },
        }])
      }))

    it.effect("makes topics that are missing so that every event is kept and a large one passes", () =>
      Effect.gen(function*() {
        const { brokers } = yield* Broker
        const here = yield* world
        const large = [0, 1, 2, 3].map((seq) => telemetry(vinOf(1), seq, 900_000))
        for (const [i, event] of large.entries()) {
          yield* here.store.append(streamOf(vinOf(1)), i === 0 ? "no_stream" : i - 1, [event])
        }
        yield* publishing(here, brokers, () => settled(here))
        expectWhole(yield* published(brokers, here.topics.events), yield* logOf(here))

        const { resources } = yield* admin(brokers, (client) =>
          client.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: here.topics.events }] }))
        const settings = Object.fromEntries(
          (resources[0]?.configEntries ?? []).map(({ configName, configValue }) => [configName, configValue]),
        )
        expect(settings).toMatchObject({ "cleanup.policy": "delete", "compression.type": "zstd" })
      }))

    it.effect("goes on where it was after a restart, and repeats nothing that was stored as published", () =>
      Effect.gen(function*() {
        const { brokers } = yield* Broker
        const here = yield* world
        yield* drive(here, 2, 0, 100)
        yield* publishing(here, brokers, () => settled(here))
        const before = yield* published(brokers, here.topics.events)
        yield* drive(here, 2, 100, 200)
        yield* publishing(here, brokers, () => settled(here))
        const messages = yield* published(brokers, here.topics.events)
        expectWhole(messages, yield* logOf(here))
        const ids = new Set(before.map(({ event }) => event.id))
        expect(ids.size).toBe(200)
        expect(messages.filter(({ event }) => ids.has(event.id)).length).toBe(before.length)
      }))

    it.effect("repeats with the same ids what was acknowledged before it could be stored", () =>
      Effect.gen(function*() {
        const { brokers } = yield* Broker
        const here = yield* world
        yield* publishing(here, brokers, () => settled(here))
        yield* here.sql`CREATE TRIGGER full_disk BEFORE UPDATE ON outbox_checkpoint
          BEGIN SELECT RAISE(FAIL, 'the disk is full'); END`
        yield* drive(here, 2, 0, 50)
        yield* publishing(here, brokers, (outbox) => failing(outbox, /the disk is full/))
        yield* here.sql`DROP TRIGGER full_disk`
        yield* publishing(here, brokers, () => settled(here))

        const log = yield* logOf(here)
        const messages = yield* published(brokers, here.topics.events)
        expectWhole(messages, log)
        expect(messages.length).toBeGreaterThan(log.length)
        const values = new Map(messages.map(({ event, value }) => [event.id, value]))
        for (const { event, value } of messages) expect(value).toBe(values.get(event.id))
      }))

    it.effect("of two on one checkpoint lets one stand by, and take over when the other is gone", () =>
      Effect.gen(function*() {
        const { brokers } = yield* Broker
        const here = yield* world
        const { layer, lines } = logLines()
        yield* publishing(here, brokers, () =>
          Effect.gen(function*() {
            yield* publishing(here, brokers, () =>
              Effect.gen(function*() {
                yield* settled(here)
                yield* drive(here, 2, 0, 500)
                yield* settled(here)
                yield* eventually(Effect.sync(() => lines.some((line) => /stands by/.test(line)) ? true : undefined))
              }))
            yield* drive(here, 2, 500, 600)
            yield* settled(here)
          })).pipe(Effect.provide(layer))
        expectWhole(yield* published(brokers, here.topics.events), yield* logOf(here))
      }))

    it.effect("says how to make a topic that is missing, and goes on once it is there", () =>
      Effect.gen(function*() {
        const { brokers } = yield* Broker
        const here = yield* world
        const { layer, lines } = logLines()
        yield* drive(here, 2, 0, 50)
        yield* publishing(here, brokers, (outbox) =>
          Effect.gen(function*() {
            const failure = yield* failing(outbox, /KAFKA_CREATE_TOPICS=true/)
            expect(failure).toContain(here.topics.events)
            expect(failure).toContain(here.topics.alerts)
            // Said once, though tried again and again.
            yield* Effect.sleep("1 second")
            expect(lines.filter((line) => line.includes("KAFKA_CREATE_TOPICS=true")).length).toBe(1)
            yield* makeTopics(brokers, here.topics)
            yield* settled(here)
            yield* eventually(Effect.map(outbox.status, ({ failure }) => failure === undefined ? true : undefined))
          }), { createTopics: false }).pipe(Effect.provide(layer))
        expectWhole(yield* published(brokers, here.topics.events), yield* logOf(here))
      }))

    it.effect("sends less at once to a topic that takes less", () =>
      Effect.gen(function*() {
        const { brokers } = yield* Broker
        const here = yield* world
        yield* makeTopics(brokers, here.topics, { "max.message.bytes": "4000" })
        yield* drive(here, 1, 0, 300)
        yield* publishing(here, brokers, () => settled(here))
        expectWhole(yield* published(brokers, here.topics.events), yield* logOf(here))
      }))

    it.effect("waits with an event that a topic does not take, says which setting is too small, and repeats nothing before it", () =>
      Effect.gen(function*() {
        const { brokers } = yield* Broker
        const here = yield* world
        const vin = vinOf(1)
        yield* makeTopics(brokers, here.topics, { "max.message.bytes": "4000" })
        yield* here.store.append(streamOf(vin), "no_stream", [0, 1, 2].map((seq) => telemetry(vin, seq)))
        yield* here.store.append(streamOf(vin), 2, [telemetry(vin, 3, 8_000), telemetry(vin, 4)])
        const log = yield* logOf(here)
        yield* publishing(here, brokers, (outbox) =>
          Effect.gen(function*() {
            expect(yield* failing(outbox, /max\.message\.bytes/)).toContain(log[3]?.id)
            // Meanwhile it tries several times.
            yield* Effect.sleep("2 seconds")
            expect((yield* outbox.status).position).toBe(log[2]?.position)
            yield* admin(brokers, (client) =>
              client.alterConfigs({
                validateOnly: false,
                resources: [{ type: 2, name: here.topics.events, configEntries: [{ name: "max.message.bytes", value: "100000" }] }],
              }))
            yield* settled(here)
          }))
        const messages = yield* published(brokers, here.topics.events)
        expectWhole(messages, log)
        // What went out before it is not sent with every try; one request may have been a repeat.
        expect(messages.length).toBeLessThanOrEqual(log.length + 3)
      }))

    it.effect("says so where the broker does not let it in, and publishes with the right password", () =>
      Effect.gen(function*() {
        const { brokers, secured } = yield* Broker
        const here = yield* world
        yield* drive(here, 1, 0, 50)
        const as = (password: string) => ({
          connection: { sasl: { mechanism: "scram-sha-256", username: "twin", password: Redacted.make(password) } } as const,
        })
        const at = secured?.brokers ?? ""
        yield* publishing(here, at, (outbox) => failing(outbox, /KAFKA_SASL_PASSWORD/), as("another password"))
        yield* publishing(here, at, () => settled(here), as("its password"))
        expectWhole(yield* published(brokers, here.topics.events), yield* logOf(here))
      }))

    it.effect("goes on from a checkpoint that a database lost the newest of", () =>
      Effect.gen(function*() {
        const { brokers } = yield* Broker
        const here = yield* world
        yield* drive(here, 1, 0, 50)
        yield* publishing(here, brokers, () =>
          Effect.gen(function*() {
            yield* settled(here)
            yield* here.sql`UPDATE outbox_checkpoint SET position = ${beginning}`
            yield* drive(here, 1, 50, 100)
            yield* settled(here)
          }))
        expectWhole(yield* published(brokers, here.topics.events), yield* logOf(here))
      }))

    it.effect("passes over what it cannot read, says so, and publishes the rest", () =>
      Effect.gen(function*() {
        const { brokers } = yield* Broker
        const here = yield* world
        const { layer, lines } = logLines()
        const vin = vinOf(1)
        yield* here.store.append(streamOf(vin), "no_stream", [
          telemetry(vin, 0),
          { ...telemetry(vin, 1), metadata: { ...telemetry(vin, 1).metadata, schema: 99 } },
          { ...telemetry(vin, 2), type: "OfALaterDay" },
          telemetry(vin, 3),
        ])
        yield* publishing(here, brokers, () => settled(here)).pipe(Effect.provide(layer))
        const messages = yield* published(brokers, here.topics.events)
        expect(new Set(messages.map(({ event }) => event["revision"]))).toEqual(new Set(["0", "3"]))
        expect(lines.filter((line) => line.includes("2 event(s) of 4 not published")).length).toBe(1)
      }))
  })

  it.live("waits for brokers that are not there, loses nothing when one is killed under load, and goes on by itself", () =>
    Effect.gen(function*() {
      const broker = yield* kafka({ stopped: true })
      const here = yield* world
      yield* publishing(here, broker.brokers, (outbox) =>
        Effect.gen(function*() {
          expect(yield* failing(outbox, /no broker answers/)).toContain("KAFKA_BROKERS")
          yield* broker.start
          yield* settled(here)
          for (let round = 0; round < 2; round++) {
            yield* Effect.all([
              drive(here, 10, round * 1_000, round * 1_000 + 1_000),
              Effect.andThen(Effect.sleep("300 millis"), broker.kill),
            ], { concurrency: 2 })
            yield* broker.start
            yield* settled(here)
          }
        }))
      expectWhole(yield* published(broker.brokers, here.topics.events), yield* logOf(here))
    }), 120_000)
})
