/**
 * The service with its log in EventStoreDB, end to end: messages in over MQTT, twins out over GraphQL, while the
 * server goes away and comes back, and the service is killed. At the end the log, read from the server, and the twins
 * are held against the vehicles' own ledger.
 *
 * With `EVENTSTORE_URL` set it is that server, which nothing befalls; the vehicles' names are new in each run, and
 * their streams are deleted afterwards.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { layer } from "../../src/eventstore/eventstoredb.ts"
import { startEventStoreDb } from "../support/eventstoredb-server.ts"
import { freePort } from "../support/free-port.ts"
import { account, type ExpectedSignal, expectedSignals } from "../support/ledger.ts"
import { type Message, type Publisher, publishing } from "../support/publisher.ts"
import { say, skipped } from "../support/say.ts"
import { query, serviceProcess } from "../support/service-process.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

const real = process.env["EVENTSTORE_URL"]
if (real !== undefined) skipped("the server of EVENTSTORE_URL is not stopped under load, as the one of the tests is")

const run = String(Date.now() % 1_000_000).padStart(6, "0")
const vins = Array.from({ length: 2 }, (_, connection) =>
  Array.from({ length: 6 }, (_, i) => `LSVAA4187${run}${String(connection * 6 + i).padStart(2, "0")}`))

const messagesFrom = (began: number) => (_: string, n: number): Message => ({
  session: `boot-${Math.floor(n / 200)}`,
  seq: n % 200,
  at: new Date(began + n * 20 - (n % 11 === 10 ? 5_000 : 0)).toISOString(),
  signals: { "Vehicle.Speed": n % 240, ...(n % 3 === 0 && { "Vehicle.TraveledDistance": n * 1000 }) },
})

interface Twin {
  readonly vehicle: { readonly revision: number; readonly signals: ReadonlyArray<ExpectedSignal> } | null
}

const twinOf = (url: string, vin: string) =>
  query<Twin>(url, "query ($vin: String!) { vehicle(vin: $vin) { revision signals { path value at revision } } }", { vin })

/** The vehicles come to an end, and the read model has all of it. */
const settled = Effect.fnUntraced(function*(url: string, publishers: ReadonlyArray<Publisher>) {
  yield* Effect.forEach(publishers, (publisher) => Effect.promise(() => publisher.finish()), { concurrency: "unbounded" })
  for (const { ledger } of publishers) {
    for (const [vin, entries] of Map.groupBy(ledger, (entry) => entry.vin)) {
      while (((yield* twinOf(url, vin)).vehicle?.revision ?? -1) < entries.length - 1) yield* Effect.sleep("100 millis")
    }
  }
})

describe("the service with its log in EventStoreDB", () => {
  it.live("takes each message once and in order, and serves the twins", () =>
    Effect.gen(function*() {
      const server = real === undefined ? yield* startEventStoreDb : undefined
      const eventStoreUrl = server?.url ?? real ?? ""
      const port = yield* Effect.promise(freePort)
      const service = yield* serviceProcess({
        DATA_DIR: yield* temporaryFolder,
        EVENTSTORE_URL: eventStoreUrl,
        MQTT_PORT: String(port),
        LOG_LEVEL: "warn",
      })
      yield* service.start
      const began = Date.now()
      const publishers = yield* Effect.forEach(vins, (ofConnection) =>
        publishing({
          url: `mqtt://127.0.0.1:${port}`,
          vins: ofConnection,
          message: messagesFrom(began),
          window: 64,
          perSecond: 100,
        }))
      const answered = () => publishers.reduce((sum, { ledger }) => sum + ledger.filter((entry) => entry.acknowledged).length, 0)
      const progress = Effect.suspend(() => {
        const before = answered()
        const more: Effect.Effect<void> = Effect.suspend(() =>
          answered() >= before + 100 ? Effect.void : Effect.andThen(Effect.sleep(20), more))
        return more
      })

      yield* progress
      if (server !== undefined) {
        yield* server.stop
        yield* Effect.sleep("4 seconds")
        const stalled = answered()
        yield* server.start
        yield* progress
        yield* server.cutConnections
        yield* server.inject({ _tag: "LoseAnswer" })
        yield* progress
        assert.isAbove(answered(), stalled)
      }
      yield* service.kill
      yield* service.start
      yield* progress
      assert.isTrue(publishers.every(({ isPublishing }) => isPublishing))
      yield* settled(service.url, publishers)

      const ledger = publishers.flatMap((publisher) => publisher.ledger)
      const messages = Map.groupBy(ledger, ({ vin }) => vin)
      for (const [vin, entries] of messages) {
        const { vehicle } = yield* twinOf(service.url, vin)
        const shown = vehicle?.signals.toSorted((a, b) => (a.path < b.path ? -1 : 1))
        assert.deepStrictEqual(shown, expectedSignals(entries.map(({ message }) => message)))
      }
      assert.strictEqual(yield* service.stop, 0)

      const counts = yield* Effect.gen(function*() {
        const store = yield* EventStore
        const stored = yield* Effect.forEach(messages.keys(), (vin) =>
          Effect.map(Stream.runCollect(store.read(`vehicle-${vin}`)), (events) => [`vehicle-${vin}`, events] as const))
        if (real !== undefined) {
          for (const vin of messages.keys()) {
            for (const kind of ["vehicle", "snapshot", "maintenance"]) yield* store.deleteStream(`${kind}-${vin}`)
          }
        }
        return account(ledger, new Map(stored))
      }).pipe(Effect.provide(Layer.fresh(layer({ url: eventStoreUrl }))))
      say(
        `EventStoreDB: ${ledger.length} messages of ${messages.size} vehicles, ${counts.lost} lost, `
          + `${counts.repeated} repeated, ${counts.outOfOrder} out of order, ${counts.strange} that nobody sent`,
      )
      assert.isTrue(ledger.every(({ acknowledged }) => acknowledged))
      assert.deepStrictEqual(counts, { lost: 0, repeated: 0, outOfOrder: 0, strange: 0 })
      if (server !== undefined) {
        const written = [...messages.keys()].reduce((sum, vin) => sum + server.countOf(`vehicle-${vin}`), 0)
        assert.strictEqual(written, ledger.length)
      }
    }), 120_000)
})
