/** The reactor is the truth of which a backtest is the likeness. */
import { expect, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { join } from "node:path"
import type { ComponentModel } from "../../domain/maintenance/model.ts"
import { serviceDue } from "../../domain/maintenance/components/service-due.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import { EventStore, type RecordedEvent } from "../../src/eventstore/event-store.ts"
import { beginning } from "../../src/eventstore/position.ts"
import * as SqliteEventStore from "../../src/eventstore/sqlite.ts"
import * as Alerts from "../../src/maintenance/alerts.ts"
import * as Reactor from "../../src/maintenance/reactor.ts"
import { Backtest } from "../../src/replay/backtest.ts"
import * as Random from "../../src/simulator/random.ts"
import { layer as databaseLayer } from "../../src/sql/database.ts"
import { Past } from "../../src/vehicles/past.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { logOf } from "../support/wearing-fleet.ts"

const models = [serviceDue as ComponentModel]

/** Distances that wander about the line and far below it, and now and then a service. */
const wandering = (vehicles: number, days: number): ReadonlyArray<RecordedEvent> => {
  const random = Random.make(1, "wandering")
  const kilometres = Array.from({ length: vehicles }, () => random.between(1_000, 5_000))
  const events = logOf(
    Array.from({ length: days }, (_, day) =>
      kilometres.map((_, vehicle) => {
        const km = (kilometres[vehicle] ?? 0) - random.between(-400, 500)
        kilometres[vehicle] = km
        return { vehicle, day, km }
      })).flat(),
  )
  return events.map((event) =>
    random.chance(0.01)
      ? { ...event, type: "ServiceRecorded", data: { at: event.data["at"], component: "vehicle", kind: "repaired" } }
      : event
  )
}

const ascending = (a: string, b: string): number => a < b ? -1 : 1

/** What is stored of alerts, sorted. */
const alertsOf = Effect.fnUntraced(function*(store: EventStore["Service"]) {
  const stored = yield* Stream.runCollect(store.readAll({ after: beginning, filter: { streams: ["maintenance-"] } }))
  const prefix = "maintenance-".length
  return stored
    .map(({ metadata, stream, type }) => `${stream.slice(prefix)} ${String(metadata["receivedAt"])} ${type}`)
    .toSorted(ascending)
})

it.live("a backtest tells what the reactor tells of the same history", () =>
  Effect.gen(function*() {
    const folder = yield* temporaryFolder
    const events = wandering(6, 300)
    const reacted = yield* Effect.gen(function*() {
      const store = yield* EventStore
      for (const [stream, its] of Map.groupBy(events, ({ stream }) => stream)) {
        yield* store.append(stream, "no_stream", its)
      }
      const head = yield* store.head
      const reactor = Reactor.layer({ models, tickEvery: "1 hour" }).pipe(
        Layer.provide(Alerts.layer),
        Layer.provide(Past.layer),
        Layer.provide(databaseLayer({ _tag: "Sqlite", file: join(folder, "reactor.db"), synchronous: "NORMAL" })),
      )
      yield* Effect.gen(function*() {
        const { status } = yield* Reactor.Reactor
        while ((yield* status).position < head) yield* Effect.sleep("5 millis")
      }).pipe(Effect.provide(reactor), Effect.timeout("20 seconds"))
      return yield* alertsOf(store)
    }).pipe(Effect.provide(SqliteEventStore.layer({ file: join(folder, "log.db") })))

    const backtest = new Backtest({
      versions: [{ name: "service-due", version: "1", models }],
      failures: undefined,
      vins: undefined,
      from: undefined,
      to: undefined,
    })
    for (const event of events) backtest.add(event)
    const told = backtest.report().versions.flatMap(({ verdict }) =>
      verdict.alerts.flatMap(({ alert: { escalations, raised, resolved, vin } }) => [
        `${vin} ${toTime(raised.at)} AlertRaised`,
        ...escalations.map(({ at }) => `${vin} ${toTime(at)} AlertEscalated`),
        ...(resolved === undefined ? [] : [`${vin} ${toTime(resolved.at)} AlertResolved`]),
      ])
    )
    expect(reacted.length).toBeGreaterThan(20)
    expect(told.toSorted(ascending)).toEqual(reacted)
  }), 60_000)
