/** Appends over the ways of the client library and of the protocol that they can trip over. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Metric, Scope } from "effect"
import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { join } from "node:path"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { layer } from "../../src/eventstore/eventstoredb.ts"
import { startEventStoreDb } from "../support/eventstoredb-server.ts"
import { newEvents, withStore } from "./eventstoredb-support.ts"

/** What would have ended the process. */
const uncaught = Effect.acquireRelease(
  Effect.sync(() => {
    const thrown: Array<unknown> = []
    const note = (error: unknown) => {
      thrown.push(error)
    }
    process.on("unhandledRejection", note).on("uncaughtException", note)
    return { thrown, note }
  }),
  ({ note }) => Effect.sync(() => process.off("unhandledRejection", note).off("uncaughtException", note)),
)

const many = 1_000

describe("appends to EventStoreDB", () => {
  it.live("that wait for room when the connection breaks end no process, and are all settled", () =>
    Effect.gen(function*() {
      const { thrown } = yield* uncaught
      const server = yield* startEventStoreDb
      yield* withStore(server.url, (store) =>
        Effect.gen(function*() {
          for (let round = 0; round < 3; round++) {
            const names = Array.from({ length: many }, () => `s-${randomUUID()}`)
            const appends = yield* Effect.forkChild(
              Effect.forEach(names, (stream) => store.append(stream, "no_stream", newEvents(1, "x".repeat(2_000))), {
                concurrency: "unbounded",
              }),
              { startImmediately: true },
            )
            const before = yield* server.appendsSeen
            while ((yield* server.appendsSeen) < before + 50) yield* Effect.sleep(1)
            yield* server.cutConnections
            expect(yield* Fiber.join(appends)).toHaveLength(many)
            expect(names.map(server.countOf)).toEqual(names.map(() => 1))
          }
        }))
      expect(thrown).toEqual([])
    }), 60_000)

  it.live("are not harmed by the end of another server in the same process", () =>
    Effect.gen(function*() {
      const { thrown } = yield* uncaught
      const [ends, stays] = [yield* startEventStoreDb, yield* startEventStoreDb]
      yield* withStore(ends.url, (ending) =>
        withStore(stays.url, (store) =>
          Effect.gen(function*() {
            yield* ending.append("s", "any", newEvents(1))
            yield* store.append("s", "any", newEvents(1))
            for (let n = 0; n < 20; n++) yield* stays.inject({ _tag: "Delay", millis: 200 })
            const names = Array.from({ length: 20 }, () => `s-${randomUUID()}`)
            const seen = yield* stays.appendsSeen
            const appends = yield* Effect.forkChild(
              Effect.forEach(names, (stream) => store.append(stream, "no_stream", newEvents(1)), { concurrency: 20 }),
              { startImmediately: true },
            )
            while ((yield* stays.appendsSeen) < seen + 20) yield* Effect.sleep(1)
            yield* ends.stop
            yield* Fiber.join(appends)
            expect(names.map(stays.countOf)).toEqual(names.map(() => 1))
            // Each was answered the first time.
            expect(yield* stays.appendsSeen).toBe(seen + 20)
          })))
      expect(thrown).toEqual([])
    }), 30_000)

  it.live("go out together and leave no connection behind, with credentials and options in the connection string", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      const withCredentials = server.url.replace("esdb://", "esdb://admin:change%40it@")
      const url = `${withCredentials}&connectionName=vehicle-twin&keepAliveInterval=10000`
      yield* withStore(url, (store) =>
        Effect.gen(function*() {
          yield* store.append("s", "any", newEvents(1))
          // Were each of them a call of its own, or waited for the one before, this would take long.
          for (let n = 0; n < 200; n++) yield* server.inject({ _tag: "Delay", millis: 500 })
          const seen = yield* server.appendsSeen
          const appends = yield* Effect.forkChild(
            Effect.forEach(Array.from({ length: 200 }), () => store.append(randomUUID(), "any", newEvents(1)), {
              concurrency: "unbounded",
            }),
            { startImmediately: true },
          )
          while ((yield* server.appendsSeen) < seen + 200) yield* Effect.sleep(1)
          expect(appends.pollUnsafe()).toBeUndefined()
          yield* Fiber.join(appends)
          expect(yield* server.connections).toBe(1)
        }))
      const start = Date.now()
      while ((yield* server.connections) > 0 && Date.now() < start + 5_000) yield* Effect.sleep(10)
      expect(yield* server.connections).toBe(0)
    }), 30_000)

  it.live("are bounded in how many are under way, and the others wait their turn", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      yield* withStore(server.url, (store) =>
        Effect.gen(function*() {
          yield* store.append("s", "any", newEvents(1))
          for (let n = 0; n < many; n++) yield* server.inject({ _tag: "Delay", millis: 200 })
          const seen = yield* server.appendsSeen
          const appends = yield* Effect.forkChild(
            Effect.forEach(Array.from({ length: many }), () => store.append(randomUUID(), "any", newEvents(1)), {
              concurrency: "unbounded",
            }),
            { startImmediately: true },
          )
          yield* Effect.sleep("150 millis")
          const underWay = (yield* server.appendsSeen) - seen
          expect(underWay).toBeGreaterThan(0)
          expect(underWay).toBeLessThanOrEqual(256)
          expect(yield* Fiber.join(appends)).toHaveLength(many)
        }))
    }), 30_000)

  it.live("pass where our clock is minutes behind the server's", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      const child = spawn(process.execPath, [
        "--import",
        "data:text/javascript,const now=Date.now;Date.now=()=>now()-300000",
        join(import.meta.dirname, "eventstoredb-one-append.ts"),
        server.url,
        "behind",
      ], { stdio: ["ignore", "inherit", "inherit"] })
      const [code] = yield* Effect.promise(() => once(child, "exit"))
      expect(code).toBe(0)
      expect(server.countOf("behind")).toBe(1)
    }), 30_000)

  it.live("whose answer does not come are settled in the end", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      yield* withStore(server.url, (store) =>
        Effect.gen(function*() {
          yield* server.inject({ _tag: "Delay", millis: 50_000 })
          yield* store.append("s", "no_stream", newEvents(2))
          expect(server.countOf("s")).toBe(2)
        }))
    }), 30_000)

  it.live("that nobody could settle are looked for before they go out again, if they expect no revision", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      yield* withStore(server.url, (store) =>
        Effect.gen(function*() {
          yield* store.append("s", "any", newEvents(3))
          const events = newEvents(2)
          yield* server.inject({ _tag: "LoseAnswer" })
          const failing = Effect.flip(store.append("s", "any", events))
          const first = yield* Effect.forkChild(failing, { startImmediately: true })
          while (server.countOf("s") < 5) yield* Effect.sleep(1)
          yield* server.stop
          expect(yield* Fiber.join(first)).toMatchObject({ _tag: "EventStoreUnavailable" })
          yield* server.start
          // The server has forgotten recent ids by now.
          yield* store.append("s", "any", newEvents(1))
          expect(yield* store.append("s", "any", events)).toMatchObject({ revision: 4 })
          expect(server.countOf("s")).toBe(6)
        }))
    }), 60_000)

  it.live("are finished when the store closes", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      const names = Array.from({ length: many }, () => `s-${randomUUID()}`)
      const scope = yield* Scope.make()
      const store = Context.get(yield* Layer.buildWithScope(layer({ url: server.url }), scope), EventStore)
      const appends = yield* Effect.forEach(names, (stream) =>
        Effect.forkDetach(store.append(stream, "no_stream", newEvents(1)), { startImmediately: true }))
      yield* Scope.close(scope, Exit.void)
      for (const append of appends) yield* Fiber.join(append)
      expect(names.map(server.countOf)).toEqual(names.map(() => 1))
      const late = yield* Effect.flip(store.append("late", "any", newEvents(1)))
      expect(late).toMatchObject({ _tag: "EventStoreUnavailable" })
    }))

  it.live("are counted and timed", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      yield* withStore(server.url, (store) =>
        Effect.gen(function*() {
          for (let n = 0; n < 5; n++) yield* store.append("s", "any", newEvents(2))
          const metrics = yield* Metric.snapshot
          const state = (id: string) => metrics.find((metric) => metric.id === id)?.state
          expect(state("vehicle_twin_eventstore_appended_events_total")).toMatchObject({ count: 10 })
          expect(state("vehicle_twin_eventstore_append_seconds")).toMatchObject({ count: 5 })
        }))
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it.live.each([
    ["an id that is no UUID", { id: "nonsense", type: "Tested" }],
    ["no type", { id: randomUUID(), type: "" }],
  ] as const)("with %s are a mistake of the program, and harm no other", ([, wrong]) =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      yield* withStore(server.url, (store) =>
        Effect.gen(function*() {
          const exits = yield* Effect.all([
            Effect.exit(store.append("a", "any", [{ ...wrong, data: {}, metadata: {} }])),
            Effect.exit(store.append("b", "any", newEvents(1))),
          ], { concurrency: 2 })
          expect(exits.map(({ _tag }) => _tag)).toEqual(["Failure", "Success"])
          expect(yield* server.appendsSeen).toBe(1)
        }))
    }))

  it.live("that were not written, and were overtaken, are a conflict, even if their ids stand further back", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      yield* withStore(server.url, (store) =>
        // With another option, or both would share a connection.
        withStore(`${server.url}&keepAliveInterval=11000`, (other) =>
          Effect.gen(function*() {
            const stream = `s-${randomUUID()}`
            const events = newEvents(1)
            yield* store.append(stream, "no_stream", events)
            yield* other.append(stream, 0, newEvents(1))
            const seen = yield* server.appendsSeen
            yield* server.inject({ _tag: "DropBeforeAppend" })
            const append = yield* Effect.forkChild(Effect.flip(store.append(stream, 1, events)), {
              startImmediately: true,
            })
            while ((yield* server.appendsSeen) === seen) yield* Effect.sleep(1)
            yield* other.append(stream, 1, newEvents(1))
            expect(yield* Fiber.join(append)).toMatchObject({ _tag: "WrongExpectedRevision", actual: 2 })
          })))
    }))

  it.live("of many events with little in them, which are more than a message holds, harm no other", () =>
    Effect.gen(function*() {
      const server = yield* startEventStoreDb
      yield* withStore(server.url, (store) =>
        Effect.gen(function*() {
          const type = "T".repeat(1_000)
          const events = Array.from({ length: 20_000 }, () => ({ id: randomUUID(), type, data: {}, metadata: {} }))
          const seen = yield* server.appendsSeen
          const [many] = yield* Effect.all([
            Effect.result(store.append("many", "no_stream", events)),
            store.append("one", "no_stream", newEvents(1)),
          ], { concurrency: 2 })
          expect(many).not.toMatchObject({ failure: { _tag: "EventStoreUnavailable" } })
          expect(yield* server.appendsSeen).toBe(seen + 2)
        }))
    }), 30_000)
})
