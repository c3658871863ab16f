/** Truncated streams: their oldest events are out of reach, and all else is as it was. */
import { describe, expect } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import * as fc from "fast-check"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { deliveriesUntil, eventsIn, ids, type It, newEvents, newStream, readAllOf } from "./event-store-support.ts"

export const truncating = (it: It) => {
  describe("a truncated stream", () => {
    const truncated = Effect.fnUntraced(function*(count: number, before: number) {
      const store = yield* EventStore
      const stream = newStream()
      const after = yield* store.head
      const events = newEvents(count)
      yield* store.append(stream, "no_stream", events)
      const recorded = yield* readAllOf(store, stream)
      yield* store.truncate(stream, before)
      return { store, stream, after, events, recorded, rest: recorded.slice(before) }
    })

    it.effect("begins at the revision that it was truncated before, in either direction", () =>
      Effect.gen(function*() {
        const { recorded, rest, store, stream } = yield* truncated(10, 4)
        expect(yield* readAllOf(store, stream)).toEqual(rest)
        expect(yield* Stream.runCollect(store.readBackwards(stream))).toEqual(rest.toReversed())
        expect(yield* store.revision(stream)).toBe(9)
        expect(yield* Stream.runCollect(store.read(stream, { from: 2, limit: 3 }))).toEqual(recorded.slice(4, 7))
        expect(yield* Stream.runCollect(store.readBackwards(stream, { from: 5, limit: 3 }))).toEqual(
          [recorded[5], recorded[4]],
        )
        expect(yield* Stream.runCollect(store.readBackwards(stream, { from: 3 }))).toEqual([])
      }))

    it.effect("goes on with its revisions", () =>
      Effect.gen(function*() {
        const { rest, store, stream } = yield* truncated(5, 4)
        const error = yield* Effect.flip(store.append(stream, "no_stream", newEvents(1)))
        expect(error).toMatchObject({ _tag: "WrongExpectedRevision", actual: 4 })
        const more = newEvents(3)
        expect(yield* store.append(stream, 4, more.slice(0, 1))).toMatchObject({ revision: 5 })
        expect(yield* store.append(stream, "stream_exists", more.slice(1, 2))).toMatchObject({ revision: 6 })
        expect(yield* store.append(stream, "any", more.slice(2))).toMatchObject({ revision: 7 })
        expect(ids(yield* readAllOf(store, stream))).toEqual([...ids(rest), ...ids(more)])
      }))

    it.effect("recognises a retried append of what it still has", () =>
      Effect.gen(function*() {
        const { events, rest, store, stream } = yield* truncated(10, 4)
        expect(yield* store.append(stream, 3, events.slice(4))).toEqual({ revision: 9, position: rest.at(-1)?.position })
        expect(yield* store.revision(stream)).toBe(9)
      }))

    it.effect.each([-1, 1])("does not write again what is out of reach (at %i)", (at) =>
      Effect.gen(function*() {
        const { events, rest, store, stream } = yield* truncated(10, 4)
        const retry = store.append(stream, at < 0 ? "no_stream" : at, events.slice(at + 1, at + 3))
        const exit = yield* Effect.exit(retry)
        if (Exit.isSuccess(exit)) expect(exit.value).toMatchObject({ revision: at + 2 })
        else expect(yield* Effect.flip(exit)).toMatchObject({ _tag: "WrongExpectedRevision", actual: 9 })
        expect(yield* readAllOf(store, stream)).toEqual(rest)
      }))

    it.effect("stays as it is where it is truncated again as far, or less far", () =>
      Effect.gen(function*() {
        const { rest, store, stream } = yield* truncated(10, 4)
        for (const before of [4, 3, 0, -1]) {
          yield* store.truncate(stream, before)
          expect(yield* readAllOf(store, stream)).toEqual(rest)
        }
        yield* store.truncate(stream, 9)
        expect(yield* readAllOf(store, stream)).toEqual(rest.slice(-1))
      }))

    it.effect("is still in the whole log from its first readable event on, for readers and subscribers", () =>
      Effect.gen(function*() {
        const { after, rest, store, stream } = yield* truncated(700, 500)
        const options = { after, filter: { streams: [stream] } }
        const wanted = new Set(ids(rest))
        const read = yield* Stream.runCollect(store.readAll(options))
        expect(read.filter(({ id }) => wanted.has(id))).toEqual(rest)
        const deliveries = yield* deliveriesUntil(
          store.subscribeAll(options),
          (_, { _tag }) => _tag === "CaughtUp",
        )
        expect(eventsIn(deliveries).filter(({ id }) => wanted.has(id))).toEqual(rest)
      }))

    it.effect("can be deleted, and written and truncated again", () =>
      Effect.gen(function*() {
        const { store, stream } = yield* truncated(10, 4)
        yield* store.deleteStream(stream)
        expect(yield* readAllOf(store, stream)).toEqual([])
        yield* store.truncate(stream, 7)
        expect(yield* store.revision(stream)).toBe(-1)
        yield* store.append(stream, "no_stream", newEvents(3))
        const recorded = yield* readAllOf(store, stream)
        expect(recorded.map(({ revision }) => revision)).toEqual([10, 11, 12])
        yield* store.truncate(stream, 11)
        expect(yield* readAllOf(store, stream)).toEqual(recorded.slice(1))
      }))

    it.effect("leaves the others as they are, and reads the same anywhere, however often and far it was truncated", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const [stream, other] = [newStream(), newStream()]
        for (let n = 0; n < 1_100; n += 50) {
          yield* store.append(stream, n === 0 ? "no_stream" : n - 1, newEvents(50))
          yield* store.append(other, "any", newEvents(20))
        }
        const [all, others] = [yield* readAllOf(store, stream), yield* readAllOf(store, other)]
        let first = 0
        // Around pages and blocks of round sizes.
        const edges = [1, 255, 256, 257, 510, 511, 512, 800, 1_023, 1_024, 1_099]
        const edge = fc.oneof(fc.constantFrom(...edges), fc.nat(1_099))
        for (const before of edges) {
          yield* store.truncate(stream, before)
          first = before
          const expected = all.slice(first)
          expect(yield* readAllOf(store, stream)).toEqual(expected)
          yield* Effect.promise(() =>
            fc.assert(
              fc.asyncProperty(edge, edge, async (from, limit) => {
                const options = { from, limit }
                const forwards = await Effect.runPromise(Stream.runCollect(store.read(stream, options)))
                expect(forwards).toEqual(expected.filter(({ revision }) => revision >= from).slice(0, limit))
                const backwards = await Effect.runPromise(Stream.runCollect(store.readBackwards(stream, options)))
                expect(backwards).toEqual(
                  expected.filter(({ revision }) => revision <= from).toReversed().slice(0, limit),
                )
              }),
              { numRuns: 8 },
            )
          )
        }
        expect(yield* readAllOf(store, other)).toEqual(others)
      }), 20_000)
  })

  describe("truncating", () => {
    it.effect.each([3, 4, 1_000])("past the last event, before %i of 3, changes nothing", (before) =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        const events = newEvents(3)
        yield* store.append(stream, "no_stream", events)
        yield* store.truncate(stream, before)
        expect(ids(yield* readAllOf(store, stream))).toEqual(ids(events))
        const more = newEvents(2)
        expect(yield* store.append(stream, 2, more)).toMatchObject({ revision: 4 })
        expect(ids(yield* readAllOf(store, stream))).toEqual(ids([...events, ...more]))
      }))

    it.effect("a stream that does not exist changes nothing", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        yield* store.truncate(stream, 5)
        expect(yield* store.append(stream, "no_stream", newEvents(8))).toMatchObject({ revision: 7 })
        expect(yield* readAllOf(store, stream)).toHaveLength(8)
      }))

    it.effect("a stream that was deleted leaves it so, and is refused where that was for ever", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        yield* store.append(stream, "no_stream", newEvents(3))
        yield* store.deleteStream(stream)
        yield* store.truncate(stream, 1)
        expect(yield* readAllOf(store, stream)).toEqual([])
        yield* store.append(stream, "no_stream", newEvents(1))
        yield* store.deleteStream(stream, { tombstone: true })
        expect(yield* Effect.flip(store.truncate(stream, 1))).toMatchObject({ _tag: "StreamDeleted", stream })
      }))
  })
}
