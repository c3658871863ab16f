import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { streamOf } from "../../domain/vehicle/events.ts"
import { EventStore } from "../../src/eventstore/event-store.ts"
import * as Vehicles from "../../src/vehicles/local-vehicles.ts"
import { Vehicles as Service } from "../../src/vehicles/vehicles.ts"
import { status } from "../support/given.ts"
import { altered, eventsOf, temporary, unavailable } from "../support/event-store.ts"
import { speedAt, vinOf } from "../support/observations.ts"

const vin = vinOf(1)
const open = Vehicles.layer({ admission: "open" })
const sequence = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => speedAt(from + i))

/** Of each event of the vehicle. */
const repeatsOf = Effect.gen(function*() {
  const events = yield* eventsOf(yield* EventStore, streamOf(vin))
  return events.map(({ metadata }) => metadata["repeats"])
})

describe("messages that come again", () => {
  it.live("are told by the next event, once", () =>
    Effect.gen(function*() {
      const vehicles = yield* Service
      yield* vehicles.observe(vin, sequence(0, 3))
      yield* vehicles.observe(vin, sequence(0, 3))
      yield* vehicles.observe(vin, sequence(1, 5))
      yield* vehicles.observe(vin, sequence(5, 6))
      assert.deepStrictEqual(yield* repeatsOf, [undefined, undefined, undefined, 5, undefined, undefined])
    }).pipe(Effect.provide(open.pipe(Layer.provideMerge(temporary)))))

  it.live("are not a status that says what is known", () =>
    Effect.gen(function*() {
      const vehicles = yield* Service
      yield* vehicles.observe(vin, [status(true, "boot-1", undefined), status(true, "boot-1", undefined)])
      yield* vehicles.observe(vin, sequence(0, 1))
      assert.deepStrictEqual(yield* repeatsOf, [undefined, undefined])
    }).pipe(Effect.provide(open.pipe(Layer.provideMerge(temporary)))))

  it.live("are counted once where an append is tried again", () => {
    let failures = 0
    const flaky = altered((store) => ({
      append: (stream, expected, events) =>
        events.some(({ metadata }) => metadata["repeats"] !== undefined) && failures++ < 2
          ? Effect.fail(unavailable("append"))
          : store.append(stream, expected, events),
    }))
    return Effect.gen(function*() {
      const vehicles = yield* Service
      yield* vehicles.observe(vin, sequence(0, 2))
      yield* vehicles.observe(vin, sequence(0, 3))
      assert.deepStrictEqual(yield* repeatsOf, [undefined, undefined, 2])
      assert.strictEqual(failures, 3)
    }).pipe(Effect.provide(open.pipe(Layer.provideMerge(flaky))))
  })
})
