/**
 * Up to where a vehicle's events can be moved out of the log: before the event that a snapshot was made after. That
 * event stays, and so does the snapshot, from which all later states are folded. Its word is not taken for it: the
 * events that are to go, folded on what they follow, must give exactly the snapshot's state.
 */
import { isDeepStrictEqual } from "node:util"
import { Effect, Option, Result, Schema, Stream } from "effect"
import * as Archived from "../../domain/vehicle/archived.ts"
import { streamOf } from "../../domain/vehicle/events.ts"
import * as Record from "../../domain/vehicle/record.ts"
import * as Snapshot from "../../domain/vehicle/snapshot.ts"
import * as State from "../../domain/vehicle/state.ts"
import type { EventStore, RecordedEvent } from "../eventstore/event-store.ts"
import { beginning, type Position } from "../eventstore/position.ts"

type Store = EventStore["Service"]

/** A vehicle's newest snapshot of its time. */
export interface Candidate {
  readonly vin: string
  /** Of the vehicle's stream. */
  readonly revision: number
  /** Of the snapshot on its own stream. */
  readonly snapshot: number
}

/** What of a vehicle can be moved. */
export interface Part {
  readonly vin: string
  readonly fromRevision: number
  /** The boundary is the next. */
  readonly toRevision: number
  readonly snapshot: number
  readonly lastPosition: Position
}

/** Why a vehicle's events stay in the log. */
export class NoBoundary extends Schema.TaggedError<NoBoundary>()("NoBoundary", {
  vin: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return `The events of ${this.vin} stay in the log: ${this.reason}`
  }
}

const prefix = Snapshot.streamOf("")

/** By VIN, the newest snapshot that was made, and stored, by these times (epoch ms), and can be read. */
export const candidates = (
  log: Store,
  { before, storedBefore }: { readonly before: number; readonly storedBefore: number },
): Effect.Effect<ReadonlyMap<string, Candidate>, Stream.Error<ReturnType<Store["readAll"]>>> =>
  log.readAll({ after: beginning, filter: { streams: [prefix] } }).pipe(
    Stream.runFold(() => new Map<string, Candidate>(), (found, event) => {
      const vin = event.stream.slice(prefix.length)
      const twin = event.created <= storedBefore ? stateIn(vin, event)?.twin : undefined
      if (twin !== undefined && twin.updatedAt <= before && twin.revision > (found.get(vin)?.revision ?? 0)) {
        found.set(vin, { vin, revision: twin.revision, snapshot: event.revision })
      }
      return found
    }),
  )

const stateIn = (vin: string, { data, metadata }: RecordedEvent): State.State | undefined =>
  Option.getOrUndefined(Snapshot.decode(vin, data, metadata))

/** Where the vehicle's events in the log begin: after those that were moved before. */
const firstRevision = Effect.fnUntraced(function*(log: Store, vin: string) {
  const [last] = yield* Stream.runCollect(log.readBackwards(Archived.streamOf(vin), { limit: 1 }))
  if (last === undefined) return 0
  return yield* Schema.decodeUnknownEffect(Archived.EventsArchived)(last.data).pipe(
    Effect.map(({ toRevision }) => toRevision + 1),
    Effect.mapError(({ message }) => new NoBoundary({ vin, reason: `what was archived of it before: ${message}` })),
  )
})

/** What can be moved of a vehicle; undefined where there is nothing since the last time. */
export const partOf = Effect.fnUntraced(
  function*(log: Store, { revision, snapshot, vin }: Candidate) {
    const stays = (reason: string) => new NoBoundary({ vin, reason })
    const from = yield* firstRevision(log, vin)
    if (revision <= from) return undefined

    const snapshotAt = (options: { readonly from?: number }) =>
      Effect.map(
        Stream.runCollect(log.read(Snapshot.streamOf(vin), { ...options, limit: 1 })),
        ([event]) => event && stateIn(vin, event),
      )
    const base = from === 0 ? State.initial(vin) : yield* snapshotAt({})
    if (base === undefined || (from > 0 && base.twin.revision !== from)) {
      return yield* stays(`the snapshot of revision ${from}, from which they are folded, is not there any more`)
    }
    const wanted = yield* snapshotAt({ from: snapshot })
    if (wanted?.twin.revision !== revision) return yield* stays("its snapshot is not there any more")

    let state = base
    let next = from
    let lastPosition = beginning
    yield* log.read(streamOf(vin), { from, limit: revision - from + 1 }).pipe(
      Stream.chunks,
      Stream.runForEach((events) => {
        for (const event of events) {
          if (event.revision !== next) return Effect.fail(stays(`it has no event ${next}`))
          next++
          const record = Record.decode(event)
          if (Result.isFailure(record)) return Effect.fail(stays(record.failure.message))
          if (event.revision < revision) lastPosition = event.position
          if (event.revision > base.twin.revision && record.success !== undefined) {
            state = State.evolve(state, record.success.event, event.revision)
          }
        }
        return Effect.void
      }),
    )
    if (next !== revision + 1) return yield* stays(`it has no event ${next}`)
    if (!isDeepStrictEqual(asStored(state), asStored(wanted))) {
      return yield* stays(`they do not give the state that the snapshot of revision ${revision} has`)
    }
    return { vin, fromRevision: from, toRevision: revision - 1, snapshot, lastPosition } satisfies Part
  },
  (checked, _, { vin }) =>
    Effect.catchTag(checked, "StreamDeleted", ({ message }) => Effect.fail(new NoBoundary({ vin, reason: message }))),
)

/** As it would be read again: JSON has no undefined. */
const asStored = (state: State.State): unknown => JSON.parse(JSON.stringify(Snapshot.encode(state)))
