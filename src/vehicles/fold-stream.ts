/** A vehicle's state from a state before it and the events after that. */
import { Effect, Result, Stream } from "effect"
import { streamOf } from "../../domain/vehicle/events.ts"
import * as Record from "../../domain/vehicle/record.ts"
import * as State from "../../domain/vehicle/state.ts"
import type { EventStore, RecordedEvent } from "../eventstore/event-store.ts"
import type { EventStoreError, StreamDeleted } from "../eventstore/errors.ts"
import { archivedOf } from "./archive-marks.ts"
import { EventsMissing } from "./errors.ts"

export type FoldError = StreamDeleted | EventStoreError | Record.UnreadableEvent | EventsMissing

interface Folded {
  readonly state: State.State
  /** The revision that comes next. */
  readonly next: number
}

/**
 * Folds a vehicle's events that follow on a state, up to the first that was received after a time (epoch ms). Events
 * are passed over by nobody: where some are missing because they were archived, it fails; where they were deleted, the
 * stream was begun anew, and so is the state.
 */
export const foldStream = Effect.fnUntraced(function*(
  store: EventStore["Service"],
  from: State.State,
  until = Number.POSITIVE_INFINITY,
) {
  const { revision, vin } = from.twin
  const all = store.read(streamOf(vin), { from: revision + 1 })
  const events = until === Number.POSITIVE_INFINITY ? all : Stream.takeWhile(all, receivedBy(until))
  const { state } = yield* events.pipe(
    Stream.chunks,
    Stream.runFoldEffect(() => ({ state: from, next: revision + 1 }), (folded, page) => foldPage(store, folded, page)),
  )
  return state
})

/** Epoch ms; NaN for an event of a type unknown here that does not say. */
export const receiptOf = ({ metadata }: RecordedEvent): number => Date.parse(String(metadata["receivedAt"]))

const receivedBy = (time: number) => (event: RecordedEvent): boolean => !(receiptOf(event) > time)

const foldPage = (
  store: EventStore["Service"],
  { next, state }: Folded,
  page: ReadonlyArray<RecordedEvent>,
): Effect.Effect<Folded, FoldError> => {
  let folded = state
  let expected = next
  for (const stored of page) {
    if (stored.revision !== expected) {
      const rest = page.filter(({ revision }) => revision >= stored.revision)
      return Effect.flatMap(
        begunAnew(store, folded.twin.vin, expected, stored.revision),
        (anew) => foldPage(store, anew, rest),
      )
    }
    expected++
    const record = Record.decode(stored)
    if (Result.isFailure(record)) return Effect.fail(record.failure)
    if (record.success !== undefined) folded = State.evolve(folded, record.success.event, stored.revision)
  }
  return Effect.succeed({ state: folded, next: expected })
}

const begunAnew = Effect.fnUntraced(function*(
  store: EventStore["Service"],
  vin: string,
  expected: number,
  found: number,
) {
  const last = (yield* archivedOf(store, vin)).at(-1)
  if (last !== undefined && last.toRevision >= found - 1) {
    return yield* new EventsMissing({ vin, from: expected, to: found - 1, file: last.file })
  }
  return { state: State.initial(vin), next: found }
})
