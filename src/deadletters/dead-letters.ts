/**
 * What could not be taken in, kept with the reason, so that nothing is lost: events of type `DeadLettered` on
 * `deadletter-<source>`.
 */
import { Context, type Effect } from "effect"
import type { RejectionReason } from "../../domain/codecs/rejection.ts"
import type { Source } from "../../domain/vehicle/events.ts"
import type { EventStoreError, StreamDeleted } from "../eventstore/errors.ts"
import type { RefusalReason } from "../vehicles/vehicles.ts"

export interface DeadLetter {
  readonly reason: RejectionReason | RefusalReason
  /** What is wrong, where, and what was expected. */
  readonly message: string
  /** The signal, where one reading alone was rejected. */
  readonly path?: string
  readonly source: Source
  /** Epoch ms. */
  readonly receivedAt: number
  /** The whole message. A larger one than the ways in take is not stored as a whole. */
  readonly payload: Uint8Array
}

export class DeadLetters extends Context.Service<DeadLetters, {
  /** Stores dead letters; they are durable once it succeeds. A letter that comes again has the same event id. */
  readonly put: (
    letters: ReadonlyArray<DeadLetter>,
  ) => Effect.Effect<void, StreamDeleted | EventStoreError>
}>()("vehicle-twin/deadletters/DeadLetters") {}
