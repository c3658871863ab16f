import { it } from "@effect/vitest"
import { Effect } from "effect"
import { describe, expect } from "vitest"
import { DeadLetterOffice } from "../../src/deadletters/dead-letter-office.ts"
import { vinOf } from "../support/messages.ts"
import { temporary } from "../support/event-store.ts"
import {
  listed,
  readingsOf,
  register,
  retriedAll,
  send,
  sendByKafka,
  toldOf,
  widened,
  world,
  type WorldOptions,
} from "../support/dead-letters.ts"

const vin = vinOf(1)
const topic = `vehicles/${vin}/telemetry`
const now = Date.now()
const at = new Date(now - 60_000).toISOString()
const day = 86_400_000

const message = (signals: object, more: object = {}) => ({ session: "boot-1", seq: 1, at, signals, ...more })
const inWorld = (options?: WorldOptions) => Effect.provide(world(temporary, options))

describe("a retried dead letter", () => {
  it.live("of a vehicle nobody knew is taken in once it is registered, once, whoever else brings it", () =>
    Effect.gen(function*() {
      yield* send(topic, message({ "Vehicle.Speed": 1 }))
      expect(yield* retriedAll()).toEqual(["Rejected"])
      expect((yield* listed()).map(({ state, reason, vin }) => [state, reason, vin])).toEqual([["open", "not_registered", vin]])
      yield* register(vin)
      expect(yield* retriedAll()).toEqual(["Accepted"])
      expect(yield* retriedAll()).toEqual([])
      yield* send(topic, message({ "Vehicle.Speed": 1 }))
      expect(yield* readingsOf(vin)).toEqual([["Vehicle.Speed", 1]])
      expect((yield* listed()).map(({ state }) => state)).toEqual(["retried"])
    }).pipe(inWorld({ admission: "registered" })))

  it.live("that the vehicle has sent again meanwhile changes nothing", () =>
    Effect.gen(function*() {
      yield* send(topic, message({ "Vehicle.Speed": 1 }))
      yield* register(vin)
      yield* send(topic, message({ "Vehicle.Speed": 1 }))
      expect(yield* retriedAll()).toEqual(["Repeated"])
      expect(yield* readingsOf(vin)).toHaveLength(1)
      expect((yield* listed()).map(({ state }) => state)).toEqual(["retried"])
    }).pipe(inWorld({ admission: "registered" })))

  it.live("about one reading takes in that reading alone, at the vehicle's time, and once", () =>
    Effect.gen(function*() {
      yield* send(topic, message({ "Vehicle.Speed": 1, "Vehicle.Test.A": 2, "Vehicle.Test.B": 3 }))
      expect((yield* listed({ paths: ["Vehicle.Test.A"] })).map(({ path, reason }) => [path, reason]))
        .toEqual([["Vehicle.Test.A", "path"]])
      const office = yield* DeadLetterOffice
      const letters = yield* listed({ paths: ["Vehicle.Test.A"] })
      expect((yield* office.retry(letters, {})).map(({ outcome }) => outcome)).toEqual([{ _tag: "Accepted" }])
      // As if the first answer had been lost.
      expect((yield* office.retry(letters, {})).map(({ outcome }) => outcome)).toEqual([{ _tag: "Repeated" }])
      expect(yield* readingsOf(vin)).toEqual([["Vehicle.Speed", 1], ["Vehicle.Test.A", 2]])
      expect((yield* toldOf(vin)).map(({ data }) => data["at"])).toEqual([at, at])
    }).pipe(inWorld({ today: widened("A", "B") })))

  it.live("of a message none of whose readings were known brings them all, however many", () => {
    const names = Array.from({ length: 40 }, (_, n) => `S${n}`)
    const signals = Object.fromEntries(names.map((name, n) => [`Vehicle.Test.${name}`, n]))
    return Effect.gen(function*() {
      yield* send(topic, message(signals))
      expect(yield* listed()).toHaveLength(16)
      expect(new Set(yield* retriedAll())).toEqual(new Set(["Accepted"]))
      expect((yield* readingsOf(vin)).toSorted()).toEqual(Object.entries(signals).toSorted())
      expect(yield* retriedAll()).toEqual([])
    }).pipe(inWorld({ today: widened(...names) }))
  })

  it.live("whose message had more that was wrong than has letters takes in what was not, and no more", () => {
    const names = Array.from({ length: 30 }, (_, n) => `S${n}`)
    const unknown = Object.fromEntries(names.map((name, n) => [`Vehicle.Test.${name}`, n]))
    const batch = [
      message({ "Vehicle.Speed": 1, ...unknown, "Vehicle.TraveledDistance": 2 }),
      message({ "Vehicle.Speed": 3, "Vehicle.Test.S0": 4, "Vehicle.Test.T": 5 }, { seq: 2 }),
      { session: "boot-1", seq: 3, signals: {} },
    ]
    return Effect.gen(function*() {
      yield* send(topic, batch)
      expect(yield* listed()).toHaveLength(16)
      yield* retriedAll()
      const expected = [...Object.entries(batch[0]?.signals ?? {}), ["Vehicle.Speed", 3], ["Vehicle.Test.S0", 4]]
      expect((yield* readingsOf(vin)).toSorted()).toEqual(expected.toSorted())
      // What is wrong still has letters of its own now.
      expect((yield* listed({ states: ["open"] })).map(({ message, path }) => [path, message.slice(0, 10)]).toSorted()).toEqual([
        [undefined, "message 2:"],
        ["Vehicle.Test.T", "message 1:"],
      ])
    }).pipe(inWorld({ today: widened(...names) }))
  })

  it.live("of a batch is about the part that was wrong, and the others stay as they were", () =>
    Effect.gen(function*() {
      const part = (seq: number, signals: object) => message(signals, { seq })
      yield* send(topic, [part(1, { "Vehicle.Test.A": 1 }), part(2, { "Vehicle.Test.A": 2 }), part(3, { "Vehicle.Speed": 3 })])
      const office = yield* DeadLetterOffice
      const [second] = yield* listed()
      expect(second?.message).toMatch(/^message 1: /)
      yield* office.retry(second === undefined ? [] : [second], {})
      expect(yield* readingsOf(vin)).toEqual([["Vehicle.Speed", 3], ["Vehicle.Test.A", 2]])
    }).pipe(inWorld({ today: widened("A") })))

  it.live("of a long message finds the whole of it with another letter of the same message", () =>
    Effect.gen(function*() {
      const padding = "x".repeat(10_000)
      yield* send(topic, JSON.stringify(message({ "Vehicle.Test.A": 1, "Vehicle.Test.B": 2 }, { padding })))
      expect(yield* retriedAll()).toEqual(["Accepted", "Accepted"])
      expect(yield* readingsOf(vin)).toEqual([["Vehicle.Test.A", 1], ["Vehicle.Test.B", 2]])
    }).pipe(inWorld({ today: widened("A", "B") })))

  it.live("of which only the beginning is kept says so, and takes the whole from elsewhere", () =>
    Effect.gen(function*() {
      yield* send(topic, " ".repeat(300_000))
      const office = yield* DeadLetterOffice
      const letters = yield* listed()
      expect((yield* office.retry(letters, {})).map(({ outcome }) => outcome)).toMatchObject([
        { _tag: "Rejected", message: expect.stringContaining("only the beginning of its 300000 bytes is kept") },
      ])
      const payload = Buffer.from(JSON.stringify(message({ "Vehicle.Speed": 1 })))
      expect((yield* office.retry(letters, { mended: { payload } })).map(({ outcome }) => outcome)).toEqual([{ _tag: "Accepted" }])
      expect(yield* readingsOf(vin)).toEqual([["Vehicle.Speed", 1]])
    }).pipe(inWorld()))

  it.live("weeks old is history at its own time, no clock fault, and nothing heard of the vehicle now", () =>
    Effect.gen(function*() {
      const then = now - 40 * day
      const old = new Date(then - 1_000).toISOString()
      const early = new Date(then - 30 * day).toISOString()
      yield* send(topic, message({ "Vehicle.Test.A": 1 }, { at: old }), then)
      yield* send(topic, message({ "Vehicle.Test.A": 2 }, { seq: 2, at: early }), then)
      yield* send(topic, message({ "Vehicle.Test.A": { value: 3, at: new Date(then + day).toISOString() } }, { seq: 3, at: old }), then)
      expect(yield* retriedAll()).toEqual(["Accepted", "Accepted", "Accepted"])
      const told = (yield* toldOf(vin)).filter(({ metadata }) => String(metadata["identity"]).startsWith("deadletter:"))
      expect(told.filter(({ type }) => type === "TelemetryReceived").map(({ data }) => data)).toEqual([
        { at: old, reissued: true, readings: { "Vehicle.Test.A": 1 } },
        { at: early, clockFault: true, readings: { "Vehicle.Test.A": 2 } },
        { at: old, readings: { "Vehicle.Test.A": { value: 3, at: new Date(then + day).toISOString(), clockFault: true } } },
      ])
      expect(told.map(({ metadata }) => metadata["receivedAt"])).toEqual(told.map(() => new Date(then).toISOString()))
    }).pipe(inWorld({ today: widened("A") })))

  it.live("about presence counts while the vehicle has told nothing newer", () =>
    Effect.gen(function*() {
      const status = `vehicles/${vin}/status`
      const time = (seconds: number) => new Date(now + seconds * 1000).toISOString()
      yield* send(status, { online: true, session: "boot-1", at: time(-50) }, now - 50_000)
      yield* send(status, { online: false, session: "boot-1" }, now - 40_000)
      yield* send(status, { online: true, session: "boot-2", at: time(-30) }, now - 30_000)
      yield* register(vin)
      const office = yield* DeadLetterOffice
      const letters = yield* listed()
      expect((yield* office.retry(letters.slice(1).toReversed(), {})).map(({ outcome }) => outcome._tag)).toEqual(["Accepted", "Accepted"])
      yield* send(status, { online: true, session: "boot-3", at: time(-10) }, now - 10_000)
      expect((yield* office.retry(letters.slice(0, 1), {})).map(({ letter, outcome }) => [letter.state, outcome])).toEqual([
        ["superseded", { _tag: "Superseded", message: "the vehicle has come or gone since" }],
      ])
      expect((yield* toldOf(vin)).map(({ data, type }) => [type, data["session"]])).toEqual([
        ["VehicleRegistered", undefined],
        ["VehicleConnected", "boot-1"],
        ["VehicleDisconnected", "boot-1"],
        ["VehicleConnected", "boot-3"],
      ])
    }).pipe(inWorld({ admission: "registered" })))

  it.live("about trouble codes that cannot be put in order any more stays open", () =>
    Effect.gen(function*() {
      const then = now - 20 * day
      const codes = (state: string, time: number) => ({ at: new Date(time).toISOString(), codes: [{ code: "P0A80", state }] })
      yield* send(`vehicles/${vin}/diagnostics`, codes("raised", then), then)
      yield* register(vin)
      yield* send(`vehicles/${vin}/diagnostics`, codes("raised", now - 2_000))
      yield* send(`vehicles/${vin}/diagnostics`, codes("cleared", now - 1_000))
      expect(yield* retriedAll()).toEqual(["Rejected"])
      expect((yield* toldOf(vin)).map(({ type }) => type)).toEqual(["VehicleRegistered", "TroubleCodeRaised", "TroubleCodeCleared"])
    }).pipe(inWorld({ admission: "registered" })))

  it.live("goes by another topic or with another message, where that was wrong", () =>
    Effect.gen(function*() {
      yield* send("vehicles/no-vin/telemetry", message({ "Vehicle.Speed": 1 }))
      yield* send(topic, "{ not JSON")
      yield* sendByKafka("vehicle-telemetry", "no-vin", message({ "Vehicle.Speed": 3 }, { seq: 3 }))
      const office = yield* DeadLetterOffice
      const byReason = Object.fromEntries((yield* listed()).map((letter) => [`${letter.source.kind} ${letter.reason}`, letter]))
      const retry = (name: string, mended: Parameters<typeof office.retry>[1]["mended"]) =>
        Effect.gen(function*() {
          const letter = byReason[name]
          const results = yield* office.retry(letter === undefined ? [] : [letter], { mended, by: "Ada" })
          return results.map(({ outcome }) => outcome._tag)
        })
      expect(yield* retry("mqtt vin", { topic })).toEqual(["Accepted"])
      const payload = Buffer.from(JSON.stringify(message({ "Vehicle.Speed": 2, "Vehicle.Sped": 0 }, { seq: 2 })))
      expect(yield* retry("mqtt json", { payload })).toEqual(["Accepted"])
      expect(yield* retry("kafka vin", { key: vin })).toEqual(["Accepted"])
      expect((yield* readingsOf(vin)).map(([, value]) => value)).toEqual([1, 2, 3])
      expect((yield* listed({ states: ["retried"] })).map(({ settledBy }) => settledBy)).toEqual(["Ada", "Ada", "Ada"])
      // What was never looked at before may be wrong too.
      expect((yield* listed({ states: ["open"] })).map(({ path }) => path)).toEqual(["Vehicle.Sped"])
    }).pipe(inWorld()))

  it.live("from Kafka is the vehicle's by its key, though another's says the same", () =>
    Effect.gen(function*() {
      for (const n of [1, 2]) yield* sendByKafka("vehicle-telemetry", vinOf(n), message({ "Vehicle.Test.A": 1 }))
      expect(yield* retriedAll()).toEqual(["Accepted", "Accepted"])
      for (const n of [1, 2]) expect(yield* readingsOf(vinOf(n))).toEqual([["Vehicle.Test.A", 1]])
    }).pipe(inWorld({ today: widened("A") })))

  it.live("keeps a vehicle's order", () =>
    Effect.gen(function*() {
      for (let seq = 0; seq < 60; seq++) {
        const of = vinOf(1 + seq % 3)
        yield* send(`vehicles/${of}/telemetry`, message({ "Vehicle.Speed": seq }, { seq }))
      }
      for (const n of [1, 2, 3]) yield* register(vinOf(n))
      expect(new Set(yield* retriedAll({}, 7))).toEqual(new Set(["Accepted"]))
      for (const n of [1, 2, 3]) {
        const speeds = (yield* readingsOf(vinOf(n))).map(([, value]) => Number(value))
        expect(speeds).toEqual(Array.from({ length: 20 }, (_, i) => 3 * i + n - 1))
      }
    }).pipe(inWorld({ admission: "registered" })))
})
