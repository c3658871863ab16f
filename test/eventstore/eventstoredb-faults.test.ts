/** What goes wrong between the store and the server, under load: each event stands there once, in order. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { EventStore, type RecordedEvent } from "../../src/eventstore/event-store.ts"
import { layer } from "../../src/eventstore/eventstoredb.ts"
import { beginning } from "../../src/eventstore/position.ts"
import { type EventStoreDbServer, type Fault, startEventStoreDb } from "../support/eventstoredb-server.ts"
import { say, skipped } from "../support/say.ts"
import { until } from "../support/until.ts"
import { accountOf, type Load, numberedLoad } from "./numbered-load.ts"

const real = process.env["EVENTSTORE_URL"] !== undefined
if (real) skipped("EVENTSTORE_URL is set, and nothing is made to fail on a real server")

type Store = EventStore["Service"]

const withServer = <A, E>(use: (store: Store, server: EventStoreDbServer) => Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const server = yield* startEventStoreDb
    return yield* EventStore.pipe(
      Effect.flatMap((store) => use(store, server)),
      Effect.provide(layer({ url: server.url })),
    )
  }).pipe(Effect.scoped)

/** Everything that was asked for stands there, by the ledger and by what the server wrote. */
const holds = Effect.fnUntraced(function*(what: string, store: Store, server: EventStoreDbServer, load: Load) {
  const account = yield* accountOf(store, load)
  const asked = [...load.ledger.values()].reduce((sum, events) => sum + events.length, 0)
  const written = load.streams.reduce((sum, stream) => sum + server.countOf(stream), 0)
  say(`${what}: ${asked} events asked for, ${written} written, lost ${account.lost}, repeated ${account.repeated}`)
  expect(account).toEqual({ lost: 0, repeated: 0, outOfOrder: 0 })
  expect(written).toBe(asked)
})

/** A subscriber from the beginning, and what it was handed. */
const follower = Effect.fnUntraced(function*(store: Store, prefix: string) {
  const seen: Array<RecordedEvent> = []
  let position = beginning
  let disorder = 0
  yield* store.subscribeAll({ after: yield* store.head, filter: { streams: [prefix] } }).pipe(
    Stream.runForEach((delivery) =>
      Effect.sync(() => {
        if (delivery._tag === "CaughtUp") return
        if (delivery.upTo <= position) disorder++
        position = delivery.upTo
        if (delivery._tag !== "Events") return
        seen.push(...delivery.events)
        if (delivery.events.length === 0 || (delivery.events.at(-1)?.position ?? "") > delivery.upTo) disorder++
      })
    ),
    Effect.forkScoped({ startImmediately: true }),
  )
  return {
    seen,
    /** Waits until all of the load is seen, then holds it against the log. */
    check: (load: Load) =>
      Effect.gen(function*() {
        const asked = [...load.ledger.values()].reduce((sum, events) => sum + events.length, 0)
        yield* until(() => seen.length >= asked)
        // Something that came twice would come a little later.
        yield* Effect.sleep("100 millis")
        const log = yield* Stream.runCollect(store.readAll({ after: beginning, filter: { streams: [prefix] } }))
        expect(seen.map(({ id }) => id)).toEqual(log.map(({ id }) => id))
        expect(disorder).toBe(0)
      }),
  }
})

const prefixOf = ({ streams }: Load): string => streams[0]?.slice(0, -1) ?? ""

const faults: ReadonlyArray<readonly [string, Fault]> = [
  ["the connection is cut before an append", { _tag: "DropBeforeAppend" }],
  ["the connection is cut during an append", { _tag: "DropDuringAppend" }],
  ["an answer is lost after the append was written", { _tag: "LoseAnswer" }],
  ["an append that would have passed is called a conflict", { _tag: "Conflict" }],
  ["the server is not the leader", { _tag: "NotLeader" }],
  ["the server's own write timed out", { _tag: "Timeout" }],
  ["an answer takes its time", { _tag: "Delay", millis: 300 }],
]

describe.skipIf(real)("the EventStoreDB event store, under load", () => {
  it.live.each(faults)("writes each event once and in order where %s", ([what, fault]) =>
    withServer((store, server) =>
      Effect.gen(function*() {
        const load = numberedLoad(store, 20, 25)
        const { check } = yield* follower(store, prefixOf(load))
        const running = yield* Effect.forkChild(load.run, { startImmediately: true })
        for (let n = 0; n < 20; n++) {
          yield* server.inject(fault)
          yield* Effect.sleep("15 millis")
        }
        yield* Fiber.join(running)
        yield* holds(what, store, server, load)
        yield* check(load)
      }).pipe(Effect.scoped)
    ), 60_000)

  it.live("writes each event once where all kinds of faults come together", () =>
    withServer((store, server) =>
      Effect.gen(function*() {
        const load = numberedLoad(store, 50, 20, "x".repeat(2_000))
        const { check } = yield* follower(store, prefixOf(load))
        const running = yield* Effect.forkChild(load.run, { startImmediately: true })
        for (let n = 0; n < 12; n++) {
          for (const [, fault] of faults) yield* server.inject(fault)
          yield* Effect.sleep("40 millis")
          if (n % 4 === 0) yield* server.cutConnections
        }
        yield* Fiber.join(running)
        yield* holds("all faults", store, server, load)
        yield* check(load)
      }).pipe(Effect.scoped)
    ), 60_000)

  it.live("goes on where it was once the server is back after 10 s", () =>
    withServer((store, server) =>
      Effect.gen(function*() {
        const load = numberedLoad(store, 30, 40)
        const { check, seen } = yield* follower(store, prefixOf(load))
        const running = yield* Effect.forkChild(load.run, { startImmediately: true })
        yield* until(() => seen.length > 100)
        yield* server.stop
        yield* Effect.sleep("10 seconds")
        expect(running.pollUnsafe()).toBeUndefined()
        yield* server.start
        yield* Fiber.join(running)
        yield* holds("away for 10 s", store, server, load)
        yield* check(load)
      }).pipe(Effect.scoped)
    ), 90_000)

  it.live("writes what expects no revision once, even where the server has forgotten the ids", () =>
    withServer((store, server) =>
      Effect.gen(function*() {
        const stream = `any-${randomUUID()}`
        const ids = Array.from({ length: 300 }, () => randomUUID())
        const append = (id: string) =>
          store.append(stream, "any", [{ id, type: "Tested", data: {}, metadata: {} }]).pipe(
            // A caller that gives up leaves it open whether it was written: none does here.
            Effect.orDie,
          )
        yield* Effect.forEach(ids.slice(0, 100), append, { concurrency: 10 })
        const running = yield* Effect.forkChild(Effect.forEach(ids.slice(100), append, { concurrency: 10 }), {
          startImmediately: true,
        })
        for (let n = 0; n < 10; n++) {
          yield* server.inject({ _tag: "LoseAnswer" })
          yield* Effect.sleep("30 millis")
          if (n % 3 !== 0) continue
          yield* server.stop
          yield* Effect.sleep("150 millis")
          yield* server.start
        }
        yield* Fiber.join(running)
        const stored = yield* Stream.runCollect(store.read(stream))
        say(`no revision expected: ${ids.length} asked for, ${server.countOf(stream)} written`)
        expect(stored.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
        expect(server.countOf(stream)).toBe(ids.length)
      })
    ), 60_000)

  it.live("hands out each event once and in order to a subscriber that is cut off 100 times", () =>
    withServer((store, server) =>
      Effect.gen(function*() {
        const load = numberedLoad(store, 10, 400)
        const { check, seen } = yield* follower(store, prefixOf(load))
        const running = yield* Effect.forkChild(load.run, { startImmediately: true })
        let cuts = 0
        let seenBefore = 0
        while (cuts < 100) {
          cuts += yield* server.cutSubscriptions
          yield* Effect.sleep("10 millis")
          // Now and then it gets somewhere in between.
          if (cuts % 10 === 0 && running.pollUnsafe() === undefined) {
            yield* until(() => seen.length > seenBefore || running.pollUnsafe() !== undefined)
            seenBefore = seen.length
          }
        }
        yield* Fiber.join(running)
        yield* check(load)
        say(`cut off ${cuts} times: ${seen.length} events handed out`)
        // No connection is left behind for each of them.
        expect(yield* server.connections).toBeLessThan(5)
      }).pipe(Effect.scoped)
    ), 90_000)

  it.live("notices a subscription that has fallen silent, with its connection still there", () =>
    withServer((store, server) =>
      Effect.gen(function*() {
        const load = numberedLoad(store, 5, 20)
        const { check, seen } = yield* follower(store, prefixOf(load))
        yield* numberedLoad(store, 1, 1).run
        yield* Effect.sleep("50 millis")
        yield* server.silence(true)
        yield* load.run
        expect(seen).toEqual([])
        yield* check(load)
      }).pipe(Effect.scoped)
    ), 30_000)

  it.live("survives a subscription that is silenced and heard again, without repeating what it said", () =>
    withServer((store, server) =>
      Effect.gen(function*() {
        const load = numberedLoad(store, 5, 200)
        const { check } = yield* follower(store, prefixOf(load))
        const running = yield* Effect.forkChild(load.run, { startImmediately: true })
        for (let n = 0; n < 4; n++) {
          yield* server.silence(n % 2 === 0)
          yield* Effect.sleep("700 millis")
        }
        yield* server.silence(false)
        yield* Fiber.join(running)
        yield* check(load)
      }).pipe(Effect.scoped)
    ), 60_000)
})
