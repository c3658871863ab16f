/**
 * One MQTT connection (3.1.1, QoS 1) that a replay goes out over. When the broker goes away it reconnects, waiting
 * longer each time, and sends again, in order, whatever was not acknowledged.
 */
import { randomUUID } from "node:crypto"
import { Effect, Schema } from "effect"
import mqtt, { type MqttClient } from "mqtt"

const shortestWait = 250
const longestWait = 10_000
/** For the first connection, ms. */
const patience = 10_000

export class BrokerUnreachable extends Schema.TaggedError<BrokerUnreachable>()("BrokerUnreachable", {
  url: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message() {
    const reason = this.cause instanceof Error ? this.cause.message || this.cause.name : String(this.cause)
    return `The MQTT broker at ${this.url} was not reached: ${reason}`
  }
}

export interface Message {
  readonly topic: string
  readonly payload: string
  readonly retain: boolean
  isAcknowledged: boolean
}

export interface ConnectionEvents {
  readonly acknowledged: () => void
  readonly lost: () => void
  readonly back: () => void
}

export class PlaybackConnection {
  readonly #url: string
  readonly #events: ConnectionEvents
  #client: MqttClient | undefined
  #isUp = false
  #isWanted = true
  #wait = shortestWait
  #timer: NodeJS.Timeout | undefined
  /** In order, from the first that is not acknowledged. */
  readonly #inFlight: Array<Message> = []

  private constructor(url: string, events: ConnectionEvents) {
    this.#url = url
    this.#events = events
  }

  /** Connected; closed with the scope, whatever is still in flight. */
  static readonly make = (url: string, events: ConnectionEvents) =>
    Effect.acquireRelease(
      Effect.sync(() => new PlaybackConnection(url, events)),
      (connection) => Effect.promise(() => connection.#close()),
    ).pipe(Effect.tap((connection) => connection.#opened))

  publish(message: Message): void {
    this.#inFlight.push(message)
    if (this.#isUp) this.#send(message)
  }

  get #opened(): Effect.Effect<void, BrokerUnreachable> {
    return Effect.callback<void, BrokerUnreachable>((resume) => {
      const failed = (cause: unknown) => resume(Effect.fail(new BrokerUnreachable({ url: hidden(this.#url), cause })))
      const timer = setTimeout(() => failed(new Error(`no answer within ${patience / 1_000} s`)), patience)
      const client = this.#connect()
      client.once("error", failed)
      client.once("close", () => failed(new Error("it closed the connection")))
      client.once("connect", () => {
        clearTimeout(timer)
        resume(Effect.void)
      })
      return Effect.sync(() => clearTimeout(timer))
    })
  }

  #connect(): MqttClient {
    const client = mqtt.connect(this.#url, {
      clientId: `vehicle-twin-replay-${randomUUID().slice(0, 8)}`,
      protocolVersion: 4,
      clean: true,
      keepalive: 60,
      connectTimeout: patience,
      // Reconnecting and sending again are done here, in an order of our own.
      reconnectPeriod: 0,
    })
    this.#client = client
    // What it says comes with the close, too.
    client.on("error", () => {})
    client.once("connect", () => this.#connected())
    client.once("close", () => {
      if (this.#client === client) this.#disconnected()
    })
    return client
  }

  #connected(): void {
    if (this.#wait > shortestWait) this.#events.back()
    this.#isUp = true
    this.#wait = shortestWait
    for (const message of this.#inFlight) if (!message.isAcknowledged) this.#send(message)
  }

  #disconnected(): void {
    const wasUp = this.#isUp
    this.#client?.end(true)
    this.#client = undefined
    this.#isUp = false
    if (!this.#isWanted) return
    if (wasUp) this.#events.lost()
    this.#timer = setTimeout(() => this.#connect(), this.#wait)
    this.#wait = Math.min(this.#wait * 2, longestWait)
  }

  #send(message: Message): void {
    const client = this.#client
    const { payload, retain, topic } = message
    client?.publish(topic, payload, { qos: 1, retain }, (error) => {
      // One that failed goes out again on the next connection.
      if (error || this.#client !== client) return
      message.isAcknowledged = true
      while (this.#inFlight[0]?.isAcknowledged === true) this.#inFlight.shift()
      this.#events.acknowledged()
    })
  }

  async #close(): Promise<void> {
    this.#isWanted = false
    clearTimeout(this.#timer)
    const client = this.#client
    this.#client = undefined
    // Where no broker listens any more there is nobody to part from.
    await client?.endAsync(!this.#isUp || this.#inFlight.length > 0).catch(() => {})
  }
}

const hidden = (url: string): string => {
  const shown = new URL(url)
  if (shown.password !== "") shown.password = "***"
  return shown.href
}
