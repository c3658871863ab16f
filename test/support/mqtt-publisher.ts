/** A vehicle's side of MQTT. */
import { Effect } from "effect"
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt"

export const publisher = (url: string, options: IClientOptions = {}) =>
  Effect.acquireRelease(
    Effect.promise(() => connectAsync(url, { reconnectPeriod: 50, ...options })),
    (client) => Effect.promise(() => client.endAsync(true)),
  )

/** Publishes at QoS 1, and is done once the broker has acknowledged all. */
export const publishAll = (
  client: MqttClient,
  messages: ReadonlyArray<readonly [topic: string, payload: string]>,
): Effect.Effect<void> =>
  Effect.promise(async () => {
    for (let at = 0; at < messages.length; at += 500) {
      await Promise.all(
        messages.slice(at, at + 500).map(([topic, payload]) => client.publishAsync(topic, payload, { qos: 1 })),
      )
    }
  })
