/**
 * Dead letters as events of type `DeadLettered` on `deadletter-<kind of source>`, which anyone may append to.
 */
import { isUtf8 } from "node:buffer"
import { hash } from "node:crypto"
import { Effect, Layer } from "effect"
import { uuid } from "../../domain/vehicle/identity.ts"
import { EventStore, type EventToAppend } from "../eventstore/event-store.ts"
import { appendAll } from "./append-all.ts"
import { type DeadLetter, DeadLetters } from "./dead-letters.ts"
import { letterType } from "../../projections/letter-record.ts"
import { streamOf } from "./stored-letter.ts"

/** A message's first letter has it as a whole, up to what the ways in take at all, so that it can be retried. */
const wholePayloadBytes = 256 * 1024
/** What is kept of a larger one, and in a message's further letters. */
const excerptBytes = 4096
/** Messages and topics come from outside too. */
const storedTextLength = 1024

export const layer = Layer.effect(DeadLetters, Effect.gen(function*() {
  const store = yield* EventStore

  return DeadLetters.of({
    put: Effect.fnUntraced(function*(letters) {
      for (const [stream, events] of byStream(letters)) yield* appendAll(store, stream, events)
    }),
  })
}))

const byStream = (letters: ReadonlyArray<DeadLetter>): Map<string, Array<EventToAppend>> => {
  const streams = new Map<string, Map<string, EventToAppend>>()
  const kept = new Set<Uint8Array>()
  for (const letter of letters) {
    const { payload } = letter
    const isWhole = payload.length <= wholePayloadBytes && !kept.has(payload)
    if (isWhole) kept.add(payload)
    const stream = streamOf(letter.source.kind)
    const events = streams.get(stream) ?? new Map<string, EventToAppend>()
    const event = toEvent(letter, isWhole ? wholePayloadBytes : excerptBytes)
    // The first of the same has the message as a whole.
    if (!events.has(event.id)) events.set(event.id, event)
    streams.set(stream, events)
  }
  return new Map(Array.from(streams, ([stream, events]) => [stream, [...events.values()]]))
}

const toEvent = (letter: DeadLetter, payloadBytes: number): EventToAppend => {
  const { path, payload, reason, receivedAt, source, vin } = letter
  // As long as it is stored, so that a key of any length is the same when it is read.
  const key = letter.key?.slice(0, storedTextLength)
  const message = letter.message.slice(0, storedTextLength)
  const sha256 = hash("sha256", payload, "hex")
  const { position, topic } = source
  return {
    // Of all that the letter says but its time: the same message, sent again, is the same letter.
    id: uuid(
      ["DeadLettered", reason, message, path ?? "", source.kind, topic ?? "", sha256, ...(key === undefined ? [] : [key])]
        .join("\n"),
    ),
    type: letterType,
    data: {
      reason,
      message,
      ...(path === undefined ? undefined : { path: path.slice(0, storedTextLength) }),
      ...(vin === undefined ? undefined : { vin }),
      ...(key === undefined ? undefined : { key }),
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
