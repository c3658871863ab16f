import { expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { streamOf as alertStreamOf } from "../../domain/maintenance/alerts/alert-events.ts"
import type { ComponentModel } from "../../domain/maintenance/model.ts"
import * as Models from "../../domain/maintenance/models.ts"
import { intervalMs } from "../../domain/maintenance/components/service-due.ts"
import { streamOf } from "../../domain/vehicle/events.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import { EventStoreUnavailable } from "../../src/eventstore/errors.ts"
import { overDatabases } from "../contract/databases.ts"
import { day } from "../support/given.ts"
import { logLines } from "../support/log-lines.ts"
import { readings, serviced, signal } from "../support/maintenance.ts"
import { vinOf } from "../support/observations.ts"
import { alertsOf, append, eventually, reacting, says, settled, type Store, today, types, vin, worldIn } from "./reacting.ts"

overDatabases("the maintenance reactor", (newDatabase) => {
  const world = worldIn(newDatabase)

  it.live("raises an alert once, which is acknowledged, resolved by service, and raised again after the next interval", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      yield* append(store, vin, says(1_000, today))
      yield* reacting(here, (services) =>
        Effect.gen(function*() {
          yield* settled(store, services)
          const [raised] = yield* alertsOf(store, vin)
          expect(raised?.type).toBe("AlertRaised")
          const alertId = String(raised?.data["alertId"])

          const acknowledge = services.alerts.acknowledge(vin, alertId, { by: "Ada", note: "Monday" }, 0)
          const row = yield* acknowledge
          expect(row).toMatchObject({ id: alertId, state: "acknowledged", acknowledgedBy: "Ada", note: "Monday", revision: 1 })
          expect(yield* acknowledge).toEqual(row)
          expect(types(yield* alertsOf(store, vin))).toEqual(["AlertRaised", "AlertAcknowledged"])

          yield* append(store, vin, [serviced(today + day), ...says(29_000, today + 2 * day)])
          yield* settled(store, services)
          const resolved = (yield* alertsOf(store, vin)).at(-1)
          expect(resolved).toMatchObject({ type: "AlertResolved", data: { alertId, reason: "service" } })
          const refused = yield* Effect.flip(services.alerts.acknowledge(vin, alertId, { by: "Bob" }))
          expect(refused._tag).toBe("AlertIsResolved")

          yield* append(store, vin, says(500, today + 3 * day))
          yield* settled(store, services)
          const all = yield* alertsOf(store, vin)
          expect(types(all)).toEqual(["AlertRaised", "AlertAcknowledged", "AlertResolved", "AlertRaised"])
          expect(all.at(-1)?.data["alertId"]).not.toBe(alertId)
        }))
    }))

  it.live("goes on where it was after a restart, with what it had counted", () =>
    Effect.gen(function*() {
      const here = yield* world
      const [first, second, third] = says(1_000, today).map((event) => [event])
      for (const events of [first, second]) {
        yield* append(here.store, vin, events ?? [])
        yield* reacting(here, (services) => settled(here.store, services))
        expect(yield* alertsOf(here.store, vin)).toEqual([])
      }
      yield* append(here.store, vin, third ?? [])
      yield* reacting(here, (services) => settled(here.store, services))
      expect(types(yield* alertsOf(here.store, vin))).toEqual(["AlertRaised"])
      yield* reacting(here, (services) => settled(here.store, services))
      expect(types(yield* alertsOf(here.store, vin))).toEqual(["AlertRaised"])
    }))

  it.live("leaves an alert with whom it is given to, and puts it off until it is more urgent", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      yield* append(store, vin, says(1_000, today))
      yield* reacting(here, (services) =>
        Effect.gen(function*() {
          yield* settled(store, services)
          const { alerts } = services
          const alertId = String((yield* alertsOf(store, vin))[0]?.data["alertId"])
          const until = Date.now() + day
          yield* alerts.acknowledge(vin, alertId, { by: "Ada" })
          yield* alerts.assign(vin, alertId, { to: "North", note: "now" })
          const row = yield* alerts.snooze(vin, alertId, { until, by: "Ada" }, 2)
          expect(row).toMatchObject({ state: "acknowledged", assignedTo: "North", snoozedUntil: until, note: "now" })
          expect(yield* alerts.snooze(vin, alertId, { until }, 2)).toEqual(row)
          yield* append(store, vin, says(-10, today + day))
          yield* settled(store, services)
          const again = yield* alerts.assign(vin, alertId, { to: "North" })
          expect(again).toMatchObject({
            state: "open",
            urgency: "service_soon",
            acknowledgedBy: null,
            snoozedUntil: null,
            assignedTo: "North",
            revision: 4,
          })
        }))
    }))

  it.live("keeps many more vehicles than it has in memory", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      const vins = Array.from({ length: 40 }, (_, i) => vinOf(i))
      for (const i of [0, 1, 2]) {
        for (const one of vins) yield* append(store, one, says(1_000, today).slice(i, i + 1))
        yield* reacting(here, (services) => settled(store, services), { cachedVehicles: 3 })
      }
      for (const one of vins) expect(types(yield* alertsOf(store, one))).toEqual(["AlertRaised"])
    }))

  it.live("forgets nothing of a vehicle that made room before it was stored", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      const vins = Array.from({ length: 10 }, (_, i) => vinOf(i))
      yield* reacting(here, (services) =>
        Effect.gen(function*() {
          yield* settled(store, services)
          for (const i of [0, 1, 2]) {
            for (const one of vins) yield* append(store, one, says(1_000, today).slice(i, i + 1))
          }
          for (const one of vins) {
            const alerts = Effect.map(alertsOf(store, one), (events) => events.length > 0 ? types(events) : undefined)
            expect(yield* eventually(alerts)).toEqual(["AlertRaised"])
          }
        }), { cachedVehicles: 3, tickEvery: "1 hour" })
    }))

  it.live("raises what falls due by date while the vehicle is silent, also after a restart", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      const due = Date.now() + 3_000
      yield* append(store, vin, [serviced(due + 30 * day - intervalMs, { odometerKm: 1 })])
      yield* append(store, vinOf(2), [serviced(due + 31 * day - intervalMs)])
      // Soon due for a month, and due now; said once, two days ago and just now.
      yield* append(store, vinOf(3), [serviced(due - intervalMs)])
      yield* append(store, vinOf(4), [readings(due - 2 * day, { [signal.due]: true })])
      yield* append(store, vinOf(5), [readings(due - 10_000, { [signal.due]: true })])
      const raised = (one: string) =>
        eventually(Effect.map(alertsOf(store, one), ([first]) => first?.type === "AlertRaised" ? first : undefined))
      yield* reacting(here, (services) => settled(store, services))
      expect(yield* alertsOf(store, vin)).toEqual([])
      yield* reacting(here, () =>
        Effect.gen(function*() {
          const alert = yield* raised(vin)
          expect(alert.data).toMatchObject({ urgency: "drive_on", score: expect.closeTo(20, 3) })
          expect(Date.parse(String(alert.metadata["receivedAt"]))).toBeGreaterThanOrEqual(due)
          yield* raised(vinOf(3))
          yield* raised(vinOf(4))
        }))
      yield* reacting(here, (services) => Effect.andThen(settled(store, services), Effect.sleep("100 millis")))
      for (const one of [vin, vinOf(4)]) expect(yield* alertsOf(store, one)).toHaveLength(1)
      expect(types(yield* alertsOf(store, vinOf(3)))).toEqual(["AlertRaised", "AlertEscalated"])
      for (const one of [vinOf(2), vinOf(5)]) expect(yield* alertsOf(store, one)).toEqual([])
    }))

  it.live("forgets no deadline where the database crashes and has lost its last commits, though nothing comes any more", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      yield* reacting(here, (services) =>
        Effect.gen(function*() {
          const { sql } = services
          const checkpoint = sql`SELECT position FROM reactor_checkpoint`.values
          yield* settled(store, services)
          const [[before] = []] = yield* checkpoint
          const due = Date.now() + 3_000
          yield* append(store, vin, [serviced(due + 30 * day - intervalMs, { odometerKm: 1 })])
          yield* settled(store, services)
          const [[after] = []] = yield* checkpoint
          expect(after).not.toBe(before)
          yield* sql.withTransaction(Effect.andThen(
            sql`UPDATE reactor_checkpoint SET position = ${before}`,
            sql`DELETE FROM reactor_vehicles`,
          ))
          const raised = Effect.map(alertsOf(store, vin), (events) => events.length > 0 ? types(events) : undefined)
          expect(yield* eventually(raised)).toEqual(["AlertRaised"])
        }))
    }))

  it.live("waits for a log that is out of reach, and passes over what cannot be read", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      const broken = { ...says(1_000, today)[0], id: Identity.uuid("broken") }
      yield* store.append(streamOf(vinOf(9)), "no_stream", [
        { id: broken.id, type: "TelemetryReceived", data: {}, metadata: { schema: 99 } },
      ])
      yield* append(store, vin, says(1_000, today))
      let failures = 0
      const failing: Store = {
        ...store,
        append: (stream, expected, events) =>
          stream.startsWith("maintenance-") && failures++ < 2
            ? Effect.fail(new EventStoreUnavailable({ operation: "append", cause: new Error("cut by the test") }))
            : store.append(stream, expected, events),
      }
      yield* reacting({ ...here, store: failing }, (services) => settled(store, services))
      expect(failures).toBe(3)
      expect(types(yield* alertsOf(store, vin))).toEqual(["AlertRaised"])
    }))

  it.live("says once, in a line, that the log is out of reach, however often it tries", () =>
    Effect.gen(function*() {
      const here = yield* world
      let tries = 0
      const away = new EventStoreUnavailable({ operation: "read", cause: new Error("cut by the test") })
      const subscribeAll: Store["subscribeAll"] = (options) =>
        ++tries <= 4 ? Stream.fail(away) : here.store.subscribeAll(options)
      yield* append(here.store, vin, says(1_000, today))
      const { layer: logger, lines } = logLines()
      yield* reacting({ ...here, store: { ...here.store, subscribeAll } }, (services) => settled(here.store, services))
        .pipe(Effect.provide(logger))
      expect(tries).toBe(5)
      expect(lines).toEqual(["The maintenance reactor waits. The event store did not read: Error: cut by the test"])
    }))

  it.live("passes over a model that throws, and goes on with the others", () =>
    Effect.gen(function*() {
      const here = yield* world
      yield* append(here.store, vin, says(1_000, today))
      const models = Models.models.flatMap((model): ReadonlyArray<ComponentModel> => [
        {
          ...model,
          component: "brakes.front",
          name: "throwing",
          evolve: () => {
            throw new Error("struck by the test")
          },
        },
        model,
      ])
      yield* reacting(here, (services) => settled(here.store, services), { models })
      expect(types(yield* alertsOf(here.store, vin))).toEqual(["AlertRaised"])
    }))

  it.live("loses one vehicle's alerts, where they are beyond repair, and no other's", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      yield* store.append(alertStreamOf(vin), "no_stream", [
        { id: Identity.uuid("gone"), type: "AlertRaised", data: {}, metadata: {} },
      ])
      yield* store.deleteStream(alertStreamOf(vin), { tombstone: true })
      for (const one of [vin, vinOf(2)]) yield* append(store, one, says(1_000, today))
      yield* reacting(here, (services) => settled(store, services))
      expect(types(yield* alertsOf(store, vinOf(2)))).toEqual(["AlertRaised"])
    }))

  it.live("and another one at the same time raise each alert once", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      const elsewhere = { ...here, database: yield* newDatabase }
      const vins = Array.from({ length: 20 }, (_, i) => vinOf(i))
      for (const one of vins) yield* append(store, one, says(1_000, today))
      yield* Effect.all([
        reacting(here, (services) => settled(store, services)),
        reacting(elsewhere, (services) => settled(store, services)),
        reacting(here, (services) => settled(store, services)),
      ], { concurrency: "unbounded" })
      for (const one of vins) expect(types(yield* alertsOf(store, one))).toEqual(["AlertRaised"])
    }))
})
