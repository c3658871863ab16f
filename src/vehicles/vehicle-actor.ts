/**
 * One vehicle. Its mail is taken in turns: what has come since the last turn is decided in order and becomes one
 * append, and who sent it is answered once that is durable. An idle vehicle is its state and no fiber.
 *
 * Whoever else writes to the stream (another process that still believes it has this vehicle) is found out by the
 * expected revision: the state is then read again and the turn decided anew.
 */
import { Cause, Effect, Option, Schema } from "effect"
import type { Admission } from "../../domain/vehicle/decide.ts"
import { streamOf, type VehicleEvent } from "../../domain/vehicle/events.ts"
import type * as State from "../../domain/vehicle/state.ts"
import type { EventStore } from "../eventstore/event-store.ts"
import type { Hydration } from "./hydration.ts"
import { policy } from "./policy.ts"
import * as Turn from "./turn.ts"
import type { RefusalReason } from "./vehicles.ts"

export interface VehicleActor {
  readonly vin: string
  readonly mailbox: Array<Turn.Mail>
  /** Undefined until hydrated, and after a conflict or a defect. */
  state: State.State | undefined
  /** Of the newest snapshot, −1 where there is none. */
  snapshotRevision: number
  /** Messages of telemetry that have come again since the last event, which the next one tells. */
  repeats: number
  /** It takes turns until its mailbox is empty. */
  busy: boolean
  /** Epoch ms. */
  usedAt: number
}

export const make = (vin: string, now: number): VehicleActor => ({
  vin,
  mailbox: [],
  state: undefined,
  snapshotRevision: -1,
  repeats: 0,
  busy: false,
  usedAt: now,
})

export interface Surroundings {
  readonly store: EventStore["Service"]
  readonly hydration: Hydration["Service"]
  readonly admission: Admission
  /** Hears what has been appended. */
  readonly told: (events: ReadonlyArray<VehicleEvent>) => void
  /** Writes a snapshot, which no turn waits for. */
  readonly snapshot: (state: State.State) => void
  /** Events between two snapshots. */
  readonly snapshotEvery: number
}

/** Takes turns until the mailbox is empty. */
export const run = Effect.fnUntraced(function*(actor: VehicleActor, around: Surroundings) {
  while (actor.mailbox.length > 0) {
    const mail = actor.mailbox.splice(0, policy.maxTurn)
    yield* Effect.catchCause(turn(actor, mail, around), (cause) => recover(actor, mail, around, cause))
    // Here and not once idle: a vehicle with a backlog may not be idle for hours.
    snapshotIfDue(actor, around)
  }
  // In one step with the look into the mailbox. A fiber can be put aside between any two of its steps, and mail that
  // came in between would wait for a turn that nobody takes.
  actor.busy = false
})

const snapshotIfDue = (actor: VehicleActor, { snapshot, snapshotEvery }: Surroundings): void => {
  const { snapshotRevision, state } = actor
  if (state === undefined || state.twin.revision - snapshotRevision < snapshotEvery) return
  actor.snapshotRevision = state.twin.revision
  snapshot(state)
}

/** One try. Deterministic: the same mail on the same state asks for the same append, with the same event ids. */
const turn = Effect.fnUntraced(function*(
  actor: VehicleActor,
  mail: ReadonlyArray<Turn.Mail>,
  around: Surroundings,
) {
  const before = actor.state ?? (yield* hydrate(actor, around.hydration))
  const { answer, events, repeats, state } = Turn.decide(before, mail, around.admission, actor.repeats)
  if (events.length > 0) {
    const expected = before.twin.revision
    const appended = yield* around.store.append(streamOf(actor.vin), expected < 0 ? "no_stream" : expected, events)
    // A stream that was deleted and begun again goes on from its old revisions: then they are to be read.
    actor.state = appended.revision === state.twin.revision ? state : undefined
    around.told(events)
  }
  actor.repeats = repeats
  answer()
})

type TurnError = Effect.Error<ReturnType<typeof turn>>

const hydrate = Effect.fnUntraced(function*(actor: VehicleActor, hydration: Hydration["Service"]) {
  const { snapshotRevision, state } = yield* hydration.hydrate(actor.vin)
  actor.state = state
  actor.snapshotRevision = snapshotRevision
  return state
})

class TurnFailed extends Schema.TaggedError<TurnFailed>()("TurnFailed", { cause: Schema.Defect() }) {
  override get message() {
    return `the vehicle's turn failed: ${String(this.cause)}`
  }
}

/**
 * A turn that did not pass, brought to its end.
 *
 * - The log is away: the same turn again, for as long as that lasts. An append whose outcome is unknown is so settled.
 * - Somebody else has written: the state is read again, and the turn decided anew.
 * - A defect: likewise, a few times.
 * - Too much for one append, or a defect that stays: halved, until what cannot pass stands alone and is refused.
 */
const recover = (
  actor: VehicleActor,
  mail: ReadonlyArray<Turn.Mail>,
  around: Surroundings,
  first: Cause.Cause<TurnError>,
): Effect.Effect<void> => {
  const again = (cause: Cause.Cause<TurnError | TurnFailed>) => learn(actor, cause)
  const refuse = (reason: RefusalReason) => (error: Error) => Effect.sync(() => Turn.refuse(mail, reason, error))
  const narrow = (reason: RefusalReason) => (error: Error) => {
    const halves = Turn.split(mail)
    if (halves === undefined) return refuse(reason)(error)
    return Effect.forEach(
      halves,
      (half) => Effect.catchCause(turn(actor, half, around), (cause) => recover(actor, half, around, cause)),
      { discard: true },
    )
  }
  let tries = 0
  return Effect.suspend(() =>
    tries++ === 0 ? again(first) : Effect.catchCause(turn(actor, mail, around), again)
  ).pipe(
    Effect.retry({
      schedule: policy.backoff,
      while: ({ _tag }) =>
        _tag === "EventStoreUnavailable" || _tag === "WrongExpectedRevision" ||
        (_tag === "TurnFailed" && tries < policy.attempts),
    }),
    Effect.catchTags({
      AppendTooLarge: narrow("too_large"),
      TurnFailed: narrow("not_processed"),
      StreamDeleted: refuse("stream_deleted"),
      EventUnreadable: refuse("stream_unreadable"),
      UnreadableEvent: refuse("stream_unreadable"),
      EventsMissing: refuse("stream_unreadable"),
      // The retry has no end for these.
      EventStoreUnavailable: Effect.die,
      WrongExpectedRevision: Effect.die,
    }),
    Effect.annotateLogs("vin", actor.vin),
  )
}

/** What a failure says of the state in hand, and the failure as an error. */
const learn = Effect.fnUntraced(function*(actor: VehicleActor, cause: Cause.Cause<TurnError | TurnFailed>) {
  if (Cause.hasInterrupts(cause)) return yield* Effect.interrupt
  const error = Option.getOrElse(Cause.findErrorOption(cause), () => new TurnFailed({ cause: Cause.squash(cause) }))
  if (error._tag === "EventStoreUnavailable") yield* Effect.logWarning("Waiting for the log", error)
  else if (error._tag !== "AppendTooLarge") actor.state = undefined
  if (error._tag === "TurnFailed") yield* Effect.logError("A vehicle's turn failed", cause)
  return yield* Effect.fail(error)
})
