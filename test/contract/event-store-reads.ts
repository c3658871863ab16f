/** Reading a stream, in either direction, and the whole log. */
import { describe, expect } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as fc from "fast-check"
import { randomUUID } from "node:crypto"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { ids, type It, newEvent, newEvents, newStream, readAllOf } from "./event-store-support.ts"

export const reading = (it: It) => {
  describe("reading a stream", () => {
    it.effect("that does not exist gives nothing", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        expect(yield* readAllOf(store, stream)).toEqual([])
        expect(yield* Stream.runCollect(store.readBackwards(stream))).toEqual([])
        expect(yield* store.revision(stream)).toBe(-1)
      }))

    it.effect("gives any part of it, in either direction, whatever stands between in the log", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const [stream, between] = [newStream(), newStream()]
        const events = newEvents(1_100)
        for (let n = 0; n < events.length; n += 50) {
          yield* store.append(stream, n === 0 ? "no_stream" : n - 1, events.slice(n, n + 50))
          yield* store.append(between, "any", newEvents(3))
        }
        const all = ids(events)
        // Around pages and blocks of round sizes, and past both ends.
        const edge = fc.oneof(fc.constantFrom(0, 1, 255, 256, 257, 511, 512, 1_098, 1_099, 1_100, 5_000), fc.nat(1_100))
        const limit = fc.option(fc.oneof(fc.constantFrom(0, 1, 256, 5_000), fc.nat(1_100)), { nil: undefined })
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(edge, limit, async (from, limit) => {
              const options = limit === undefined ? { from } : { from, limit }
              const forwards = await Effect.runPromise(Stream.runCollect(store.read(stream, options)))
              expect(ids(forwards)).toEqual(all.slice(from, from + (limit ?? 5_000)))
              expect(forwards.map(({ revision }) => revision)).toEqual(forwards.map((_, n) => from + n))
              const backwards = await Effect.runPromise(Stream.runCollect(store.readBackwards(stream, options)))
              expect(ids(backwards)).toEqual(all.slice(0, from + 1).toReversed().slice(0, limit ?? 5_000))
            }),
            { numRuns: 60 },
          )
        )
        expect(ids(yield* readAllOf(store, stream))).toEqual(all)
        expect(ids(yield* Stream.runCollect(store.readBackwards(stream, { limit: 1 })))).toEqual(all.slice(-1))
      }))

    it.effect("can be broken off, and does not hold up those who append", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const stream = newStream()
        yield* store.append(stream, "no_stream", newEvents(800))
        const seen = yield* store.read(stream).pipe(
          Stream.tap((event) => event.revision === 300 ? store.append(stream, 799, newEvents(1)) : Effect.void),
          Stream.takeUntil((event) => event.revision === 500),
          Stream.runCollect,
        )
        expect(seen).toHaveLength(501)
        expect(yield* store.revision(stream)).toBe(800)
      }))
  })
}

export const readingTheLog = (it: It) => {
  describe("reading the whole log", () => {
    const mixed = Effect.fnUntraced(function*() {
      const store = yield* EventStore
      const tag = randomUUID()
      const start = yield* store.head
      // Case and wildcards must not count: neither does A match a, nor _ anything.
      const names = [`${tag}-a`, `${tag}-A`, `${tag}_a`, `x${tag}-a`]
      for (let n = 0; n < 40; n++) {
        const type = [`${tag}-T`, `${tag}-t`, `${tag}xT`, `y${tag}-T`][n % 4] ?? ""
        yield* store.append(names[(n * 7) % 4] ?? "", "any", [newEvent({ n }, type), newEvent({ n }, `${type}2`)])
      }
      const all = yield* Stream.runCollect(store.readAll({ after: start }))
      return { store, tag, start, all }
    })

    it.effect("gives the events on streams, or of types, with a prefix", () =>
      Effect.gen(function*() {
        const { all, start, store, tag } = yield* mixed()
        const cases = [[`${tag}-a`], [`${tag}-A`, `${tag}_`], [`${tag}-t`, `${tag}-T`], [`${tag}_`], []]
        for (const prefixes of cases) {
          for (const by of ["stream", "type"] as const) {
            const filter = by === "stream" ? { streams: prefixes } : { types: prefixes }
            const found = yield* Stream.runCollect(store.readAll({ after: start, filter }))
            expect(found).toEqual(all.filter((event) => prefixes.some((prefix) => event[by].startsWith(prefix))))
          }
        }
        expect(all.filter(({ stream }) => stream.startsWith(`${tag}-a`))).toHaveLength(20)
      }))

    it.effect("begins after a position, ends at a limit, and ends where the log ended", () =>
      Effect.gen(function*() {
        const { start, store, tag } = yield* mixed()
        const filter = { streams: [tag] }
        const all = yield* Stream.runCollect(store.readAll({ after: start, filter }))
        for (const n of [0, 1, 17, all.length - 1]) {
          const after = all[n]?.position ?? start
          expect(yield* Stream.runCollect(store.readAll({ after, filter }))).toEqual(all.slice(n + 1))
          expect(yield* Stream.runCollect(store.readAll({ after, filter, limit: 5 }))).toEqual(all.slice(n + 1, n + 6))
        }
        expect(yield* Stream.runCollect(store.readAll({ after: start, filter, limit: 0 }))).toEqual([])
        const again = yield* store.readAll({ after: start, filter }).pipe(
          Stream.tap(() => store.append(`${tag}-a`, "any", newEvents(1))),
          Stream.runCollect,
        )
        expect(again).toEqual(all)
      }))

    it.effect("finds what is rare", () =>
      Effect.gen(function*() {
        const store = yield* EventStore
        const start = yield* store.head
        const rare = newStream()
        for (let n = 0; n < 3; n++) {
          yield* store.append(newStream(), "no_stream", newEvents(6_000))
          yield* store.append(rare, "any", newEvents(1))
        }
        const found = yield* Stream.runCollect(store.readAll({ after: start, filter: { streams: [rare] } }))
        expect(found.map(({ revision }) => revision)).toEqual([0, 1, 2])
        expect(yield* store.head).toBe(found[2]?.position)
      }))
  })
}
