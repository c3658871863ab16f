/** How many messages one way in has taken and not yet settled, so that it can wait for them before it closes. */
import { type Effect, Latch } from "effect"

export class Outstanding {
  readonly #none = Latch.makeUnsafe(true)
  #count = 0

  /** Waits until all is settled. */
  readonly none: Effect.Effect<void> = this.#none.await

  get count(): number {
    return this.#count
  }

  taken(): void {
    if (this.#count++ === 0) this.#none.closeUnsafe()
  }

  settled(): void {
    if (--this.#count === 0) this.#none.openUnsafe()
  }
}
