/**
 * What is guaranteed when things break: each message that a publisher was told is taken stands in its vehicle's
 * stream, once and in order, the read model shows it, and `twin-events` has it, whatever befell the service and the
 * servers it stands on. And it comes back by itself.
 *
 * `FAULT_ROUNDS=50 vitest run test/faults` is the long form; `SEED=…` repeats the moments of an earlier run. Mosquitto
 * is never ended by SIGKILL: it writes what it has taken to its disk now and then and when it ends, so that what it took
 * last would be lost before it could reach anyone.
 */
import { isDeepStrictEqual } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Random from "../../src/simulator/random.ts"
import { fleetView, type VehicleView } from "../support/fleet-view.ts"
import { kafkaIsThere } from "../support/kafka.ts"
import { topicMessages } from "../support/kafka-topic.ts"
import { account, isMissed } from "../support/ledger.ts"
import { mosquittoIsThere } from "../support/mosquitto.ts"
import { postgresIsThere } from "../support/postgres.ts"
import { say } from "../support/say.ts"
import { expectedFleet, finished, settled } from "../support/settled.ts"
import { misplaced } from "./diagnostics.ts"
import type { Fault } from "./fault.ts"
import { eventStoreDbFaults, faults } from "./faults.ts"
import { embedded, eventStoreDb } from "./log.ts"
import { type Round, rounds } from "./rounds.ts"
import { table } from "./table.ts"
import { accountTopic, type TopicAccount } from "./topic-account.ts"
import { allWays, ledgerOf, topics, underLoad, type World } from "./world.ts"

const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000)
/** In the short form each kind has its turn. */
const long = process.env["FAULT_ROUNDS"]
const roundsOf = (kinds: ReadonlyArray<Fault>): number =>
  long === undefined ? kinds.length : Math.ceil(Number(long) * kinds.length / faults.length)
/** Of the rounds, so many at least hit something. */
const mostHit = 0.8

const toldOf = ({ bit, kind, recovery, underWay }: Round): string =>
  `${kind}: ${bit ? "hit" : "hit nothing"}, ${underWay} under way; back after ${
    Object.entries(recovery).map(([part, millis]) => `${part} ${(millis / 1_000).toFixed(1)} s`).join(", ")
  }`

/** Until the outbox has nothing more to send, or sends nothing for a while. */
const topicAccount = Effect.fnUntraced(function*({ kafka, log }: World, topic: string, streams: ReadonlyArray<string>) {
  for (let before = -1;;) {
    const messages = yield* topicMessages(kafka.brokers, topic)
    const found = accountTopic(yield* log.events(streams), messages)
    if (found.missing === 0 || messages.length === before) return found
    before = messages.length
    yield* Effect.sleep("5 seconds")
  }
})

const toldOfTopic = ({ again, events, missing, outOfOrder, strange }: TopicAccount): string =>
  `${events} events, of which ${missing} are missing, ${outOfOrder} out of order, ${again} sent again under their id; `
  + `${strange} that are not in the log`

const isTelemetry = ({ vins }: World, stream: string): boolean =>
  allWays.some((way) => vins[way].includes(stream.slice("vehicle-".length)))

/** The read model is as expected, but for the events that follow when a vehicle is missed. */
const shows = Effect.fnUntraced(function*(world: World, expected: ReadonlyArray<VehicleView>) {
  for (let tries = 0;; tries++) {
    const fleet = (yield* fleetView(world.service.url)).filter(({ vin }) => isTelemetry(world, `vehicle-${vin}`))
    const missed = Map.groupBy((yield* world.log.events(["vehicle-"])).filter(isMissed), ({ stream }) => stream)
    const all = expected.map((view) => {
      const more = missed.get(`vehicle-${view.vin}`)?.length ?? 0
      return { ...view, revision: view.revision + more, events: { totalCount: view.events.totalCount + more } }
    })
    // One may be missed between the two looks.
    if (tries === 10 || isDeepStrictEqual(fleet, all)) return assert.deepStrictEqual(fleet, all)
    yield* Effect.sleep("1 second")
  }
})

const none = { lost: 0, repeated: 0, outOfOrder: 0, strange: 0, ofDiagnostics: 0 }

/** Lets it all happen, and holds what came of it against the publishers' ledgers. */
const suffer = Effect.fnUntraced(function*(title: string, world: World, kinds: ReadonlyArray<Fault>) {
  const count = roundsOf(kinds)
  say(`${title}: seed ${seed}, ${count} rounds`)
  const done = yield* rounds(world, kinds, count, Random.make(seed, title), (round) => say(toldOf(round))).pipe(
    Effect.tapCause(() => Effect.sync(() => say(world.service.log().slice(-10_000)))),
  )
  assert.isTrue(world.publishers.every(({ isPublishing }) => isPublishing), "the load went on at the last fault")

  yield* finished([...world.publishers, world.diagnostics], "2 minutes")
  const ledger = ledgerOf(world)
  const { ledger: diagnosed } = world.diagnostics
  yield* settled(world.service.url, ledger.length + diagnosed.length)
  const streams = Map.groupBy(yield* world.log.events(["vehicle-"]), ({ stream }) => stream)
  const found = account(ledger, new Map([...streams].filter(([stream]) => isTelemetry(world, stream))))
  const ofDiagnostics = misplaced(diagnosed, streams)
  const events = yield* topicAccount(world, topics.events, ["vehicle-", "maintenance-"])
  const alerts = yield* topicAccount(world, topics.alerts, ["maintenance-"])
  say([
    "",
    table(done),
    `${ledger.length} messages of ${new Set(ledger.map(({ vin }) => vin)).size} vehicles: ${found.lost} lost, `
    + `${found.repeated} repeated, ${found.outOfOrder} out of order, ${found.strange} that nobody sent. `
    + `${diagnosed.length} diagnostics: ${ofDiagnostics} lost, repeated or out of order.`,
    `${topics.events}: ${toldOfTopic(events)}\n${topics.alerts}: ${toldOfTopic(alerts)}`,
    "",
  ].join("\n\n"))

  assert.isTrue([...ledger, ...diagnosed].every(({ acknowledged }) => acknowledged))
  assert.deepStrictEqual({ ...found, ofDiagnostics }, none)
  assert.deepStrictEqual(yield* world.log.events(["deadletter-"]), [])
  yield* shows(world, expectedFleet(ledger))
  assert.deepInclude(events, { missing: 0, outOfOrder: 0, strange: 0 })
  assert.isAbove(alerts.events, 0)
  assert.deepInclude(alerts, { missing: 0, outOfOrder: 0, strange: 0 })
  assert.isAtLeast(done.filter(({ bit }) => bit).length, Math.floor(count * mostHit))
  assert.strictEqual(yield* world.service.stop, 0)
})

describe.skipIf(!mosquittoIsThere || !kafkaIsThere || !postgresIsThere)("under load, when things break", () => {
  const timeout = (kinds: ReadonlyArray<Fault>) => 300_000 + roundsOf(kinds) * 60_000

  it.live("nothing is lost, repeated or out of order, and the service comes back by itself", () =>
    Effect.gen(function*() {
      yield* suffer("Embedded log", yield* underLoad(embedded), faults)
    }), timeout(faults))

  it.live("nor is it with the log in EventStoreDB", () =>
    Effect.gen(function*() {
      yield* suffer("EventStoreDB", yield* underLoad(() => eventStoreDb), eventStoreDbFaults)
    }), timeout(eventStoreDbFaults))
})
