/** All ways in: MQTT, by the embedded broker or as a client of the one that the settings name, and Kafka. */
import { Layer } from "effect"
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import * as EmbeddedBroker from "./embedded-broker.ts"
import * as Intake from "./intake.ts"
import * as KafkaIn from "./kafka.ts"
import type { EmbeddedBrokerOptions, MqttClientOptions } from "./mqtt.ts"
import * as MqttClient from "./mqtt-client.ts"

export interface IngestOptions {
  readonly catalogue: Catalogue
  readonly mqtt:
    | { readonly _tag: "EmbeddedBroker" } & EmbeddedBrokerOptions
    | { readonly _tag: "MqttClient" } & MqttClientOptions
  /** Nothing where Kafka is off. */
  readonly kafka?: KafkaIn.KafkaInOptions | undefined
}

/** Needs `Vehicles` and `DeadLetters`. When it closes, what was taken is finished and acknowledged first. */
export const layer = ({ catalogue, kafka, mqtt }: IngestOptions) =>
  Layer.mergeAll(
    mqtt._tag === "EmbeddedBroker" ? EmbeddedBroker.layer(mqtt) : MqttClient.layer(mqtt),
    kafka === undefined ? Layer.empty : KafkaIn.layer(kafka),
  ).pipe(Layer.provide(Intake.layer({ catalogue })))
