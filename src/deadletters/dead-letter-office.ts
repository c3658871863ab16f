/**
 * Dead letters as one works with them: listed, shown, retried after a fix, discarded.
 *
 * They are read from their streams, which are bounded; what becomes of one is an event on the same stream.
 */
import { Clock, Context, Effect, Layer, Option, Schema, Stream } from "effect"
import type { Vin } from "../../domain/vehicle/vin.ts"
import type { EventStoreError, StreamDeleted } from "../eventstore/errors.ts"
import { EventStore, type EventToAppend } from "../eventstore/event-store.ts"
import type { VehicleUnavailable } from "../vehicles/errors.ts"
import { appendAll } from "./append-all.ts"
import * as LetterScan from "./letter-scan.ts"
import type { Places } from "./letter-scan.ts"
import { type Outcome, Redelivery } from "./redelivery.ts"
import * as Settlements from "./settlements.ts"
import { byKind, bytesOf, fromEvent, isWhole, type Kind, kinds, placeOf, type StoredLetter, streamOf } from "./stored-letter.ts"

/** What a page holds of payloads at most, but for its last letter. */
const pageBytes = 4 * 1024 * 1024
/** The letters of one message are stored together, with others that were put away at the same time. */
const siblingsWithin = 256
/** Vehicles whose letters are retried at once. */
const retriedAtOnce = 16

export type LetterState = "open" | Settlements.Settlement["state"]

export interface Letter extends StoredLetter {
  readonly state: LetterState
  readonly settledAt: number | undefined
  readonly settledBy: string | undefined
}

/** Letters that match all that is given; of a list, any. */
export interface LetterFilter {
  readonly reasons?: ReadonlyArray<string>
  readonly sources?: ReadonlyArray<Kind>
  readonly vins?: ReadonlyArray<string>
  readonly paths?: ReadonlyArray<string>
  readonly states?: ReadonlyArray<LetterState>
  /** Receipt, epoch ms: from then on. */
  readonly from?: number
  /** Before then. */
  readonly to?: number
}

/** How far a list was read: opaque but to this service. */
export type Place = Places

export interface Page {
  readonly letters: ReadonlyArray<{ readonly letter: Letter; readonly after: Place }>
  /** Where to go on; nothing at the end. A page may be short of letters, or have none, and yet not be the last. */
  readonly next: Place | undefined
}

/** Where a run through the letters stands, and where it ends: at the letters that were there when it began. */
export interface Run {
  readonly next: Place
  readonly end: Place
}

export interface Retried {
  /** As it is now. */
  readonly letter: Letter
  readonly outcome: Outcome
}

/** In place of what was stored. */
export interface Mended {
  readonly payload?: Uint8Array | undefined
  readonly topic?: string | undefined
  readonly key?: string | undefined
}

export class LetterNotFound extends Schema.TaggedError<LetterNotFound>()("LetterNotFound", { id: Schema.String }) {
  override get message() {
    return `There is no dead letter ${JSON.stringify(this.id.slice(0, 80))}; it may be older than those that are kept`
  }
}

type StoreError = StreamDeleted | EventStoreError

export class DeadLetterOffice extends Context.Service<DeadLetterOffice, {
  /** Newest first. */
  readonly list: (
    filter: LetterFilter,
    page: { readonly first: number; readonly after?: Place | undefined },
  ) => Effect.Effect<Page, StoreError>
  readonly find: (id: string) => Effect.Effect<Letter, LetterNotFound | StoreError>
  /** The oldest that match and are not settled, unless settled ones are asked for; in the order they came. */
  readonly select: (
    filter: LetterFilter,
    page: { readonly first: number; readonly run?: Run | undefined },
  ) => Effect.Effect<{ readonly letters: ReadonlyArray<Letter>; readonly run: Run | undefined }, StoreError>
  /**
   * Takes the messages in by today's rules, those of one vehicle in the order they are given. What was retried with
   * success before is left alone, and so answered. One that is rejected again stays as it is.
   */
  readonly retry: (
    letters: ReadonlyArray<Letter>,
    options: { readonly by?: string | undefined; readonly mended?: Mended | undefined },
  ) => Effect.Effect<ReadonlyArray<Retried>, StoreError | VehicleUnavailable>
  /** Settles letters that nobody wants taken in; those that are settled stay as they are. As they then are. */
  readonly discard: (
    letters: ReadonlyArray<Letter>,
    options: { readonly by?: string | undefined },
  ) => Effect.Effect<ReadonlyArray<Letter>, StoreError>
}>()("vehicle-twin/deadletters/DeadLetterOffice") {}

export const layer = Layer.effect(DeadLetterOffice, Effect.gen(function*() {
  const store = yield* EventStore
  const redelivery = yield* Redelivery
  const settlements = byKind((kind) => new Settlements.Settlements(store, kind))
  const scan = LetterScan.make(store, settlements)

  const newest = Effect.all(byKind((kind) =>
    store.revision(streamOf(kind)).pipe(Effect.catchTag("StreamDeleted", () => Effect.succeed(-1)))
  ))

  const list: DeadLetterOffice["Service"]["list"] = Effect.fnUntraced(function*(filter, { after, first }) {
    const page = pageOf(filter, first)
    const { complete, next } = yield* scan({
      direction: "backwards",
      kinds: filter.sources ?? kinds,
      from: after ?? (yield* newest),
      to: byKind(() => 0),
      visit: page.visit,
    })
    return { letters: page.letters, next: complete ? undefined : next }
  })

  const at = Effect.fnUntraced(function*(kind: Kind, revision: number) {
    const read = store.read(streamOf(kind), { from: revision, limit: 1 })
    const event = Option.getOrUndefined(yield* Stream.runHead(read))
    return event?.revision === revision ? fromEvent(event) : undefined
  })

  const find: DeadLetterOffice["Service"]["find"] = Effect.fnUntraced(function*(id) {
    const place = placeOf(id)
    const stored = place && (yield* at(place.kind, place.revision))
    if (place === undefined || stored === undefined) return yield* new LetterNotFound({ id })
    yield* settlements[place.kind].reach(place.revision)
    return toLetter(stored, settlements[place.kind].of(stored.eventId))
  })

  const select: DeadLetterOffice["Service"]["select"] = Effect.fnUntraced(function*(filter, { first, run }) {
    const page = pageOf({ states: ["open"], ...filter }, first)
    const end = run?.end ?? (yield* newest)
    const { complete, next } = yield* scan({
      direction: "forwards",
      kinds: filter.sources ?? kinds,
      from: run?.next ?? byKind(() => 0),
      to: end,
      visit: page.visit,
    })
    return { letters: page.letters.map(({ letter }) => letter), run: complete ? undefined : { next, end } }
  })

  /** The message as a whole: the letter's own, or that of another letter of the same message. */
  const wholeOf = Effect.fnUntraced(function*(letter: Letter) {
    if (isWhole(letter)) return bytesOf(letter)
    const { revision, source } = letter
    const from = Math.max(0, revision - siblingsWithin)
    const near = store.read(streamOf(source.kind), { from, limit: 2 * siblingsWithin })
    const sibling = yield* near.pipe(
      Stream.map(fromEvent),
      Stream.filter((other) => other?.payload.sha256 === letter.payload.sha256 && isWhole(other)),
      Stream.runHead,
    )
    const found = Option.getOrUndefined(sibling)
    return found && bytesOf(found)
  })

  const retryOne = Effect.fnUntraced(function*(letter: Letter, mended: Mended | undefined) {
    const { eventId, key, message, path, reason, receivedAt, source, vin } = letter
    if (letter.state === "retried") return { _tag: "Repeated" } satisfies Outcome
    const payload = mended?.payload ?? (yield* wholeOf(letter))
    if (payload === undefined) return { _tag: "Rejected", message: excerptText(letter) } satisfies Outcome
    return yield* redelivery.take({
      id: eventId,
      reason,
      message,
      ...(path !== undefined && { path }),
      vin: vin as Vin | undefined,
      source: { ...source, ...(mended?.topic !== undefined && { topic: mended.topic }) },
      key: mended?.key ?? key,
      receivedAt,
      payload,
    })
  })

  const settle = Effect.fnUntraced(function*(settled: ReadonlyArray<{ readonly kind: Kind; readonly event: EventToAppend }>) {
    for (const [kind, ofKind] of Map.groupBy(settled, (_) => _.kind)) {
      // Of a letter that came again there are several, and one end.
      const distinct = new Map(ofKind.map(({ event }) => [event.id, event]))
      yield* appendAll(store, streamOf(kind), [...distinct.values()])
    }
  })

  const retry: DeadLetterOffice["Service"]["retry"] = Effect.fnUntraced(function*(letters, { by, mended }) {
    const ofVehicles = Map.groupBy(letters, ({ key, source, vin }) => vin ?? `${source.topic} ${key}`)
    const outcomes = new Map<Letter, Outcome>()
    yield* Effect.forEach(
      ofVehicles.values(),
      Effect.fnUntraced(function*(ofOne) {
        for (const letter of ofOne) outcomes.set(letter, yield* retryOne(letter, mended))
      }),
      { concurrency: retriedAtOnce, discard: true },
    )
    const now = yield* Clock.currentTimeMillis
    const results: Array<Retried> = []
    const settled: Array<{ readonly kind: Kind; readonly event: EventToAppend }> = []
    for (const letter of letters) {
      const outcome = outcomes.get(letter)
      if (outcome === undefined) continue
      if (outcome._tag === "Rejected" || letter.state === "retried") {
        results.push({ letter, outcome })
        continue
      }
      const state = Settlements.states[outcome._tag]
      results.push({ letter: { ...letter, state, settledAt: now, settledBy: by }, outcome })
      const event = Settlements.retried(letter.eventId, outcome._tag, { by, mended: mended !== undefined }, now)
      settled.push({ kind: letter.source.kind, event })
    }
    yield* settle(settled)
    return results
  })

  return DeadLetterOffice.of({
    list,
    find,
    select,
    retry,
    discard: Effect.fnUntraced(function*(letters, { by }) {
      const now = yield* Clock.currentTimeMillis
      const open = letters.filter(({ state }) => state === "open")
      yield* settle(open.map(({ eventId, source }) => ({
        kind: source.kind,
        event: Settlements.discarded(eventId, by, now),
      })))
      return letters.map((letter) =>
        letter.state === "open" ? { ...letter, state: "discarded" as const, settledAt: now, settledBy: by } : letter
      )
    }),
  })
}))

/** Gathers the letters of one page, as a scan comes by them. */
const pageOf = (filter: LetterFilter, first: number) => {
  const letters: Array<Page["letters"][number]> = []
  let bytes = 0
  const visit: LetterScan.Scan["visit"] = (stored, settlement, after) => {
    const letter = toLetter(stored, settlement)
    if (!matches(filter, letter)) return true
    if (letters.length === first || bytes > pageBytes) return false
    bytes += letter.payload.content.length
    letters.push({ letter, after: after() })
    return true
  }
  return { letters, visit }
}

const excerptText = ({ payload }: Letter): string =>
  `only the beginning of its ${payload.bytes} bytes is kept: retry it with the whole payload, or discard it`

const toLetter = (letter: StoredLetter, settlement: Settlements.Settlement | undefined): Letter => ({
  ...letter,
  state: settlement?.state ?? "open",
  settledAt: settlement?.at,
  settledBy: settlement?.by,
})

const matches = ({ from, paths, reasons, sources, states, to, vins }: LetterFilter, letter: Letter): boolean =>
  (reasons?.includes(letter.reason) ?? true)
  && (sources?.includes(letter.source.kind) ?? true)
  && (vins?.some((vin) => isOf(vin, letter)) ?? true)
  && (paths === undefined || (letter.path !== undefined && paths.includes(letter.path)))
  && (states?.includes(letter.state) ?? true)
  && (from === undefined || letter.receivedAt >= from)
  && (to === undefined || letter.receivedAt < to)

/** Where the way in could not tell the vehicle, its topic or key may name it all the same. */
const isOf = (vin: string, { key, source, ...letter }: Letter): boolean =>
  letter.vin === undefined ? key === vin || source.topic?.includes(vin) === true : letter.vin === vin
