/** Appending to a stream of many writers, of which nothing is expected. */
import { Effect } from "effect"
import type { EventStoreError, StreamDeleted } from "../eventstore/errors.ts"
import type { EventStore, EventToAppend } from "../eventstore/event-store.ts"

type Store = EventStore["Service"]

/** Half of what a store takes in one append by default, for what it adds. */
const appendBytes = 512 * 1024

/** However many; those that the store recognises are not written again. */
export const appendAll = Effect.fnUntraced(function*(
  store: Store,
  stream: string,
  events: ReadonlyArray<EventToAppend>,
) {
  for (const part of inParts(events)) yield* append(store, stream, part)
})

const append = (
  store: Store,
  stream: string,
  events: ReadonlyArray<EventToAppend>,
): Effect.Effect<void, StreamDeleted | EventStoreError> =>
  store.append(stream, "any", events).pipe(
    Effect.asVoid,
    // This store's limit is lower than the one we know of, or it knows the first events and not all: of a message that
    // was sent again, before others.
    Effect.catchTag(["AppendTooLarge", "WrongExpectedRevision"], (error) => {
      if (events.length > 1) {
        const half = events.length >> 1
        return Effect.andThen(append(store, stream, events.slice(0, half)), append(store, stream, events.slice(half)))
      }
      // Of one event, where nothing is expected of its stream, the other is no answer.
      return error._tag === "AppendTooLarge" ? Effect.fail(error) : Effect.die(error)
    }),
  )

const inParts = (events: ReadonlyArray<EventToAppend>): Array<Array<EventToAppend>> => {
  const parts: Array<Array<EventToAppend>> = []
  let part: Array<EventToAppend> = []
  let bytes = 0
  for (const event of events) {
    const size = Buffer.byteLength(JSON.stringify(event))
    if (part.length > 0 && bytes + size > appendBytes) {
      parts.push(part)
      part = []
      bytes = 0
    }
    part.push(event)
    bytes += size
  }
  if (part.length > 0) parts.push(part)
  return parts
}
