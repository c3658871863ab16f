/**
 * A log whose older events were moved to files, read as if they were still in it: streams, the whole log and
 * subscriptions hand them out in their places. Costs a look at one small stream where history is read, and nothing
 * where events are live.
 */
import { Clock, Effect, Layer, Stream } from "effect"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Archive from "./archive.ts"
import { merged } from "./archive-merge.ts"
import { EventStore, type Delivery, type Filter, type RecordedEvent } from "./event-store.ts"
import { beginning, type Position } from "./position.ts"

type Store = EventStore["Service"]

/**
 * Nothing younger is moved (`src/replay/archiving.ts`), so that who is at the log's end need not look for files. Longer
 * than clocks of machines differ.
 */
export const youngestMillis = 60 * 60 * 1_000
const surelyYoungMillis = youngestMillis / 2

export const layer = (options: { readonly folder: string }): Layer.Layer<EventStore, never, EventStore> =>
  Layer.effect(EventStore, Effect.map(EventStore, (store) => archived(store, options.folder)))

const isArchivable = (stream: string): boolean => stream.startsWith(Archive.archivedPrefix)

/** Whether a filter lets events through that may be in files. */
const concernsFiles = (filter: Filter | undefined): boolean =>
  filter === undefined || !("streams" in filter) || filter.streams.some((prefix) =>
    prefix.startsWith(Archive.archivedPrefix) || Archive.archivedPrefix.startsWith(prefix))

const archived = (store: Store, folder: string): Store => {
  const archive = Archive.make(store, folder)

  const read: Store["read"] = (stream, options = {}) => {
    if (!isArchivable(stream)) return store.read(stream, options)
    const { from = 0, limit } = options
    return Stream.suspend(() => {
      let expected = from
      return store.read(stream, options).pipe(
        Stream.chunks,
        Stream.flatMap((events) => {
          const gap = { low: expected, high: events[0].revision - 1 }
          expected = gap.high + events.length + 1
          const there = Stream.fromArray(events)
          return gap.low > gap.high
            ? there
            : Stream.concat(archive.readStream(stream, gap.low, gap.high, "forwards"), there)
        }),
        limit === undefined ? (events) => events : Stream.take(limit),
      )
    })
  }

  const readBackwards: Store["readBackwards"] = (stream, options = {}) => {
    if (!isArchivable(stream)) return store.readBackwards(stream, options)
    const { from = Number.MAX_SAFE_INTEGER, limit = Number.MAX_SAFE_INTEGER } = options
    return Stream.suspend(() => {
      let lowest = from + 1
      let left = limit
      return store.readBackwards(stream, options).pipe(
        Stream.chunks,
        Stream.map((events) => {
          lowest = events.at(-1)?.revision ?? lowest
          left -= events.length
          return events
        }),
        Stream.flattenArray,
        Stream.concat(Stream.suspend(() =>
          lowest === 0 || left <= 0
            ? Stream.empty
            : Stream.take(archive.readStream(stream, 0, lowest - 1, "backwards"), left)
        )),
      )
    })
  }

  const readAll: Store["readAll"] = (options) => {
    const { after, filter, limit } = options
    if (!concernsFiles(filter)) return store.readAll(options)
    const all = Stream.unwrap(Effect.map(store.head, (end) => merged(store, archive, { after, end, filter })))
    return limit === undefined ? all : Stream.take(all, limit)
  }

  /** What is moved lies before this. */
  const archivedTo = Effect.map(archive.entries, (entries) => {
    let last: Position = beginning
    for (const { lastPosition } of entries) if (lastPosition > last) last = lastPosition
    return last
  })

  /** Subscribes after a position before which nothing is to be had from files, until that is so no more. */
  const live = (after: Position, filter: Filter | undefined): ReturnType<Store["subscribeAll"]> =>
    Stream.suspend(() => {
      const seen = { upTo: after, created: 0 }
      let moved = false
      const isWhole = Effect.fnUntraced(function*(delivery: Delivery) {
        if (delivery._tag === "CaughtUp") return true
        // All of it is younger than what was seen before.
        if (seen.created < (yield* Clock.currentTimeMillis) - surelyYoungMillis) {
          moved = (yield* archivedTo) > seen.upTo
          if (moved) return false
        }
        seen.upTo = delivery.upTo
        if (delivery._tag === "Events") seen.created = delivery.events.at(-1)?.created ?? seen.created
        return true
      })
      return Stream.concat(
        Stream.takeWhileEffect(store.subscribeAll(withFilter(after, filter)), isWhole),
        Stream.suspend(() => moved ? subscribed(seen.upTo, filter) : Stream.empty),
      )
    })

  const subscribed = (after: Position, filter: Filter | undefined): ReturnType<Store["subscribeAll"]> =>
    Stream.unwrap(Effect.map(archivedTo, (end) => {
      if (end <= after) return live(after, filter)
      let upTo = after
      const history = merged(store, archive, { after, end, filter }).pipe(
        Stream.chunks,
        Stream.map((events): Delivery => {
          upTo = lastOf(events)
          return { _tag: "Events", events, upTo }
        }),
      )
      const nothingMore = Stream.suspend(() =>
        upTo < end ? Stream.succeed<Delivery>({ _tag: "Checkpoint", upTo: end }) : Stream.empty
      )
      return history.pipe(Stream.concat(nothingMore), Stream.concat(live(end, filter)))
    }))

  return {
    ...store,
    read,
    readBackwards,
    readAll,
    subscribeAll: (options) =>
      concernsFiles(options.filter) ? subscribed(options.after, options.filter) : store.subscribeAll(options),
  }
}

const withFilter = (after: Position, filter: Filter | undefined) =>
  filter === undefined ? { after } : { after, filter }

const lastOf = (events: NonEmptyReadonlyArray<RecordedEvent>): Position => (events.at(-1) ?? events[0]).position
