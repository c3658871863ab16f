/**
 * A client of the Kafka cluster that the settings name. The library behind it serves the way in and the way out, and
 * what it says of itself goes to the log: what an operator should know is told by who uses it, in words of the settings.
 */
import { readFile } from "node:fs/promises"
import { Effect, Redacted } from "effect"
import { Kafka, type KafkaConfig, type logCreator, logLevel, type SASLOptions } from "kafkajs"
import { registerCodecs } from "./codecs.ts"
import { KafkaUnavailable } from "./problem.ts"

export interface KafkaConnection {
  /** `KAFKA_BROKERS`: each a host and a port. */
  readonly brokers: ReadonlyArray<string>
  /** `KAFKA_CLIENT_ID` */
  readonly clientId: string
  /** `KAFKA_SSL`, with `KAFKA_SSL_CA`, `KAFKA_SSL_CERT`, `KAFKA_SSL_KEY`: files in PEM, read anew for each client. */
  readonly ssl?: {
    readonly ca?: string | undefined
    readonly cert?: string | undefined
    readonly key?: string | undefined
  } | undefined
  /** `KAFKA_SASL_MECHANISM`, `KAFKA_SASL_USERNAME`, `KAFKA_SASL_PASSWORD` */
  readonly sasl?: {
    readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512"
    readonly username: string
    readonly password: Redacted.Redacted
  } | undefined
}

const connectMillis = 5_000
const requestMillis = 20_000
/** The library tries again for some three seconds; who uses it goes on from there, and says so. */
const retry = { initialRetryTime: 100, maxRetryTime: 2_000, retries: 5 }

/** The library's own words for a committed offset that the broker has no more; it tells of it in no other way. */
const deleted = "Offset out of range, resetting"

/** Makes a client; nothing connects yet. Fails only where a file of the settings cannot be read. */
export const make = Effect.fnUntraced(function*({ brokers, clientId, sasl, ssl }: KafkaConnection) {
  registerCodecs()
  const log = Effect.runForkWith(yield* Effect.context())
  // Its errors are of single attempts, which are made again: told as they are, they would drown what they amount to.
  const toLog: logCreator = () => ({ log: { broker, error, groupId, message, partition, topic }, namespace }) => {
    if (message.startsWith(deleted)) {
      const lost = `Kafka deleted messages of ${topic}, partition ${partition}, that were not yet read; see the topic's retention`
      log(Effect.logWarning(`${lost}. Reading goes on with the oldest that is there`))
    }
    const about = Object.entries({ broker, topic, groupId, error: error instanceof Error ? error.message : error })
      .filter(([, value]) => typeof value === "string")
      .map(([name, value]) => `${name} ${value}`)
    log(Effect.logDebug([`kafkajs ${namespace}: ${message}`, ...about].join("; ")))
  }
  return new Kafka({
    clientId,
    brokers: [...brokers],
    ssl: ssl === undefined ? false : yield* tlsOf(ssl),
    ...(sasl !== undefined && { sasl: saslOf(sasl) }),
    connectionTimeout: connectMillis,
    authenticationTimeout: connectMillis,
    requestTimeout: requestMillis,
    retry,
    logLevel: logLevel.WARN,
    logCreator: toLog,
  })
})

const saslOf = (sasl: NonNullable<KafkaConnection["sasl"]>): SASLOptions => {
  const { mechanism, username } = sasl
  const password = Redacted.value(sasl.password)
  switch (mechanism) {
    case "plain":
      return { mechanism, username, password }
    case "scram-sha-256":
      return { mechanism, username, password }
    case "scram-sha-512":
      return { mechanism, username, password }
  }
}

type Tls = Exclude<NonNullable<KafkaConfig["ssl"]>, boolean>

const tlsOf = Effect.fnUntraced(function*(files: NonNullable<KafkaConnection["ssl"]>) {
  const ca = yield* fileOf("KAFKA_SSL_CA", files.ca)
  const cert = yield* fileOf("KAFKA_SSL_CERT", files.cert)
  const key = yield* fileOf("KAFKA_SSL_KEY", files.key)
  // Not empty in any case: the library takes no options for no TLS.
  const options: Tls = { rejectUnauthorized: true }
  return { ...options, ...(ca && { ca: [ca] }), ...(cert && { cert }), ...(key && { key }) }
})

const fileOf = (setting: string, file: string | undefined) =>
  file === undefined ? Effect.undefined : Effect.tryPromise({
    try: () => readFile(file),
    catch: (cause) => new KafkaUnavailable({ message: `${setting} ${file} cannot be read: ${String(cause)}` }),
  })
