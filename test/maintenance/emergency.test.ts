import { expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { streamOf as alertStreamOf } from "../../domain/maintenance/alerts/alert-events.ts"
import type { ComponentModel } from "../../domain/maintenance/model.ts"
import * as Models from "../../domain/maintenance/models.ts"
import { streamOf } from "../../domain/vehicle/events.ts"
import { overDatabases } from "../contract/databases.ts"
import { logLines } from "../support/log-lines.ts"
import { readings, serviced } from "../support/maintenance.ts"
import { vinOf } from "../support/observations.ts"
import { alertsOf, allAlerts, append, reacting, says, settled, type Store, today, types, vin, worldIn } from "./reacting.ts"

const soc = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"
const airbag = "Vehicle.Cabin.Seat.Row1.DriverSide.Airbag.IsDeployed"

overDatabases("an emergency", (newDatabase) => {
  const world = worldIn(newDatabase)

  it.live("is told with the vehicle as it was, once, whatever has come since", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      yield* append(store, vin, [
        readings(today, { "Vehicle.Speed": 80, [soc]: 40, "Vehicle.CurrentLocation.Latitude": 31.25 }),
        readings(today + 1_000, { [airbag]: true }),
        readings(today + 60_000, { "Vehicle.Speed": 0, [soc]: 39 }),
        serviced(today + 120_000, { component: "safety.crash" }),
        readings(today + 180_000, { [airbag]: true, "Vehicle.Speed": 3 }),
      ])
      yield* reacting(here, (services) => settled(store, services))
      const [raised, resolved, again] = yield* alertsOf(store, vin)
      expect(raised).toMatchObject({
        type: "AlertRaised",
        data: {
          emergency: true,
          occurredAt: new Date(today + 1_000).toISOString(),
          situation: { "Vehicle.Speed": 80, [soc]: 40, [airbag]: true },
          personal: { "Vehicle.CurrentLocation.Latitude": 31.25 },
        },
      })
      expect(resolved).toMatchObject({ type: "AlertResolved", data: { reason: "service" } })
      expect(again).toMatchObject({ type: "AlertRaised", data: { situation: { "Vehicle.Speed": 3, [soc]: 39 } } })
    }))

  it.live("is told by what its message says, where the vehicle's last state is not to be had", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      yield* append(store, vin, [readings(today, { [airbag]: true, "Vehicle.Speed": 80 })])
      yield* append(store, vinOf(2), [readings(today, { [airbag]: true, "Vehicle.Speed": 80 })])
      const failing = { [streamOf(vin)]: Stream.never, [streamOf(vinOf(2))]: Stream.die("damaged") }
      const broken: Store = { ...store, read: (stream, options) => failing[stream] ?? store.read(stream, options) }
      const { layer: logger, lines } = logLines()
      yield* reacting({ ...here, store: broken }, (services) => settled(store, services)).pipe(Effect.provide(logger))
      for (const one of [vin, vinOf(2)]) {
        const [raised] = yield* alertsOf(store, one)
        expect(raised?.data).toMatchObject({ situation: { "Vehicle.Speed": 80, [airbag]: true }, personal: {} })
        expect(lines).toContainEqual(
          expect.stringContaining(`An emergency of vehicle ${one} is told without its last state`),
        )
      }
      expect(lines).toHaveLength(2)
    }))

  it.live("is told although other models took over before those of before had seen it", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      yield* append(store, vin, [readings(today, { [airbag]: true })])
      yield* append(store, vinOf(2), [readings(today, { "Vehicle.Speed": 50 })])
      yield* reacting(here, (services) => settled(store, services))
      yield* append(store, vinOf(2), [readings(today + 60_000, { [airbag]: true })])
      const models = Models.models.map((model): ComponentModel => ({ ...model, version: `${model.version}-next` }))
      yield* reacting(here, (services) => settled(store, services), { models })
      for (const one of [vin, vinOf(2)]) expect(types(yield* alertsOf(store, one))).toEqual(["AlertRaised"])
    }))

  it.live("is told before whatever came with it", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      const vins = Array.from({ length: 30 }, (_, i) => vinOf(i))
      for (const one of vins) yield* append(store, one, says(1_000, today))
      yield* append(store, vinOf(99), [readings(today, { [airbag]: true })])
      yield* reacting(here, (services) => settled(store, services))
      const all = yield* allAlerts(store)
      expect(all).toHaveLength(31)
      // As many are told at once.
      expect(all.findIndex(({ stream }) => stream === alertStreamOf(vinOf(99)))).toBeLessThan(8)
    }))
})
