import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import { catalogue } from "../../domain/signals/catalogue.ts"
import { fromNumber } from "../../src/eventstore/position.ts"
import { Changes } from "../../src/live/changes.ts"
import * as ChangesInProcess from "../../src/live/changes-in-process.ts"
import * as Live from "../../src/live/live-updates.ts"
import { ReadModel } from "../../src/readmodel/read-model.ts"
import { vinOf, World } from "../api/world.ts"

const over = (world: World, capacity: number) =>
  Live.layer({ catalogue, capacity }).pipe(
    Layer.provideMerge(ChangesInProcess.layer),
    Layer.provide(Layer.succeed(ReadModel, world.readModel)),
  )

const connected = (world: World) =>
  Effect.gen(function*() {
    const changes = yield* Changes
    world.publish = (committed) => Effect.runSync(changes.publish(committed))
    return yield* Live.LiveUpdates
  })

const all = { vins: undefined, paths: undefined, after: undefined }

describe("live updates", () => {
  it.effect("lose nothing for a reader for whom more waited than is kept", () => {
    const world = new World()
    return Effect.gen(function*() {
      const live = yield* connected(world)
      const told = new Map<string, unknown>()
      let lagged = 0
      const reader = yield* live.vehicles(all).pipe(
        Stream.takeUntil((change) => {
          told.set(change.twin.vin, change.signals.get("Vehicle.Speed")?.value)
          if (change.lagged) lagged++
          return told.size === 50
        }),
        Stream.runDrain,
        Effect.forkChild,
      )
      while ((yield* live.active) === 0) yield* Effect.yieldNow
      // In one go, so that the reader has no turn in between: 50 vehicles for a backlog of 10.
      for (let i = 0; i < 50; i++) world.telemetry(vinOf(i), { "Vehicle.Speed": i })
      yield* Fiber.join(reader)
      expect([...told].toSorted()).toEqual(Array.from({ length: 50 }, (_, i) => [vinOf(i), i]))
      expect(lagged).toBeGreaterThan(0)
      expect(yield* live.active).toBe(0)
    }).pipe(Effect.provide(over(world, 10)))
  })

  it.effect("give no cursor past what of a batch still waits", () => {
    const world = new World()
    return Effect.gen(function*() {
      const live = yield* connected(world)
      const { publish } = world
      world.publish = () => undefined
      const reader = yield* live.vehicles(all).pipe(Stream.take(3), Stream.runCollect, Effect.forkChild)
      while ((yield* live.active) === 0) yield* Effect.yieldNow
      for (let i = 0; i < 3; i++) world.telemetry(vinOf(i), { "Vehicle.Speed": i })
      const vehicles = [...world.rows.values()].map((after) => ({ before: undefined, after }))
      publish({ after: fromNumber(0), position: fromNumber(world.position), vehicles, alerts: [] })
      const changes = yield* Fiber.join(reader)
      expect(changes.map(({ position }) => position)).toEqual([fromNumber(0), fromNumber(0), fromNumber(3)])
    }).pipe(Effect.provide(over(world, 10)))
  })

  it.effect("read what was committed without being told", () => {
    const world = new World()
    return Effect.gen(function*() {
      const live = yield* connected(world)
      const { publish } = world
      const vins = live.vehicles({ ...all, vins: [vinOf(1), vinOf(2)] }).pipe(Stream.take(2), Stream.runCollect)
      const reader = yield* Effect.forkChild(vins)
      const alerts = yield* live.alerts({ filter: {}, after: undefined }).pipe(Stream.take(1), Stream.runCollect, Effect.forkChild)
      while ((yield* live.active) < 2) yield* Effect.yieldNow
      world.publish = () => undefined
      world.telemetry(vinOf(1), { "Vehicle.Speed": 1 })
      world.alert(vinOf(1), "a1")
      world.publish = publish
      world.telemetry(vinOf(2), { "Vehicle.Speed": 2 })
      expect((yield* Fiber.join(reader)).map(({ lagged, twin }) => [twin.vin, lagged])).toEqual([[vinOf(1), true], [vinOf(2), true]])
      expect((yield* Fiber.join(alerts)).map(({ alert }) => alert.id)).toEqual(["a1"])
    }).pipe(Effect.provide(over(world, 10)))
  })

  it.effect("tell nothing that was there when they began, though it is published after", () => {
    const world = new World()
    return Effect.gen(function*() {
      const live = yield* connected(world)
      const { publish } = world
      world.publish = () => undefined
      world.telemetry(vinOf(1), { "Vehicle.Speed": 1 })
      const reader = yield* live.vehicles(all).pipe(Stream.take(1), Stream.runCollect, Effect.forkChild)
      while ((yield* live.active) === 0) yield* Effect.yieldNow
      world.publish = publish
      world.commit(vinOf(1), undefined)
      world.telemetry(vinOf(2), { "Vehicle.Speed": 2 })
      expect((yield* Fiber.join(reader)).map(({ twin }) => twin.vin)).toEqual([vinOf(2)])
    }).pipe(Effect.provide(over(world, 10)))
  })

  it.effect("begin after a cursor with what changed since, each vehicle once", () => {
    const world = new World()
    for (let i = 0; i < 500; i++) world.telemetry(vinOf(i % 250), { "Vehicle.Speed": i })
    return Effect.gen(function*() {
      const live = yield* connected(world)
      const changes = yield* live.vehicles({ ...all, after: fromNumber(100) }).pipe(Stream.take(250), Stream.runCollect)
      expect(new Set(changes.map(({ twin }) => twin.vin)).size).toBe(250)
      expect(changes.every(({ lagged }) => lagged)).toBe(true)
      const positions = changes.map(({ position }) => position)
      expect(positions).toEqual(positions.toSorted())
    }).pipe(Effect.provide(over(world, 10_000)))
  })
})
