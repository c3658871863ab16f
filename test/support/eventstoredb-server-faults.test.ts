import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { opensslIsThere } from "./eventstoredb-server-certificate.ts"
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
import { type Fault, startEventStoreDb, startSecureEventStoreDb } from "./eventstoredb-server.ts"

const started = Effect.gen(function*() {
  const server = yield* startEventStoreDb
  return { server, client: yield* clientOf(server.url) }
})

for (const [name, way] of ways) {
  describe(`what befalls ${name} to the EventStoreDB of the tests`, () => {
    it.live("is one fault each, in the order they were asked for, and nothing after that", () =>
      Effect.gen(function*() {
        const { server, client } = yield* started
        const cases: ReadonlyArray<readonly [Fault["_tag"], string, number]> = [
          ["DropBeforeAppend", "unavailable", 0],
          ["DropDuringAppend", "unavailable", 0],
          ["LoseAnswer", "unavailable", 2],
          ["NotLeader", "not-leader", 0],
        ]
        for (const [_tag, error, written] of cases) {
          yield* reachable(client)
          yield* append(client, `before-${_tag}`, "any", newEvents(1), way)
          yield* server.inject(_tag === "Delay" ? { _tag, millis: 1 } : { _tag })
          expect(yield* append(client, `s-${_tag}`, "no_stream", newEvents(2), way)).toEqual({ error })
          expect(server.countOf(`s-${_tag}`)).toBe(written)
          yield* reachable(client)
          expect(yield* append(client, `after-${_tag}`, "no_stream", newEvents(1), way)).toMatchObject({ revision: 0n })
        }
      }))

    it.live("is a conflict for one that would have passed, and the same append passes after it", () =>
      Effect.gen(function*() {
        const { server, client } = yield* started
        const events = newEvents(1)
        yield* server.inject({ _tag: "Conflict" })
        expect(yield* append(client, "s-1", "any", newEvents(2), way)).toMatchObject({ revision: 1n })
        expect(yield* append(client, "s-1", 1n, events, way)).toEqual({ conflict: 2n })
        expect(yield* append(client, "s-1", 1n, events, way)).toMatchObject({ revision: 2n })
      }))

    it.live("is a time-out with an outcome that is not known", () =>
      Effect.gen(function*() {
        const { server, client } = yield* started
        const error = name === "an append" ? "timeout" : "deadline-exceeded"
        for (const written of [1, 0]) {
          yield* server.inject({ _tag: "Timeout" })
          expect(yield* append(client, `s-${written}`, "no_stream", newEvents(1), way)).toEqual({ error })
          expect(server.countOf(`s-${written}`)).toBe(written)
        }
      }))

    it.live("is a delay, which holds up no other", () =>
      Effect.gen(function*() {
        const { server, client } = yield* started
        yield* server.inject({ _tag: "Delay", millis: 500 })
        const delayed = yield* Effect.forkChild(append(client, "s-1", "no_stream", newEvents(1), way))
        yield* Effect.sleep("100 millis")
        yield* append(client, "s-2", "no_stream", newEvents(1), way)
        expect(server.countOf("s-1")).toBe(0)
        expect(yield* Fiber.join(delayed)).toMatchObject({ revision: 0n })
      }))

    it.live("is a write after the client has given up, where the delay is longer than its deadline", () =>
      Effect.gen(function*() {
        const { server, client } = yield* started
        yield* append(client, "s-1", "no_stream", newEvents(1), way)
        yield* server.inject({ _tag: "Delay", millis: 600 })
        const hurried = { ...way, deadline: 200 }
        expect(yield* append(client, "s-1", 0n, newEvents(1), hurried)).toEqual({ error: "deadline-exceeded" })
        expect(server.countOf("s-1")).toBe(1)
        yield* Effect.sleep("600 millis")
        expect(server.countOf("s-1")).toBe(2)
      }))
  })
}

describe("the EventStoreDB of the tests", () => {
  it.live("is gone when it is stopped, and there again on the same port with all that it held", () =>
    Effect.gen(function*() {
      const { server, client } = yield* started
      yield* append(client, "s-1", "no_stream", newEvents(3))
      yield* server.stop
      expect(yield* server.connections).toBe(0)
      expect(yield* failureOf(() => client.appendToStream("s-1", newEvents(1)))).toBeDefined()
      yield* server.start
      yield* reachable(client)
      expect(yield* readStream(client, "s-1")).toEqual([0n, 1n, 2n])
    }))

  it.live("resets every connection, and goes on listening", () =>
    Effect.gen(function*() {
      const { server, client } = yield* started
      yield* append(client, "s-1", "no_stream", newEvents(1))
      const subscription = client.subscribeToAll()
      const failed = new Promise<unknown>((resolve) => subscription.once("error", resolve))
      yield* Effect.promise(() => new Promise((resolve) => subscription.once("caughtUp", resolve).resume()))
      yield* server.cutConnections
      expect(yield* Effect.promise(() => failed)).toMatchObject({ type: "unavailable" })
      yield* reachable(client)
      expect(yield* append(client, "s-1", 0n, newEvents(1))).toMatchObject({ revision: 1n })
    }))

  it.live("is found by discovery, through a list of hosts, and with credentials in the URL", () =>
    Effect.gen(function*() {
      const { server } = yield* started
      const host = new URL(server.url).host
      const urls = [
        `esdb+discover://${host}?tls=false`,
        `esdb://127.0.0.1:1,${host}?tls=false`,
        `esdb://admin:change%40it@${host}?tls=false&connectionName=test&defaultDeadline=5000`,
      ]
      for (const [n, url] of urls.entries()) {
        const client = yield* clientOf(url)
        expect(yield* append(client, `s-${n}`, "no_stream", newEvents(1))).toMatchObject({ revision: 0n })
        expect(yield* collect(() => client.readStream(`s-${n}`))).toHaveLength(1)
      }
    }))

  it.live.skipIf(!opensslIsThere)("with TLS serves its user, and denies others, and no user at all", () =>
    Effect.gen(function*() {
      const server = yield* startSecureEventStoreDb
      const client = yield* clientOf(server.url)
      expect(yield* append(client, "s-1", "no_stream", newEvents(1))).toMatchObject({ revision: 0n })
      expect(yield* readStream(client, "s-1")).toEqual([0n])
      for (const user of ["admin:wrong@", ""]) {
        const other = yield* clientOf(server.url.replace("admin:changeit@", user))
        expect(yield* append(other, "s-1", "any", newEvents(1))).toEqual({ error: "access-denied" })
        expect(yield* Effect.flip(readStream(other, "s-1"))).toBe("access-denied")
      }
      const untrusting = yield* clientOf(server.url.replace(/&tlsCAFile=.*/, ""))
      expect(yield* Effect.flip(readStream(untrusting, "s-1"))).toBe("unavailable")
      expect(server.countOf("s-1")).toBe(1)
    }))
})
