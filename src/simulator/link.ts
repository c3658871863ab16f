/**
 * One MQTT connection (3.1.1, QoS 1) of the simulated fleet, with what waits to go out over it. When the broker goes
 * away it reconnects, waiting longer each time, and sends again, in order, whatever was not acknowledged.
 *
 * A link is one vehicle's own, with its last will, or is shared by several. A shared one has no will of theirs, and
 * stays when one of them loses its connection: it publishes what the will would have said.
 */
import mqtt, { type MqttClient } from "mqtt"
import type { Message, TelematicsUnit, Transmission } from "./telematics-unit.ts"

/** Messages on one connection that wait for their PUBACK. */
export const mostInFlight = 64

const shortestWait = 250
const longestWait = 10_000

export interface LinkEvents {
  /** Once a message, however often it is sent again. */
  readonly published: (message: Message) => void
  readonly acknowledged: (message: Message) => void
  readonly resent: (message: Message) => void
  readonly brokerLost: () => void
}

interface Outgoing {
  readonly topic: string
  readonly payload: string
  /** None: it is a status, which is retained. */
  readonly message?: Message
}

export interface LinkOptions {
  readonly url: string
  readonly clientId: string
  /** The one vehicle whose connection it is, or those that share it. */
  readonly units: ReadonlyArray<TelematicsUnit>
  readonly events: LinkEvents
}

export class Link {
  readonly units: ReadonlyArray<TelematicsUnit>
  /** Why the latest attempt to connect failed. */
  failure: Error | undefined
  private readonly options: LinkOptions
  /** The vehicle whose own connection it is. */
  private readonly own: TelematicsUnit | undefined
  private client: MqttClient | undefined
  private isUp = false
  /** False while its vehicle is out of reach, and at the end. */
  private isWanted = false
  private wait = shortestWait
  private timer: NodeJS.Timeout | undefined
  private outbox: Array<Transmission> = []
  private next = 0
  private again: Array<Outgoing> = []
  private readonly inFlight = new Set<Outgoing>()
  /** That its vehicle is online with. */
  private session: string | undefined

  constructor(options: LinkOptions) {
    this.options = options
    this.units = options.units
    this.own = options.units.length === 1 ? options.units[0] : undefined
  }

  get connected(): boolean {
    return this.isUp
  }

  get hasRoom(): boolean {
    return this.outbox.length - this.next < mostInFlight
  }

  /** All that it was given has been acknowledged. */
  get idle(): boolean {
    return this.next === this.outbox.length && this.inFlight.size === 0 && this.again.length === 0
  }

  open(): void {
    this.isWanted = true
    this.connect(this.own?.session ?? "")
  }

  send(transmissions: ReadonlyArray<Transmission>): void {
    for (const transmission of transmissions) this.outbox.push(transmission)
    this.pump()
  }

  /** The messages that were not acknowledged, in order. */
  unacknowledged(): ReadonlyArray<Message> {
    const sent = [...this.inFlight, ...this.again].flatMap(({ message }) => (message === undefined ? [] : [message]))
    return [...sent, ...this.outbox.slice(this.next).filter((transmission) => transmission._tag === "Message")]
  }

  /** With a DISCONNECT, so that the will stays unsaid. */
  async close(): Promise<void> {
    this.isWanted = false
    clearTimeout(this.timer)
    const { client, isUp } = this
    this.client = undefined
    this.isUp = false
    // Where no broker listens any more there is nobody to part from.
    await client?.endAsync(!isUp || this.inFlight.size > 0).catch(() => {})
  }

  private connect(session: string): void {
    const { own, options: { url, clientId } } = this
    const will = own && {
      topic: statusTopic(own.vin),
      payload: Buffer.from(status({ online: false, session })),
      qos: 1 as const,
      retain: true,
    }
    const client = mqtt.connect(url, {
      clientId,
      protocolVersion: 4,
      clean: true,
      keepalive: 60,
      connectTimeout: 10_000,
      // Reconnecting and sending again are done here, in an order of our own.
      reconnectPeriod: 0,
      ...(will && { will }),
    })
    this.client = client
    client.on("error", (error) => {
      this.failure = error
    })
    client.once("connect", () => this.connectedAgain())
    client.once("close", () => {
      if (this.client === client) this.disconnected(session)
    })
  }

  private connectedAgain(): void {
    this.isUp = true
    this.wait = shortestWait
    this.failure = undefined
    // The will has said that the vehicle is gone.
    const { own, session } = this
    if (own && session !== undefined) this.publish(statusOf(own.vin, { online: true, session, at: own.now() }))
    this.pump()
  }

  private disconnected(session: string): void {
    const wasUp = this.isUp
    this.client = undefined
    this.isUp = false
    const lost = [...this.inFlight]
    this.inFlight.clear()
    // A vehicle's own status is said anew on connecting; those of a shared connection are not.
    this.again = [...(this.own ? lost.filter(({ message }) => message !== undefined) : lost), ...this.again]
    if (!this.isWanted) return this.pump()
    if (wasUp) this.options.events.brokerLost()
    // Spread out, so that a fleet does not come back all at once.
    this.timer = setTimeout(() => this.connect(session), this.wait * (0.75 + 0.5 * Math.random()))
    this.wait = Math.min(this.wait * 2, longestWait)
  }

  private pump(): void {
    while (this.isUp && this.inFlight.size < mostInFlight) {
      const repeated = this.again.shift()
      if (repeated !== undefined) {
        if (repeated.message) this.options.events.resent(repeated.message)
        this.publish(repeated)
        continue
      }
      const transmission = this.outbox[this.next]
      if (transmission === undefined || !this.transmit(transmission)) break
      this.next++
    }
    const first = this.outbox[this.next]
    if (!this.isWanted && this.client === undefined && first?._tag === "Connect") {
      this.isWanted = true
      this.connect(first.session)
    }
    if (this.next === this.outbox.length || this.next > 1_000) {
      this.outbox = this.outbox.slice(this.next)
      this.next = 0
    }
  }

  /** False: not before what is in flight has been acknowledged. */
  private transmit(transmission: Transmission): boolean {
    const { own } = this
    switch (transmission._tag) {
      case "Message":
        this.options.events.published(transmission)
        this.publish({ topic: transmission.topic, payload: transmission.payload, message: transmission })
        return true
      case "Connect": {
        const { vehicle, session, at } = transmission
        this.session = session
        this.publish(statusOf(vehicle, { online: true, session, at }))
        return true
      }
      case "Lose": {
        if (!own) {
          this.publish(statusOf(transmission.vehicle, { online: false, session: transmission.session }))
          return true
        }
        if (this.inFlight.size > 0) return false
        this.session = undefined
        this.isWanted = false
        this.isUp = false
        this.client?.stream.destroy()
        return true
      }
      case "Leave": {
        const { vehicle, session, at } = transmission
        this.session = undefined
        this.publish(statusOf(vehicle, { online: false, session, at }))
        return true
      }
    }
  }

  private publish(outgoing: Outgoing): void {
    const { client } = this
    const { topic, payload, message } = outgoing
    this.inFlight.add(outgoing)
    client?.publish(topic, payload, { qos: 1, retain: message === undefined }, (error) => {
      // One that failed stays in flight until the connection's end, and then goes out again.
      if (error || this.client !== client || !this.inFlight.delete(outgoing)) return
      if (message) this.options.events.acknowledged(message)
      this.pump()
    })
  }
}

interface Status {
  readonly online: boolean
  readonly session: string
  readonly at?: string
}

const statusTopic = (vin: string): string => `vehicles/${vin}/status`
const status = (value: Status): string => JSON.stringify(value)
const statusOf = (vin: string, value: Status): Outgoing => ({ topic: statusTopic(vin), payload: status(value) })
