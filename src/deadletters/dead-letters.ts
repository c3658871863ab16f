/**
 * What could not be taken in, kept with the reason, so that nothing is lost: events of type `DeadLettered` on
 * `deadletter-<source>`. `dead-letter-office.ts` reads them and has them retried.
 */
import { Context, type Effect } from "effect"
import type { RejectionReason } from "../../domain/codecs/rejection.ts"
import type { Source } from "../../domain/vehicle/events.ts"
import type { EventStoreError, StreamDeleted } from "../eventstore/errors.ts"
import type { Vin } from "../../domain/vehicle/vin.ts"
import type { RefusalReason } from "../vehicles/vehicles.ts"

export interface DeadLetter {
  readonly reason: RejectionReason | RefusalReason
  /** What is wrong, where, and what was expected. */
  readonly message: string
  /** The signal, where one reading alone was rejected. */
  readonly path?: string
  /** The vehicle, where the way in told it. */
  readonly vin?: Vin | undefined
  readonly source: Source
  /** The key of a message from Kafka. */
  readonly key?: string | undefined
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

/** All there are, for who picks letters by them. */
export const reasons = [
  "topic",
  "vin",
  "json",
  "shape",
  "version",
  "time",
  "path",
  "type",
  "range",
  "too_large",
  "not_registered",
  "stream_deleted",
  "stream_unreadable",
  "not_processed",
] as const satisfies ReadonlyArray<DeadLetter["reason"]>

/** How the message of a letter ends that is the last which is kept of what it is about. */
export const lastOfMany = " (the last that is kept of this message; there is more)"
