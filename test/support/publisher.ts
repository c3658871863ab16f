/**
 * Vehicles that publish numbered messages over MQTT and keep a ledger of what was acknowledged. A connection that
 * breaks is opened again, and what was not acknowledged goes out again first, in order: as a telematics unit does.
 */
import { connect, type MqttClient } from "mqtt"

export interface LedgerEntry {
  readonly vin: string
  readonly session: string
  readonly seq: number
  readonly payload: string
  acknowledged: boolean
}

export interface PublisherOptions {
  readonly url: string
  readonly vins: ReadonlyArray<string>
  /** Message `seq` of a vehicle. */
  readonly message: (vin: string, seq: number) => object
  readonly session: string
  /** Unacknowledged at most. */
  readonly window: number
}

export class Publisher {
  readonly ledger: Array<LedgerEntry> = []
  readonly #options: PublisherOptions
  readonly #unacknowledged = new Set<LedgerEntry>()
  #client: MqttClient | undefined
  #stopped = false
  #room: (() => void) | undefined
  reconnects = 0

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#open()
  }

  #open(): void {
    const client = connect(this.#options.url, { reconnectPeriod: 0, protocolVersion: 4, keepalive: 30, connectTimeout: 2000 })
    client.on("connect", () => {
      this.#client = client
      for (const entry of this.#unacknowledged) this.#send(client, entry)
      this.#room?.()
    })
    client.on("error", () => {})
    client.on("close", () => {
      this.#client = undefined
      this.reconnects++
      if (!this.#stopped) setTimeout(() => this.#open(), 50)
    })
  }

  #send(client: MqttClient, entry: LedgerEntry): void {
    client.publish(`vehicles/${entry.vin}/telemetry`, entry.payload, { qos: 1 }, (error) => {
      if (error) return
      entry.acknowledged = true
      this.#unacknowledged.delete(entry)
      this.#room?.()
    })
  }

  /** Publishes messages `from` to `to` of every vehicle, in turn, and waits until each is acknowledged. */
  async run(from: number, to: number): Promise<void> {
    const { message, session, vins, window } = this.#options
    for (let seq = from; seq < to; seq++) {
      for (const vin of vins) {
        while (this.#client === undefined || this.#unacknowledged.size >= window) await this.#wait()
        const payload = JSON.stringify({ ...message(vin, seq), session, seq })
        const entry: LedgerEntry = { vin, session, seq, payload, acknowledged: false }
        this.ledger.push(entry)
        this.#unacknowledged.add(entry)
        this.#send(this.#client, entry)
      }
    }
    while (this.#unacknowledged.size > 0) await this.#wait()
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#room = () => {
        this.#room = undefined
        resolve()
      }
    })
  }

  stop(): void {
    this.#stopped = true
    this.#client?.end(true)
  }
}
