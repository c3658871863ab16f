/**
 * Streams that are appended to as the vehicles' actors do it: one append at a time on each, at an expected revision;
 * tried again as it is where the store was away, and decided anew where somebody else had written. What was asked for
 * is in the ledger, so that afterwards it can be told whether each event stands there once, and in order.
 */
import { Effect, Stream } from "effect"
import { randomUUID } from "node:crypto"
import type { EventStore, EventToAppend } from "../../src/eventstore/event-store.ts"

type Store = EventStore["Service"]

export interface Load {
  readonly streams: ReadonlyArray<string>
  /** Of each stream what its appends were of, in order. Filled as they succeed. */
  readonly ledger: ReadonlyMap<string, ReadonlyArray<EventToAppend>>
  /** Appends to all streams at once, until each has had so many. */
  readonly run: Effect.Effect<void>
}

const eventsPerAppend = 2

export const numberedLoad = (store: Store, streamCount: number, appends: number, text = ""): Load => {
  const prefix = `load-${randomUUID()}`
  const streams = Array.from({ length: streamCount }, (_, n) => `${prefix}-${n}`)
  const ledger = new Map<string, Array<EventToAppend>>(streams.map((stream) => [stream, []]))

  const appendTo = Effect.fnUntraced(function*(stream: string) {
    const done = ledger.get(stream) ?? []
    let revision = -1
    for (let n = 0; n < appends; n++) {
      const events = Array.from({ length: eventsPerAppend }, (_, i) => ({
        id: randomUUID(),
        type: "Numbered",
        data: { n: n * eventsPerAppend + i, text },
        metadata: {},
      }))
      for (let appended = false; !appended;) {
        appended = yield* store.append(stream, revision < 0 ? "no_stream" : revision, events).pipe(
          Effect.map((result) => {
            revision = result.revision
            return true
          }),
          Effect.catchTag("EventStoreUnavailable", () => Effect.as(Effect.sleep("20 millis"), false)),
          // Nobody else writes here, so what stands there now is what was there, or these events.
          Effect.catchTag("WrongExpectedRevision", () =>
            Effect.map(Stream.runCollect(Stream.orDie(store.readBackwards(stream, { limit: 1 }))), ([newest]) => {
              revision = newest?.revision ?? -1
              return newest?.id === events.at(-1)?.id
            })),
          Effect.orDie,
        )
      }
      done.push(...events)
    }
  })
  return { streams, ledger, run: Effect.forEach(streams, appendTo, { concurrency: "unbounded", discard: true }) }
}

export interface LoadAccount {
  readonly lost: number
  readonly repeated: number
  readonly outOfOrder: number
}

/** Holds what stands on the streams against the ledger. */
export const accountOf = Effect.fnUntraced(function*(store: Store, { ledger }: Load) {
  let lost = 0
  let repeated = 0
  let outOfOrder = 0
  for (const [stream, wanted] of ledger) {
    const stored = yield* Stream.runCollect(store.read(stream))
    const ids = stored.map(({ id }) => id)
    const distinct = new Set(ids)
    repeated += ids.length - distinct.size
    lost += wanted.filter(({ id }) => !distinct.has(id)).length
    const numbers = stored.map(({ data }) => Number(data["n"]))
    outOfOrder += numbers.filter((n, i) => i > 0 && n < (numbers[i - 1] ?? 0)).length
  }
  const account: LoadAccount = { lost, repeated, outOfOrder }
  return account
})
