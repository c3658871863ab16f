/**
 * The whole log as a stream of deliveries: history in pages, then what is appended from now on. The position is the
 * only state, so there is no seam between the two where an event could be missed or come twice.
 */
import { Effect, Stream } from "effect"
import type { NonEmptyReadonlyArray } from "effect/Array"
import type { EventStoreError } from "./errors.ts"
import type { Delivery, Filter } from "./event-store.ts"
import { matches } from "./filter.ts"
import { fromNumber } from "./position.ts"
import type { Reader } from "./sqlite-reader.ts"
import type { Tail } from "./tail.ts"

/** Events that a live delivery has at most. */
const maxLive = 1_000
/** A filter that nothing matches is told so after this many positions, or this long after the last delivery. */
const checkpointPositions = 10_000
const checkpointMillis = 500

export const subscribe = (
  reader: Reader,
  tail: Tail,
  start: number,
  filter: Filter | undefined,
): Stream.Stream<Delivery, EventStoreError> =>
  Stream.fromPull(Effect.sync(() => {
    const wanted = matches(filter)
    let after = start
    /** The position that the consumer was last told of, and when. */
    let told = start
    let toldAt = performance.now()
    let caughtUp = false

    const tell = (...deliveries: NonEmptyReadonlyArray<Delivery>) => {
      told = after
      toldAt = performance.now()
      return deliveries
    }
    const checkpoint = (): Delivery => ({ _tag: "Checkpoint", upTo: fromNumber(after) })

    return Effect.gen(function*() {
      while (true) {
        if (after >= tail.head) {
          if (!caughtUp) {
            caughtUp = true
            return told < after ? tell(checkpoint(), { _tag: "CaughtUp" }) : tell({ _tag: "CaughtUp" })
          }
          const due = toldAt + checkpointMillis - performance.now()
          if (told < after && due <= 0) return tell(checkpoint())
          yield* moved(tail, told < after ? due : undefined)
          continue
        }
        const recent = tail.after(after, maxLive)
        let events
        if (recent !== undefined) {
          after += recent.length
          events = filter === undefined ? recent : recent.filter(wanted)
        } else {
          // A page blocks the event loop, so that others come first.
          yield* Effect.yieldNow
          const page = yield* reader.log(filter, after, tail.head)
          after = page.upTo
          events = page.events
          if (after < tail.head) caughtUp = false
        }
        if (events.length > 0) return tell({ _tag: "Events", events, upTo: fromNumber(after) })
        if (after - told >= checkpointPositions) return tell(checkpoint())
      }
    })
  }))

/** Waits until the log's end moves, or for some milliseconds. */
const moved = (tail: Tail, millis: number | undefined): Effect.Effect<void> =>
  Effect.callback((resume) => {
    let timer: NodeJS.Timeout | undefined
    const forget = tail.onAdvance(() => {
      clearTimeout(timer)
      resume(Effect.void)
    })
    if (millis !== undefined) {
      timer = setTimeout(() => {
        forget()
        resume(Effect.void)
      }, millis)
    }
    return Effect.sync(() => {
      clearTimeout(timer)
      forget()
    })
  })
