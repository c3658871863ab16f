import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { databaseOf, type Environment, kafkaOf, Settings } from "../src/settings.ts"

const read = (env: Environment) => Effect.provide(Settings, Settings.layerFrom(env))
const complaint = (env: Environment) => Effect.map(Effect.flip(read(env)), ({ message }) => message)

describe("the settings", () => {
  it.effect("have defaults, and take an empty variable for an unset one", () =>
    Effect.gen(function*() {
      const settings = yield* read({ PORT: "", MQTT_URL: "" })
      assert.strictEqual(settings.host, "127.0.0.1")
      assert.strictEqual(settings.port, 4000)
      assert.strictEqual(settings.dataDir, "./data")
      assert.strictEqual(settings.vehicles, "open")
      assert.strictEqual(settings.mqttPort, 1883)
      assert.isTrue(Option.isNone(settings.mqttUrl))
      assert.isTrue(Option.isNone(settings.archiveAfter))
    }))

  it.effect("take an age in hours, days or weeks", () =>
    Effect.gen(function*() {
      const hours = { "1h": 1, "90d": 90 * 24, "12w": 12 * 7 * 24 }
      for (const [text, expected] of Object.entries(hours)) {
        const { archiveAfter } = yield* read({ ARCHIVE_AFTER: text })
        assert.deepStrictEqual(archiveAfter, Option.some(expected * 3_600_000))
      }
    }))

  const wrong: ReadonlyArray<readonly [name: string, env: Environment]> = [
    ["PORT", { PORT: "70000" }],
    ["VEHICLES", { VEHICLES: "some" }],
    ["LOG_LEVEL", { LOG_LEVEL: "loud" }],
    ["AUTH", { AUTH: "jwt" }],
    ["HOST", { HOST: "0.0.0.0" }],
    ["MQTT_HOST", { MQTT_HOST: "0.0.0.0" }],
    ["MQTT_URL", { MQTT_URL: "http://twin:secret@broker:1883" }],
    ["MQTT_URL", { MQTT_URL: "secret" }],
    ["MQTT_SHARE_GROUP", { MQTT_SHARE_GROUP: "a/b" }],
    ["MQTT_TOPIC_PREFIX", { MQTT_TOPIC_PREFIX: "fleet/#" }],
    ["MQTT_TLS_CERT", { MQTT_TLS_CERT: "cert.pem" }],
    ["ARCHIVE_AFTER", { ARCHIVE_AFTER: "90" }],
    ["ARCHIVE_AFTER", { ARCHIVE_AFTER: "0d" }],
    ["ARCHIVE_AFTER", { ARCHIVE_AFTER: "30m" }],
    ["DATABASE_URL", { DATABASE_URL: "mysql://twin:secret@db/twin" }],
    ["DATABASE_URL", { DATABASE_URL: "secret" }],
    ["DEAD_LETTERS_KEEP", { DEAD_LETTERS_KEEP: "5" }],
    ["DEAD_LETTERS_MAX", { DEAD_LETTERS_MAX: "0" }],
    ["KAFKA_BROKERS", { KAFKA_BROKERS: "localhost" }],
    ["KAFKA_BROKERS", { KAFKA_BROKERS: "kafka-1:9092," }],
    ["KAFKA_SSL", { KAFKA_SSL: "yes" }],
    ["KAFKA_PUBLISH", { KAFKA_PUBLISH: "no" }],
    ["KAFKA_SSL_CA", { KAFKA_BROKERS: "k:9093", KAFKA_SSL_CA: "ca.pem" }],
    ["KAFKA_SSL_CERT", { KAFKA_BROKERS: "k:9093", KAFKA_SSL: "true", KAFKA_SSL_CERT: "cert.pem" }],
    ["KAFKA_SASL_MECHANISM", { KAFKA_BROKERS: "k:9093", KAFKA_SASL_MECHANISM: "GSSAPI" }],
    ["KAFKA_SASL_MECHANISM", { KAFKA_BROKERS: "k:9093", KAFKA_SASL_USERNAME: "twin", KAFKA_SASL_PASSWORD: "secret" }],
    ["KAFKA_TOPIC_EVENTS", { KAFKA_TOPIC_EVENTS: "twin events" }],
    ["WEBHOOK_SECRET", { WEBHOOK_SECRET: "secret" }],
    ["WEBHOOK_SECRET", { WEBHOOK_SECRET: `whsec_${"A".repeat(43)}= whsec_secret` }],
    ["WEBHOOK_ALLOW_PRIVATE", { WEBHOOK_ALLOW_PRIVATE: "yes" }],
    ["SMTP_URL", { SMTP_URL: "smtps://twin:secret@mail:465" }],
    ["SMTP_URL", { SMTP_URL: "http://twin:secret@mail", MAIL_FROM: "alerts@example.com" }],
    ["MAIL_FROM", { SMTP_URL: "smtps://twin:secret@mail:465", MAIL_FROM: "alerts" }],
    ["MAIL_FROM", { SMTP_URL: "smtps://twin:secret@mail:465", MAIL_FROM: "a@b.example\r\nBcc: <c@d.example>" }],
    ["Two of KAFKA_TOPIC_", { KAFKA_TOPIC_EVENTS: "one", KAFKA_TOPIC_ALERTS: "one" }],
  ]
  for (const [name, env] of wrong) {
    it.effect(`names ${name} where ${JSON.stringify(env)} is wrong, and tells no secret`, () =>
      Effect.gen(function*() {
        const message = yield* complaint(env)
        assert.match(message, new RegExp(`^${name}\\b`))
        assert.notInclude(message, "secret")
      }))
  }

  it.effect("let others reach the service where an open one is wanted, or the broker is elsewhere", () =>
    Effect.gen(function*() {
      yield* read({ AUTH: "none", HOST: "0.0.0.0", MQTT_HOST: "0.0.0.0" })
      yield* read({ MQTT_URL: "mqtts://broker:8883", MQTT_HOST: "0.0.0.0" })
    }))

  it.effect("name a Kafka cluster with its brokers, its topics and who we are", () =>
    Effect.gen(function*() {
      assert.isUndefined(kafkaOf(yield* read({})))
      const kafka = kafkaOf(
        yield* read({
          KAFKA_BROKERS: "kafka-1:9093, kafka-2:9093",
          KAFKA_SSL: "true",
          KAFKA_SASL_MECHANISM: "scram-sha-512",
          KAFKA_SASL_USERNAME: "twin",
          KAFKA_SASL_PASSWORD: "secret",
          KAFKA_TOPIC_TELEMETRY: "telemetry",
        }),
      )
      assert.deepStrictEqual(kafka?.connection.brokers, ["kafka-1:9093", "kafka-2:9093"])
      assert.deepStrictEqual(kafka?.topics.in, {
        telemetry: "telemetry",
        diagnostics: "vehicle-diagnostics",
        service: "vehicle-service",
      })
      assert.isFalse(kafka?.createTopics)
      assert.strictEqual(kafka?.connection.sasl?.username, "twin")
      assert.notInclude(JSON.stringify(kafka), "secret")
    }))

  it.effect("put the read model into PostgreSQL where one is named", () =>
    Effect.gen(function*() {
      assert.strictEqual(databaseOf(yield* read({}), "readmodel")._tag, "Sqlite")
      const elsewhere = databaseOf(yield* read({ DATABASE_URL: "postgresql://twin@db:5432/twin" }), "readmodel")
      assert.deepStrictEqual(elsewhere, { _tag: "Postgres", url: "postgresql://twin@db:5432/twin" })
    }))
})
