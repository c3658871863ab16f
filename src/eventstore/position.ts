/**
 * Where an event stands in the whole log. Opaque to everyone outside the event store, but for its order, which is the
 * order of strings: sixteen hexadecimal digits, so that a database can compare positions too.
 */
import type { Brand } from "effect"

export type Position = string & Brand.Brand<"Position">

/** Before the first event. */
export const beginning = "0000000000000000" as Position

/** The position with this number in the log. For layers of `EventStore` only. */
export const fromNumber = (n: number): Position => n.toString(16).padStart(16, "0") as Position

/** For layers of `EventStore` only. */
export const toNumber = (position: Position): number => Number.parseInt(position, 16)

/** About how much of the log up to `end` lies before a position, from 0 to 1: for showing progress. */
export const shareOf = (position: Position, end: Position): number =>
  end === beginning ? 1 : Math.min(1, toNumber(position) / toNumber(end))
