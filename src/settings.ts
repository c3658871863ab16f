/**
 * Every setting, from the environment, each with its default and what it means. Checked at start: what is wrong is
 * said by the variable's name. An empty variable counts as unset.
 */
import {
  Config,
  ConfigProvider,
  Context,
  Effect,
  Layer,
  Option,
  Redacted,
  Schema,
  SchemaIssue,
  SchemaTransformation,
} from "effect"
import { ageIn } from "./age.ts"
import type { LogLocation } from "./eventstore/location.ts"
import type { KafkaConnection } from "./kafka/connection.ts"
import type { Topics } from "./kafka/topics.ts"
import { isMqttUrl } from "./mqtt-url.ts"
import type { NotificationsOptions } from "./notify/notifications.ts"
import { secretsIn } from "./notify/webhook-signature.ts"
import type { DatabaseLocation } from "./sql/database.ts"

const text = (name: string) => Config.option(Config.NonEmptyString(name))
const secret = (name: string) => Config.option(Config.Redacted(name))

/** 0 takes a free one, and the log says which. */
const port = (name: string, otherwise: number) =>
  Config.schema(Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 0, maximum: 65535 })), name)
    .pipe(Config.withDefault(otherwise))

const hour = 3_600_000

/** In ms, of an hour at least. */
const Age = Schema.String.pipe(Schema.decodeTo(
  Schema.Number.check(Schema.makeFilter((millis) => millis >= hour, {
    message: "Expected an age of 1h or more, such as 48h, 90d or 12w",
  })),
  SchemaTransformation.transform({
    decode: (text) => ageIn(text) ?? Number.NaN,
    encode: (millis) => `${millis / hour}h`,
  }),
))

const levels = { trace: "Trace", debug: "Debug", info: "Info", warn: "Warn", error: "Error" } as const

const Brokers = Schema.String.check(Schema.isPattern(/^\s*[^\s,:/]+:\d{1,5}(\s*,\s*[^\s,:/]+:\d{1,5})*\s*$/, {
  message: "Expected hosts with their ports, separated by commas, such as kafka-1:9092,kafka-2:9092",
}))

const topic = (name: string, otherwise: string) =>
  Config.schema(
    Schema.String.check(Schema.isPattern(/^[a-zA-Z0-9._-]{1,249}$/, {
      message: "Expected a topic: up to 249 letters, digits, full stops, underscores and hyphens",
    })),
    name,
  ).pipe(Config.withDefault(otherwise))

const flag = (name: string, otherwise: boolean) =>
  Config.Literals(["true", "false"], name).pipe(
    Config.map((text) => text === "true"),
    Config.withDefault(otherwise),
  )

const settings = Config.all({
  /** HTTP: `/graphql`, `/healthz`, `/readyz`, `/metrics`. */
  host: Config.NonEmptyString("HOST").pipe(Config.withDefault("127.0.0.1")),
  port: port("PORT", 4000),
  /** The embedded stores' files. */
  dataDir: Config.NonEmptyString("DATA_DIR").pipe(Config.withDefault("./data")),
  /** `esdb://` or `esdb+discover://`, with credentials, hosts and options. Unset: the embedded log in `DATA_DIR`. */
  eventStoreUrl: secret("EVENTSTORE_URL"),
  /** Where old events are moved to, and looked for. Unset: `archive` in `DATA_DIR`. */
  archiveDir: text("ARCHIVE_DIR"),
  /** Events that are older than this, such as `90d`, are moved there, daily. Unset: never. Of several services, one. */
  archiveAfter: Config.option(Config.schema(Age, "ARCHIVE_AFTER")),
  /** Events of a vehicle between two snapshots: what is read at most, beside a snapshot, to have its state. */
  snapshotEvery: Config.schema(
    Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 100_000 })),
    "SNAPSHOT_EVERY",
  ).pipe(Config.withDefault(250)),
  /** `postgres://`, for the read model and what else is kept beside the log. Unset: embedded, in `DATA_DIR`. */
  databaseUrl: secret("DATABASE_URL"),
  /** Dead letters that are older, or more than so many of one source, are let go. */
  deadLettersKeep: Config.schema(Age, "DEAD_LETTERS_KEEP").pipe(Config.withDefault(90 * 24 * hour)),
  deadLettersMax: Config.schema(
    Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 10_000_000 })),
    "DEAD_LETTERS_MAX",
  ).pipe(Config.withDefault(100_000)),
  /** `open`: a first message makes a twin. `registered`: messages of unknown vehicles go to the dead letters. */
  vehicles: Config.Literals(["open", "registered"], "VEHICLES").pipe(Config.withDefault("open" as const)),
  /** A VSS release as JSON, whose signals are then taken beside the built-in ones. */
  vssFile: text("VSS_FILE"),

  /** `mqtt://`, `mqtts://`, `ws://` or `wss://`. Unset: an embedded broker listens on `MQTT_HOST`:`MQTT_PORT`. */
  mqttUrl: text("MQTT_URL"),
  mqttHost: Config.NonEmptyString("MQTT_HOST").pipe(Config.withDefault("127.0.0.1")),
  mqttPort: port("MQTT_PORT", 1883),
  /** Names the session that the broker keeps while the service is away: one for each process. */
  mqttClientId: Config.NonEmptyString("MQTT_CLIENT_ID").pipe(Config.withDefault("vehicle-twin")),
  /** Processes of one group share the messages between them. */
  mqttShareGroup: Config.option(Config.schema(
    Schema.String.check(Schema.isPattern(/^[^+#/]+$/, { message: "Expected a name without the characters +, # and /" })),
    "MQTT_SHARE_GROUP",
  )),
  mqttTopicPrefix: Config.schema(
    Schema.String.check(Schema.isPattern(/^[^+#]*$/, { message: "Expected a topic without the wildcards + and #" })),
    "MQTT_TOPIC_PREFIX",
  ).pipe(Config.withDefault("")),
  mqttUsername: text("MQTT_USERNAME"),
  mqttPassword: secret("MQTT_PASSWORD"),
  /** PEM files. */
  mqttTlsCa: text("MQTT_TLS_CA"),
  mqttTlsCert: text("MQTT_TLS_CERT"),
  mqttTlsKey: text("MQTT_TLS_KEY"),

  /** Hosts and ports, separated by commas. Unset: Kafka is off. */
  kafkaBrokers: Config.option(Config.schema(Brokers, "KAFKA_BROKERS")),
  kafkaClientId: Config.NonEmptyString("KAFKA_CLIENT_ID").pipe(Config.withDefault("vehicle-twin")),
  /** Processes of one group share the partitions between them. */
  kafkaGroupId: Config.NonEmptyString("KAFKA_GROUP_ID").pipe(Config.withDefault("vehicle-twin")),
  kafkaSsl: flag("KAFKA_SSL", false),
  /** PEM files. */
  kafkaSslCa: text("KAFKA_SSL_CA"),
  kafkaSslCert: text("KAFKA_SSL_CERT"),
  kafkaSslKey: text("KAFKA_SSL_KEY"),
  kafkaSaslMechanism: Config.option(
    Config.Literals(["plain", "scram-sha-256", "scram-sha-512"], "KAFKA_SASL_MECHANISM"),
  ),
  kafkaSaslUsername: text("KAFKA_SASL_USERNAME"),
  kafkaSaslPassword: secret("KAFKA_SASL_PASSWORD"),
  kafkaTopicTelemetry: topic("KAFKA_TOPIC_TELEMETRY", "vehicle-telemetry"),
  kafkaTopicDiagnostics: topic("KAFKA_TOPIC_DIAGNOSTICS", "vehicle-diagnostics"),
  kafkaTopicService: topic("KAFKA_TOPIC_SERVICE", "vehicle-service"),
  kafkaTopicEvents: topic("KAFKA_TOPIC_EVENTS", "twin-events"),
  kafkaTopicAlerts: topic("KAFKA_TOPIC_ALERTS", "maintenance-alerts"),
  /** Whether topics that are missing are made. */
  kafkaCreateTopics: flag("KAFKA_CREATE_TOPICS", false),
  /** Whether every event goes out to Kafka. What is published later begins where it was, or at the log's beginning. */
  kafkaPublish: flag("KAFKA_PUBLISH", true),

  /** `whsec_…`, as Standard Webhooks has it; several, separated by spaces, all sign. Unset: no webhooks. */
  webhookSecret: secret("WEBHOOK_SECRET"),
  /** Whether webhooks may go to private addresses and over `http://`. */
  webhookAllowPrivate: flag("WEBHOOK_ALLOW_PRIVATE", false),
  /** `smtp://` or `smtps://`, with user and password. Unset: no mails. */
  smtpUrl: secret("SMTP_URL"),
  /** Whom mails are from: `Fleet alerts <alerts@example.com>`. */
  mailFrom: text("MAIL_FROM"),

  /** Unset: served on loopback only. `none`: an open service, wanted. */
  auth: Config.option(Config.Literals(["none"], "AUTH")),

  logLevel: Config.Literals(["trace", "debug", "info", "warn", "error"], "LOG_LEVEL").pipe(
    Config.withDefault("info" as const),
    Config.map((level) => levels[level]),
  ),
  /** Unset: pretty on a terminal, else JSON. */
  logFormat: Config.option(Config.Literals(["pretty", "json"], "LOG_FORMAT")),
})

type Values = Config.Success<typeof settings>

export class SettingsError extends Schema.TaggedError<SettingsError>()("SettingsError", { message: Schema.String }) {}

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/** On one line, the variable first. */
const whatIsWrong = ({ cause }: Config.ConfigError): string =>
  cause._tag === "SourceError" ? cause.message : issuesOf(cause.issue).issues
    .map(({ message, path }) => `${path?.map(String).join("_")}: ${message}`)
    .join("; ")

const loopback = /^(localhost|127(\.\d+){3}|::1|\[::1\])$/

export class Settings extends Context.Service<Settings, Values>()("vehicle-twin/Settings") {
  static readonly layerFrom = (env: Environment): Layer.Layer<Settings, SettingsError> =>
    Layer.effect(Settings, read(env))

  static readonly layer = Layer.suspend(() => Settings.layerFrom(process.env))
}

/** A database beside the log, by its name where it is embedded. In PostgreSQL one has the tables of all. */
export const databaseOf = ({ databaseUrl, dataDir }: Values, name: "readmodel" | "reactor"): DatabaseLocation =>
  Option.match(databaseUrl, {
    onNone: () => ({ _tag: "Sqlite", file: `${dataDir}/${name}.db`, synchronous: "NORMAL" }),
    onSome: (url) => ({ _tag: "Postgres", url: Redacted.value(url) }),
  })

export interface KafkaSettings {
  readonly connection: KafkaConnection
  readonly groupId: string
  readonly topics: Topics
  readonly createTopics: boolean
}

export const topicsOf = (values: Values): Topics => ({
  in: {
    telemetry: values.kafkaTopicTelemetry,
    diagnostics: values.kafkaTopicDiagnostics,
    service: values.kafkaTopicService,
  },
  out: { events: values.kafkaTopicEvents, alerts: values.kafkaTopicAlerts },
})

/** Nothing where Kafka is off. */
export const kafkaOf = (values: Values): KafkaSettings | undefined => {
  if (Option.isNone(values.kafkaBrokers)) return undefined
  const mechanism = Option.getOrUndefined(values.kafkaSaslMechanism)
  const username = Option.getOrUndefined(values.kafkaSaslUsername)
  const password = Option.getOrUndefined(values.kafkaSaslPassword)
  return {
    connection: {
      brokers: values.kafkaBrokers.value.split(",").map((broker) => broker.trim()),
      clientId: values.kafkaClientId,
      ssl: values.kafkaSsl
        ? {
          ca: Option.getOrUndefined(values.kafkaSslCa),
          cert: Option.getOrUndefined(values.kafkaSslCert),
          key: Option.getOrUndefined(values.kafkaSslKey),
        }
        : undefined,
      sasl: mechanism === undefined || username === undefined || password === undefined
        ? undefined
        : { mechanism, username, password },
    },
    groupId: values.kafkaGroupId,
    topics: topicsOf(values),
    createTopics: values.kafkaCreateTopics,
  }
}

/** By what planners are told of alerts. */
export const notificationsOf = (values: Values): NotificationsOptions => {
  const url = Option.getOrUndefined(values.smtpUrl)
  const from = Option.getOrUndefined(values.mailFrom)
  return {
    webhook: {
      secrets: Option.match(values.webhookSecret, {
        onNone: () => [],
        onSome: (text) => secretsIn(Redacted.value(text)) ?? [],
      }),
      allowPrivate: values.webhookAllowPrivate,
    },
    mail: url === undefined || from === undefined ? undefined : { url: Redacted.value(url), from },
  }
}

/** Where the log is. */
export const logOf = ({ archiveDir, dataDir, eventStoreUrl }: Values): LogLocation => {
  const archive = Option.getOrElse(archiveDir, () => `${dataDir}/archive`)
  return Option.match(eventStoreUrl, {
    onNone: () => ({ _tag: "Sqlite", file: `${dataDir}/log.db`, archive }),
    onSome: (url) => ({ _tag: "EventStoreDb", url: Redacted.value(url), archive }),
  })
}

export type Environment = Readonly<Record<string, string | undefined>>

const read = Effect.fnUntraced(function*(variables: Environment) {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(variables)) if (value) env[name] = value
  const values = yield* settings.parse(ConfigProvider.fromEnv({ env })).pipe(
    Effect.mapError((error) => new SettingsError({ message: whatIsWrong(error) })),
  )
  const hosts = { HOST: values.host, ...(Option.isNone(values.mqttUrl) && { MQTT_HOST: values.mqttHost }) }
  for (const [name, host] of Object.entries(hosts)) {
    if (Option.isNone(values.auth) && !loopback.test(host)) {
      return yield* new SettingsError({
        message: `${name} is ${host}, which others can reach, and AUTH is unset: `
          + `serve on loopback (${name}=127.0.0.1), or set AUTH=none if an open service is wanted`,
      })
    }
  }
  // Not by its schema, whose message would show the password that may be in it.
  if (Option.exists(values.mqttUrl, (url) => !isMqttUrl(url))) {
    return yield* new SettingsError({
      message: "MQTT_URL is not the URL of a broker: expected mqtt://, mqtts://, ws:// or wss://, a host and a port",
    })
  }
  if (Option.isSome(values.mqttTlsCert) !== Option.isSome(values.mqttTlsKey)) {
    return yield* new SettingsError({ message: "MQTT_TLS_CERT and MQTT_TLS_KEY go together: set both or neither" })
  }
  // Not by its schema either.
  if (Option.exists(values.databaseUrl, (url) => !/^postgres(ql)?:\/\/[^/]/.test(Redacted.value(url)))) {
    return yield* new SettingsError({
      message: "DATABASE_URL is not the URL of a PostgreSQL database: expected postgres://user:password@host:5432/name",
    })
  }
  yield* checkKafka(values)
  yield* checkNotifications(values)
  return values
})

const isSmtp = (url: string): boolean => /^smtps?:\/\/[^/]/.test(url) && URL.canParse(url)

/** Not by their schemas, whose messages would show what is secret. */
const checkNotifications = ({ mailFrom, smtpUrl, webhookSecret }: Values): Effect.Effect<void, SettingsError> => {
  const fail = (message: string) => Effect.fail(new SettingsError({ message }))
  if (Option.exists(webhookSecret, (text) => secretsIn(Redacted.value(text)) === undefined)) {
    return fail("WEBHOOK_SECRET cannot sign webhooks: expected whsec_ and 24 to 64 bytes in base64, as "
      + "`echo whsec_$(openssl rand -base64 32)` makes them; several are separated by spaces")
  }
  if (Option.isSome(smtpUrl) !== Option.isSome(mailFrom)) {
    return fail("SMTP_URL and MAIL_FROM go together: set both or neither")
  }
  if (Option.exists(smtpUrl, (url) => !isSmtp(Redacted.value(url)))) {
    return fail("SMTP_URL is not the URL of a mail server: expected smtps://user:password@host:465 or smtp://host:587")
  }
  if (Option.exists(mailFrom, (from) => !/^[^<>\r\n]*<[^\s<>@]+@[^\s<>@]+>$|^[^\s<>@]+@[^\s<>@]+$/.test(from))) {
    return fail("MAIL_FROM is no address: expected alerts@example.com or Fleet alerts <alerts@example.com>")
  }
  return Effect.void
}

const checkKafka = (values: Values): Effect.Effect<void, SettingsError> => {
  const fail = (message: string) => Effect.fail(new SettingsError({ message }))
  const hasFiles = [values.kafkaSslCa, values.kafkaSslCert, values.kafkaSslKey].some(Option.isSome)
  if (hasFiles && !values.kafkaSsl) {
    return fail("KAFKA_SSL_CA, KAFKA_SSL_CERT and KAFKA_SSL_KEY need KAFKA_SSL=true")
  }
  if (Option.isSome(values.kafkaSslCert) !== Option.isSome(values.kafkaSslKey)) {
    return fail("KAFKA_SSL_CERT and KAFKA_SSL_KEY go together: set both or neither")
  }
  const sasl = [values.kafkaSaslMechanism, values.kafkaSaslUsername, values.kafkaSaslPassword]
    .filter((part: Option.Option<unknown>) => Option.isSome(part))
  if (sasl.length !== 0 && sasl.length !== 3) {
    return fail("KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD go together: set all or none")
  }
  const topics = topicsOf(values)
  const names = [...Object.values(topics.in), ...Object.values(topics.out)]
  if (new Set(names).size < names.length) return fail("Two of KAFKA_TOPIC_… name the same topic")
  return Effect.void
}
