/**
 * Dead letters as events of type `DeadLettered` on `deadletter-<kind of source>`, which anyone may append to.
 */
import { isUtf8 } from "node:buffer"
import { hash } from "node:crypto"
import { Effect, Layer } from "effect"
import { uuid } from "../../domain/vehicle/identity.ts"
import type { EventStoreError, StreamDeleted } from "../eventstore/errors.ts"
import { EventStore, type EventToAppend } from "../eventstore/event-store.ts"
import { type DeadLetter, DeadLetters } from "./dead-letters.ts"

/** What is stored of a payload: enough to see what it is, and to mend most of it. */
const storedPayloadBytes = 4096
/** Messages and topics come from outside too. */
const storedTextLength = 1024
/** Half of what a store takes in one append by default, for what it adds. */
const appendBytes = 512 * 1024

export const layer = Layer.effect(DeadLetters, Effect.gen(function*() {
  const store = yield* EventStore

  const append = (
    stream: string,
    events: ReadonlyArray<EventToAppend>,
  ): Effect.Effect<void, StreamDeleted | EventStoreError> =>
    store.append(stream, "any", events).pipe(
      Effect.asVoid,
      // This store's limit is lower than the one we know of.
      Effect.catchTag("AppendTooLarge", (error) => {
        if (events.length === 1) return Effect.fail(error)
        const half = events.length >> 1
        return Effect.andThen(append(stream, events.slice(0, half)), append(stream, events.slice(half)))
      }),
      // Said of a stream of which nothing is expected, this is no answer.
      Effect.catchTag("WrongExpectedRevision", (error) => Effect.die(error)),
    )

  return DeadLetters.of({
    put: Effect.fnUntraced(function*(letters) {
      for (const [stream, events] of byStream(letters)) {
        for (const part of inParts(events)) yield* append(stream, part)
      }
    }),
  })
}))

const byStream = (letters: ReadonlyArray<DeadLetter>): Map<string, Array<EventToAppend>> => {
  const streams = new Map<string, Map<string, EventToAppend>>()
  for (const letter of letters) {
    const stream = `deadletter-${letter.source.kind}`
    const events = streams.get(stream) ?? new Map<string, EventToAppend>()
    const event = toEvent(letter)
    events.set(event.id, event)
    streams.set(stream, events)
  }
  return new Map(Array.from(streams, ([stream, events]) => [stream, [...events.values()]]))
}

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

const toEvent = (letter: DeadLetter): EventToAppend => {
  const { path, payload, reason, receivedAt, source } = letter
  const message = letter.message.slice(0, storedTextLength)
  const sha256 = hash("sha256", payload, "hex")
  const { position, topic } = source
  return {
    // Of all that the letter says but its time: the same message, sent again, is the same letter.
    id: uuid(["DeadLettered", reason, message, path ?? "", source.kind, topic ?? "", sha256].join("\n")),
    type: "DeadLettered",
    data: {
      reason,
      message,
      ...(path === undefined ? undefined : { path: path.slice(0, storedTextLength) }),
      payload: { ...excerpt(payload), bytes: payload.length, sha256 },
    },
    metadata: {
      schema: 1,
      receivedAt: new Date(receivedAt).toISOString(),
      source: {
        kind: source.kind,
        ...(topic === undefined ? undefined : { topic: topic.slice(0, storedTextLength) }),
        ...(position === undefined ? undefined : { position }),
      },
    },
  }
}

type Excerpt = { readonly encoding: "utf8" | "base64"; readonly content: string }

const excerpt = (payload: Uint8Array): Excerpt => {
  const start = Buffer.from(payload.buffer, payload.byteOffset, Math.min(payload.length, storedPayloadBytes))
  // The cut may go through a character, which has at most four bytes.
  for (let less = 0; less < (payload.length > start.length ? 4 : 1); less++) {
    const text = start.subarray(0, start.length - less)
    if (isUtf8(text)) return { encoding: "utf8", content: text.toString("utf8") }
  }
  return { encoding: "base64", content: start.toString("base64") }
}
