/**
 * Vehicles that publish numbered messages over one connection, and a ledger of what was acknowledged. What was not
 * acknowledged goes out again, in order and without gaps, as a telematics unit does; so a message may come twice.
 */
import { Effect } from "effect"
import type { SignalValue } from "../../domain/signals/signal.ts"
import { mqttLink } from "./mqtt-link.ts"

export interface Message {
  readonly session: string
  readonly seq: number
  readonly at: string
  readonly signals: Readonly<Record<string, SignalValue>>
}

export interface LedgerEntry<M = Message> {
  readonly vin: string
  /** Its place among the vehicle's messages, from 0. */
  readonly n: number
  readonly message: M
  acknowledged: boolean
}

export interface Load<M = Message> {
  readonly vins: ReadonlyArray<string>
  readonly message: (vin: string, n: number) => M
  /** Unacknowledged at most. */
  readonly window: number
  /** Messages of all these vehicles together. What an interruption held up follows as fast as it can. */
  readonly perSecond: number
}

/** The connection to a broker, which it opens again by itself. */
export interface Link<M = Message> {
  readonly isOpen: () => boolean
  /** Comes after all that was sent before; what was not acknowledged on one connection is sent again on the next. */
  readonly send: (entry: LedgerEntry<M>) => void
  readonly close: () => void
}

/** What a link tells its publisher. */
export interface Told<M = Message> {
  readonly unacknowledged: () => ReadonlyArray<LedgerEntry<M>>
  readonly acknowledged: (entry: LedgerEntry<M>) => void
  readonly opened: () => void
}

class Publisher<M = Message> {
  readonly ledger: Array<LedgerEntry<M>> = []
  /** Messages by vehicle. */
  readonly published = new Map<string, number>()
  readonly #load: Load<M>
  readonly #link: Link<M>
  readonly #unacknowledged = new Set<LedgerEntry<M>>()
  readonly #run: Promise<void>
  #finishing = false
  #wake: (() => void) | undefined

  constructor(load: Load<M>, link: (told: Told<M>) => Link<M>) {
    this.#load = load
    this.#link = link({
      unacknowledged: () => this.unacknowledged,
      acknowledged: (entry) => {
        entry.acknowledged = true
        this.#unacknowledged.delete(entry)
        this.#wake?.()
      },
      opened: () => this.#wake?.(),
    })
    this.#run = this.#publish()
  }

  get unacknowledged(): ReadonlyArray<LedgerEntry<M>> {
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
    this.#finishing = true
    this.#link.close()
    this.#wake?.()
  }

  async #publish(): Promise<void> {
    const { message, perSecond, vins, window } = this.#load
    const began = performance.now()
    let count = 0
    for (let n = 0;; n++) {
      for (const vin of vins) {
        while (!this.#finishing && (!this.#link.isOpen() || this.#unacknowledged.size >= window)) await this.#sleep()
        while (!this.#finishing && performance.now() - began < count * 1000 / perSecond) {
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
        if (this.#finishing) return
        const entry: LedgerEntry<M> = { vin, n, message: message(vin, n), acknowledged: false }
        count++
        this.ledger.push(entry)
        this.published.set(vin, n + 1)
        this.#unacknowledged.add(entry)
        this.#link.send(entry)
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

/** Publishes over a link from now on, until it is finished or the scope closes. */
export const publishingOver = <M>(load: Load<M>, link: (told: Told<M>) => Link<M>) =>
  Effect.acquireRelease(
    Effect.sync(() => new Publisher(load, link)),
    (publisher) => Effect.sync(() => publisher.stop()),
  )

/** Publishes over MQTT. */
export const publishing = ({ url, ...load }: Load & { readonly url: string }) => publishingOver(load, mqttLink(url))
