/**
 * The service as it runs in production, each server a real one and a process of its own, under a numbered load: some
 * vehicles publish over MQTT, some over Kafka, and some every message over both.
 *
 *     publishers ──► Mosquitto ──► proxy ──┐             ┌──► log
 *          └───────► Kafka ────────────────┴─► service ──┼──► proxy ──► PostgreSQL
 *                      ▲                                 │
 *                      └───────── twin-events ───────────┘
 */
import { Effect } from "effect"
import { type Kafka, kafka } from "../support/kafka.ts"
import { publishingToKafka } from "../support/kafka-publisher.ts"
import { type Mosquitto, mosquitto } from "../support/mosquitto.ts"
import { type Postgres, postgres } from "../support/postgres.ts"
import { type LedgerEntry, type Message, type Publisher, publishing } from "../support/publisher.ts"
import { serviceProcess, type ServiceProcess } from "../support/service-process.ts"
import { type TcpProxy, tcpProxy } from "../support/tcp-proxy.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { type Diagnostics, diagnosticsFrom } from "./diagnostics.ts"
import type { Log } from "./log.ts"

export type Way = "MQTT" | "Kafka" | "both"
export const allWays: ReadonlyArray<Way> = ["MQTT", "Kafka", "both"]

export interface World {
  /** The service's own. */
  readonly folder: string
  readonly log: Log
  readonly service: ServiceProcess
  readonly mosquitto: Mosquitto
  readonly kafka: Kafka
  readonly postgres: Postgres
  /** Between the service and those two. */
  readonly networks: { readonly mosquitto: TcpProxy; readonly postgres: TcpProxy }
  readonly vins: Readonly<Record<Way, ReadonlyArray<string>>>
  readonly publishers: ReadonlyArray<Publisher>
  /** Of more vehicles, over Kafka. */
  readonly diagnostics: Publisher<Diagnostics>
}

export const topics = {
  telemetry: "vehicle-telemetry",
  diagnostics: "vehicle-diagnostics",
  service: "vehicle-service",
  events: "twin-events",
  alerts: "maintenance-alerts",
}
export const groupId = "vehicle-twin"

const vinOf = (i: number): string => `LSVAA4187E${String(i).padStart(7, "0")}`
const perConnection = 6
const vinsOf = (connection: number): ReadonlyArray<string> =>
  Array.from({ length: perConnection }, (_, i) => vinOf(connection * perConnection + i))
/** Messages of a connection's vehicles together. */
const perSecond = 90
const diagnosticsPerSecond = 6

/** Every 300 messages a new boot; now and then one that was measured 5 s before, or that raises an alert or ends it. */
const messagesFrom = (began: number) => (_: string, n: number): Message => ({
  session: `boot-${Math.floor(n / 300)}`,
  seq: n % 300,
  at: new Date(began + Math.floor(n * 1_000 * perConnection / perSecond) - (n % 11 === 10 ? 5_000 : 0)).toISOString(),
  signals: {
    "Vehicle.Speed": n % 240,
    ...(n % 3 === 0 && { "Vehicle.TraveledDistance": n * 10 }),
    ...(n % 50 === 0 && { "Vehicle.Service.IsServiceDue": n % 100 === 50 }),
    ...(n % 5 === 0 && { "Vehicle.CurrentLocation.Latitude": 30 + n % 1000 / 100 }),
  },
})

/** The service at work under load; all of it ends with the scope. */
export const underLoad = Effect.fnUntraced(function*<R>(logIn: (folder: string) => Effect.Effect<Log, never, R>) {
  const folder = yield* temporaryFolder
  const log = yield* logIn(folder)
  const [mqtt, stream, database] = yield* Effect.all([mosquitto(), kafka(), postgres()], { concurrency: "unbounded" })
  const networks = {
    mosquitto: yield* tcpProxy(mqtt.port),
    postgres: yield* tcpProxy(database.port),
  }
  const databaseUrl = new URL(database.url)
  databaseUrl.port = String(networks.postgres.port)
  const service = yield* serviceProcess({
    DATA_DIR: folder,
    LOG_LEVEL: "warn",
    MQTT_URL: `mqtt://127.0.0.1:${networks.mosquitto.port}`,
    KAFKA_BROKERS: stream.brokers,
    KAFKA_GROUP_ID: groupId,
    KAFKA_CREATE_TOPICS: "true",
    DATABASE_URL: databaseUrl.href,
    ...log.settings,
  })
  yield* service.start

  const began = Date.now()
  const load = { message: messagesFrom(began), window: 64, perSecond }
  const overMqtt = (vins: ReadonlyArray<string>) => publishing({ ...load, vins, url: mqtt.url })
  const overKafka = (vins: ReadonlyArray<string>) =>
    publishingToKafka({ ...load, vins, brokers: stream.brokers, topic: topics.telemetry })
  const [a, b, c, d, e, f] = [vinsOf(0), vinsOf(1), vinsOf(2), vinsOf(3), vinsOf(4), vinsOf(5)]
  const publishers = yield* Effect.all([
    ...[a, b, e].map(overMqtt),
    ...[c, d, e].map(overKafka),
  ])
  const diagnostics = yield* publishingToKafka({
    vins: f,
    message: diagnosticsFrom(began, 1_000 * perConnection / diagnosticsPerSecond),
    window: 64,
    perSecond: diagnosticsPerSecond,
    brokers: stream.brokers,
    topic: topics.diagnostics,
  })
  const world: World = {
    folder,
    log,
    service,
    mosquitto: mqtt,
    kafka: stream,
    postgres: database,
    networks,
    vins: { MQTT: [...a, ...b], Kafka: [...c, ...d], both: e },
    publishers,
    diagnostics,
  }
  return world
})

/** Each message once, though it went over both ways: acknowledged where one of them has. */
export const ledgerOf = ({ publishers }: World): ReadonlyArray<LedgerEntry> => {
  const entries = new Map<string, LedgerEntry>()
  for (const { ledger } of publishers) {
    for (const entry of ledger) {
      const name = `${entry.vin} ${entry.n}`
      const other = entries.get(name)
      const acknowledged = entry.acknowledged || other?.acknowledged === true
      entries.set(name, other === undefined ? entry : { ...entry, acknowledged })
    }
  }
  return [...entries.values()].toSorted((one, other) => one.n - other.n)
}

/** Messages that stand in the log, of the vehicles of some ways. */
export const storedOf = ({ log, vins }: World, ways: ReadonlyArray<Way>): Effect.Effect<number> =>
  log.count(ways.flatMap((way) => vins[way].map((vin) => `vehicle-${vin}`)))

/** Messages that the vehicles have published, each once. */
export const published = ({ publishers }: World): number => {
  const byVehicle = new Map<string, number>()
  for (const publisher of publishers) {
    for (const [vin, count] of publisher.published) byVehicle.set(vin, Math.max(count, byVehicle.get(vin) ?? 0))
  }
  return byVehicle.values().reduce((sum, count) => sum + count, 0)
}

/** Published, and not in the log. */
export const underWay = (world: World): Effect.Effect<number> =>
  Effect.map(storedOf(world, allWays), (stored) => published(world) - stored)
