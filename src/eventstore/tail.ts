/**
 * The end of the log: where it is, who waits for it to move, and its newest events in memory. Live subscribers are
 * served from there, so that an event is neither read nor parsed again for each of them; it is bounded by count and
 * by bytes, and whoever is further behind reads the file.
 */
import type { RecordedEvent } from "./event-store.ts"

export interface TailEvent {
  readonly event: RecordedEvent
  readonly position: number
  /** What it counts for against the tail's bound. */
  readonly bytes: number
}

export class Tail {
  readonly #capacity: number
  readonly #maxBytes: number
  readonly #events: Array<TailEvent | undefined>
  #bytes = 0
  /** Positions of the oldest event held, and of the next to come. Those between have no gap. */
  #first = 1
  #next = 1
  #head = 0
  #waiting = new Set<() => void>()

  constructor(capacity: number, maxBytes: number) {
    this.#capacity = capacity
    this.#maxBytes = maxBytes
    this.#events = Array.from({ length: capacity })
  }

  /** The position of the newest durable event. */
  get head(): number {
    return this.#head
  }

  /** New events, in log order, and the log's end after them. */
  advance(head: number, events: ReadonlyArray<TailEvent> = []): void {
    for (const event of events) this.#push(event)
    if (head <= this.#head) return
    this.#head = head
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const wake of waiting) wake()
  }

  /** Calls back once, when the head has moved. Returns how to call that off. */
  onAdvance(wake: () => void): () => void {
    this.#waiting.add(wake)
    return () => this.#waiting.delete(wake)
  }

  /** At most `max` events right after a position; undefined if they are not all held. */
  after(position: number, max: number): ReadonlyArray<RecordedEvent> | undefined {
    if (position + 1 < this.#first || position + 1 >= this.#next) return undefined
    const end = Math.min(this.#next, position + 1 + max)
    const events: Array<RecordedEvent> = []
    for (let p = position + 1; p < end; p++) {
      const held = this.#events[p % this.#capacity]
      if (held !== undefined) events.push(held.event)
    }
    return events
  }

  #push(added: TailEvent) {
    // After a failed commit positions may go on elsewhere than memory thought.
    if (added.position !== this.#next) {
      while (this.#first < this.#next) this.#dropOldest()
      this.#first = added.position
    }
    while (
      this.#first < added.position &&
      (added.position - this.#first >= this.#capacity || this.#bytes + added.bytes > this.#maxBytes)
    ) this.#dropOldest()
    this.#events[added.position % this.#capacity] = added
    this.#bytes += added.bytes
    this.#next = added.position + 1
  }

  #dropOldest() {
    const slot = this.#first % this.#capacity
    this.#bytes -= this.#events[slot]?.bytes ?? 0
    this.#events[slot] = undefined
    this.#first++
  }
}
