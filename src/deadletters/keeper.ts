/**
 * Keeps dead letters to a number and an age: the oldest of each stream are truncated. A stream's last event stays, how
 * old it may be. What became of letters counts among them.
 */
import { Clock, Effect, Layer, Metric, Option, Schedule, Stream } from "effect"
import { EventStore } from "../eventstore/event-store.ts"
import { type Kind, kinds, streamOf } from "./stored-letter.ts"

export interface KeeperOptions {
  /** `DEAD_LETTERS_MAX`: of one source. */
  readonly max: number
  /** `DEAD_LETTERS_KEEP`, ms. */
  readonly keep: number
}

const lookEvery = Schedule.spaced("10 seconds")

const metricsOf = (source: Kind) => ({
  held: Metric.gauge("vehicle_twin_dead_letters_held", {
    description: "Dead letters in the log, and events of what became of them, by where they came from",
    attributes: { source },
  }),
  removed: Metric.counter("vehicle_twin_dead_letters_removed_total", {
    description: "Of those, how many were let go for their number or age",
    attributes: { source },
    incremental: true,
  }),
})

export const layer = (options: KeeperOptions): Layer.Layer<never, never, EventStore> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const store = yield* EventStore
    const streams = kinds.map((kind) => ({ stream: streamOf(kind), metrics: metricsOf(kind) }))
    const look = Effect.forEach(streams, ({ metrics, stream }) =>
      Effect.gen(function*() {
        const { held, removed } = yield* bound(store, stream, options)
        yield* Metric.update(metrics.held, held)
        if (removed === 0) return
        yield* Metric.update(metrics.removed, removed)
        yield* Effect.logInfo(`Let the oldest ${removed} events of ${stream} go`)
      }).pipe(
        // Whoever asks for letters hears of it too; here the next look may succeed.
        Effect.catch((error) => Effect.logWarning(`${stream} is not kept to its bounds now: ${error.message}`)),
      ))
    yield* look.pipe(Effect.repeat(lookEvery), Effect.forkScoped)
  }))

/** Brings one stream within its bounds. How many events it has then, and how many it had before that. */
export const bound = Effect.fnUntraced(function*(
  store: EventStore["Service"],
  stream: string,
  { keep, max }: KeeperOptions,
) {
  const at = (from: number) => Effect.map(Stream.runHead(store.read(stream, { from, limit: 1 })), Option.getOrUndefined)
  const oldest = yield* at(0)
  if (oldest === undefined) return { held: 0, removed: 0 }
  const { revision: first } = oldest
  const last = yield* store.revision(stream)
  const cutoff = (yield* Clock.currentTimeMillis) - keep
  let before = Math.max(first, last + 1 - max)
  // By halves, to the first event that is young enough, or the last; mostly the oldest is.
  let young = oldest.created < cutoff ? last : before
  while (before < young) {
    const middle = Math.floor((before + young) / 2)
    const event = yield* at(middle)
    if (event === undefined || event.created >= cutoff) young = middle
    else before = middle + 1
  }
  if (before > first) yield* store.truncate(stream, before)
  return { held: last + 1 - before, removed: before - first }
}, Effect.catchTag("StreamDeleted", () => Effect.succeed({ held: 0, removed: 0 })))
