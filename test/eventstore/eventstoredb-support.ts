/** What the tests of the EventStoreDB layer share. */
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { EventStore, type EventToAppend } from "../../src/eventstore/event-store.ts"
import { layer } from "../../src/eventstore/eventstoredb.ts"

export const newEvents = (count: number, text = ""): ReadonlyArray<EventToAppend> =>
  Array.from({ length: count }, (_, n) => ({ id: randomUUID(), type: "Tested", data: { n, text }, metadata: {} }))

export type Store = EventStore["Service"]

/** Runs on a store of its own, closed afterwards. */
export const withStore = <A, E>(url: string, use: (store: Store) => Effect.Effect<A, E>) =>
  Effect.provide(Effect.flatMap(EventStore, use), layer({ url }))
