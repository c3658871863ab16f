import { describe, expect, it } from "vitest"
import { catalogue } from "../../domain/signals/catalogue.ts"
import type { SignalValue } from "../../domain/signals/signal.ts"
import type { SignalState } from "../../domain/vehicle/twin.ts"
import * as Twin from "../../domain/vehicle/twin.ts"
import type { VehicleRow } from "../../projections/vehicles.ts"
import { fromNumber } from "../../src/eventstore/position.ts"
import { pathFilter } from "../../src/live/path-filter.ts"
import { changed, VehicleSubscriber } from "../../src/live/vehicle-subscriber.ts"

const speed = "Vehicle.Speed"
const { deadband, staleAfter } = catalogue.get(speed) ?? { deadband: Number.NaN, staleAfter: Number.NaN }

/** Vehicles that change one after the other, each change a batch of its own. */
const fleet = () => {
  const rows = new Map<string, VehicleRow>()
  let position = 0
  return {
    position: () => fromNumber(position),
    change: (vin: string, values: Record<string, SignalValue | null>, at = 0, quality: SignalState["quality"] = "GOOD") => {
      const before = rows.get(vin)
      const twin = before?.twin ?? Twin.initial(vin)
      const since = fromNumber(position)
      position++
      const revision = twin.revision + 1
      const readings = Object.entries(values).map(([path, value]) => [path, { value, at, receivedAt: at, revision, quality }])
      const row: VehicleRow = {
        vin, brand: null, model: null, year: null, powertrain: null, tags: [], depot: null, region: null,
        online: false, reporting: "REPORTING", lastSeenAt: position, registeredAt: null, revision, position: fromNumber(position),
        twin: { ...twin, revision, lastSeenAt: position, signals: { ...twin.signals, ...Object.fromEntries(readings) } },
      }
      rows.set(vin, row)
      return { change: changed(before, row), since, row }
    },
  }
}

const subscriberTo = (options: { readonly paths?: ReadonlyArray<string>; readonly capacity?: number } = {}) =>
  new VehicleSubscriber({
    catalogue,
    wants: pathFilter(options.paths),
    wantsMore: options.paths === undefined,
    position: fromNumber(0),
    capacity: options.capacity ?? 100,
  })

const valueOf = (change: ReturnType<VehicleSubscriber["take"]>) => change?.signals.get(speed)?.value

describe("a subscriber", () => {
  const setUp = (options: Parameters<typeof subscriberTo>[0] = {}) => {
    const { change, position } = fleet()
    const subscriber = subscriberTo(options)
    const offer = (...args: Parameters<typeof change>) => {
      const offered = change(...args)
      return { ...offered, passedOver: subscriber.offer(offered.change, offered.since) }
    }
    return { subscriber, offer, change, position, take: () => subscriber.take(position()) }
  }

  it("who is slow is told the latest, once, and that it lagged", () => {
    const { offer, take } = setUp()
    offer("A", { [speed]: 10 })
    offer("A", { [speed]: 20 })
    offer("A", { [speed]: 30 })
    const change = take()
    expect([valueOf(change), change?.lagged]).toEqual([30, true])
    expect(take()).toBeUndefined()
    offer("A", { [speed]: 50 })
    expect(take()?.lagged).toBe(false)
  })

  it("who is slow has not lagged where nothing was passed over", () => {
    const { offer, take } = setUp()
    offer("A", { [speed]: 10 })
    offer("A", { "Vehicle.TraveledDistance": 20 })
    const change = take()
    expect([change?.signals.size, change?.lagged]).toEqual([2, false])
  })

  it("may resume after any cursor it was given without missing what waited", () => {
    const { offer, position, take } = setUp()
    const first = offer("A", { [speed]: 10 })
    offer("B", { [speed]: 10 })
    offer("A", { [speed]: 20 })
    // A's change is told, but B's from before still waits.
    expect(take()?.position).toBe(first.row.position)
    expect(take()?.position).toBe(position())
  })

  it("is not told of less than the deadband, measured from what it was told", () => {
    expect(deadband).toBeGreaterThan(0)
    const { offer, take } = setUp()
    offer("A", { [speed]: 10 })
    take()
    expect(offer("A", { [speed]: 10 + deadband * 0.4 }).passedOver).toBe(1)
    expect(offer("A", { [speed]: 10 + deadband * 0.8 }).passedOver).toBe(1)
    expect(take()).toBeUndefined()
    expect(offer("A", { [speed]: 10 + deadband * 1.2 }).passedOver).toBe(0)
    expect(valueOf(take())).toBe(10 + deadband * 1.2)
  })

  it("is told of the same value again once half its staleness has gone by", () => {
    const { offer, take } = setUp()
    offer("A", { [speed]: 10 }, 0)
    take()
    offer("A", { [speed]: 10 }, staleAfter / 2 - 1)
    expect(take()).toBeUndefined()
    offer("A", { [speed]: 10 }, staleAfter / 2)
    expect(valueOf(take())).toBe(10)
  })

  it("is told of each change of quality, and of each change of what is no number", () => {
    const { offer, take } = setUp()
    offer("A", { [speed]: 10, "Vehicle.Twin.Text": "a", "Vehicle.Twin.List": [1, 2] })
    take()
    offer("A", { [speed]: 10, "Vehicle.Twin.Text": "b", "Vehicle.Twin.List": [1, 3] }, 1, "ABNORMAL")
    expect(take()?.signals.size).toBe(3)
    expect(offer("A", { [speed]: 10, "Vehicle.Twin.Text": "b", "Vehicle.Twin.List": [1, 3] }, 2, "ABNORMAL").passedOver).toBe(3)
  })

  it("is not told again live what it was told from the read model", () => {
    const { offer, subscriber, take } = setUp()
    offer("A", { [speed]: 10 })
    const { row } = offer("A", { [speed]: 20 })
    expect(subscriber.tell(row)?.signals.get(speed)?.value).toBe(20)
    expect(take()).toBeUndefined()
    offer("A", { [speed]: 40 })
    expect(valueOf(take())).toBe(40)
  })

  it("is told what came after it was read from the read model, and only that", () => {
    const { offer, subscriber, take } = setUp()
    const { row } = offer("A", { [speed]: 10 })
    offer("A", { "Vehicle.TraveledDistance": 5 })
    subscriber.tell(row)
    expect([...take()?.signals.keys() ?? []]).toEqual(["Vehicle.TraveledDistance"])
  })

  it("for whom too much waits is sent to the read model, from before all that waited", () => {
    const { offer, subscriber, take } = setUp({ capacity: 3 })
    offer("told", { [speed]: 1 })
    take()
    const { since } = offer("A", { [speed]: 1 })
    for (const vin of ["B", "C", "D", "E"]) offer(vin, { [speed]: 1 })
    expect(subscriber.backlog.takeLost()).toBe(since)
    expect(subscriber.backlog.takeLost()).toBeUndefined()
    expect([take()?.twin.vin, take()?.twin.vin, take()]).toEqual(["D", "E", undefined])
  })

  it("to some signals is told of nothing else", () => {
    const { offer, take } = setUp({ paths: ["Vehicle.Cabin"] })
    offer("A", { [speed]: 1 })
    expect(take()).toBeUndefined()
    offer("A", { [speed]: 2, "Vehicle.Cabin.Door": 1, "Vehicle.CabinX": 1 })
    expect([...take()?.signals.keys() ?? []]).toEqual(["Vehicle.Cabin.Door"])
  })

  it("is not told of late readings, which change nothing that is shown", () => {
    const { offer, take } = setUp()
    offer("A", { [speed]: 1 })
    take()
    offer("A", {})
    expect(take()).toBeUndefined()
  })
})
