/** How far a subscriber has come, and what the server's answers mean for it. */
import type { ReadResp } from "@eventstore/db-client/generated/streams_pb.js"
import { EventUnreadable } from "./errors.ts"
import type { Delivery, Filter, RecordedEvent } from "./event-store.ts"
import { positionOf, sentIn, toPosition, toRecorded } from "./eventstoredb-messages.ts"
import { matches } from "./filter.ts"
import type { Position } from "./position.ts"

/** A filter that nothing matches is told so this long after the last delivery. */
const checkpointMillis = 500

export class Progress {
  readonly #wanted: (event: RecordedEvent) => boolean
  /** The subscriber was told of all up to here. */
  #told: Position
  #toldAt = performance.now()
  /** Nothing that matches stands between `#told` and here. */
  #seen: Position
  /** The server says that it has sent what comes before this. What stands there may still come, or be written. */
  #announced: Position | undefined
  #isLive = false
  #caughtUp = false
  #events: Array<RecordedEvent> = []
  #deliveries: Array<Delivery> = []

  constructor(after: Position, filter: Filter | undefined) {
    this.#told = after
    this.#seen = after
    this.#wanted = matches(filter)
  }

  /** A subscription after this position misses and repeats nothing. */
  get seen(): Position {
    return this.#seen
  }

  /**
   * The server says that it has sent all it has. Of a cluster, that may be less than what another node has shown, so it
   * moves nothing on.
   */
  get isLive(): boolean {
    return this.#isLive
  }

  /** A new subscription is under way, and what the last one announced is void. */
  begin(): void {
    this.#announced = undefined
    this.#isLive = false
    this.#caughtUp = false
  }

  /**
   * Takes what the server sent. Returns what cannot be read; what comes before it can still be handed out, and what
   * comes after it is not taken.
   */
  take(answers: ReadonlyArray<ReadResp>): EventUnreadable | undefined {
    for (const answer of answers) {
      const sent = sentIn(answer)
      if (sent !== undefined) {
        const position = positionOf(sent)
        if (position <= this.#seen) continue
        try {
          const event = toRecorded(sent)
          if (event !== undefined && this.#wanted(event)) this.#events.push(event)
        } catch (error) {
          if (error instanceof EventUnreadable) return error
          throw error
        }
        this.#seen = position
      } else if (answer.hasCheckpoint()) {
        const announced = toPosition(answer.getCheckpoint()?.getCommitPosition() ?? "0")
        if (this.#announced !== undefined && this.#announced < announced) this.see(this.#announced)
        this.#announced = announced
      } else if (answer.hasCaughtUp()) {
        this.#isLive = true
      } else if (answer.hasFellBehind()) {
        this.#isLive = false
        this.#caughtUp = false
      }
    }
    return undefined
  }

  /** Nothing that matches stands before or at this position that was not taken. */
  see(position: Position): void {
    if (position > this.#seen) this.#seen = position
  }

  /** What comes next is live. */
  catchUp(): void {
    if (this.#caughtUp) return
    this.#caughtUp = true
    this.#flush(true)
    this.#deliveries.push({ _tag: "CaughtUp" })
  }

  /** What is to be handed out. With `quiet`, there is nothing that a checkpoint could wait for. */
  deliveries(quiet = false): ReadonlyArray<Delivery> {
    this.#flush(quiet || performance.now() - this.#toldAt >= checkpointMillis)
    const deliveries = this.#deliveries
    this.#deliveries = []
    return deliveries
  }

  #flush(checkpoint: boolean): void {
    const events = this.#events
    if (events.length > 0) this.#tell({ _tag: "Events", events, upTo: this.#seen })
    else if (checkpoint && this.#seen > this.#told) this.#tell({ _tag: "Checkpoint", upTo: this.#seen })
  }

  #tell(delivery: Delivery): void {
    this.#events = []
    this.#told = this.#seen
    this.#toldAt = performance.now()
    this.#deliveries.push(delivery)
  }
}
