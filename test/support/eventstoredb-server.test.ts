import { describe, expect, it } from "@effect/vitest"
import db from "@eventstore/db-client"
import { Effect } from "effect"
import {
  append,
  clientOf,
  collect,
  failureOf,
  newEvents,
  reachable,
  readStream,
  ways,
} from "./eventstoredb-server-client.ts"
import { deletedRevision } from "./eventstoredb-server-metadata.ts"
import { startEventStoreDb } from "./eventstoredb-server.ts"

const started = Effect.gen(function*() {
  const server = yield* startEventStoreDb
  return { server, client: yield* clientOf(server.url) }
})

for (const [name, way] of ways) {
  describe(`${name} to the EventStoreDB of the tests`, () => {
    it.live("appends at the expected revision, whatever the ids", () =>
      Effect.gen(function*() {
        const { server, client } = yield* started
        const events = newEvents(2)
        expect(yield* append(client, "s-1", "no_stream", events, way)).toMatchObject({ revision: 1n })
        expect(yield* append(client, "s-1", 1n, events, way)).toMatchObject({ revision: 3n })
        expect(yield* append(client, "s-1", "stream_exists", newEvents(1), way)).toMatchObject({ revision: 4n })
        expect(yield* append(client, "s-1", "any", newEvents(1), way)).toMatchObject({ revision: 5n })
        expect(server.countOf("s-1")).toBe(6)
        expect(yield* server.appendsSeen).toBe(4)
        expect(yield* readStream(client, "s-1")).toEqual([0n, 1n, 2n, 3n, 4n, 5n])
      }))

    it.live("refuses a revision that is not there yet, and says which is", () =>
      Effect.gen(function*() {
        const { server, client } = yield* started
        expect(yield* append(client, "s-1", 0n, newEvents(1), way)).toEqual({ conflict: "no_stream" })
        yield* append(client, "s-1", "no_stream", newEvents(2), way)
        expect(yield* append(client, "s-1", 2n, newEvents(1), way)).toEqual({ conflict: 1n })
        expect(server.countOf("s-1")).toBe(2)
      }))

    it.live("knows events again that stand where they are expected, and writes nothing", () =>
      Effect.gen(function*() {
        const { server, client } = yield* started
        const events = newEvents(3)
        const first = yield* append(client, "s-1", "no_stream", events, way)
        yield* append(client, "s-1", 2n, newEvents(2), way)
        // A restart empties the cache of ids; this rests on the log.
        yield* Effect.andThen(server.stop, server.start)
        yield* reachable(client)
        expect(yield* append(client, "s-1", "no_stream", events, way)).toEqual(first)
        expect(yield* append(client, "s-1", "no_stream", events.slice(0, 2), way)).toMatchObject({ revision: 1n })
        expect(server.countOf("s-1")).toBe(5)
      }))

    it.live("refuses events of which only the first, or none, stands where it is expected", () =>
      Effect.gen(function*() {
        const { client } = yield* started
        const events = newEvents(2)
        yield* append(client, "s-1", "no_stream", events, way)
        const inPart = [...events.slice(0, 1), ...newEvents(1)]
        const tooMany = [...events, ...newEvents(1)]
        expect(yield* append(client, "s-1", "no_stream", inPart, way)).toEqual({ conflict: 1n })
        expect(yield* append(client, "s-1", "no_stream", tooMany, way)).toEqual({ conflict: 1n })
        expect(yield* append(client, "s-1", "no_stream", newEvents(1), way)).toEqual({ conflict: 1n })
        expect(yield* append(client, "s-1", 0n, events, way)).toEqual({ conflict: 1n })
      }))

    it.live("knows ids again that it wrote of late where any revision will do, but not after a restart", () =>
      Effect.gen(function*() {
        const { server, client } = yield* started
        const events = newEvents(2)
        const first = yield* append(client, "s-1", "any", events, way)
        yield* append(client, "s-1", "any", newEvents(1), way)
        expect(yield* append(client, "s-1", "any", events, way)).toEqual(first)
        expect(yield* append(client, "s-1", "stream_exists", events, way)).toEqual(first)
        expect(yield* append(client, "s-1", "any", [...events, ...newEvents(1)], way)).toEqual({ conflict: 2n })
        yield* Effect.andThen(server.stop, server.start)
        yield* reachable(client)
        expect(yield* append(client, "s-1", "any", events, way)).toMatchObject({ revision: 4n })
        // Ids belong to their stream.
        expect(yield* append(client, "s-2", "any", events, way)).toMatchObject({ revision: 1n })
      }))

    it.live("takes a stream with nothing but metadata for one that exists", () =>
      Effect.gen(function*() {
        const { client } = yield* started
        expect(yield* append(client, "s-1", "stream_exists", newEvents(1), way)).toEqual({ conflict: "no_stream" })
        yield* Effect.promise(() => client.setStreamMetadata("s-1", { truncateBefore: 0 }))
        expect(yield* append(client, "s-1", "stream_exists", newEvents(1), way)).toMatchObject({ revision: 0n })
      }))

    it.live("goes on with the revisions of a softly deleted stream, which exists no more", () =>
      Effect.gen(function*() {
        const { client } = yield* started
        const events = newEvents(3)
        yield* append(client, "s-1", "no_stream", events, way)
        yield* Effect.promise(() => client.deleteStream("s-1"))
        expect(yield* Effect.flip(readStream(client, "s-1"))).toBe("stream-not-found")
        expect(yield* append(client, "s-1", "stream_exists", newEvents(1), way)).toEqual({ error: "stream-deleted" })
        expect(yield* append(client, "s-1", "no_stream", events, way)).toEqual({ revision: 2n, position: undefined })
        const inPart = [...events.slice(0, 1), ...newEvents(1)]
        expect(yield* append(client, "s-1", "no_stream", inPart, way)).toEqual({ conflict: 2n })
        expect(yield* append(client, "s-1", "no_stream", newEvents(2), way)).toMatchObject({ revision: 4n })
        expect(yield* readStream(client, "s-1")).toEqual([3n, 4n])
      }))

    it.live("never writes to a stream with a tombstone again", () =>
      Effect.gen(function*() {
        const { client } = yield* started
        yield* append(client, "s-1", "no_stream", newEvents(1), way)
        yield* Effect.promise(() => client.tombstoneStream("s-1"))
        for (const expected of ["any", "no_stream", "stream_exists", 0n] as const) {
          expect(yield* append(client, "s-1", expected, newEvents(1), way)).toEqual({ error: "stream-deleted" })
        }
        expect(yield* Effect.flip(readStream(client, "s-1"))).toBe("stream-deleted")
        expect(yield* Effect.flip(readStream(client, "$$s-1"))).toBe("stream-deleted")
      }))

    it.live("refuses more than 1 MiB in all, and takes what follows", () =>
      Effect.gen(function*() {
        const { server, client } = yield* started
        const tooMuch = newEvents(3, "x".repeat(400_000))
        expect(yield* append(client, "s-1", "no_stream", tooMuch, way)).toEqual({
          error: "maximum-append-size-exceeded",
        })
        expect(server.countOf("s-1")).toBe(0)
        expect(yield* append(client, "s-1", "no_stream", tooMuch.slice(1), way)).toMatchObject({ revision: 1n })
      }))

    it.live("answers each of many at once with its own outcome", () =>
      Effect.gen(function*() {
        const { client } = yield* started
        const outcomes = yield* Effect.forEach(
          Array.from({ length: 300 }, (_, n) => n),
          (n) => append(client, `s-${n}`, n % 3 === 0 ? 0n : "no_stream", newEvents(1 + (n % 7)), way),
          { concurrency: 10 },
        )
        outcomes.forEach((outcome, n) => {
          expect(outcome).toMatchObject(n % 3 === 0 ? { conflict: "no_stream" } : { revision: BigInt(n % 7) })
        })
      }))
  })
}

describe("a stream of the EventStoreDB of the tests", () => {
  it.live("is read from anywhere, in both directions, as far as asked", () =>
    Effect.gen(function*() {
      const { client } = yield* started
      yield* append(client, "s-1", "no_stream", newEvents(5))
      expect(yield* readStream(client, "s-1", { from: 3n })).toEqual([3n, 4n])
      expect(yield* readStream(client, "s-1", { from: 1n, count: 2 })).toEqual([1n, 2n])
      expect(yield* readStream(client, "s-1", { from: 9n })).toEqual([])
      expect(yield* readStream(client, "s-1", { backwards: true, count: 2 })).toEqual([4n, 3n])
      expect(yield* readStream(client, "s-1", { backwards: true, from: 1n })).toEqual([1n, 0n])
      expect(yield* readStream(client, "s-1", { backwards: true, from: 9n })).toEqual([4n, 3n, 2n, 1n, 0n])
      expect(yield* Effect.flip(readStream(client, "s-2"))).toBe("stream-not-found")
    }))

  it.live("shows what its metadata leaves of it, and keeps its revisions", () =>
    Effect.gen(function*() {
      const { client } = yield* started
      const events = newEvents(6)
      yield* append(client, "s-1", "no_stream", events)
      yield* Effect.promise(() => client.setStreamMetadata("s-1", { truncateBefore: 4, custom: { kept: true } }))
      expect(yield* readStream(client, "s-1")).toEqual([4n, 5n])
      expect(yield* readStream(client, "s-1", { backwards: true })).toEqual([5n, 4n])
      const { metadata } = yield* Effect.promise(() => client.getStreamMetadata("s-1"))
      expect(metadata).toEqual({ truncateBefore: 4, custom: { kept: true } })
      yield* Effect.promise(() => client.setStreamMetadata("s-1", { maxCount: 3 }))
      expect(yield* readStream(client, "s-1")).toEqual([3n, 4n, 5n])
      // All that was ever set stands in the metadata's own stream, of which only the last is to be read.
      expect(yield* readStream(client, "$$s-1")).toEqual([1n])
      yield* Effect.promise(() => client.setStreamMetadata("s-1", { truncateBefore: 100 }))
      expect(yield* readStream(client, "s-1")).toEqual([])
      expect(yield* append(client, "s-1", "no_stream", events)).toEqual({ revision: 5n, position: undefined })
      expect(yield* append(client, "s-1", 5n, newEvents(1))).toMatchObject({ revision: 6n })
    }))

  it.live("is deleted only at the revision that is expected of it", () =>
    Effect.gen(function*() {
      const { client } = yield* started
      yield* append(client, "s-1", "no_stream", newEvents(2))
      expect(yield* failureOf(() => client.deleteStream("s-1", { expectedRevision: 0n }))).toEqual({ conflict: 1n })
      expect(yield* failureOf(() => client.tombstoneStream("s-1", { expectedRevision: "no_stream" }))).toEqual({
        conflict: 1n,
      })
      expect(yield* failureOf(() => client.deleteStream("s-1", { expectedRevision: 1n }))).toBeUndefined()
      expect(yield* failureOf(() => client.tombstoneStream("s-1", { expectedRevision: 1n }))).toBeUndefined()
      expect(yield* failureOf(() => client.deleteStream("s-1"))).toEqual({ error: "stream-deleted" })
    }))

  it.live("grows by many appends and is read whole", () =>
    Effect.gen(function*() {
      const { client } = yield* started
      const step = 500
      for (let next = 0n; next < 5_000n; next += BigInt(step)) {
        yield* append(client, "s-1", next === 0n ? "no_stream" : next - 1n, newEvents(step))
      }
      const revisions = yield* readStream(client, "s-1")
      expect(revisions).toHaveLength(5_000)
      expect(revisions.every((revision, n) => revision === BigInt(n))).toBe(true)
    }))
})

describe("the whole log of the EventStoreDB of the tests", () => {
  it.live("has all events in one order, the server's own and deleted ones among them, with gaps", () =>
    Effect.gen(function*() {
      const { client } = yield* started
      yield* append(client, "s-1", "no_stream", newEvents(2))
      yield* append(client, "s-2", "no_stream", newEvents(120))
      yield* Effect.promise(() => client.setStreamMetadata("s-1", { truncateBefore: 1 }))
      yield* Effect.promise(() => client.tombstoneStream("s-1"))
      const events = yield* collect(() => client.readAll())
      const positions = events.map(({ event }) => event?.position?.commit ?? -1n)
      expect(positions.every((position, n) => n === 0 || position > (positions[n - 1] ?? 0n) + 1n)).toBe(true)
      const types = events.map(({ event }) => event?.type)
      expect(types.filter((type) => type === "Tested")).toHaveLength(122)
      expect(types).toEqual(expect.arrayContaining(["$metadata", "$statsCollected", "$epoch-information"]))
      expect(events.at(-1)?.event).toMatchObject({
        streamId: "s-1",
        type: "$streamDeleted",
        isJson: false,
        revision: deletedRevision,
      })
      const backwards = yield* collect(() => client.readAll({ direction: "backwards", fromPosition: "end" }))
      expect(backwards.map(({ event }) => event?.id)).toEqual(events.map(({ event }) => event?.id).toReversed())
    }))

  it.live("is read from a position on: with its event forwards, without it backwards", () =>
    Effect.gen(function*() {
      const { client } = yield* started
      yield* append(client, "s-1", "no_stream", newEvents(5))
      const events = yield* collect(() => client.readAll())
      const ids = events.map(({ event }) => event?.id)
      const position = events[3]?.event?.position
      if (position === undefined) return expect.fail("an event of $all has a position")
      const onwards = yield* collect(() => client.readAll({ fromPosition: position }))
      expect(onwards.map(({ event }) => event?.id)).toEqual(ids.slice(3))
      const back = yield* collect(() => client.readAll({ fromPosition: position, direction: "backwards", maxCount: 2 }))
      expect(back.map(({ event }) => event?.id)).toEqual([ids[2], ids[1]])
      const between = { commit: position.commit + 1n, prepare: position.prepare + 1n }
      expect(yield* Effect.flip(collect(() => client.readAll({ fromPosition: between })))).toBe("unknown")
      expect(yield* collect(() => client.readAll({ fromPosition: { commit: 0n, prepare: 0n } }))).toHaveLength(
        events.length,
      )
    }))

  it.live("keeps data, metadata, type, id and time of an event", () =>
    Effect.gen(function*() {
      const { client } = yield* started
      const before = Date.now()
      const data = { text: "汽车 🚗", list: [1, null] }
      const json = db.jsonEvent({ type: "First", data, metadata: { source: "x" } })
      const bytes = db.binaryEvent({ type: "Second", data: Uint8Array.of(0, 255), metadata: Uint8Array.of(1, 2) })
      yield* Effect.promise(() => client.appendToStream("s-1", [json, bytes]))
      const [first, second] = yield* collect(() => client.readStream("s-1"))
      expect(first?.event).toMatchObject({ id: json.id, type: "First", data, metadata: json.metadata })
      expect(second?.event).toMatchObject({ id: bytes.id, isJson: false })
      expect(Array.from(Buffer.from(second?.event?.data as Uint8Array))).toEqual([0, 255])
      const created = first?.event?.created.getTime() ?? 0
      expect(created).toBeGreaterThanOrEqual(before)
      expect(created).toBeLessThanOrEqual(Date.now())
    }))
})
