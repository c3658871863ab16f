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

/** A message that was refused is kept as a whole, up to what the ways in take at all: it can be mended and sent again. */
const wholePayloadBytes = 256 * 1024
/** What is kept of a larger one, of one whose other readings were taken, and in a message's further letters. */
const excerptBytes = 4096
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
      // This store's limit is lower than the one we know of, or it knows the first letters and not all: a message that
      // was sent again, before others.
      Effect.catchTag(["AppendTooLarge", "WrongExpectedRevision"], (error) => {
        if (events.length > 1) {
          const half = events.length >> 1
          return Effect.andThen(append(stream, events.slice(0, half)), append(stream, events.slice(half)))
        }
        // Of one event, where nothing is expected of its stream, the other is no answer.
        return error._tag === "AppendTooLarge" ? Effect.fail(error) : Effect.die(error)
      }),
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
  const kept = new Set<Uint8Array>()
  for (const letter of letters) {
    const { path, payload } = letter
    const isWhole = path === undefined && payload.length <= wholePayloadBytes && !kept.has(payload)
    if (isWhole) kept.add(payload)
    const stream = `deadletter-${letter.source.kind}`
    const events = streams.get(stream) ?? new Map<string, EventToAppend>()
    const event = toEvent(letter, isWhole ? wholePayloadBytes : excerptBytes)
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

const toEvent = (letter: DeadLetter, payloadBytes: number): EventToAppend => {
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
      payload: { ...excerpt(payload, payloadBytes), bytes: payload.length, sha256 },
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

const excerpt = (payload: Uint8Array, atMost: number): Excerpt => {
  const start = Buffer.from(payload.buffer, payload.byteOffset, Math.min(payload.length, atMost))
  // The cut may go through a character, which has at most four bytes.
  for (let less = 0; less < (payload.length > start.length ? 4 : 1); less++) {
    const text = start.subarray(0, start.length - less)
    if (!isUtf8(text)) continue
    const content = text.toString("utf8")
    // Text full of control characters, which take six bytes each in JSON, might not fit in one append.
    if (Buffer.byteLength(JSON.stringify(content)) > 2 * text.length + 2) break
    return { encoding: "utf8", content }
  }
  return { encoding: "base64", content: start.toString("base64") }
}
