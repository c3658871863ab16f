/**
 * A subscription's cursor: where in the log its reader stands. Opaque to clients, so that it may one day hold a
 * position a partition; the letter says which form it has.
 */
import type { Position } from "../eventstore/position.ts"
import { badInput } from "./errors.ts"

const form = /^p([0-9a-f]{16})$/

export const encode = (position: Position): string => Buffer.from(`p${position}`).toString("base64url")

/** Throws `BAD_INPUT` on what no cursor can be. */
export const decode = (cursor: string): Position => {
  const position = form.exec(Buffer.from(cursor, "base64url").toString("latin1"))?.[1]
  if (position === undefined || encode(position as Position) !== cursor) {
    throw badInput("This is not a cursor; get one from the query `cursor` or from a change")
  }
  return position as Position
}
