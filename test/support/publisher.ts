/**
 * Vehicles that publish numbered messages over one MQTT connection, and a ledger of what was acknowledged. A connection
 * that breaks is opened again, and what was not acknowledged goes out again first, in order: as a telematics unit does.
 */
import { connect, type MqttClient } from "mqtt"
import { Effect } from "effect"
import type { SignalValue } from "../../domain/signals/signal.ts"

export interface Message {
  readonly session: string
  readonly seq: number
  readonly at: string
  readonly signals: Readonly<Record<string, SignalValue>>
}

export interface LedgerEntry {
  readonly vin: string
  /** Its place among the vehicle's messages, from 0. */
  readonly n: number
  readonly message: Message
  acknowledged: boolean
}

export interface PublisherOptions {
  readonly url: string
  readonly vins: ReadonlyArray<string>
  readonly message: (vin: string, n: number) => Message
  /** Unacknowledged at most. */
  readonly window: number
  /** Messages of all these vehicles together. What an interruption held up follows as fast as it can. */
  readonly perSecond: number
}

class Publisher {
  readonly ledger: Array<LedgerEntry> = []
  readonly #options: PublisherOptions
  readonly #unacknowledged = new Set<LedgerEntry>()
  readonly #run: Promise<void>
  /** The connection, opening or open. */
  #client: MqttClient | undefined
  #isOpen = false
  #reopening: NodeJS.Timeout | undefined
  #finishing = false
  #stopped = false
  #wake: (() => void) | undefined

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#open()
    this.#run = this.#publish()
  }

  get unacknowledged(): ReadonlyArray<LedgerEntry> {
    return [...this.#unacknowledged]
  }

  /** For an acknowledgement. */
  get isWaiting(): boolean {
    return this.#unacknowledged.size > 0
  }

  /** Still has new messages to publish. */
  get isPublishing(): boolean {
    return !this.#finishing
  }

  /** No new messages; done once each is acknowledged. */
  async finish(): Promise<void> {
    this.#finishing = true
    this.#wake?.()
    await this.#run
    while (this.#unacknowledged.size > 0) await this.#sleep()
  }

  stop(): void {
    this.#stopped = this.#finishing = true
    clearTimeout(this.#reopening)
    this.#client?.end(true)
    this.#wake?.()
  }

  #open(): void {
    const client = connect(this.#options.url, { reconnectPeriod: 0, protocolVersion: 4, keepalive: 30, connectTimeout: 2000 })
    this.#client = client
    client.on("connect", () => {
      this.#isOpen = true
      for (const entry of this.#unacknowledged) this.#send(client, entry)
      this.#wake?.()
    })
    client.on("error", () => {})
    client.once("close", () => {
      this.#isOpen = false
      client.end(true)
      if (!this.#stopped) this.#reopening = setTimeout(() => this.#open(), 50)
    })
  }

  #send(client: MqttClient, entry: LedgerEntry): void {
    client.publish(`vehicles/${entry.vin}/telemetry`, JSON.stringify(entry.message), { qos: 1 }, (error) => {
      if (error) return
      entry.acknowledged = true
      this.#unacknowledged.delete(entry)
      this.#wake?.()
    })
  }

  async #publish(): Promise<void> {
    const { message, perSecond, vins, window } = this.#options
    const began = performance.now()
    let count = 0
    for (let n = 0;; n++) {
      for (const vin of vins) {
        while (!this.#finishing && (!this.#isOpen || this.#unacknowledged.size >= window)) await this.#sleep()
        while (!this.#finishing && performance.now() - began < count * 1000 / perSecond) {
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
        if (this.#finishing) return
        const entry: LedgerEntry = { vin, n, message: message(vin, n), acknowledged: false }
        count++
        this.ledger.push(entry)
        this.#unacknowledged.add(entry)
        // Else it goes out with the next connection.
        if (this.#isOpen && this.#client !== undefined) this.#send(this.#client, entry)
      }
    }
  }

  /** Until something has happened. */
  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
    })
  }
}

export type { Publisher }

/** Publishes from now on, until it is finished or the scope closes. */
export const publishing = (options: PublisherOptions) =>
  Effect.acquireRelease(
    Effect.sync(() => new Publisher(options)),
    (publisher) => Effect.sync(() => publisher.stop()),
  )
