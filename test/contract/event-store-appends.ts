/** Appends, retries and deletions: every row of what EventStoreDB does with them. */
import { describe, expect } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import * as fc from "fast-check"
import {
  EventStore,
  type EventToAppend,
  type ExpectedRevision,
} from "../../src/eventstore/event-store.ts"
import { beginning, type Position } from "../../src/eventstore/position.ts"
import { ids, type It, newEvent, newEvents, newStream, readAllOf } from "./event-store-support.ts"

export const appending = (it: It) => {
  describe("an append", () => {
    it.effect("gives its events consecutive revisions from 0 and keeps all that they say", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        const before = Date.now()
        const events = [
          newEvent({ speed: 88.5, list: [1, { deep: null }], text: "x" }, "First"),
          { ...newEvent({}, "Second"), metadata: { source: "mqtt", correlation: "c-1" } },
        ]
        const result = yield* store.append(stream, "no_stream", events)
        const recorded = yield* readAllOf(store, stream)
        expect(recorded.map(({ position: _, created: __, ...rest }) => rest)).toEqual(
          events.map((event, revision) => ({ ...event, stream, revision })),
        )
        expect(result).toEqual({ revision: 1, position: recorded[1]?.position })
        expect(yield* store.revision(stream)).toBe(1)
        for (const { created, position } of recorded) {
          // A server has a clock of its own.
          expect(Math.abs(created - before)).toBeLessThan(60_000)
          expect(position > beginning).toBe(true)
        }
      }))

    it.effect("keeps text of any script, control characters, and names that mean something to a database", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        for (const text of ["汽车 🚗 é é", "%_'\";--", "\u0000\u0007\n\t\u2028", "\ud83d lone"]) {
          const stream = newStream(text.includes("\u0000") || text.includes("lone") ? "" : text)
          const event = { ...newEvent({ [text]: text, nested: { [text]: [text] } }), metadata: { text } }
          yield* store.append(stream, "no_stream", [event])
          const [recorded] = yield* readAllOf(store, stream)
          expect(recorded).toMatchObject({ ...event, stream })
        }
      }))

    it.effect("keeps every JSON value as it is", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), async (data, value) => {
              const json = JSON.parse(JSON.stringify(data))
              const metadata = JSON.parse(JSON.stringify({ value }))
              const stream = newStream()
              const event = { ...newEvent(json), metadata }
              await Effect.runPromise(store.append(stream, "no_stream", [event]))
              const [recorded] = await Effect.runPromise(readAllOf(store, stream))
              expect(recorded?.data).toEqual(json)
              expect(recorded?.metadata).toEqual(metadata)
            }),
            { numRuns: 50 },
          )
        )
      }))

    it.effect.each(["no_stream", 0, 5] as const)("is refused where the stream is not as expected, %s", (expected) =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        if (expected !== 0) yield* store.append(stream, "no_stream", newEvents(2))
        const actual = expected === 0 ? -1 : 1
        const error = yield* Effect.flip(store.append(stream, expected, newEvents(1)))
        expect(error).toMatchObject({ _tag: "WrongExpectedRevision", stream, expected, actual })
        expect(yield* store.revision(stream)).toBe(actual)
      }))

    it.effect("that is too large is refused as such, and writes nothing", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        // Half a mebibyte each, in UTF-8.
        const events = newEvents(3).map((event) => ({ ...event, data: { text: "é".repeat(256 * 1024) } }))
        const error = yield* Effect.flip(store.append(stream, "no_stream", events))
        expect(error).toMatchObject({ _tag: "AppendTooLarge", stream })
        expect(yield* store.revision(stream)).toBe(-1)
        yield* store.append(stream, "no_stream", events.slice(0, 1))
        expect(yield* store.revision(stream)).toBe(0)
      }))

    it.effect("wins alone among many that expect the same", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        const exits = yield* Effect.all(
          Array.from({ length: 50 }, () => Effect.exit(store.append(stream, "no_stream", newEvents(2)))),
          { concurrency: "unbounded" },
        )
        expect(exits.filter(Exit.isSuccess)).toHaveLength(1)
        expect(yield* readAllOf(store, stream)).toHaveLength(2)
      }))

    it.effect("that fails leaves those beside it alone", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const streams = Array.from({ length: 60 }, () => newStream())
        const huge = newEvent({ text: "x".repeat(2 * 1024 * 1024) })
        const exits = yield* Effect.all(
          streams.map((stream, n) => {
            const expected: ExpectedRevision = n % 3 === 1 ? 7 : "no_stream"
            return Effect.exit(store.append(stream, expected, n % 3 === 2 ? [huge] : newEvents(1)))
          }),
          { concurrency: "unbounded" },
        )
        expect(exits.map(Exit.isSuccess)).toEqual(streams.map((_, n) => n % 3 === 0))
        for (const [n, stream] of streams.entries()) {
          expect(yield* store.revision(stream)).toBe(n % 3 === 0 ? 0 : -1)
        }
      }))

    it.effect("whose caller is interrupted is written wholly or not at all, and harms no other", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const streams = Array.from({ length: 90 }, () => newStream())
        const fibers = yield* Effect.forEach(streams, (stream, n) =>
          store.append(stream, "no_stream", newEvents(3)).pipe(
            n % 3 === 0 ? Effect.timeoutOption("1 millis") : Effect.asSome,
            Effect.forkChild({ startImmediately: true }),
          ))
        for (const [n, fiber] of fibers.entries()) if (n % 3 === 1) yield* Fiber.interrupt(fiber)
        for (const [n, fiber] of fibers.entries()) if (n % 3 === 2) yield* Fiber.join(fiber)
        for (const [n, stream] of streams.entries()) {
          expect(n % 3 === 2 ? [2] : [-1, 2]).toContain(yield* store.revision(stream))
        }
      }))

    it.effect("is in the log before it succeeds, in the order of its stream, however many append at once", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const streams = Array.from({ length: 40 }, () => newStream())
        const start = yield* store.head
        yield* Effect.forEach(
          streams,
          Effect.fnUntraced(function*(stream) {
            for (let revision = -1; revision < 19; revision++) {
              const result = yield* store.append(stream, revision < 0 ? "no_stream" : revision, newEvents(1))
              expect(result.revision).toBe(revision + 1)
            }
          }),
          { concurrency: "unbounded" },
        )
        const log = yield* Stream.runCollect(store.readAll({ after: start, filter: { streams } }))
        expect(log).toHaveLength(40 * 20)
        const next = new Map<string, number>()
        let position: Position = start
        for (const event of log) {
          expect(event.position > position).toBe(true)
          position = event.position
          expect(event.revision).toBe(next.get(event.stream) ?? 0)
          next.set(event.stream, event.revision + 1)
        }
      }))
  })
}

export const retrying = (it: It) => {
  describe("events with ids that are in the stream already", () => {
    const withEvents = Effect.fnUntraced(function*(count: number) {
      const store = yield* EventStore
      const stream = newStream()
      const events = newEvents(count)
      for (const [n, event] of events.entries()) {
        yield* store.append(stream, n === 0 ? "no_stream" : n - 1, [event])
      }
      return { store, stream, events, recorded: yield* readAllOf(store, stream) }
    })

    it.effect("are appended again at the current revision", () =>
      Effect.gen(function*() {
        const { store, stream, events } = yield* withEvents(2)
        expect(yield* store.append(stream, 1, events)).toMatchObject({ revision: 3 })
        expect(ids(yield* readAllOf(store, stream))).toEqual(ids([...events, ...events]))
      }))

    it.effect.each([["no_stream", 2], ["no_stream", 4], [0, 3], [2, 1]] as const)(
      "succeed without being written again at the same expected revision (%s)",
      ([expected, count]) =>
        Effect.gen(function*() {
          const { store, stream, events, recorded } = yield* withEvents(4)
          const from = expected === "no_stream" ? 0 : expected + 1
          const result = yield* store.append(stream, expected, events.slice(from, from + count))
          expect(result).toEqual({ revision: from + count - 1, position: recorded[from + count - 1]?.position })
          expect(yield* store.revision(stream)).toBe(3)
        }),
    )

    it.effect("are recognised far back in a long stream", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        const events = newEvents(1_200)
        yield* store.append(stream, "no_stream", events)
        expect(yield* store.append(stream, 255, events.slice(256, 600))).toMatchObject({ revision: 599 })
        expect(yield* store.append(stream, 3, events.slice(4, 5))).toMatchObject({ revision: 4 })
        expect(yield* store.revision(stream)).toBe(1_199)
      }))

    it.effect.each(
      [
        ["the first is another", (events: ReadonlyArray<EventToAppend>) => [newEvent(), ...events.slice(1, 2)]],
        ["a later one is another", (events: ReadonlyArray<EventToAppend>) => [...events.slice(0, 1), newEvent()]],
        ["they are in another order", (events: ReadonlyArray<EventToAppend>) => events.slice(0, 2).toReversed()],
        ["more follow than there are", (events: ReadonlyArray<EventToAppend>) => [...events, newEvent()]],
      ] as const,
    )("are refused at an older revision where %s", ([, retry]) =>
      Effect.gen(function*() {
        const { store, stream, events } = yield* withEvents(3)
        const error = yield* Effect.flip(store.append(stream, "no_stream", retry(events)))
        expect(error).toMatchObject({ _tag: "WrongExpectedRevision", actual: 2 })
        expect(ids(yield* readAllOf(store, stream))).toEqual(ids(events))
      }))

    it.effect.each(["any", "stream_exists"] as const)("are not written again soon after with %s", (expected) =>
      Effect.gen(function*() {
        const { store, stream, events, recorded } = yield* withEvents(3)
        const result = yield* store.append(stream, expected, events.slice(1, 3))
        expect(result).toEqual({ revision: 2, position: recorded[2]?.position })
        expect(yield* store.revision(stream)).toBe(2)
      }))

    it.effect("are written once if two append them at the same time", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        for (const expected of ["any", "no_stream"] as const) {
          const stream = newStream()
          const events = newEvents(2)
          const append = store.append(stream, expected, events)
          const results = yield* Effect.all([append, append, append], { concurrency: "unbounded" })
          expect(results.map(({ revision }) => revision)).toEqual([1, 1, 1])
          expect(ids(yield* readAllOf(store, stream))).toEqual(ids(events))
        }
      }))

    it.effect("are refused with any where only the first is known", () =>
      Effect.gen(function*() {
        const { store, stream, events } = yield* withEvents(1)
        const error = yield* Effect.flip(store.append(stream, "any", [...events, newEvent()]))
        expect(error).toMatchObject({ _tag: "WrongExpectedRevision", actual: 0 })
      }))

    it.effect("are appended with any where they are known from another stream only", () =>
      Effect.gen(function*() {
        const { store, events } = yield* withEvents(1)
        const other = newStream()
        expect(yield* store.append(other, "any", events)).toMatchObject({ revision: 0 })
        expect(ids(yield* readAllOf(store, other))).toEqual(ids(events))
      }))
  })

  describe("an append that expects", () => {
    it.effect("any goes to the end of the stream, or starts it", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        expect(yield* store.append(stream, "any", newEvents(2))).toMatchObject({ revision: 1 })
        expect(yield* store.append(stream, "any", newEvents(1))).toMatchObject({ revision: 2 })
      }))

    it.effect("stream_exists goes to the end of the stream, and is refused where there is none", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        const error = yield* Effect.flip(store.append(stream, "stream_exists", newEvents(1)))
        expect(error).toMatchObject({ _tag: "WrongExpectedRevision", expected: "stream_exists", actual: -1 })
        yield* store.append(stream, "no_stream", newEvents(1))
        expect(yield* store.append(stream, "stream_exists", newEvents(1))).toMatchObject({ revision: 1 })
      }))
  })
}

export const deleting = (it: It) => {
  describe("a stream that was deleted", () => {
    it.effect.each(["no_stream", "any", 2] as const)("is empty, and goes on with its revisions (%s)", (expected) =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        yield* store.append(stream, "no_stream", newEvents(3))
        yield* store.deleteStream(stream)
        expect(yield* readAllOf(store, stream)).toEqual([])
        expect(yield* Stream.runCollect(store.readBackwards(stream))).toEqual([])
        expect(yield* store.revision(stream)).toBe(-1)

        const events = newEvents(2)
        expect(yield* store.append(stream, expected, events)).toMatchObject({ revision: 4 })
        const recorded = yield* readAllOf(store, stream)
        expect(ids(recorded)).toEqual(ids(events))
        expect(recorded.map(({ revision }) => revision)).toEqual([3, 4])
        expect(ids(yield* Stream.runCollect(store.readBackwards(stream)))).toEqual(ids(events.toReversed()))
        expect(yield* store.revision(stream)).toBe(4)
      }))

    it.effect("does not exist for an append that expects it to", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        yield* store.append(stream, "no_stream", newEvents(1))
        yield* store.deleteStream(stream)
        const error = yield* Effect.flip(store.append(stream, "stream_exists", newEvents(1)))
        expect(error).toMatchObject({ _tag: "StreamDeleted", stream })
      }))

    it.effect("can be deleted and written again and again, however long", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        for (let round = 0; round < 3; round++) {
          yield* store.append(stream, "no_stream", newEvents(700))
          expect(yield* readAllOf(store, stream)).toHaveLength(700)
          yield* store.deleteStream(stream)
          expect(yield* readAllOf(store, stream)).toHaveLength(0)
        }
        expect(yield* store.append(stream, "no_stream", newEvents(1))).toMatchObject({ revision: 2_100 })
        expect(yield* readAllOf(store, stream)).toHaveLength(1)
      }))

    it.effect("leaves the others as they are", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const [gone, stays] = [newStream(), newStream()]
        for (let n = -1; n < 300; n++) {
          const expected = n < 0 ? "no_stream" : n
          yield* Effect.all([store.append(gone, expected, newEvents(1)), store.append(stays, expected, newEvents(1))], {
            concurrency: 2,
          })
        }
        const before = yield* readAllOf(store, stays)
        yield* store.deleteStream(gone)
        expect(yield* readAllOf(store, stays)).toEqual(before)
      }))

    it.effect("with a tombstone is gone for ever", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        for (const existed of [true, false]) {
          const stream = newStream()
          if (existed) yield* store.append(stream, "no_stream", newEvents(1))
          yield* store.deleteStream(stream, { tombstone: true })
          for (const expected of ["no_stream", "any", "stream_exists", 0] as const) {
            const error = yield* Effect.flip(store.append(stream, expected, newEvents(1)))
            expect(error).toMatchObject({ _tag: "StreamDeleted", stream })
          }
          for (const use of [
            Stream.runDrain(store.read(stream)),
            Stream.runDrain(store.readBackwards(stream)),
            Effect.asVoid(store.revision(stream)),
            store.deleteStream(stream, { tombstone: true }),
          ]) {
            expect(yield* Effect.flip(use)).toMatchObject({ _tag: "StreamDeleted", stream })
          }
        }
      }))
  })
}
