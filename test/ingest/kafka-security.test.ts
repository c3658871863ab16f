import { it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { describe, expect } from "vitest"
import * as KafkaIn from "../../src/ingest/kafka.ts"
import type { KafkaConnection } from "../../src/kafka/connection.ts"
import { opensslIsThere } from "../support/eventstoredb-server-certificate.ts"
import { type Kafka, kafka, kafkaIsThere } from "../support/kafka.ts"
import { logLines } from "../support/log-lines.ts"
import { telemetry, vinOf } from "../support/messages.ts"
import { RecordingVehicles } from "../support/recording-vehicles.ts"
import { until } from "../support/until.ts"
import { layer, newName, optionsOf, sasl, send, service, topicsOf } from "./kafka-support.ts"

class Secured extends Context.Service<Secured, Kafka>()("test/Secured") {}

const password = "correct horse"
const secured = Layer.effect(Secured, kafka({ secured: { protocol: "SASL_SSL", users: { fleet: password } } }))

const at = ({ secured: listener }: Kafka) => ({
  brokers: [listener?.brokers ?? ""],
  clientId: "twin",
  ssl: { ca: listener?.certificateAuthority },
})

describe.skipIf(!kafkaIsThere || !opensslIsThere)("a Kafka that wants TLS and SASL", () => {
  it.layer(secured, { timeout: "90 seconds", excludeTestServices: true })((it) => {
    it.effect.each(["plain", "scram-sha-256", "scram-sha-512"] as const)("lets a user in by %s", (mechanism) =>
      Effect.gen(function*() {
        const broker = yield* Secured
        const name = newName()
        const vehicles = new RecordingVehicles()
        const connection: KafkaConnection = { ...at(broker), sasl: sasl(mechanism, "fleet", password) }
        yield* service(optionsOf(broker.brokers, name, { connection }), { vehicles })
        yield* send(broker.brokers, topicsOf(name).telemetry, [{ key: vinOf(0), value: telemetry(1) }])
        yield* until(() => vehicles.seqs().length > 0)
      }))

    const cases: ReadonlyArray<readonly [string, (broker: Kafka) => KafkaConnection, string]> = [
      ["a wrong password by PLAIN", (broker) => ({ ...at(broker), sasl: sasl("plain", "fleet", "wrong!") }), "KAFKA_SASL_PASSWORD"],
      ["a wrong password by SCRAM", (broker) => ({ ...at(broker), sasl: sasl("scram-sha-256", "fleet", "wrong!") }), "KAFKA_SASL_PASSWORD"],
      ["no SASL", (broker) => at(broker), "KAFKA_SASL_MECHANISM"],
      ["no TLS", (broker) => ({ ...at(broker), ssl: undefined }), "KAFKA_SSL"],
      ["a certificate that nobody vouches for", (broker) => ({ ...at(broker), ssl: {} }), "KAFKA_SSL_CA"],
      ["TLS where there is none", (broker) => ({ ...at(broker), brokers: [broker.brokers] }), "KAFKA_SSL"],
      ["SASL where there is none", (broker) => ({
        brokers: [broker.brokers],
        clientId: "twin",
        sasl: sasl("plain", "fleet", "wrong!"),
      }), "KAFKA_SASL_MECHANISM"],
      ["a file that is not there", (broker) => ({ ...at(broker), ssl: { ca: "/nowhere/ca.pem" } }), "KAFKA_SSL_CA /nowhere/ca.pem"],
      ["a file that holds no key", (broker) => ({
        ...at(broker),
        ssl: { ...at(broker).ssl, cert: broker.secured?.certificateAuthority, key: broker.secured?.certificateAuthority },
      }), "KAFKA_SSL"],
    ]
    it.effect.each(cases)("meets %s with a warning that names the setting, again and again", ([, connectionOf, setting]) =>
      Effect.gen(function*() {
        const broker = yield* Secured
        const { layer: logger, lines } = logLines()
        const options = optionsOf(broker.brokers, newName(), { connection: connectionOf(broker) })
        const built = yield* Layer.build(layer(options, { vehicles: new RecordingVehicles() })).pipe(Effect.provide(logger))
        const warnings = () => lines.filter((line) => line.startsWith("Nothing comes in by Kafka"))
        yield* until(() => warnings().length >= 2)
        expect(warnings()[0]).toContain(setting)
        expect((yield* Context.get(built, KafkaIn.KafkaIn).status).failure).toContain(setting)
        expect(lines.join("\n")).not.toContain("wrong!")
      }))
  })
})
