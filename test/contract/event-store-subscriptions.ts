/** Subscriptions to the whole log: from history over into what is live. */
import { describe, expect } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as fc from "fast-check"
import { randomUUID } from "node:crypto"
import { EventStore, type RecordedEvent } from "../../src/eventstore/event-store.ts"
import type { Position } from "../../src/eventstore/position.ts"
import { deliveriesUntil, eventsIn, type It, newEvents, newStream, readAllOf } from "./event-store-support.ts"

export const subscribing = (it: It) => {
  describe("a subscription to the whole log", () => {
    it.effect("hands out history, says that it has caught up, and goes on with what is appended", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        const after = yield* store.head
        yield* store.append(stream, "no_stream", newEvents(700))
        const deliveries = yield* store.subscribeAll({ after, filter: { streams: [stream] } }).pipe(
          Stream.tap((delivery) =>
            delivery._tag === "CaughtUp" ? store.append(stream, "any", newEvents(5)) : Effect.void
          ),
          (subscription) => deliveriesUntil(subscription, (seen) => seen.length >= 705),
        )
        expect(eventsIn(deliveries)).toEqual(yield* readAllOf(store, stream))
        const caughtUp = deliveries.findIndex(({ _tag }) => _tag === "CaughtUp")
        expect(eventsIn(deliveries.slice(0, caughtUp))).toHaveLength(700)
        expect(deliveries.every((delivery) => delivery._tag !== "Events" || delivery.events.length > 0)).toBe(true)
      }))

    it.effect("says at once that it has caught up where there is nothing to hand out", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const filter = { types: [randomUUID()] }
        const deliveries = yield* deliveriesUntil(
          store.subscribeAll({ after: yield* store.head, filter }),
          (_, { _tag }) => _tag === "CaughtUp",
        )
        expect(eventsIn(deliveries)).toEqual([])
      }))

    it.effect("fails where the log ends before the position it is to go on from", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const after = `f${(yield* store.head).slice(1)}` as Position
        const error = yield* Effect.flip(Stream.runDrain(store.subscribeAll({ after })))
        expect(error).toMatchObject({ _tag: "PositionPastEnd", position: after })
      }))

    it.effect("moves on past what its filter leaves out", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const after = yield* store.head
        const filter = { streams: [newStream()] }
        const last = yield* store.append(newStream(), "no_stream", newEvents(20))
        let behind = after
        const deliveries = yield* store.subscribeAll({ after, filter }).pipe(
          Stream.tap((delivery) => {
            if (delivery._tag === "CaughtUp") return store.append(newStream(), "no_stream", newEvents(20))
            if (delivery._tag === "Checkpoint") {
              expect(delivery.upTo > behind).toBe(true)
              behind = delivery.upTo
            }
            return Effect.void
          }),
          (subscription) =>
            deliveriesUntil(subscription, (_, delivery) =>
              delivery._tag === "Checkpoint" && delivery.upTo > last.position),
        )
        expect(eventsIn(deliveries)).toEqual([])
        // One before it had caught up, one live: not one for every append.
        expect(deliveries.filter(({ _tag }) => _tag === "Checkpoint").length).toBeLessThan(10)
      }), 20_000)

    it.effect("feeds many at once, each with its own filter and pace", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const after = yield* store.head
        const streams = Array.from({ length: 5 }, () => newStream())
        const fibers = yield* Effect.forEach(streams, (_, n) => {
          const filter = { streams: streams.slice(n) }
          const subscription = store.subscribeAll({ after, filter }).pipe(
            Stream.tap(() => n === 0 ? Effect.sleep("3 millis") : Effect.void),
          )
          return deliveriesUntil(subscription, (seen) => seen.length >= (5 - n) * 60).pipe(
            Effect.forkChild({ startImmediately: true }),
          )
        })
        yield* Effect.forEach(streams, (stream) =>
          Effect.forEach(Array.from({ length: 30 }), () => store.append(stream, "any", newEvents(2))), {
          concurrency: "unbounded",
        })
        const all = yield* Stream.runCollect(store.readAll({ after, filter: { streams } }))
        for (const [n, fiber] of fibers.entries()) {
          const wanted = new Set(streams.slice(n))
          expect(eventsIn(yield* Fiber.join(fiber))).toEqual(all.filter(({ stream }) => wanted.has(stream)))
        }
      }))

    it.effect("misses nothing and repeats nothing, whenever it starts, breaks off and resumes", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const batch = fc.record({
          stream: fc.nat(3),
          events: fc.integer({ min: 1, max: 40 }),
          pause: fc.constantFrom(undefined, 0, 1, 4),
        })
        const plan = fc.record({
          batches: fc.array(batch, { minLength: 1, maxLength: 30 }),
          startAt: fc.nat(30),
          /** How many deliveries each run of the consumer takes before it breaks off. */
          runs: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 6 }),
          consumerPause: fc.constantFrom(undefined, 0, 3),
        })
        type Plan = typeof plan extends fc.Arbitrary<infer Drawn> ? Drawn : never
        const run = Effect.fnUntraced(function*({ batches, consumerPause, runs, startAt }: Plan) {
          const prefix = newStream()
          const after = yield* store.head
          const streams = [`${prefix}-0`, `${prefix}-1`, `${prefix}-2`, `other-${prefix}`]
          const append = ({ events, pause, stream }: (typeof batches)[number]) =>
            Effect.andThen(
              store.append(streams[stream] ?? "", "any", newEvents(events)),
              pause === undefined ? Effect.void : pause === 0 ? Effect.yieldNow : Effect.sleep(pause),
            )
          yield* Effect.forEach(batches.slice(0, startAt), append, { discard: true })
          const appenders = yield* Effect.forEach(batches.slice(startAt), append, { concurrency: 3 }).pipe(
            Effect.forkChild({ startImmediately: true }),
          )
          const expected = batches.reduce((n, { events, stream }) => n + (stream === 3 ? 0 : events), 0)
          const seen: Array<RecordedEvent> = []
          let position = after
          for (const deliveries of [...runs, Infinity]) {
            if (seen.length >= expected) break
            let left = deliveries
            yield* store.subscribeAll({ after: position, filter: { streams: [prefix] } }).pipe(
              Stream.tap(() => consumerPause === undefined ? Effect.void : Effect.sleep(consumerPause)),
              Stream.takeUntil((delivery) => {
                if (delivery._tag === "Events") seen.push(...delivery.events)
                if (delivery._tag !== "CaughtUp") {
                  expect(delivery.upTo > position).toBe(true)
                  position = delivery.upTo
                }
                return --left <= 0 || seen.length >= expected
              }),
              Stream.runDrain,
            )
          }
          yield* Fiber.join(appenders)
          const all = yield* Stream.runCollect(store.readAll({ after, filter: { streams: [prefix] } }))
          expect(all).toHaveLength(expected)
          expect(seen).toEqual(all)
        })
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(plan, (drawn) => Effect.runPromise(Effect.timeout(run(drawn), "10 seconds"))),
            { numRuns: 60 },
          )
        )
      }), 60_000)

    it.effect("can be left, and leaves nothing behind that a later append would trip over", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const after = yield* store.head
        const subscription = Stream.runDrain(store.subscribeAll({ after }))
        const fibers = yield* Effect.forEach(Array.from({ length: 20 }), () =>
          Effect.forkChild(subscription, { startImmediately: true }))
        yield* store.append(newStream(), "no_stream", newEvents(1))
        yield* Fiber.interruptAll(fibers)
        expect(yield* store.append(newStream(), "no_stream", newEvents(1))).toMatchObject({ revision: 0 })
      }))
  })
}
