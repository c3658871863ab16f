/**
 * The way of a replay to the broker: some connections side by side, since brokers take only so many messages of one at
 * a time. A vehicle's messages all go over the same one, in order; and what was taken is known for all together.
 */
import { Effect } from "effect"
import { type Message, PlaybackConnection } from "./playback-connection.ts"

const connections = 8
/** Messages that wait for their PUBACK, of all connections. */
const mostInFlight = 1_000

/** What is told on the way. */
export interface LinkEvents {
  readonly lost: () => void
  readonly back: () => void
}

interface Outgoing extends Message {
  /** Of the event, or the last of them, that it tells. */
  readonly position: string
}

export class PlaybackLink {
  /** All that was published up to here has been acknowledged. */
  position: string | undefined
  #connections: ReadonlyArray<PlaybackConnection> = []
  #lost = 0
  /** In order, from the first that is not acknowledged. */
  readonly #inFlight: Array<Outgoing> = []
  #waiting: Array<() => void> = []

  private constructor() {}

  /** Connected; closed with the scope, whatever is still in flight. */
  static readonly make = Effect.fnUntraced(function*(url: string, { back, lost }: LinkEvents) {
    const link = new PlaybackLink()
    const one = PlaybackConnection.make(url, {
      acknowledged: () => link.#acknowledged(),
      lost: () => link.#lost++ === 0 && lost(),
      back: () => --link.#lost === 0 && back(),
    })
    // One by one: the first says whether anybody is there.
    link.#connections = yield* Effect.replicateEffect(one, connections)
    return link
  })

  get hasRoom(): boolean {
    return this.#inFlight.length < mostInFlight
  }

  /** Waits until there is room for one more. */
  get room(): Effect.Effect<void> {
    return this.#until(() => this.hasRoom)
  }

  /** Waits until all has been acknowledged. */
  get idle(): Effect.Effect<void> {
    return this.#until(() => this.#inFlight.length === 0)
  }

  publish(vin: string, message: Omit<Outgoing, "isAcknowledged">): void {
    const outgoing = { ...message, isAcknowledged: false }
    this.#inFlight.push(outgoing)
    this.#connections[laneOf(vin)]?.publish(outgoing)
  }

  #acknowledged(): void {
    let done = 0
    for (; this.#inFlight[done]?.isAcknowledged === true; done++) this.position = this.#inFlight[done]?.position
    if (done === 0) return
    this.#inFlight.splice(0, done)
    const waiting = this.#waiting
    this.#waiting = []
    for (const look of waiting) look()
  }

  #until(holds: () => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const look = () => {
        if (holds()) resume(Effect.void)
        else this.#waiting.push(look)
      }
      look()
    })
  }
}

/** The end of a VIN is a serial number. */
const laneOf = (vin: string): number => {
  let sum = 0
  for (let i = 0; i < vin.length; i++) sum = (sum * 31 + vin.charCodeAt(i)) % 65_521
  return sum % connections
}
