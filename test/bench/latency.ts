/**
 * From publish to a GraphQL subscriber, at 1,000 messages a second over 200 vehicles on a real Mosquitto. Each message
 * carries its number as a signal's value; a change that was passed over by a newer one of the same vehicle is counted
 * apart.
 */
import { createClient } from "graphql-ws"
import { WebSocket } from "ws"
import { Effect, Fiber } from "effect"
import { mosquitto } from "../support/mosquitto.ts"
import { publisher, vinOf } from "./load.ts"
import { service } from "./service.ts"

const vehicles = 200
const perSecond = 1_000
const path = "Vehicle.TraveledDistance"

export interface LatencyFigures {
  readonly told: number
  readonly passedOver: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly max: number
}

interface Told {
  readonly vehicleChanged: { readonly vehicle: { readonly vin: string }; readonly signals: ReadonlyArray<{ readonly value: number }> }
}

export interface LatencyOptions {
  /** The service's settings besides the broker. */
  readonly env?: Readonly<Record<string, string>>
  /** Done before anything is published, once the service is ready; given its URL. */
  readonly before?: (url: string) => Effect.Effect<void>
  /** Runs beside until all is measured. */
  readonly during?: (url: string) => Effect.Effect<void>
}

export const benchLatency = Effect.fnUntraced(function*(seconds: number, options: LatencyOptions = {}) {
  const broker = yield* mosquitto()
  const running = yield* service({ MQTT_URL: broker.url, ...options.env })
  yield* running.start
  yield* options.before?.(running.url) ?? Effect.void
  const beside = yield* Effect.forkChild(options.during?.(running.url) ?? Effect.void)
  const client = yield* Effect.promise(() => publisher(broker.url))
  const sentAt = new Map<string, number>()
  const millis: Array<number> = []
  const subscription = createClient({ url: running.url.replace("http", "ws") + "/graphql", webSocketImpl: WebSocket })
  const document = `subscription { vehicleChanged(paths: ["${path}"]) { vehicle { vin } signals { value } } }`
  subscription.subscribe<Told>({ query: document }, {
    next: ({ data }) => {
      const [signal] = data?.vehicleChanged.signals ?? []
      const sent = sentAt.get(`${data?.vehicleChanged.vehicle.vin} ${signal?.value}`)
      if (sent !== undefined) millis.push(performance.now() - sent)
    },
    error: () => {},
    complete: () => {},
  })
  yield* Effect.sleep("1 second")
  const total = seconds * perSecond
  const warmUp = 3 * perSecond
  yield* Effect.promise(() =>
    new Promise<void>((resolve) => {
      const started = performance.now()
      let published = 0
      const timer = setInterval(() => {
        const due = Math.min(total + warmUp, Math.floor((performance.now() - started) / 1000 * perSecond))
        while (published < due) {
          const n = published++
          const vin = vinOf(n % vehicles)
          const seq = Math.floor(n / vehicles)
          const value = 1_000_000 + seq * 1_000
          if (n >= warmUp) sentAt.set(`${vin} ${value}`, performance.now())
          const body = { session: "latency", seq, at: new Date().toISOString(), signals: { [path]: value, "Vehicle.Speed": seq % 100 } }
          client.publish(`vehicles/${vin}/telemetry`, JSON.stringify(body), { qos: 1 })
        }
        if (published < total + warmUp) return
        clearInterval(timer)
        resolve()
      }, 5)
    })
  )
  yield* Effect.sleep("1 second")
  yield* Fiber.interrupt(beside)
  yield* Effect.promise(async () => subscription.dispose())
  yield* Effect.promise(() => client.endAsync())
  yield* running.stop
  const sorted = millis.toSorted((a, b) => a - b)
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
  return {
    told: sorted.length,
    passedOver: sentAt.size - sorted.length,
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
  } satisfies LatencyFigures
}, Effect.scoped)
