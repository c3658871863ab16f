import { Result } from "effect"
import { describe, expect, it } from "vitest"
import * as Decide from "../../../domain/vehicle/decide.ts"
import type { Description, VehicleEvent } from "../../../domain/vehicle/events.ts"
import * as Identity from "../../../domain/vehicle/identity.ts"
import type { ServiceDone } from "../../../domain/vehicle/observation.ts"
import { toTime } from "../../../domain/vehicle/readings.ts"
import type { State } from "../../../domain/vehicle/state.ts"
import { given, minute, now, observeAll, said, source, speed, status, vin } from "../../support/given.ts"

const register = (state: State, description: Description, ifRevision?: number, receivedAt = now) =>
  Decide.register(state, { description, ifRevision, now: receivedAt, source })
const told = <E>(result: Result.Result<ReadonlyArray<VehicleEvent>, E>) =>
  Result.match(result, { onSuccess: said, onFailure: (error) => error })

const registered = { type: "VehicleRegistered", data: { brand: "Ningbo", year: 2026, tags: ["pilot"] } } as const

describe("registering a vehicle", () => {
  it("is its first word, or comes after what it sent", () => {
    expect(told(register(given().state, registered.data))).toEqual([registered])
    expect(told(register(given(speed(1)).state, registered.data))).toEqual([registered])
    expect(given(speed(1), registered).state.twin).toMatchObject({ registeredAt: now, description: registered.data })
  })

  it("bears the brand it brings", () => {
    const event = (state: State, brand: string) => Result.getOrThrow(register(state, { brand }))[0]
    expect(event(given().state, "Ningbo")?.metadata.brand).toBe("Ningbo")
    expect(event(given(registered).state, "Hefei")?.metadata.brand).toBe("Hefei")
  })

  it("again changes what is other, and leaves the rest", () => {
    const { state } = given(registered)
    expect(told(register(state, { brand: "Ningbo", model: "E", tags: ["pilot", "taxi"] })))
      .toEqual([{ type: "VehicleDescribed", data: { model: "E", tags: ["pilot", "taxi"] } }])
    expect(told(register(state, { brand: "Ningbo", tags: ["pilot"] }))).toEqual([])
    expect(given(registered, { type: "VehicleDescribed", data: { model: "E" } }).state.twin)
      .toMatchObject({ description: { ...registered.data, model: "E" }, registeredAt: now, revision: 1 })
  })

  it("may ask for a revision, and fails at another with what is there", () => {
    const { state } = given(registered, speed(1))
    expect(told(register(state, { model: "E" }, 1))).toHaveLength(1)
    const conflict = told(register(state, { model: "E" }, 0))
    expect(conflict).toMatchObject({ _tag: "RevisionConflict", vin, expected: 0, actual: 1 })
    expect(conflict).toHaveProperty("message", expect.stringContaining("at revision 1, not at 0"))
    expect(told(register(given().state, {}, -1))).toEqual([{ type: "VehicleRegistered", data: {} }])
  })

  it("never gives the id of another command decided at the same revision", () => {
    const { state } = given(registered)
    const id = (description: Description) => Result.getOrThrow(register(state, description))[0]?.id
    expect(id({ model: "E" })).toBe(id({ model: "E" }))
    expect(id({ model: "E" })).not.toBe(id({ model: "F" }))
  })

  it("is not received before what is there", () => {
    const event = Result.getOrThrow(register(given(speed(1)).state, {}, undefined, now - minute))[0]
    expect(event?.metadata.receivedAt).toBe(toTime(now))
  })
})

describe("a service that takes registered vehicles alone", () => {
  it("refuses the others whatever they send, and takes registered ones", () => {
    const messages = [speed(1), status(true, "a", now), service()]
    expect(observeAll(given().state, messages, "registered").tags).toEqual(["Refused", "Refused", "Refused"])
    expect(observeAll(given(registered).state, messages, "registered").tags).toEqual(["Accepted", "Accepted", "Accepted"])
    expect(observeAll(given().state, messages, "open").tags).toEqual(["Accepted", "Accepted", "Accepted"])
  })
})

const service = (rest: Partial<ServiceDone> = {}): ServiceDone => ({
  _tag: "ServiceDone",
  identity: Identity.byId("service-1"),
  at: now - minute,
  receivedAt: now,
  source,
  component: "brakes.front",
  kind: "replaced",
  parts: [],
  ...rest,
})

describe("work on a vehicle", () => {
  const done = { at: toTime(now - minute), component: "brakes.front", kind: "replaced" } as const

  it("is recorded once, by whichever way it comes", () => {
    given().when(service(), service()).then({ type: "ServiceRecorded", data: done })
    expect(told(Decide.recordService(given(service()).state, service(), undefined))).toEqual([])
  })

  it("is recorded with all that is said of it, and is no word of the vehicle's own", () => {
    const rest = { odometerKm: 123456.7, parts: ["pads", "discs"], workshop: "North" }
    const twin = given().when(service(rest)).then({ type: "ServiceRecorded", data: { ...done, ...rest } })
    expect(twin).toMatchObject({ revision: 0, updatedAt: now, lastSeenAt: undefined })
  })

  it("by a planner needs a vehicle that is known, registered or not", () => {
    const missing = told(Decide.recordService(given().state, service(), undefined))
    expect(missing).toMatchObject({ _tag: "VehicleNotFound", message: `No vehicle has the VIN ${vin}` })
    expect(told(Decide.recordService(given(speed(1)).state, service(), 0))).toEqual([{ type: "ServiceRecorded", data: done }])
  })

  it("by a planner may ask for a revision, but a repeat has its answer", () => {
    expect(told(Decide.recordService(given(speed(1)).state, service(), 7)))
      .toMatchObject({ _tag: "RevisionConflict", expected: 7, actual: 0 })
    expect(told(Decide.recordService(given(speed(1), service()).state, service(), 0))).toEqual([])
  })
})
