import { Option, Result, Schema } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Metadata, schemas, streamOf, type VehicleEvent } from "../../../domain/vehicle/events.ts"
import * as Record from "../../../domain/vehicle/record.ts"
import * as Snapshot from "../../../domain/vehicle/snapshot.ts"
import * as State from "../../../domain/vehicle/state.ts"
import { anyEvent, wholeHistory } from "../../support/arbitraries.ts"
import { fold, given, observeAll, speed, status, now, vin } from "../../support/given.ts"

const options = { numRuns: 500 }
const anyEvents = fc.array(anyEvent, { maxLength: 30, size: "max" })
const anyState = fc.oneof(
  anyEvents.map((events) => fold(events)),
  wholeHistory.map((history) => observeAll(State.initial(vin), history).state),
)

const throughJson = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A
const record = (event: VehicleEvent, revision: number, change: Partial<Record.Stored> = {}) =>
  Record.decode({ ...throughJson(event), stream: streamOf(vin), revision, position: String(revision), ...change })

describe("the fold", () => {
  it("takes any events in any order, and never turns a signal or the receipt back", () => {
    fc.assert(fc.property(anyEvents, (events) => {
      let before = State.initial(vin)
      for (const [revision, event] of events.entries()) {
        expect(Schema.is(schemas[event.type])(event.data)).toBe(true)
        const after = State.evolve(before, event, revision)
        expect(after.twin.revision).toBe(revision)
        expect(after.twin.updatedAt).toBeGreaterThanOrEqual(before.twin.updatedAt)
        for (const [path, { at }] of Object.entries(before.twin.signals)) {
          expect(after.twin.signals[path]?.at).toBeGreaterThanOrEqual(at)
        }
        before = after
      }
    }), options)
  })

  it("changes no state that it was given", () => {
    fc.assert(fc.property(anyState, anyEvent, (state, event) => {
      const copy = structuredClone(state)
      State.evolve(state, event, state.twin.revision + 1)
      expect(state).toStrictEqual(copy)
    }), options)
  })

  it("of what was stored and read is that of what was decided", () => {
    fc.assert(fc.property(wholeHistory, (history) => {
      const { events, state } = observeAll(State.initial(vin), history)
      const read = events.map((event, revision) => Result.getOrThrow(record(event, revision)))
      expect(fold(read.flatMap((one) => one === undefined ? [] : [one.event]))).toStrictEqual(state)
    }), options)
  })

  it("is of events that fit their schemas, as everything decided does", () => {
    fc.assert(fc.property(wholeHistory, (history) => {
      for (const { data, metadata, type } of throughJson(observeAll(State.initial(vin), history).events)) {
        expect(Schema.is(schemas[type])(data)).toBe(true)
        expect(Schema.is(Metadata)(metadata)).toBe(true)
      }
    }), options)
  })
})

describe("a stored event", () => {
  const event = given().when(speed(1)).events[0]
  if (event === undefined) throw new Error("no event")

  it("is read as what it was, in its place", () => {
    expect(Result.getOrThrow(record(event, 7))).toEqual({ _tag: "Vehicle", vin, revision: 7, position: "7", event })
  })

  it("of a type that no vehicle has is passed over", () => {
    for (const type of ["Unheard", "constructor", "__proto__", "toString"]) {
      expect(Result.getOrThrow(record(event, 7, { type })), type).toBeUndefined()
    }
  })

  it.each([0, 2, -1, 1.5, "1", null, undefined, NaN])("of version %s is told to be unreadable, not guessed at", (schema) => {
    const failed = record(event, 7, { metadata: { ...event.metadata, schema } })
    expect(Result.isFailure(failed) && failed.failure.message).toBe(
      `Event 7 of vehicle-${vin}: TelemetryReceived has schema version ${String(schema)}; this service knows 1 to 1`,
    )
  })
})

const snapshotOf = (state: State.State) => throughJson(Snapshot.encode(state))
const metadata = { schema: Snapshot.version }

describe("a snapshot", () => {
  it("is the state again, and what follows follows from it just so", () => {
    fc.assert(fc.property(anyState, anyEvents, wholeHistory, (state, events, history) => {
      const read = Option.getOrThrow(Snapshot.decode(vin, snapshotOf(state), throughJson(Snapshot.metadata(state, ""))))
      expect(read).toStrictEqual(state)
      expect(fold(events, read)).toStrictEqual(fold(events, state))
      expect(observeAll(read, history)).toStrictEqual(observeAll(state, history))
    }), options)
  })

  it("of another version or vehicle is none", () => {
    const data = snapshotOf(given(speed(1)).state)
    expect(Option.isSome(Snapshot.decode(vin, data, metadata))).toBe(true)
    expect(Snapshot.decode("LSVAA4187E0000002", data, metadata)).toEqual(Option.none())
    for (const schema of [Snapshot.version + 1, 0, String(Snapshot.version), undefined]) {
      expect(Snapshot.decode(vin, data, { schema }), String(schema)).toEqual(Option.none())
    }
  })

  it("that lacks any of its parts, or has nonsense in its place, is none", () => {
    const data = snapshotOf(given(speed(1), status(true, "a", now)).state)
    const twin = data["twin"] as object
    const needed = ["vin", "revision", "description", "online", "updatedAt", "signals", "troubleCodes"]
    for (const junk of [undefined, null, "junk", [[1]]]) {
      for (const part of ["twin", "seen", "sessions", "codeChanges"]) {
        expect(Snapshot.decode(vin, { ...data, [part]: junk }, metadata), part).toEqual(Option.none())
      }
      for (const part of needed) {
        expect(Snapshot.decode(vin, { ...data, twin: { ...twin, [part]: junk } }, metadata), part).toEqual(Option.none())
      }
    }
    for (const numbers of [[1], [3, 1], [1, 2, 3, 4], [-1, 2]]) {
      const seen = { sessions: [["boot-1", numbers]], recent: [] }
      expect(Snapshot.decode(vin, { ...data, seen }, metadata), String(numbers)).toEqual(Option.none())
    }
  })

  it("that is damaged anywhere never throws, and is none or one that can be gone on with", () => {
    const damage = fc.constantFrom<ReadonlyArray<unknown>>([null], ["x"], [-1], [1.5], [[]], [{}], [true], [[[[]]]], [])
    fc.assert(fc.property(anyState, fc.nat(), damage, (state, where, junk) => {
      const text = JSON.stringify(snapshotOf(state))
      let place = 0
      const count = [...text.matchAll(/[:,[]/g)].length
      const broken: unknown = JSON.parse(text, (_, value: unknown) => place++ === where % count ? junk[0] : value)
      if (typeof broken !== "object" || broken === null) return
      const read = Snapshot.decode(vin, { ...broken }, metadata)
      if (Option.isSome(read)) observeAll(read.value, [speed(1), status(true, "b", now)])
    }), { numRuns: 2000 })
  })
})
