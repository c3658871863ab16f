/** Reading what others, too, have written, and a stream's metadata. */
import { BACKWARDS, binaryEvent, END, EventStoreDBClient, jsonEvent } from "@eventstore/db-client"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { beginning } from "../../src/eventstore/position.ts"
import { startEventStoreDb } from "../support/eventstoredb-server.ts"
import { newEvents, withStore } from "./eventstoredb-support.ts"

const rawClient = (url: string) =>
  Effect.acquireRelease(
    Effect.sync(() => EventStoreDBClient.connectionString(url)),
    (client) => Effect.promise(() => client.dispose()),
  )

describe("reading from EventStoreDB", () => {
  it.live("hands out nothing that the system wrote, nor links", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      const client = yield* rawClient(server.url)
      yield* withStore(server.url, (store) =>
        Effect.gen(function*() {
          yield* store.append("vehicle-1", "no_stream", newEvents(2))
          yield* Effect.promise(() =>
            client.appendToStream("category-vehicle", binaryEvent({ type: "$>", data: Buffer.from("0@vehicle-1") })))
          yield* Effect.promise(() => client.setStreamMetadata("vehicle-1", { maxAge: 3_600 }))
          yield* store.append("gone", "no_stream", newEvents(1))
          yield* store.deleteStream("gone", { tombstone: true })
          yield* store.append("vehicle-1", 1, newEvents(1))
          for (const filter of [undefined, { streams: ["category", "$", "v"] }, { types: ["$", "T"] }]) {
            const found = yield* Stream.runCollect(store.readAll({ after: beginning, ...(filter && { filter }) }))
            const names = found.map(({ revision, stream }) => `${revision}@${stream}`)
            expect(names.filter((name) => name !== "0@gone")).toEqual(["0@vehicle-1", "1@vehicle-1", "2@vehicle-1"])
          }
        }))
    }))

  it.live("fails at an event that is no JSON where it would be handed out, after what comes before it", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      const client = yield* rawClient(server.url)
      yield* withStore(server.url, (store) =>
        Effect.gen(function*() {
          yield* store.append("mine", "no_stream", newEvents(3))
          yield* Effect.promise(() =>
            client.appendToStream("theirs", binaryEvent({ type: "Binary", data: Buffer.from([1, 2, 3]) })))
          yield* Effect.promise(() => client.appendToStream("theirs", jsonEvent({ type: "Listed", data: [1, 2] })))
          yield* store.append("mine", 2, newEvents(2))

          const mine = yield* Stream.runCollect(store.readAll({ after: beginning, filter: { streams: ["mine"] } }))
          expect(mine).toHaveLength(5)
          const seen: Array<string> = []
          const error = yield* store.readAll({ after: beginning }).pipe(
            Stream.runForEach(({ stream }) => Effect.sync(() => seen.push(stream))),
            Effect.flip,
          )
          expect(error).toMatchObject({ _tag: "EventUnreadable" })
          expect(seen).toEqual(["mine", "mine", "mine"])
          const handedOut: Array<string> = []
          const subscription = yield* store.subscribeAll({ after: beginning }).pipe(
            Stream.runForEach((delivery) =>
              Effect.sync(() => {
                if (delivery._tag === "Events") handedOut.push(...delivery.events.map(({ stream }) => stream))
              })
            ),
            Effect.flip,
          )
          expect(subscription).toEqual(error)
          expect(handedOut).toEqual(["mine", "mine", "mine"])
          expect(yield* Effect.flip(Stream.runDrain(store.read("theirs")))).toMatchObject({ _tag: "EventUnreadable" })
        }))
    }))

  it.live("goes on where it was when the connection breaks", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      yield* withStore(server.url, (store) =>
        Effect.gen(function*() {
          for (let n = 0; n < 10; n++) yield* store.append("long", "any", newEvents(700, "x".repeat(300)))
          for (const read of [store.read("long"), store.readAll({ after: beginning })]) {
            let n = 0
            const seen = yield* read.pipe(
              Stream.tap(() => (++n % 2_000 === 1_000 ? server.cutConnections : Effect.void)),
              Stream.runCollect,
            )
            expect(seen).toHaveLength(7_000)
            expect(seen.every(({ revision }, n) => revision === n)).toBe(true)
          }
        }))
    }), 60_000)

  it.live("costs no memory where the reader is slow", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      yield* withStore(server.url, (store) =>
        Effect.gen(function*() {
          for (let n = 0; n < 40; n++) yield* store.append(`big-${n}`, "no_stream", newEvents(100, "x".repeat(9_000)))
          let most = 0
          yield* store.readAll({ after: beginning }).pipe(
            Stream.runForEachArray((events) => {
              most = Math.max(most, events.length)
              return Effect.sleep(5)
            }),
          )
          // 4 MiB of them.
          expect(most).toBeLessThan(520)
        }))
    }), 30_000)
})

describe("a stream's metadata in EventStoreDB", () => {
  it.live("keeps all that is in it when the stream is truncated, whoever writes it at the same time", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      const client = yield* rawClient(server.url)
      yield* withStore(server.url, (store) =>
        Effect.gen(function*() {
          yield* store.append("s", "no_stream", newEvents(30))
          yield* Effect.promise(() => client.setStreamMetadata("s", { maxAge: 3_600_000, owner: "fleet", n: 0 }))
          yield* Effect.forEach([3, 9, 5, 12, 1, 7], (before) => store.truncate("s", before), { concurrency: 6 })
          const newest = yield* Effect.promise(async () => {
            const read: Array<unknown> = []
            const newestOnly = { direction: BACKWARDS, fromRevision: END, maxCount: 1 } as const
            for await (const { event } of client.readStream("$$s", newestOnly)) read.push(event?.data)
            return read
          })
          expect(newest).toEqual([{ $maxAge: 3_600_000, owner: "fleet", n: 0, $tb: 12 }])
          const [first] = yield* Stream.runCollect(store.read("s", { limit: 1 }))
          expect(first?.revision).toBe(12)
        }))
    }), 20_000)
})
