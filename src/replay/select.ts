/**
 * The part of the log that a selection names, in the log's order: events of the vehicles and of their maintenance.
 *
 * A few vehicles are read stream by stream and merged, so that one vehicle costs what it has and not what the fleet
 * has; more of them, or all, by one pass over the log.
 */
import { Cause, Effect, Pull, Stream } from "effect"
import { streamOf } from "../../domain/vehicle/events.ts"
import type { EventStoreError } from "../eventstore/errors.ts"
import type { EventStore, Filter, RecordedEvent } from "../eventstore/event-store.ts"
import { beginning, type Position } from "../eventstore/position.ts"
import { mapBatches } from "./batches.ts"
import { observedAtOf, receivedAtOf } from "./event-line.ts"
import type { Selection } from "./selection.ts"

type Store = EventStore["Service"]

/** Up to so many vehicles are read stream by stream. */
const fewVehicles = 16
const batchEvents = 500

const maintenanceStream = (vin: string): string => `maintenance-${vin}`

/** The streams of a vehicle that an export has. */
const streamsOf = (vin: string): ReadonlyArray<string> => [streamOf(vin), maintenanceStream(vin)]

/** Those of the vehicles that have no events. */
export const unknownVehicles = (store: Store, vins: ReadonlyArray<string>) =>
  Effect.filter(vins, (vin) =>
    Effect.map(
      Effect.forEach(streamsOf(vin), (stream) =>
        Effect.catchTag(store.revision(stream), "StreamDeleted", () => Effect.succeed(-1))),
      (revisions) => revisions.every((revision) => revision < 0),
    ), { concurrency: 8 })

/** Up to what is in the log now. */
export const select = (store: Store, selection: Selection): Stream.Stream<RecordedEvent, EventStoreError> => {
  const wanted = test(selection)
  return mapBatches((events: ReadonlyArray<RecordedEvent>) => Effect.succeed(events.filter(wanted)))(
    candidates(store, selection),
  )
}

const candidates = (store: Store, { after = beginning, types, vins }: Selection) => {
  if (vins !== undefined && vins.length <= fewVehicles) return merged(store, vins.flatMap(streamsOf), after)
  const filter: Filter = types !== undefined
    ? { types }
    : { streams: vins?.flatMap(streamsOf) ?? ["vehicle-", "maintenance-"] }
  return store.readAll({ after, filter })
}

/** Whether an event is of the selection, but for its position. A log's filter goes by how names begin; this does not. */
export const test = ({ clock, from, to, types, vins }: Selection): (event: RecordedEvent) => boolean => {
  const streams = vins && new Set(vins.flatMap(streamsOf))
  const typeNames = types && new Set(types)
  const timed = from !== undefined || to !== undefined
  const earliest = from ?? -Infinity
  const end = to ?? Infinity
  return (event) => {
    if (typeNames !== undefined && !typeNames.has(event.type)) return false
    if (streams !== undefined) {
      if (!streams.has(event.stream)) return false
    } else if (!event.stream.startsWith("vehicle-") && !event.stream.startsWith("maintenance-")) return false
    if (!timed) return true
    const at = clock === "observed" ? observedAt(event) : receivedAt(event)
    return at >= earliest && at < end
  }
}

/** Epoch ms. */
const receivedAt = (event: RecordedEvent): number => {
  const time = receivedAtOf(event)
  return time === null ? event.created : Date.parse(time)
}

const observedAt = (event: RecordedEvent): number => {
  const time = observedAtOf(event)
  return time === null ? receivedAt(event) : Date.parse(time)
}

interface Cursor {
  /** The stream's next events; done once it fails with `Cause.Done`. */
  readonly pull: Pull.Pull<ReadonlyArray<RecordedEvent>, EventStoreError>
  events: ReadonlyArray<RecordedEvent>
  index: number
}

/** The events of these streams after a position, in the log's order. */
const merged = (store: Store, streams: ReadonlyArray<string>, after: Position) =>
  Stream.fromPull(Effect.gen(function*() {
    // What is appended meanwhile is left out: of a stream that has ended here already it would be missing.
    const head = yield* store.head
    const opened: Array<Cursor> = []
    for (const stream of streams) {
      const from = yield* firstAfter(store, stream, after)
      if (from === undefined) continue
      const pull = yield* Stream.toPull(
        store.read(stream, { from }).pipe(
          Stream.takeWhile(({ position }) => position <= head),
          Stream.catchTag("StreamDeleted", () => Stream.empty),
        ),
      )
      opened.push({ pull, events: [], index: 0 })
    }
    let cursors: ReadonlyArray<Cursor> = opened
    return Effect.gen(function*() {
      const batch: Array<RecordedEvent> = []
      while (batch.length < batchEvents) {
        for (const cursor of cursors) if (cursor.index === cursor.events.length) yield* refill(cursor)
        cursors = cursors.filter(({ events }) => events.length > 0)
        const [first, ...others] = cursors
        if (first === undefined) break
        take(first, others, batch)
      }
      const [event, ...rest] = batch
      return event === undefined ? yield* Cause.done() : [event, ...rest] as const
    })
  })).pipe(Stream.scoped)

/** Empty once the stream has ended. */
const refill = (cursor: Cursor): Effect.Effect<void, EventStoreError> =>
  cursor.pull.pipe(
    Pull.catchDone(() => Effect.succeed<ReadonlyArray<RecordedEvent>>([])),
    Effect.map((events) => {
      cursor.events = events
      cursor.index = 0
    }),
  )

/** Moves events over by their position until one of the cursors has to be filled, or the batch is full. */
const take = (first: Cursor, others: ReadonlyArray<Cursor>, batch: Array<RecordedEvent>): void => {
  while (batch.length < batchEvents) {
    let next = first
    let event = first.events[first.index]
    for (const other of others) {
      const candidate = other.events[other.index]
      if (candidate !== undefined && (event === undefined || candidate.position < event.position)) {
        next = other
        event = candidate
      }
    }
    if (event === undefined) return
    batch.push(event)
    if (++next.index === next.events.length) return
  }
}

/** The revision of a stream's first event after a position, undefined where there is none: by halving. */
const firstAfter = Effect.fnUntraced(function*(store: Store, stream: string, after: Position) {
  const last = yield* Effect.catchTag(store.revision(stream), "StreamDeleted", () => Effect.succeed(-1))
  if (last < 0) return undefined
  if (after === beginning) return 0
  let low = 0
  let high = last + 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const event = yield* at(store, stream, middle)
    if (event === undefined || event.position > after) high = middle
    else low = event.revision + 1
  }
  return low > last ? undefined : low
})

/** A stream's first event from a revision on: a later one where that was truncated. */
const at = (store: Store, stream: string, from: number): Effect.Effect<RecordedEvent | undefined, EventStoreError> =>
  store.read(stream, { from, limit: 1 }).pipe(
    Stream.runCollect,
    Effect.map(([event]) => event),
    Effect.catchTag("StreamDeleted", () => Effect.succeed<RecordedEvent | undefined>(undefined)),
  )
