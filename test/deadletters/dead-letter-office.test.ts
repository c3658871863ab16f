import { it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { describe, expect } from "vitest"
import { DeadLetterOffice, layer as office, type LetterFilter } from "../../src/deadletters/dead-letter-office.ts"
import { type DeadLetter, DeadLetters } from "../../src/deadletters/dead-letters.ts"
import * as EventStoreDeadLetters from "../../src/deadletters/event-store-dead-letters.ts"
import { type Outcome, Redelivery } from "../../src/deadletters/redelivery.ts"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { layer as eventStoreDb } from "../../src/eventstore/eventstoredb.ts"
import type { Vin } from "../../domain/vehicle/vin.ts"
import { listed, officeAlone, retriedAll } from "../support/dead-letters.ts"
import { temporary } from "../support/event-store.ts"
import { startEventStoreDb } from "../support/eventstoredb-server.ts"
import { vinOf } from "../support/messages.ts"

const began = Date.parse("2026-11-22T08:00:00.000Z")
const minute = 60_000

/** Letter n, received n minutes on, of one of three vehicles, every second one from Kafka. */
const letterOf = (n: number, more: Partial<DeadLetter> = {}): DeadLetter => ({
  reason: n % 2 === 0 ? "path" : "json",
  message: `letter ${n}`,
  ...(n % 2 === 0 && { path: `Vehicle.Test.S${n}` }),
  vin: vinOf(n % 3) as Vin,
  source: n % 2 === 0 ? { kind: "kafka", topic: "vehicle-telemetry" } : { kind: "mqtt", topic: "vehicles/x/telemetry" },
  receivedAt: began + n * minute,
  payload: Buffer.from(String(n)),
  ...more,
})

/** Takes whatever it is given, unless the test says otherwise. */
class Taker {
  readonly taken: Array<string> = []
  answer: (message: string) => Outcome = () => ({ _tag: "Accepted" })
  readonly layer = Layer.succeed(Redelivery, Redelivery.of({
    take: ({ message }) =>
      Effect.sync(() => {
        this.taken.push(message)
        return this.answer(message)
      }),
  }))
}

const put = (...letters: ReadonlyArray<DeadLetter>) => DeadLetters.use((_) => _.put(letters))

/** One at a time, so that the log has them in the order of their numbers. */
const putAll = (count: number) =>
  Effect.gen(function*() {
    for (let n = 0; n < count; n++) yield* put(letterOf(n))
  })

const stores = {
  "the embedded log": temporary,
  EventStoreDB: Layer.unwrap(Effect.map(startEventStoreDb, ({ url }) => eventStoreDb({ url }))),
}

describe.each(Object.entries(stores))("the dead letter office over %s", (_, log) => {
  const at = (taker = new Taker()) =>
    Effect.provide(
      Layer.mergeAll(office.pipe(Layer.provide(taker.layer)), EventStoreDeadLetters.layer).pipe(Layer.provideMerge(log)),
    )
  const numbers = (filter: LetterFilter = {}, first?: number) =>
    Effect.map(listed(filter, first), (letters) => letters.map(({ message }) => Number(message.slice(7))))

  it.live("lists what came in by all ways, newest first, in pages of any size", () =>
    Effect.gen(function*() {
      yield* putAll(100)
      const all = Array.from({ length: 100 }, (_, n) => 99 - n)
      for (const size of [1, 7, 64, 200]) expect(yield* numbers({}, size)).toEqual(all)
    }).pipe(at()))

  it.live("picks by reason, source, vehicle, signal, time and state", () =>
    Effect.gen(function*() {
      yield* putAll(12)
      yield* put(letterOf(13, { vin: undefined, source: { kind: "mqtt", topic: `vehicles/${vinOf(7)}/telemetri` } }))
      expect(yield* numbers({ reasons: ["path", "type"] })).toEqual([10, 8, 6, 4, 2, 0])
      expect(yield* numbers({ sources: ["mqtt"] })).toEqual([13, 11, 9, 7, 5, 3, 1])
      expect(yield* numbers({ sources: ["api"] })).toEqual([])
      expect(yield* numbers({ vins: [vinOf(1)] })).toEqual([10, 7, 4, 1])
      expect(yield* numbers({ vins: [vinOf(7)] })).toEqual([13])
      expect(yield* numbers({ paths: ["Vehicle.Test.S4"] })).toEqual([4])
      expect(yield* numbers({ from: began + 3 * minute, to: began + 6 * minute })).toEqual([5, 4, 3])
      yield* DeadLetterOffice.use((_) => Effect.flatMap(listed({ vins: [vinOf(2)] }), (letters) => _.discard(letters, { by: "Ada" })))
      expect(yield* numbers({ states: ["discarded"] })).toEqual([11, 8, 5, 2])
      expect(yield* numbers({ states: ["open"], reasons: ["json"] })).toEqual([13, 9, 7, 3, 1])
    }).pipe(at()))

  it.live("knows what became of a letter, however far back a page begins, and so does another office", () =>
    Effect.gen(function*() {
      yield* putAll(90)
      const office = yield* DeadLetterOffice
      const first = yield* office.list({}, { first: 80 })
      yield* Effect.flatMap(listed({ from: began, to: began + 4 * minute }), (old) => office.retry(old, { by: "Ada" }))
      const rest = yield* office.list({}, { first: 80, after: first.next })
      expect(rest.letters.map(({ letter }) => [letter.state, letter.settledBy])).toEqual([
        ...Array.from({ length: 6 }, () => ["open", undefined]),
        ...Array.from({ length: 4 }, () => ["retried", "Ada"]),
      ])
      const other = yield* Effect.flatMap(DeadLetterOffice, (_) => _.list({}, { first: 80, after: first.next })).pipe(
        Effect.provide(Layer.fresh(officeAlone).pipe(Layer.provide(Layer.succeed(EventStore, yield* EventStore)))),
      )
      expect(other).toEqual(rest)
    }).pipe(at()))

  it.live("finds a letter by its id, with its payload", () =>
    Effect.gen(function*() {
      yield* putAll(5)
      const office = yield* DeadLetterOffice
      expect(yield* office.find("kafka-1")).toMatchObject({ message: "letter 2", state: "open", payload: { content: "2" } })
      for (const id of ["kafka-77", "nowhere-1", "mqtt", "mqtt--1"]) {
        expect(yield* Effect.flip(office.find(id))).toMatchObject({ _tag: "LetterNotFound" })
      }
    }).pipe(at()))

  it.live("retries in the order they came, those that were there when it began", () => {
    const taker = new Taker()
    return Effect.gen(function*() {
      yield* Effect.forEach(Array.from({ length: 60 }, (_, n) => n), (n) => put(letterOf(n, { vin: vinOf(1) as Vin })))
      const office = yield* DeadLetterOffice
      const { letters, run } = yield* office.select({}, { first: 10 })
      yield* office.retry(letters, {})
      yield* put(letterOf(60))
      for (let on = run; on !== undefined;) {
        const next = yield* office.select({}, { first: 10, run: on })
        yield* office.retry(next.letters, {})
        on = next.run
      }
      expect(taker.taken).toEqual(Array.from({ length: 60 }, (_, n) => `letter ${n}`))
      expect(yield* numbers({ states: ["open"] })).toEqual([60])
    }).pipe(at(taker))
  })

  it.live("leaves a letter open that is rejected again, and settles the others", () => {
    const taker = new Taker()
    taker.answer = (message) =>
      message === "letter 1"
        ? { _tag: "Rejected", reason: "type", message: "still wrong" }
        : message === "letter 2"
        ? { _tag: "Superseded", message: "old" }
        : { _tag: "Repeated" }
    return Effect.gen(function*() {
      yield* putAll(4)
      expect((yield* retriedAll()).toSorted()).toEqual(["Rejected", "Repeated", "Repeated", "Superseded"])
      expect((yield* listed()).map(({ state }) => state)).toEqual(["retried", "superseded", "open", "retried"])
      taker.answer = () => ({ _tag: "Accepted" })
      expect(yield* retriedAll()).toEqual(["Accepted"])
      expect(yield* numbers({ states: ["open"] })).toEqual([])
    }).pipe(at(taker))
  })

  it.live("takes in what was superseded where somebody mends it", () => {
    const taker = new Taker()
    taker.answer = () => ({ _tag: "Superseded", message: "old" })
    return Effect.gen(function*() {
      yield* putAll(1)
      yield* retriedAll()
      taker.answer = () => ({ _tag: "Accepted" })
      const office = yield* DeadLetterOffice
      yield* Effect.flatMap(listed(), (letters) => office.retry(letters, { mended: { payload: Buffer.from("1") } }))
      expect((yield* listed()).map(({ state }) => state)).toEqual(["retried"])
    }).pipe(at(taker))
  })

  it.live("lets a letter that came again share what became of it", () =>
    Effect.gen(function*() {
      yield* put(letterOf(1))
      yield* put(letterOf(2))
      yield* put(letterOf(1, { receivedAt: began + 50 * minute }), letterOf(3))
      yield* retriedAll()
      yield* put(letterOf(1, { receivedAt: began + 60 * minute }), letterOf(4))
      expect(yield* numbers({ states: ["open"] })).toEqual([4])
    }).pipe(at()))

  it.live("does not settle twice, and takes in what was discarded where somebody asks for it", () => {
    const taker = new Taker()
    return Effect.gen(function*() {
      yield* putAll(1)
      const office = yield* DeadLetterOffice
      const store = yield* EventStore
      const length = Effect.map(Stream.runCollect(store.read("deadletter-kafka")), (events) => events.length)
      const states = Effect.map(listed(), (letters) => letters.map(({ state }) => state))
      yield* Effect.flatMap(listed(), (letters) => office.discard(letters, {}))
      yield* Effect.flatMap(listed(), (letters) => office.discard(letters, {}))
      expect(yield* retriedAll()).toEqual([])
      expect([yield* states, yield* length]).toEqual([["discarded"], 2])
      yield* Effect.flatMap(listed(), (letters) => office.retry(letters, {}))
      yield* Effect.flatMap(listed(), (letters) => office.retry(letters, {}))
      yield* Effect.flatMap(listed(), (letters) => office.discard(letters, {}))
      expect([yield* states, yield* length, taker.taken]).toEqual([["retried"], 3, ["letter 0"]])
    }).pipe(at(taker))
  })
})

describe("the dead letter office", () => {
  it.live("looks at some thousand letters in one request, and goes on where it stopped", () =>
    Effect.gen(function*() {
      for (let at = 0; at < 6_000; at += 500) {
        yield* put(...Array.from({ length: 500 }, (_, n) => letterOf(1, { message: `letter ${at + n}` })))
      }
      const office = yield* DeadLetterOffice
      const first = yield* office.list({ reasons: ["vin"] }, { first: 20 })
      expect(first.letters).toEqual([])
      expect(first.next).toMatchObject({ mqtt: 999 })
      const second = yield* office.list({ reasons: ["vin"] }, { first: 20, after: first.next })
      expect(second).toEqual({ letters: [], next: undefined })
    }).pipe(Effect.provide(
      Layer.mergeAll(officeAlone, EventStoreDeadLetters.layer).pipe(Layer.provideMerge(temporary)),
    )), 20_000)

  it.live("reads letters of before vehicle and key were kept, and passes over what it cannot read", () =>
    Effect.gen(function*() {
      const store = yield* EventStore
      const event = (id: string, data: object) => ({
        id: `00000000-0000-5000-8000-00000000000${id}`,
        type: "DeadLettered",
        data: { ...data },
        metadata: { schema: 1, receivedAt: "2026-11-22T08:15:30.250Z", source: { kind: "mqtt", topic: `vehicles/${vinOf(1)}/telemetry` } },
      })
      const payload = { encoding: "utf8", content: "{", bytes: 1, sha256: "00" }
      yield* store.append("deadletter-mqtt", "any", [
        event("1", { reason: "json", message: "not JSON", payload }),
        event("2", { reason: "json" }),
      ])
      expect((yield* listed({ vins: [vinOf(1)] })).map(({ id, state, vin }) => [id, state, vin])).toEqual([["mqtt-0", "open", undefined]])
    }).pipe(Effect.provide(officeAlone.pipe(Layer.provideMerge(temporary)))))
})
