/**
 * A service archives its log while vehicles publish, and is killed in the middle of it, twice. Then the whole history is
 * held against the vehicles' ledger, the twins against what was published, and a rebuild against the read model.
 */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Effect, Layer, Stream } from "effect"
import type { VehicleEvent } from "../../domain/vehicle/events.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import { EventStore } from "../../src/eventstore/event-store.ts"
import * as Log from "../../src/eventstore/location.ts"
import { beginning } from "../../src/eventstore/position.ts"
import { answer, ask } from "../api/client.ts"
import { Driven, openLogsIn } from "../replay/archive-support.ts"
import { command } from "../support/command.ts"
import { fleetView } from "../support/fleet-view.ts"
import { freePort } from "../support/free-port.ts"
import { day } from "../support/given.ts"
import { account, type ExpectedSignal, expectedSignals } from "../support/ledger.ts"
import { metrics } from "../support/metrics.ts"
import { type LedgerEntry, type Message, publishing } from "../support/publisher.ts"
import { say } from "../support/say.ts"
import { serviceProcess } from "../support/service-process.ts"
import { storedStreams } from "../support/stored-log.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

const vins = Array.from({ length: 10 }, (_, i) => `LSVAA4187E${String(i).padStart(7, "0")}`)
/** Events a vehicle of the day before yesterday, so that there is a middle to be killed in; the last one stays. */
const earlier = 3_000
const snapshotEvery = 1_000
const began = Date.now()

const messageAt = (session: string, seq: number, at: number): Message => ({
  session,
  seq,
  at: toTime(at),
  signals: {
    "Vehicle.Speed": seq % 240,
    ...(seq % 3 === 0 && { "Vehicle.TraveledDistance": (session === "old" ? 0 : 1e9) + seq * 1_000 }),
  },
})

const oldMessages = Array.from({ length: earlier }, (_, n) => messageAt("old", n, began - 2 * day + n * 1_000))

const accepted = (vin: string, { at, seq, session, signals }: Message) => {
  const identity = Identity.toText(Identity.sequenced(session, seq))
  return {
    id: Identity.uuid(`${vin} ${identity}`),
    type: "TelemetryReceived",
    data: { at, session, seq, readings: signals },
    metadata: { schema: 1, receivedAt: at, source: { kind: "mqtt", topic: `vehicles/${vin}/telemetry` }, identity },
  } satisfies VehicleEvent
}

const fillLog = Effect.fnUntraced(function*(folder: string) {
  yield* Effect.scoped(Effect.gen(function*() {
    const { log } = yield* openLogsIn(folder)
    const vehicles = vins.map((vin) => new Driven(vin))
    for (let n = 0; n < earlier; n += 100) {
      for (const driven of vehicles) {
        yield* driven.append(log, oldMessages.slice(n, n + 100).map((message) => accepted(driven.vin, message)))
        if ((n + 100) % snapshotEvery === 0) yield* driven.snapshot(log)
      }
    }
  }))
  // As if it had been written then.
  const file = new DatabaseSync(join(folder, "log.db"))
  file.prepare("UPDATE events SET created = ?").run(began - day)
  file.close()
})

const locationIn = (folder: string): Log.LogLocation => ({
  _tag: "Sqlite",
  file: join(folder, "log.db"),
  archive: join(folder, "archive"),
})

/** All that the vehicles' streams ever held, by stream. */
const history = (folder: string) =>
  EventStore.use(({ readAll }) =>
    Stream.runCollect(readAll({ after: beginning, filter: { streams: ["vehicle-"] } }))
  ).pipe(
    Effect.map((events) => Map.groupBy(events, ({ stream }) => stream)),
    Effect.provide(Layer.fresh(Log.layerReadOnly(locationIn(folder)))),
  )

const notesIn = (folder: string) =>
  Effect.map(storedStreams(folder, "archive"), (streams) => streams.get("archive")?.map(({ type }) => type) ?? [])

const filesIn = (folder: string): ReadonlyArray<string> => {
  const archive = join(folder, "archive")
  return existsSync(archive) ? readdirSync(archive).toSorted() : []
}

const holds = (condition: () => boolean) => Effect.repeat(Effect.delay(Effect.sync(condition), "1 millis"), { until: Boolean })

interface Seen {
  readonly vehicle: { readonly revision: number; readonly signals: ReadonlyArray<ExpectedSignal> }
}

const knownAt = (vin: string, time: number) =>
  `{ vehicle(vin: "${vin}", asOf: "${toTime(time)}") { revision signals { path value at revision } } }`

describe("a service that archives", () => {
  it.live("goes on as before, wherever in the middle of it it is killed", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      yield* fillLog(folder)
      const mqtt = yield* Effect.promise(freePort)
      const service = yield* serviceProcess({
        DATA_DIR: folder,
        ARCHIVE_AFTER: "1h",
        MQTT_PORT: String(mqtt),
        LOG_LEVEL: "info",
      })
      const publisher = yield* publishing({
        url: `mqtt://127.0.0.1:${mqtt}`,
        vins,
        message: (_, n) => messageAt("new", n, began + n * 10),
        window: 64,
        perSecond: 200,
      })
      yield* service.start

      yield* holds(() => filesIn(folder).some((name) => name.endsWith(".partial")))
      yield* service.kill
      assert.deepStrictEqual(yield* notesIn(folder), [], "killed while it wrote the file")
      yield* service.start
      yield* holds(() => filesIn(folder).includes("events-000001.parquet"))
      yield* service.kill
      const noted = yield* notesIn(folder)
      assert.include(noted, "ArchiveWritten")
      yield* service.start
      yield* notesIn(folder).pipe(
        Effect.delay("100 millis"),
        Effect.repeat({ until: (types) => types.includes("ArchiveCompleted") }),
        Effect.timeout("60 seconds"),
      )
      const told = yield* Effect.delay(metrics(service.url), "1 second").pipe(
        Effect.repeat({ until: (metric) => metric("vehicle_twin_archive_last_run_timestamp_seconds") > 0 }),
      )
      assert.isTrue(publisher.isPublishing, "the load went on")
      const finishedLate = !noted.includes("ArchiveCompleted")
      assert.strictEqual(told("vehicle_twin_archive_events_total"), finishedLate ? vins.length * (earlier - 1) : 0)
      assert.strictEqual(told("vehicle_twin_archive_failures_total"), 0)
      assert.deepStrictEqual(filesIn(folder), ["events-000001.parquet"])

      const rebuilt = yield* command(["rebuild", "--all"], { DATA_DIR: folder })
      assert.strictEqual(rebuilt.code, 0, rebuilt.err)
      const [vin = ""] = vins
      const before = yield* Effect.promise(() => answer(service.url, knownAt(vin, began - 2 * day + 5_000)))
      assert.deepStrictEqual<unknown>(before.errors?.[0]?.extensions, { code: "ARCHIVED", file: "events-000001.parquet" })
      const { vehicle } = yield* Effect.promise(() => ask<Seen>(service.url, knownAt(vin, began - day)))
      assert.strictEqual(vehicle.revision, earlier - 1)

      yield* Effect.timeout(Effect.promise(() => publisher.finish()), "60 seconds")
      const ledger: ReadonlyArray<LedgerEntry> = [
        ...vins.flatMap((vin) => oldMessages.map((message, n) => ({ vin, n, message, acknowledged: true }))),
        ...publisher.ledger.map((entry) => ({ ...entry, n: earlier + entry.n })),
      ]
      const sent = Map.groupBy(ledger, ({ vin }) => vin)
      const expected = vins.map((vin) => {
        const messages = (sent.get(vin) ?? []).map(({ message }) => message)
        // The app's list of events begins where the log does.
        const inLog = messages.length - earlier + 1
        return {
          vin,
          revision: messages.length - 1,
          signals: expectedSignals(messages),
          events: { totalCount: inLog },
        }
      })
      const caughtUp = Effect.map(fleetView(service.url), (views) =>
        views.every(({ revision, vin }) => revision === (sent.get(vin)?.length ?? 0) - 1))
      yield* caughtUp.pipe(Effect.delay("100 millis"), Effect.repeat({ until: Boolean }), Effect.timeout("30 seconds"))

      const streams = yield* history(folder)
      const counts = account(ledger, streams)
      say(`Archived under load: ${publisher.ledger.length} messages meanwhile, ${vins.length * (earlier - 1)} events moved, `
        + `${counts.lost} lost, ${counts.repeated} repeated, ${counts.outOfOrder} out of order`)
      assert.deepStrictEqual(counts, { lost: 0, repeated: 0, outOfOrder: 0, strange: 0 })
      for (const [stream, events] of streams) {
        assert.isTrue(events.every(({ revision }, n) => revision === n), stream)
      }
      assert.deepStrictEqual(yield* fleetView(service.url), expected)
      // From the log, not from the read model.
      const now = yield* Effect.promise(() => ask<Seen>(service.url, knownAt(vin, Date.now())))
      const signals = now.vehicle.signals.toSorted((a, b) => (a.path < b.path ? -1 : 1))
      assert.deepStrictEqual({ ...now.vehicle, signals }, {
        revision: expected[0]?.revision ?? Number.NaN,
        signals: expected[0]?.signals ?? [],
      })
      assert.strictEqual(yield* service.stop, 0)
    }), 180_000)

  it.live("serves on where it cannot archive, and says why", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const archive = join(folder, "no-folder")
      writeFileSync(archive, "")
      const mqtt = String(yield* Effect.promise(freePort))
      const service = yield* serviceProcess({
        DATA_DIR: folder,
        ARCHIVE_AFTER: "1h",
        ARCHIVE_DIR: archive,
        MQTT_PORT: mqtt,
      })
      yield* service.start
      yield* Effect.delay(metrics(service.url), "500 millis").pipe(
        Effect.repeat({ until: (metric) => metric("vehicle_twin_archive_failures_total") === 1 }),
      )
      assert.include(service.log(), "The archive goes on with its next run")
      assert.include(service.log(), archive)
      assert.deepStrictEqual(yield* Effect.promise(() => ask(service.url, "{ vehicles { totalCount } }")), {
        vehicles: { totalCount: 0 },
      })
      assert.strictEqual(yield* service.stop, 0)
    }), 60_000)
})
