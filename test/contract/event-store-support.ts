/** What the parts of the event store's contract share. */
import type { Vitest } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { randomUUID } from "node:crypto"
import type { Delivery, EventStore, EventToAppend, RecordedEvent } from "../../src/eventstore/event-store.ts"

export type It = Vitest.MethodsNonLive<EventStore>

type Store = EventStore["Service"]

export const newStream = (name = "") => `contract-${randomUUID()}${name}`

export const newEvent = (data: EventToAppend["data"] = {}, type = "Tested"): EventToAppend => ({
  id: randomUUID(),
  type,
  data,
  metadata: {},
})

export const newEvents = (count: number): ReadonlyArray<EventToAppend> =>
  Array.from({ length: count }, (_, n) => newEvent({ n }))

export const ids = (events: Iterable<EventToAppend>) => Array.from(events, (event) => event.id)

export const readAllOf = (store: Store, stream: string) => Stream.runCollect(store.read(stream))

/** The deliveries of a subscription up to the one that fulfils a condition on all events so far. */
export const deliveriesUntil = <E>(
  deliveries: Stream.Stream<Delivery, E>,
  done: (seen: ReadonlyArray<RecordedEvent>, last: Delivery) => boolean,
) => {
  const seen: Array<RecordedEvent> = []
  return deliveries.pipe(
    Stream.takeUntil((delivery) => {
      if (delivery._tag === "Events") seen.push(...delivery.events)
      return done(seen, delivery)
    }),
    Stream.runCollect,
    Effect.timeout("10 seconds"),
  )
}

export const eventsIn = (deliveries: Iterable<Delivery>): ReadonlyArray<RecordedEvent> =>
  Array.from(deliveries).flatMap((delivery) => delivery._tag === "Events" ? delivery.events : [])
