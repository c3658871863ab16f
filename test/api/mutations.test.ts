import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { encodeId } from "../../src/api/builder.ts"
import { ask, codes } from "./client.ts"
import { serve, type Served, vinOf } from "./world.ts"

let served: Served
beforeAll(async () => {
  served = await serve()
})
afterAll(() => served.stop())
beforeEach(() => {
  served.world.broken = undefined
})

interface Result {
  readonly result: { readonly __typename: string; readonly [field: string]: unknown }
}
const failure = "... on Error { code message }"
const mutate = async (name: string, fields: string, input: object) => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}`
  const query = `mutation ($input: ${type}Input!) { result: ${name}(input: $input) {
    __typename ... on ${type}Payload { clientMutationId ${fields} } ${failure}
  } }`
  return (await ask<Result>(served.url, query, { input })).result
}
const register = (input: object) =>
  mutate("registerVehicle", "vehicle { id vin brand model year powertrain tags registeredAt revision }", input)
const record = (input: object) => mutate("recordService", "vehicle { revision }", input)
const acknowledge = (input: object) =>
  mutate("acknowledgeAlert", "alert { alertId state acknowledgedBy note revision acknowledgedAt }", input)

describe("registering a vehicle", () => {
  it("answers with the vehicle as it then is", async () => {
    const input = { vin: vinOf(1), brand: "Wuling", model: "Bingo", year: 2026, powertrain: "BEV", tags: ["a", "b", "a"] }
    expect(await register({ ...input, clientMutationId: "m-1" })).toMatchObject({
      __typename: "RegisterVehiclePayload",
      clientMutationId: "m-1",
      vehicle: { ...input, tags: ["a", "b"], id: encodeId("Vehicle", vinOf(1)), revision: 0 },
    })
  })

  it("leaves alone what is left out, and does nothing the second time", async () => {
    expect(await register({ vin: vinOf(1), model: "Hongguang" })).toMatchObject({
      vehicle: { brand: "Wuling", model: "Hongguang", revision: 1 },
    })
    expect(await register({ vin: vinOf(1), model: "Hongguang" })).toMatchObject({ vehicle: { revision: 1 } })
  })

  it("fails where somebody else was first", async () => {
    expect(await register({ vin: vinOf(1), brand: "Other", ifRevision: 0 })).toEqual({
      __typename: "ConflictError",
      code: "CONFLICT",
      message: `Vehicle ${vinOf(1)} is at revision 1, not at 0; read it again and decide anew`,
    })
  })

  it.each([
    [{ vin: "short" }, "a VIN has 17"],
    [{ vin: vinOf(2), brand: " " }, "`brand` is empty"],
    [{ vin: vinOf(2), year: 1066 }, "`year` is 1066"],
    [{ vin: vinOf(2), tags: Array.from({ length: 51 }, (_, i) => `${i}`) }, "it may have 50"],
    [{ vin: vinOf(2), model: "x".repeat(101) }, "it may have 100"],
  ])("refuses %j", async (input, message) => {
    expect(await register(input)).toMatchObject({
      __typename: "BadInputError",
      code: "BAD_INPUT",
      message: expect.stringContaining(message),
    })
    expect(served.world.rows.has(vinOf(2))).toBe(false)
  })

  it("is told beside the data when the vehicle cannot be reached", async () => {
    served.world.broken = "vehicles"
    const query = `mutation { registerVehicle(input: { vin: "${vinOf(1)}" }) { __typename } }`
    expect(await codes(served.url, query)).toEqual(["UNAVAILABLE"])
  })
})

describe("recording a service", () => {
  const done = { vin: vinOf(1), component: "brakes.front", kind: "REPLACED", odometerKm: 1234.5, parts: ["pad"], workshop: "W" }

  it("happens once for the same clientMutationId, and each time without one", async () => {
    const first = await record({ ...done, clientMutationId: "s-1" })
    expect(first).toMatchObject({ clientMutationId: "s-1", vehicle: { revision: 2 } })
    expect(await record({ ...done, clientMutationId: "s-1" })).toEqual(first)
    expect(await record(done)).toMatchObject({ clientMutationId: null, vehicle: { revision: 3 } })
    expect(await record(done)).toMatchObject({ vehicle: { revision: 4 } })
  })

  it("is kept as it was told", () => {
    expect(served.world.streams.get(`vehicle-${vinOf(1)}`)?.[2]).toMatchObject({
      type: "ServiceRecorded",
      data: { component: "brakes.front", kind: "replaced", odometerKm: 1234.5, parts: ["pad"], workshop: "W" },
      metadata: { source: { kind: "api" }, identity: "id:api:s-1" },
    })
  })

  it.each([
    [{ ...done, vin: vinOf(77) }, "NotFoundError"],
    [{ ...done, ifRevision: 0 }, "ConflictError"],
    [{ ...done, component: "Front brakes" }, "BadInputError"],
    [{ ...done, odometerKm: -1 }, "BadInputError"],
    [{ ...done, at: "2099-01-01T00:00:00Z" }, "BadInputError"],
  ])("of %j fails with %s", async (input, type) => {
    expect((await record(input)).__typename).toBe(type)
  })
})

describe("working off an alert", () => {
  beforeAll(() => void served.world.alert(vinOf(1), "a-1"))
  const id = encodeId("Alert", `${vinOf(1)}:a-1`)

  it("acknowledges it, and answers with it as it then is", async () => {
    expect(await acknowledge({ id, by: "Li", note: "on Monday", ifRevision: 0, clientMutationId: "a" })).toEqual({
      __typename: "AcknowledgeAlertPayload",
      clientMutationId: "a",
      alert: {
        alertId: "a-1",
        state: "ACKNOWLEDGED",
        acknowledgedBy: "Li",
        note: "on Monday",
        acknowledgedAt: "1970-01-01T00:00:05.000Z",
        revision: 1,
      },
    })
  })

  it.each([
    [{ id, ifRevision: 0 }, "ConflictError"],
    [{ id: encodeId("Alert", `${vinOf(1)}:a-9`) }, "NotFoundError"],
    [{ id: encodeId("Vehicle", vinOf(1)) }, "BadInputError"],
    [{ id: "garbage" }, "BadInputError"],
    [{ id, note: "x".repeat(2_001) }, "BadInputError"],
  ])("of %j fails with %s", async (input, type) => {
    expect((await acknowledge(input)).__typename).toBe(type)
  })

  it("gives it to someone, and to nobody", async () => {
    const assign = (input: object) => mutate("assignAlert", "alert { assignedTo }", input)
    expect(await assign({ id, to: "Bob", clientMutationId: "b" })).toEqual({
      __typename: "AssignAlertPayload",
      clientMutationId: "b",
      alert: { assignedTo: "Bob" },
    })
    expect(await assign({ id })).toMatchObject({ alert: { assignedTo: null } })
    expect((await assign({ id, to: " " })).__typename).toBe("BadInputError")
    expect((await assign({ id, to: "Eve", ifRevision: 0 })).__typename).toBe("ConflictError")
  })

  it("puts it off, and wakes it", async () => {
    const snooze = (input: object) => mutate("snoozeAlert", "alert { isSnoozed snoozedUntil }", input)
    const until = "2200-01-01T00:00:00.000Z"
    expect(await snooze({ id, until })).toMatchObject({ alert: { isSnoozed: true, snoozedUntil: until } })
    expect(await snooze({ id })).toMatchObject({ alert: { isSnoozed: false, snoozedUntil: null } })
    expect((await snooze({ id: "garbage", until })).__typename).toBe("BadInputError")
  })
})
