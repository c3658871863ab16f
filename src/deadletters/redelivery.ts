/** Taking in what was a dead letter. The way in does it (`ingest/retry.ts`), since it knows routes and codecs. */
import { Context, type Effect } from "effect"
import type { EventStoreError, StreamDeleted } from "../eventstore/errors.ts"
import type { VehicleUnavailable } from "../vehicles/errors.ts"
import type { DeadLetter } from "./dead-letters.ts"

export interface Redelivered extends Omit<DeadLetter, "reason"> {
  /** As it is stored. */
  readonly reason: string
  /** Of the letter, a UUID. */
  readonly id: string
}

export type Outcome =
  /** It is in the log now. */
  | { readonly _tag: "Accepted" }
  /** It was in the log already: the vehicle has sent it again, or it was retried before. */
  | { readonly _tag: "Repeated" }
  /** It says nothing any more: the vehicle has told something newer. */
  | { readonly _tag: "Superseded"; readonly message: string }
  /** It is still wrong, for a reason that a letter may have, or too little of it is kept. */
  | { readonly _tag: "Rejected"; readonly reason?: DeadLetter["reason"]; readonly message: string }

export class Redelivery extends Context.Service<Redelivery, {
  /**
   * Decodes a letter's message by today's catalogue and rules, and tells the vehicle what is missing of it: a message
   * that was rejected as a whole under its own identity, a reading that was rejected by itself (`path`) alone, under an
   * identity of the letter's. Answers once that is durable; while the log is out of reach it waits. What is wrong with
   * other readings of a message that was rejected as a whole becomes dead letters.
   */
  readonly take: (letter: Redelivered) => Effect.Effect<Outcome, StreamDeleted | EventStoreError | VehicleUnavailable>
}>()("vehicle-twin/deadletters/Redelivery") {}
