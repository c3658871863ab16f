/** All ways in. MQTT alone as yet: the embedded broker, or a client of the broker that the settings name. */
import { Layer } from "effect"
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import * as EmbeddedBroker from "./embedded-broker.ts"
import * as Intake from "./intake.ts"
import type { EmbeddedBrokerOptions, MqttClientOptions } from "./mqtt.ts"
import * as MqttClient from "./mqtt-client.ts"

export interface IngestOptions {
  readonly catalogue: Catalogue
  readonly mqtt:
    | { readonly _tag: "EmbeddedBroker" } & EmbeddedBrokerOptions
    | { readonly _tag: "MqttClient" } & MqttClientOptions
}

/** Needs `Vehicles` and `DeadLetters`. When it closes, what was taken is finished and acknowledged first. */
export const layer = ({ catalogue, mqtt }: IngestOptions) =>
  (mqtt._tag === "EmbeddedBroker" ? EmbeddedBroker.layer(mqtt) : MqttClient.layer(mqtt)).pipe(
    Layer.provide(Intake.layer({ catalogue })),
  )
