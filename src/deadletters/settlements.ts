/**
 * What became of the letters of one stream, by events on the same stream: retried with success, superseded, discarded.
 * They stand behind their letters, so whoever reads backwards knows a letter's end before the letter. Read as far back
 * as somebody asks, then followed.
 */
import { Effect, Option, Schema, Semaphore, Stream } from "effect"
import { uuid } from "../../domain/vehicle/identity.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import type { EventStore, EventToAppend, JsonObject, RecordedEvent } from "../eventstore/event-store.ts"
import { letterType } from "../../projections/letter-record.ts"
import { type Kind, streamOf } from "./stored-letter.ts"

/** As in `redelivery.ts`. */
export const states = { Accepted: "retried", Repeated: "retried", Superseded: "superseded" } as const

const Metadata = Schema.Struct({ receivedAt: Schema.String })
const By = Schema.optionalKey(Schema.String)
const Settled = Schema.Union([
  Schema.Struct({
    type: Schema.Literal("DeadLetterRetried"),
    data: Schema.Struct({
      letter: Schema.String,
      outcome: Schema.Literals(["Accepted", "Repeated", "Superseded"]),
      mended: Schema.optionalKey(Schema.Literal(true)),
      by: By,
    }),
    metadata: Metadata,
  }),
  Schema.Struct({
    type: Schema.Literal("DeadLetterDiscarded"),
    data: Schema.Struct({ letter: Schema.String, by: By }),
    metadata: Metadata,
  }),
])
const decode = Schema.decodeUnknownOption(Settled)

export interface Settlement {
  readonly state: "retried" | "superseded" | "discarded"
  /** Epoch ms. */
  readonly at: number
  readonly by: string | undefined
}

export const retried = (
  letter: string,
  outcome: keyof typeof states,
  { by, mended }: { readonly by: string | undefined; readonly mended: boolean },
  now: number,
): EventToAppend =>
  settled("DeadLetterRetried", states[outcome], {
    letter,
    outcome,
    ...(mended && { mended }),
    ...(by !== undefined && { by }),
  }, now)

export const discarded = (letter: string, by: string | undefined, now: number): EventToAppend =>
  settled("DeadLetterDiscarded", "discarded", { letter, ...(by !== undefined && { by }) }, now)

/** The same of the same letter is the same event. */
const settled = (
  type: string,
  state: Settlement["state"],
  data: JsonObject & { readonly letter: string },
  now: number,
): EventToAppend => ({
  id: uuid(`${type} ${state} ${data.letter}`),
  type,
  data,
  metadata: { schema: 1, receivedAt: toTime(now), source: { kind: "api" } },
})

interface Known extends Settlement {
  readonly revision: number
}

export class Settlements {
  readonly #store: EventStore["Service"]
  readonly #stream: string
  readonly #turn = Semaphore.makeUnsafe(1)
  /** By the letter's event id. */
  readonly #known = new Map<string, Known>()
  /** The revisions from here on are read. */
  #from = Infinity
  /** And those before here. */
  #next = 0
  #forgetAt = 1_024

  constructor(store: EventStore["Service"], kind: Kind) {
    this.#store = store
    this.#stream = streamOf(kind)
  }

  of(letter: string): Settlement | undefined {
    return this.#known.get(letter)
  }

  /** Knows, afterwards, all that stands at a revision or behind it. */
  readonly reach = Effect.fnUntraced({ self: this }, function*(revision: number) {
    if (this.#from === Infinity) this.#from = this.#next = (yield* this.#store.revision(this.#stream)) + 1
    yield* this.#store.read(this.#stream, { from: this.#next }).pipe(
      Stream.runForEachArray((events) => Effect.sync(() => this.#noteNewer(events))),
    )
    const missing = this.#from - revision
    if (missing > 0) {
      yield* this.#store.readBackwards(this.#stream, { from: this.#from - 1, limit: missing }).pipe(
        Stream.runForEachArray((events) => Effect.sync(() => this.#noteOlder(events))),
      )
      this.#from = revision
    }
    if (this.#known.size > this.#forgetAt) yield* this.#forget()
  }, (effect) => this.#turn.withPermit(effect))

  #noteNewer(events: ReadonlyArray<RecordedEvent>): void {
    for (const event of events) {
      this.#note(event)
      this.#next = event.revision + 1
    }
  }

  #noteOlder(events: ReadonlyArray<RecordedEvent>): void {
    for (const event of events) {
      this.#note(event)
      this.#from = event.revision
    }
  }

  #note(event: RecordedEvent): void {
    const { revision, type } = event
    // Most are, and to see that a letter does not decode takes its time.
    if (type === letterType) return
    const told = Option.getOrUndefined(decode(event))
    if (told === undefined || revision < (this.#known.get(told.data.letter)?.revision ?? 0)) return
    this.#known.set(told.data.letter, {
      state: told.type === "DeadLetterRetried" ? states[told.data.outcome] : "discarded",
      at: Date.parse(told.metadata.receivedAt),
      by: told.data.by,
      revision,
    })
  }

  /** What the stream has no more, which is bounded. */
  #forget() {
    return Effect.map(Stream.runHead(this.#store.read(this.#stream, { limit: 1 })), (first) => {
      const before = Option.match(first, { onNone: () => Infinity, onSome: ({ revision }) => revision })
      for (const [letter, { revision }] of this.#known) if (revision < before) this.#known.delete(letter)
      this.#forgetAt = Math.max(1_024, 2 * this.#known.size)
    })
  }
}
