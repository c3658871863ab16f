import { it } from "@effect/vitest"
import { Duration, Effect, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { describe, expect } from "vitest"
import { bound, layer } from "../../src/deadletters/keeper.ts"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { layer as eventStoreDb } from "../../src/eventstore/eventstoredb.ts"
import { newEvents } from "../eventstore/eventstoredb-support.ts"
import { eventsOf, temporary, unavailable } from "../support/event-store.ts"
import { startEventStoreDb } from "../support/eventstoredb-server.ts"

const stream = "deadletter-mqtt"
const hour = 3_600_000

const stores = {
  "the embedded log": temporary,
  EventStoreDB: Layer.unwrap(Effect.map(startEventStoreDb, ({ url }) => eventStoreDb({ url }))),
}

const revisions = Effect.flatMap(EventStore, (store) =>
  Effect.map(eventsOf(store, stream), (events) => events.map(({ revision }) => revision)))

describe.each(Object.entries(stores))("the dead letters' keeper over %s", (_, log) => {
  it.live("lets the oldest go past a number, and no more", () =>
    Effect.gen(function*() {
      const store = yield* EventStore
      expect(yield* bound(store, stream, { max: 3, keep: hour })).toEqual({ held: 0, removed: 0 })
      yield* store.append(stream, "any", newEvents(10))
      expect(yield* bound(store, stream, { max: 10, keep: hour })).toEqual({ held: 10, removed: 0 })
      expect(yield* bound(store, stream, { max: 4, keep: hour })).toEqual({ held: 4, removed: 6 })
      expect(yield* revisions).toEqual([6, 7, 8, 9])
      yield* store.append(stream, "any", newEvents(2))
      expect(yield* bound(store, stream, { max: 4, keep: hour })).toEqual({ held: 4, removed: 2 })
      expect(yield* revisions).toEqual([8, 9, 10, 11])
    }).pipe(Effect.provide(log)))

  it.live("lets go what is older than an age, but for the last", () =>
    Effect.gen(function*() {
      const store = yield* EventStore
      yield* store.append(stream, "any", newEvents(7))
      yield* Effect.sleep(20)
      yield* store.append(stream, "any", newEvents(5))
      const young = (yield* eventsOf(store, stream))[7]?.created ?? 0
      const boundAt = (time: number) =>
        Effect.andThen(TestClock.setTime(time), bound(store, stream, { max: 100, keep: hour })).pipe(
          Effect.provide(TestClock.layer()),
        )
      expect(yield* boundAt(young + hour)).toEqual({ held: 5, removed: 7 })
      expect(yield* revisions).toEqual([7, 8, 9, 10, 11])
      expect(yield* boundAt(young + 2 * hour)).toEqual({ held: 1, removed: 4 })
      expect(yield* revisions).toEqual([11])
    }).pipe(Effect.provide(log)))
})

describe("the dead letters' keeper", () => {
  it.live("looks from time to time, and goes on where a look failed", () =>
    Effect.gen(function*() {
      const store = yield* EventStore
      yield* store.append(stream, "any", newEvents(9))
      yield* store.append("deadletter-kafka", "any", newEvents(2))
      yield* store.deleteStream("deadletter-kafka", { tombstone: true })
      let failing = true
      const flaky = EventStore.of({
        ...store,
        revision: (name) => failing ? Effect.die(new Error("not reached")) : store.revision(name),
        read: (name, options) => failing ? Stream.fail(unavailable("read")) : store.read(name, options),
      })
      yield* Effect.gen(function*() {
        yield* TestClock.adjust(Duration.seconds(1))
        expect(yield* revisions).toHaveLength(9)
        failing = false
        yield* TestClock.adjust(Duration.seconds(10))
        while ((yield* revisions).length > 5) yield* TestClock.withLive(Effect.sleep(2))
      }).pipe(
        Effect.provide(layer({ max: 5, keep: hour }).pipe(Layer.provide(Layer.succeed(EventStore, flaky)))),
        Effect.provide(TestClock.layer()),
      )
      expect(yield* revisions).toEqual([4, 5, 6, 7, 8])
    }).pipe(Effect.provide(temporary)))
})
