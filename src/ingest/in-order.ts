/**
 * MQTT wants messages acknowledged in the order they came (MQTT 5, 4.6), while vehicles finish in any order. One of
 * these belongs to one connection and goes with it.
 */
export class InOrder {
  readonly #waiting: Array<Entry> = []
  #head = 0

  /** Takes the next place. What it returns says that the message is durable; `acknowledge` runs when its turn comes. */
  add(acknowledge: () => void): () => void {
    const entry: Entry = { acknowledge, durable: false }
    this.#waiting.push(entry)
    return () => {
      entry.durable = true
      this.#flush()
    }
  }

  #flush(): void {
    const waiting = this.#waiting
    for (;;) {
      const first = waiting[this.#head]
      if (first === undefined || !first.durable) break
      this.#head++
      first.acknowledge()
    }
    if (this.#head === waiting.length || this.#head >= 1024) {
      waiting.splice(0, this.#head)
      this.#head = 0
    }
  }
}

interface Entry {
  readonly acknowledge: () => void
  durable: boolean
}
