import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import * as fc from "fast-check"
import { toTime } from "../../domain/vehicle/readings.ts"
import { uuid } from "../../domain/vehicle/identity.ts"
import { EventStore, type RecordedEvent } from "../../src/eventstore/event-store.ts"
import { beginning } from "../../src/eventstore/position.ts"
import { select, unknownVehicles } from "../../src/replay/select.ts"
import type { Selection } from "../../src/replay/selection.ts"
import { temporary } from "../support/event-store.ts"
import { now, second } from "../support/given.ts"
import { vinOf } from "../support/messages.ts"

/** More than are read stream by stream. */
const vehicles = 20
const types = ["TelemetryReceived", "VehicleConnected", "AlertRaised"]
const prefixes = ["vehicle", "vehicle", "vehicle", "maintenance", "snapshot", "deadletter"]

const time = fc.integer({ min: 0, max: 20 }).map((n) => now + n * second)

const written = fc.record({
  vehicle: fc.nat({ max: vehicles - 1 }),
  prefix: fc.constantFrom(...prefixes),
  type: fc.constantFrom(...types, "TelemetryReceivedToo"),
  at: fc.option(time),
  receivedAt: time,
})

const selection = fc.record({
  vins: fc.uniqueArray(fc.nat({ max: vehicles }).map(vinOf), { minLength: 1 }),
  types: fc.uniqueArray(fc.constantFrom(...types), { minLength: 1 }),
  from: time,
  to: time,
  clock: fc.constantFrom("received" as const, "observed" as const),
}, { requiredKeys: ["clock"] })

const holds = (wanted: Selection, event: RecordedEvent): boolean => {
  const [prefix, vin] = event.stream.split("-")
  const received = Date.parse(String(event.metadata["receivedAt"]))
  const observed = typeof event.data["at"] === "string" ? Date.parse(event.data["at"]) : received
  const at = wanted.clock === "observed" ? observed : received
  return (prefix === "vehicle" || prefix === "maintenance")
    && (wanted.vins?.includes(vin ?? "") ?? true)
    && (wanted.types?.includes(event.type) ?? true)
    && at >= (wanted.from ?? 0) && at < (wanted.to ?? Infinity)
    && event.position > (wanted.after ?? "")
}

const all = EventStore.use(({ readAll }) => Stream.runCollect(readAll({ after: beginning })))

describe("a selection of the log", () => {
  it.live("is what a filter of the whole log in memory leaves, in its order, after any position", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(written, { maxLength: 120, size: "max" }),
          fc.array(selection, { minLength: 8, maxLength: 8 }),
          fc.double({ min: 0, max: 1, noNaN: true }),
          (events, selections, place) =>
            Effect.runPromise(
              Effect.gen(function*() {
                const store = yield* EventStore
                for (const [i, { at, prefix, receivedAt, type, vehicle }] of events.entries()) {
                  yield* store.append(`${prefix}-${vinOf(vehicle)}`, "any", [{
                    id: uuid(`event ${i}`),
                    type,
                    data: at === null ? {} : { at: toTime(at) },
                    metadata: { receivedAt: toTime(receivedAt) },
                  }])
                }
                const log = yield* all
                const after = log[Math.floor(place * log.length)]?.position
                for (const one of selections) {
                  for (const wanted of [one, ...(after === undefined ? [] : [{ ...one, after }])]) {
                    const selected = yield* Stream.runCollect(select(store, wanted))
                    assert.deepStrictEqual(selected, log.filter((event) => holds(wanted, event)))
                  }
                }
              }).pipe(Effect.provide(Layer.fresh(temporary)), Effect.scoped),
            ),
        ),
        { numRuns: 25 },
      )
    ))

  it.live("names the vehicles that have no events", () =>
    Effect.gen(function*() {
      const store = yield* EventStore
      const event = { id: uuid("one"), type: "VehicleConnected", data: {}, metadata: {} }
      yield* store.append(`vehicle-${vinOf(1)}`, "any", [event])
      yield* store.append(`maintenance-${vinOf(2)}`, "any", [event])
      yield* store.append(`snapshot-${vinOf(3)}`, "any", [event])
      assert.deepStrictEqual(yield* unknownVehicles(store, [1, 2, 3, 4].map(vinOf)), [vinOf(3), vinOf(4)])
    }).pipe(Effect.provide(Layer.fresh(temporary))))

  it.live("leaves out of a vehicle's streams what was appended after it began", () =>
    Effect.gen(function*() {
      const store = yield* EventStore
      const append = (stream: string, n: number) =>
        store.append(stream, "any", [{ id: uuid(`event ${n}`), type: "VehicleConnected", data: {}, metadata: {} }])
      const vin = vinOf(1)
      for (let n = 0; n < 1_000; n++) yield* append(`vehicle-${vin}`, n)
      yield* append(`maintenance-${vin}`, 1_000)
      const before = yield* all
      let n = 2_000
      const selected = yield* select(store, { vins: [vin], clock: "received" }).pipe(
        Stream.tap(() => n < 2_050 ? append(`${n % 2 === 0 ? "vehicle" : "maintenance"}-${vin}`, n++) : Effect.void),
        Stream.runCollect,
      )
      assert.deepStrictEqual(selected, before)
    }).pipe(Effect.provide(Layer.fresh(temporary))))
})
