/** The way in over MQTT, by a broker of our own (`embedded-broker.ts`) or as another's client (`mqtt-client.ts`). */
import { Context, type Effect, type Redacted, Schema } from "effect"

/** A broker inside this process, for one machine and for the demo. Its sessions and retained messages end with it. */
export interface EmbeddedBrokerOptions {
  /** `MQTT_HOST` */
  readonly host: string
  /** `MQTT_PORT`; 0 for any that is free. */
  readonly port: number
  /** `MQTT_TOPIC_PREFIX`; may be empty. */
  readonly topicPrefix: string
}

export interface MqttClientOptions {
  /** `MQTT_URL`: `mqtt`, `mqtts`, `ws` or `wss`. */
  readonly url: string
  /** `MQTT_CLIENT_ID`: the broker keeps this name's session while it is away, so it must be fixed, and no other's. */
  readonly clientId: string
  /** `MQTT_TOPIC_PREFIX`; may be empty. */
  readonly topicPrefix: string
  /** `MQTT_SHARE_GROUP`: several services with the same group share the messages. */
  readonly shareGroup?: string | undefined
  /** `MQTT_USERNAME` */
  readonly username?: string | undefined
  /** `MQTT_PASSWORD` */
  readonly password?: Redacted.Redacted | undefined
  /** `MQTT_TLS_CA`, `MQTT_TLS_CERT`, `MQTT_TLS_KEY`: files in PEM, read anew at each connect. */
  readonly tlsCa?: string | undefined
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
}

export interface Address {
  readonly host: string
  readonly port: number
}

export class Mqtt extends Context.Service<Mqtt, {
  /** Whether messages can come in: connected and subscribed, or listening. */
  readonly ready: Effect.Effect<boolean>
  /** Where the embedded broker listens; nothing with a broker elsewhere. */
  readonly address: Address | undefined
}>()("vehicle-twin/ingest/Mqtt") {}

/** The embedded broker has no port to listen on. */
export class CannotListen extends Schema.TaggedError<CannotListen>()("CannotListen", {
  host: Schema.String,
  port: Schema.Int,
  cause: Schema.Defect(),
}) {
  override get message() {
    const code = this.cause instanceof Error && "code" in this.cause ? this.cause.code : undefined
    switch (code) {
      case "EADDRINUSE":
        return `MQTT_PORT ${this.port} on ${this.host} is in use: stop what listens there, or set MQTT_PORT or MQTT_URL`
      case "EACCES":
        return `MQTT_PORT ${this.port} may not be listened on by this user: set MQTT_PORT to 1024 or more`
      case "EADDRNOTAVAIL":
      case "ENOTFOUND":
      case "EAI_AGAIN":
        return `MQTT_HOST ${this.host} is not an address of this machine`
      default:
        return `The MQTT broker cannot listen on MQTT_HOST ${this.host}, MQTT_PORT ${this.port}: ${String(this.cause)}`
    }
  }
}

/** What was taken before a stop gets so long to become durable; what is not is left to the broker, or the vehicle. */
export const stopWithin = "10 seconds"
