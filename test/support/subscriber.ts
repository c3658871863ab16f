import { Effect } from "effect"
import { connectAsync } from "mqtt"

export interface Received {
  readonly topic: string
  readonly payload: string
  readonly retain: boolean
}

/** Gathers all that vehicles publish, QoS 1, also what came while the broker was away for a moment. */
export const subscriber = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const received: Array<Received> = []
      const client = await connectAsync(url, {
        clientId: "subscriber",
        clean: false,
        reconnectPeriod: 50,
        protocolVersion: 4,
      })
      client.on("message", (topic, payload, { retain }) => received.push({ topic, payload: payload.toString(), retain }))
      client.on("error", () => {})
      await client.subscribeAsync("vehicles/#", { qos: 1 })
      return { client, received: received as ReadonlyArray<Received> }
    }),
    ({ client }) => Effect.promise(() => client.endAsync(true)),
  ).pipe(Effect.map(({ received }) => received))
