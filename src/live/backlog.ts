/**
 * What a subscriber is yet to be told: one entry a key, the longest waiting first. When more keys wait than it may
 * hold, it lets all go and says from where to read them instead.
 */
import { Effect } from "effect"
import type { Position } from "../eventstore/position.ts"

interface Waiting<Entry> {
  /** All that came before this position is told or waits before this entry. */
  readonly since: Position
  entry: Entry
}

export class Backlog<Entry> {
  readonly #capacity: number
  readonly #waiting = new Map<string, Waiting<Entry>>()
  #lostSince: Position | undefined
  #wake: (() => void) | undefined

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get(key: string): Entry | undefined {
    return this.#waiting.get(key)?.entry
  }

  /** Replaces the key's entry, which keeps its place, or lets it wait after all others. */
  put(key: string, since: Position, entry: Entry): void {
    const waiting = this.#waiting.get(key)
    if (waiting !== undefined) waiting.entry = entry
    else {
      if (this.#waiting.size === this.#capacity) {
        this.#lostSince ??= this.oldest
        this.#waiting.clear()
      }
      this.#waiting.set(key, { since, entry })
    }
    this.#rouse()
  }

  /** Something after this position never came here: lets all go, so that it is read. */
  lose(since: Position): void {
    this.#lostSince ??= this.oldest ?? since
    this.#waiting.clear()
    this.#rouse()
  }

  #rouse(): void {
    if (this.#wake === undefined) return
    // Only once the batch is in: a reader who came between would be told a position that the rest has not reached.
    queueMicrotask(this.#wake)
    this.#wake = undefined
  }

  shift(): Entry | undefined {
    for (const [key, { entry }] of this.#waiting) {
      this.#waiting.delete(key)
      return entry
    }
    return undefined
  }

  /** The position after which something waits to be told; none where nothing waits. */
  get oldest(): Position | undefined {
    for (const { since } of this.#waiting.values()) return since
    return undefined
  }

  /** Whether entries were let go, and the position after which they are to be read. Asking forgets it. */
  takeLost(): Position | undefined {
    const lost = this.#lostSince
    this.#lostSince = undefined
    return lost
  }

  /** Waits for the next `put` or `lose`. For one fiber at a time. */
  readonly arrival: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (this.#waiting.size > 0 || this.#lostSince !== undefined) return resume(Effect.void)
    this.#wake = () => resume(Effect.void)
    return Effect.sync(() => {
      this.#wake = undefined
    })
  })
}
