import { describe, expect, it } from "@effect/vitest"
import db from "@eventstore/db-client"
import type { EventStoreDBClient, Filter, JSONEventData, Position } from "@eventstore/db-client"
import { Effect } from "effect"
import { append, clientOf, collect, newEvents, typeOf } from "./eventstoredb-server-client.ts"
import { startEventStoreDb } from "./eventstoredb-server.ts"
import { until } from "./until.ts"

/** What a subscription was told, in the order it came in. */
type Told =
  | { readonly event: string; readonly position: bigint }
  | { readonly checkpoint: bigint }
  | "confirmed"
  | "caught up"
  | "fell behind"

interface Subscribed {
  readonly told: Array<Told>
  readonly revisions: (stream: string) => ReadonlyArray<string>
  readonly caughtUp: Effect.Effect<void>
  readonly failure: () => string | undefined
  readonly unsubscribe: Effect.Effect<void>
  readonly pause: () => void
  readonly resume: () => void
}

const subscribe = (
  client: EventStoreDBClient,
  filter?: Filter,
  fromPosition: Position | "start" | "end" = "start",
): Subscribed => {
  const told: Array<Told> = []
  let failure: string | undefined
  const whole: { readonly filter?: Filter } = filter === undefined
    ? {}
    : {
      filter: {
        ...filter,
        checkpointReached: async (_, position) => {
          told.push({ checkpoint: position.commit })
        },
      },
    }
  // Of one event at a time, so that what is told comes in the order it was sent.
  const subscription = client.subscribeToAll({ fromPosition, ...whole }, { highWaterMark: 1 })
  subscription.on("confirmation", () => told.push("confirmed"))
  subscription.on("caughtUp", () => told.push("caught up"))
  subscription.on("fellBehind", () => told.push("fell behind"))
  subscription.on("error", (error) => {
    failure = typeOf(error)
  })
  subscription.on("data", ({ event }) => {
    if (event === undefined) return
    told.push({ event: `${event.streamId} ${event.revision} ${event.type}`, position: event.position?.commit ?? -1n })
  })
  return {
    told,
    revisions: (stream) =>
      told.flatMap((one) =>
        typeof one === "object" && "event" in one && one.event.startsWith(`${stream} `)
          ? one.event.split(" ").slice(1, 2)
          : []
      ),
    caughtUp: until(() => told.includes("caught up")),
    failure: () => failure,
    unsubscribe: Effect.promise(() => subscription.unsubscribe()),
    pause: () => subscription.pause(),
    resume: () => subscription.resume(),
  }
}

const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, n) => String(from + n))

const started = Effect.gen(function*() {
  const server = yield* startEventStoreDb
  return { server, client: yield* clientOf(server.url) }
})

const typed = (events: Array<JSONEventData>, type: string) => events.map((event) => ({ ...event, type }))

describe("a subscription to the EventStoreDB of the tests", () => {
  it.live("is confirmed, hands out history, says that it caught up, and then what is appended", () =>
    Effect.gen(function*() {
      const { client } = yield* started
      yield* append(client, "s-1", "any", newEvents(40))
      const subscription = subscribe(client)
      yield* subscription.caughtUp
      expect(subscription.told[0]).toBe("confirmed")
      expect(subscription.revisions("s-1")).toEqual(numbers(40))
      yield* append(client, "s-1", "any", newEvents(2))
      yield* until(() => subscription.revisions("s-1").length === 42)
      expect(subscription.told.filter((one) => one === "caught up")).toHaveLength(1)
      expect(subscription.told.slice(-2)).toMatchObject([{ event: "s-1 40 Tested" }, { event: "s-1 41 Tested" }])
      expect(subscription.told.at(-3)).toBe("caught up")
    }))

  it.live("begins after its position, or at the end", () =>
    Effect.gen(function*() {
      const { client } = yield* started
      yield* append(client, "s-1", "any", newEvents(5))
      const events = yield* collect(() => client.readStream("s-1"))
      const after = subscribe(client, undefined, events[1]?.event?.position ?? "start")
      const atEnd = subscribe(client, undefined, "end")
      yield* Effect.all([after.caughtUp, atEnd.caughtUp])
      yield* append(client, "s-1", "any", newEvents(1))
      yield* until(() => after.revisions("s-1").length === 4 && atEnd.revisions("s-1").length === 1)
      expect(after.revisions("s-1")).toEqual(["2", "3", "4", "5"])
      expect(atEnd.revisions("s-1")).toEqual(["5"])
    }))

  it.live("has the server filter by the beginning of a stream or type, or by a pattern", () =>
    Effect.gen(function*() {
      const { client } = yield* started
      yield* append(client, "red-1", "any", typed(newEvents(1), "Seen"))
      yield* append(client, "blue-1", "any", typed(newEvents(1), "Heard"))
      yield* append(client, "redder-1", "any", typed(newEvents(1), "Seeming"))
      yield* append(client, "green-1", "any", typed(newEvents(1), "Unseen"))
      yield* append(client, "infrared-1", "any", typed(newEvents(1), "UnHeard"))
      const streamsOf = (filter: Filter) =>
        Effect.gen(function*() {
          const subscription = subscribe(client, filter)
          yield* subscription.caughtUp
          yield* subscription.unsubscribe
          return subscription.told.flatMap((one) =>
            typeof one === "object" && "event" in one ? one.event.split(" ").slice(0, 1) : []
          )
        })
      expect(yield* streamsOf(db.streamNameFilter({ prefixes: ["red-", "green-"] }))).toEqual(["red-1", "green-1"])
      expect(yield* streamsOf(db.streamNameFilter({ regex: "^[^$].*er-" }))).toEqual(["redder-1"])
      const seenOrHeard = db.eventTypeFilter({ prefixes: ["See", "Hea"] })
      expect(yield* streamsOf(seenOrHeard)).toEqual(["red-1", "blue-1", "redder-1"])
      expect(yield* streamsOf(db.eventTypeFilter({ regex: "seen$" }))).toEqual(["green-1"])
      expect(yield* streamsOf(db.excludeSystemEvents())).toEqual([
        "red-1",
        "blue-1",
        "redder-1",
        "green-1",
        "infrared-1",
      ])
    }))

  it.live("moves on by checkpoints where nothing matches, in history and live", () =>
    Effect.gen(function*() {
      const { client } = yield* started
      const checkpoints = ({ told }: Subscribed) =>
        told.flatMap((one) => typeof one === "object" && "checkpoint" in one ? [one.checkpoint] : [])
      yield* append(client, "other-1", "any", newEvents(90))
      const filter = db.streamNameFilter({ prefixes: ["s-"], maxSearchWindow: 10, checkpointInterval: 2 })
      const subscription = subscribe(client, filter)
      yield* subscription.caughtUp
      const events = yield* collect(() => client.readAll())
      const positions = events.map(({ event }) => event?.position?.commit)
      // One after every 20 events that were looked at, and one as it caught up.
      expect(checkpoints(subscription)).toEqual([19, 39, 59, 79, positions.length - 1].map((n) => positions[n]))
      yield* append(client, "other-1", "any", newEvents(20))
      yield* until(() => checkpoints(subscription).length === 6)
      expect(checkpoints(subscription).at(-1)).toBeGreaterThan(positions.at(-1) ?? 0n)
    }))

  it.live("may tell of a checkpoint before the event that stands there, but never past one that did not come", () =>
    Effect.gen(function*() {
      const { client } = yield* started
      const subscription = subscribe(client, db.streamNameFilter({ prefixes: ["s-"], maxSearchWindow: 1 }))
      yield* subscription.caughtUp
      yield* append(client, "s-1", "any", newEvents(3))
      yield* until(() => subscription.revisions("s-1").length === 3)
      const { told } = subscription
      const live = told.slice(told.indexOf("caught up") + 1)
      const ofEvents = live.flatMap((one) => typeof one === "object" && "event" in one ? [one.position] : [])
      expect(live.map((one) => typeof one === "object" && "checkpoint" in one ? one.checkpoint : one)).toEqual(
        ofEvents.flatMap((position, n) => [position, { event: `s-1 ${n} Tested`, position }]),
      )
    }))

  it.live("falls behind a reader that does not read, and catches up again without gap or repeat", () =>
    Effect.gen(function*() {
      const { client } = yield* started
      const subscription = subscribe(client)
      yield* subscription.caughtUp
      subscription.pause()
      for (let n = 0; n < 20; n++) yield* append(client, "s-1", "any", newEvents(100, "x".repeat(1_000)))
      subscription.resume()
      yield* until(() => subscription.revisions("s-1").length === 2_000)
      expect(subscription.revisions("s-1")).toEqual(numbers(2_000))
      yield* until(() => subscription.told.at(-1) === "caught up")
      expect(subscription.told.filter((one) => typeof one === "string")).toEqual([
        "confirmed",
        "caught up",
        "fell behind",
        "caught up",
      ])
    }))

  it.live("to a stream gives its events from a revision on, also of one that comes later", () =>
    Effect.gen(function*() {
      const { client } = yield* started
      yield* append(client, "s-1", "any", newEvents(3))
      const seen: Array<bigint> = []
      const follow = (stream: string, fromRevision: bigint | "start") =>
        client.subscribeToStream(stream, { fromRevision }).on("data", ({ event }) => {
          if (event !== undefined) seen.push(event.revision)
        })
      follow("s-1", 1n)
      yield* until(() => seen.length === 1)
      follow("s-2", "start")
      yield* append(client, "s-1", "any", newEvents(1))
      yield* until(() => seen.length === 2)
      yield* append(client, "s-2", "any", newEvents(1))
      yield* until(() => seen.length === 3)
      expect(seen).toEqual([2n, 3n, 0n])
    }))

  it.live("ends on the server when the client unsubscribes", () =>
    Effect.gen(function*() {
      const { server, client } = yield* started
      const subscriptions = [subscribe(client), subscribe(client)]
      for (const { caughtUp } of subscriptions) yield* caughtUp
      yield* subscriptions[0]?.unsubscribe ?? Effect.void
      const open = () => Effect.runSync(server.subscriptions)
      yield* until(() => open() === 1)
      expect(yield* server.cutSubscriptions).toBe(1)
      yield* until(() => subscriptions[1]?.failure() !== undefined)
      expect(subscriptions.map(({ failure }) => failure())).toEqual([undefined, "unavailable"])
    }))

  it.live("that is silenced says nothing while appends pass and others speak, and then goes on where it was", () =>
    Effect.gen(function*() {
      const { server, client } = yield* started
      const filter = db.streamNameFilter({ prefixes: ["s-"], maxSearchWindow: 1 })
      const silenced = subscribe(client, filter)
      yield* silenced.caughtUp
      yield* server.silence(true)
      const told = silenced.told.length
      const speaking = subscribe(client, filter)
      yield* speaking.caughtUp
      expect(yield* append(client, "s-1", "no_stream", newEvents(3))).toMatchObject({ revision: 2n })
      yield* until(() => speaking.revisions("s-1").length === 3)
      expect(silenced.told).toHaveLength(told)
      yield* server.silence(false)
      yield* until(() => silenced.revisions("s-1").length === 3)
      expect(silenced.failure()).toBeUndefined()
    }))
})
