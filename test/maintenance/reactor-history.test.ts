import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ComponentModel } from "../../domain/maintenance/model.ts"
import * as Models from "../../domain/maintenance/models.ts"
import { overDatabases } from "../contract/databases.ts"
import { day } from "../support/given.ts"
import { readings, serviced, signal } from "../support/maintenance.ts"
import { vinOf } from "../support/observations.ts"
import { alertsOf, allAlerts, append, reacting, says, settled, today, types, vin, worldIn } from "./reacting.ts"

overDatabases("the maintenance reactor and history", (newDatabase) => {
  const world = worldIn(newDatabase)

  it.live("does nothing a second time when all it knows is lost, or other models have come", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      const elsewhere = { ...here, database: yield* newDatabase }
      const vins = Array.from({ length: 30 }, (_, i) => vinOf(i))
      for (const one of vins) {
        yield* append(store, one, [
          ...says(1_000, today),
          serviced(today + day),
          ...says(500, today + 2 * day),
          serviced(today + 3 * day),
          ...says(400, today + 4 * day),
        ])
      }
      const before = yield* reacting(here, (services) =>
        Effect.gen(function*() {
          yield* settled(store, services)
          return yield* Effect.forEach(vins, (one) => alertsOf(store, one))
        }))
      for (const events of before) {
        expect(types(events)).toEqual(["AlertRaised", "AlertResolved", "AlertRaised", "AlertResolved", "AlertRaised"])
      }
      yield* reacting(elsewhere, (services) => settled(store, services))
      expect(yield* Effect.forEach(vins, (one) => alertsOf(store, one))).toEqual(before)

      yield* reacting(here, ({ sql }) => sql`UPDATE reactor_checkpoint SET models = 'older@1'`)
      yield* reacting(here, (services) =>
        Effect.gen(function*() {
          yield* settled(store, services)
          expect(yield* Effect.forEach(vins, (one) => alertsOf(store, one))).toEqual(before)
          // It begins to act where history ends, and knows what is open.
          yield* append(store, vin, says(300, today + 5 * day))
          yield* settled(store, services)
          expect(yield* alertsOf(store, vin)).toEqual(before[1])
          yield* append(store, vin, [serviced(today + 6 * day)])
          yield* settled(store, services)
          expect(types(yield* alertsOf(store, vin)).at(-1)).toBe("AlertResolved")
        }))
    }))

  it.live("raises no alert for what history says of a model that is new", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      yield* append(store, vin, [...says(100, today), serviced(today + day), ...says(20_000, today + 2 * day)])
      yield* append(store, vinOf(3), says(100, today))
      yield* reacting(here, (services) => settled(store, services), { models: [] })
      yield* reacting(here, (services) =>
        Effect.gen(function*() {
          yield* settled(store, services)
          expect(yield* alertsOf(store, vin)).toEqual([])
          expect(yield* alertsOf(store, vinOf(3))).toEqual([])
          for (const one of [vin, vinOf(3)]) {
            yield* append(store, one, says(100, today + 3 * day))
            yield* settled(store, services)
            expect(types(yield* alertsOf(store, one))).toEqual(["AlertRaised"])
          }
        }))
    }))

  it.live("raises no old alert again where a model has a new version, and keeps the one that still holds", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      const [recovered, serviced3, failing] = [vinOf(2), vinOf(3), vinOf(4)]
      const well = (from: number) =>
        [0, 1, 2].map((i) => readings(from + i * 60_000, { [signal.distance]: 29_000 - i, [signal.time]: 6e7 }))
      for (const one of [recovered, serviced3, failing]) yield* append(store, one, says(1_000, today))
      yield* append(store, recovered, well(today + day))
      yield* append(store, serviced3, [serviced(today + day), ...well(today + 2 * day)])
      const before = yield* reacting(here, (services) =>
        Effect.andThen(settled(store, services), Effect.forEach([recovered, serviced3, failing], (one) => alertsOf(store, one))))
      expect(before.map(types)).toEqual([["AlertRaised", "AlertResolved"], ["AlertRaised", "AlertResolved"], ["AlertRaised"]])

      const models = Models.models.map((model): ComponentModel => ({ ...model, version: `${model.version}-next`, raiseAt: 30 }))
      const now = () => Effect.forEach([recovered, serviced3, failing], (one) => alertsOf(store, one))
      yield* reacting(here, (services) =>
        Effect.gen(function*() {
          yield* settled(store, services)
          expect(yield* now()).toEqual(before)
          yield* append(store, failing, says(900, today + 5 * day))
          for (const one of [recovered, serviced3]) yield* append(store, one, well(today + 5 * day))
          yield* settled(store, services)
          expect(yield* now()).toEqual(before)
        }), { models })
    }))

  it.live("judges no history anew by other models where all it knew is lost, as after an import", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      const near = (from: number) =>
        [0, 1, 2].map((i) => readings(from + i * 60_000, { [signal.distance]: 4_000 - i, [signal.time]: 6e7 }))
      // Near its service for a while, which by these models is too early for an alert.
      yield* append(store, vinOf(2), [...near(today), serviced(today + day)])
      yield* append(store, vinOf(3), near(today))
      yield* append(store, vin, says(1_000, today))
      yield* reacting(here, (services) => settled(store, services))
      const all = allAlerts(store)
      const before = yield* all
      expect(types(before)).toEqual(["AlertRaised"])

      const models = Models.models.map((model): ComponentModel => ({ ...model, version: `${model.version}-next`, raiseAt: 30 }))
      const elsewhere = { ...here, database: yield* newDatabase }
      yield* reacting(elsewhere, (services) =>
        Effect.gen(function*() {
          yield* settled(store, services)
          expect(yield* all).toEqual(before)
          // What still holds is told when the vehicle says it again.
          for (const one of [vinOf(2), vinOf(3)]) yield* append(store, one, near(today + 2 * day))
          yield* settled(store, services)
          for (const one of [vinOf(2), vinOf(3)]) expect(types(yield* alertsOf(store, one))).toEqual(["AlertRaised"])
        }), { models })
    }))

  it.live("resolves nothing by new software", () =>
    Effect.gen(function*() {
      const here = yield* world
      const { store } = here
      const updated = serviced(today + day)
      yield* append(store, vin, [
        ...says(1_000, today),
        updated.type === "ServiceRecorded" ? { ...updated, data: { ...updated.data, kind: "updated" } } : updated,
      ])
      yield* reacting(here, (services) => settled(store, services))
      expect(types(yield* alertsOf(store, vin))).toEqual(["AlertRaised"])
    }))
})
