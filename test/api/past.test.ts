/** `vehicle(vin, asOf)`: a vehicle as it was known at a time. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import * as Archived from "../../domain/vehicle/archived.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import { encodeId } from "../../src/api/builder.ts"
import { fromNumber } from "../../src/eventstore/position.ts"
import { answer, ask, codes } from "./client.ts"
import { serve, type Served, vinOf } from "./world.ts"

let served: Served
let url: string
beforeAll(async () => {
  served = await serve()
  url = served.url
})
afterAll(() => served.stop())
beforeEach(() => {
  served.world.broken = undefined
})

const hour = 3_600_000
/** A day ago, and an hour more for each number. */
const at = (hours: number): number => start + hours * hour
const start = Date.now() - 24 * hour
const vin = vinOf(1)

const past = (time: number | string, fields: string, of: string = vin) =>
  `{ vehicle(vin: "${of}", asOf: "${typeof time === "number" ? toTime(time) : time}") { ${fields} } }`

beforeAll(() => {
  const { world } = served
  world.presence(vin, true, at(0))
  world.telemetry(vin, { "Vehicle.Speed": 50 }, at(1))
  world.telemetry(vin, { "Vehicle.Speed": 60, "Vehicle.TraveledDistance": 1_000 }, at(2))
  world.presence(vin, false, at(3))
  // Measured in the second hour, and received only now.
  world.observe(vin, {
    _tag: "Telemetry",
    identity: Identity.byId("late"),
    at: at(2) + 1_000,
    receivedAt: at(20),
    source: { kind: "mqtt" },
    reissued: true,
    readings: [{ path: "Vehicle.Speed", value: 99, at: at(2) + 1_000, quality: "GOOD", personal: false }],
  })
})

describe("a vehicle as it was known at a time", () => {
  it("has the values, the presence and the revision of that time, whatever has come late since", async () => {
    const fields = "asOf vin online revision lastSeenAt signals { path value }"
    expect(await ask(url, past(at(2), fields))).toEqual({
      vehicle: {
        asOf: toTime(at(2)),
        vin,
        online: true,
        revision: 2,
        lastSeenAt: toTime(at(2)),
        signals: [{ path: "Vehicle.Speed", value: 60 }, { path: "Vehicle.TraveledDistance", value: 1_000 }],
      },
    })
    expect(await ask(url, past(at(1), fields))).toMatchObject({
      vehicle: { online: true, revision: 1, signals: [{ value: 50 }] },
    })
    expect(await ask(url, past(at(2) - 1, fields))).toMatchObject({ vehicle: { revision: 1 } })
    expect(await ask(url, past(at(20), fields))).toMatchObject({
      vehicle: { online: false, revision: 4, signals: [{ value: 99 }, { value: 1_000 }] },
    })
    expect(await ask(url, `{ vehicle(vin: "${vin}", asOf: null) { asOf revision } }`)).toEqual({
      vehicle: { asOf: null, revision: 4 },
    })
  })

  it("has its signals judged as of then", async () => {
    const fields = `signals(paths: ["Vehicle.Speed"]) { quality }`
    expect(await ask(url, past(at(2), fields))).toEqual({ vehicle: { signals: [{ quality: "GOOD" }] } })
    expect(await ask(url, past(at(19), fields))).toEqual({ vehicle: { signals: [{ quality: "STALE" }] } })
  })

  it("has the events that were known then", async () => {
    const page = "totalCount edges { node { revision } } pageInfo { hasNextPage hasPreviousPage }"
    const fields = `
      all: events { ${page} }
      last: events(last: 2) { ${page} }
      first: events(first: 3) { ${page} }
      filtered: events(types: ["VehicleDisconnected"]) { ${page} }`
    const edges = (...revisions: ReadonlyArray<number>) => revisions.map((revision) => ({ node: { revision } }))
    const whole = { hasNextPage: false, hasPreviousPage: false }
    expect(await ask(url, past(at(2), fields))).toEqual({
      vehicle: {
        all: { totalCount: 3, edges: edges(0, 1, 2), pageInfo: whole },
        last: { totalCount: 3, edges: edges(1, 2), pageInfo: { hasNextPage: false, hasPreviousPage: true } },
        first: { totalCount: 3, edges: edges(0, 1, 2), pageInfo: whole },
        filtered: { totalCount: null, edges: [], pageInfo: whole },
      },
    })
  })

  it("has an id of its own, by which it is found again", async () => {
    const id = async (query: string) => (await ask<{ vehicle: { id: string } }>(url, query)).vehicle.id
    const present = await id(`{ vehicle(vin: "${vin}") { id } }`)
    const earlier = await id(past(at(1), "id"))
    const later = await id(past(at(2), "id"))
    expect(new Set([present, earlier, later]).size).toBe(3)
    const found = (id: string) => ask(url, `{ node(id: "${id}") { id ... on Vehicle { vin asOf revision } } }`)
    expect(await found(present)).toEqual({ node: { id: present, vin, asOf: null, revision: 4 } })
    expect(await found(earlier)).toEqual({ node: { id: earlier, vin, asOf: toTime(at(1)), revision: 1 } })
    expect(await found(later)).toEqual({ node: { id: later, vin, asOf: toTime(at(2)), revision: 2 } })
  })

  it("is nothing by an id that is none", async () => {
    const node = (id: string) => answer(url, `{ node(id: "${encodeId("Vehicle", id)}") { id } }`)
    expect(await node(`${vin}@${toTime(at(1))}@`)).toEqual({ data: { node: null } })
    expect(await node(`Vehicle@${toTime(at(1))}`)).toEqual({ data: { node: null } })
    expect((await node(`${vin}@yesterday`)).errors?.[0]?.extensions.code).toBe("BAD_INPUT")
    expect((await node(`${vinOf(77)}@${toTime(at(1))}`)).errors?.[0]?.extensions.code).toBe("NOT_FOUND")
  })

  it.each(["health { score }", "alerts { alertId }", "trips { totalCount }"])(
    "does not pass off what is known of the present alone as its %s",
    async (field) => {
      const { data, errors } = await answer(url, past(at(2), `vin ${field}`))
      expect(data).toEqual({ vehicle: null })
      expect(errors?.[0]).toMatchObject({
        message: `\`${field.split(" ")[0]}\` is known for the present only: ask for it on the vehicle without \`asOf\``,
        extensions: { code: "BAD_INPUT" },
        path: ["vehicle", field.split(" ")[0]],
      })
    },
  )
})

describe("a question about the past that has no answer", () => {
  const refused = async (query: string) => {
    const { data, errors } = await answer(url, query)
    expect(data).toEqual({ vehicle: null })
    expect(errors).toHaveLength(1)
    return errors?.[0]
  }

  it("is told from when the vehicle is known", async () => {
    expect(await refused(past(at(0) - 1, "vin"))).toMatchObject({
      message: `Vehicle ${vin} was not known at ${toTime(at(0) - 1)}; it is known since ${toTime(at(0))}`,
      extensions: { code: "NOT_FOUND" },
    })
    expect(await refused(past("0001-01-01T00:00:00Z", "vin"))).toMatchObject({ extensions: { code: "NOT_FOUND" } })
  })

  it("is told that there is no such vehicle", async () => {
    expect(await refused(past(at(1), "vin", vinOf(99_999)))).toMatchObject({
      message: `No vehicle has the VIN ${vinOf(99_999)}`,
      extensions: { code: "NOT_FOUND" },
    })
  })

  it("is told that it is about the future", async () => {
    const error = await refused(past(Date.now() + hour, "vin"))
    expect(error?.extensions.code).toBe("BAD_INPUT")
    expect(error?.message).toContain("`asOf` is in the future")
  })

  it.each([["a time that is none", vin, "yesterday"], ["a VIN that is none", "LSVAA49J1320O0001", toTime(at(1))]])(
    "is refused for %s",
    async (_, of, time) => expect(await codes(url, past(time, "vin", of))).toEqual(["BAD_INPUT"]),
  )

  it("is told which of the archive's files has the answer", async () => {
    const { world } = served
    const aged = vinOf(2)
    for (const hours of [0, 1, 2, 3]) world.telemetry(aged, { "Vehicle.Speed": hours }, at(hours))
    const stream = Archived.streamOf(aged)
    world.streams.set(stream, [{
      id: Identity.uuid(stream),
      stream,
      type: Archived.eventType,
      revision: 0,
      position: fromNumber(++world.position),
      created: Date.now(),
      metadata: { schema: Archived.version },
      data: {
        file: "events-1.parquet",
        fromRevision: 0,
        toRevision: 1,
        firstReceivedAt: toTime(at(0)),
        lastReceivedAt: toTime(at(1)),
      },
    }])
    expect(await refused(past(at(1), "vin", aged))).toMatchObject({
      message: `What was known of vehicle ${aged} at ${toTime(at(1))} is in the archive, in events-1.parquet; `
        + `the log answers from ${toTime(at(2))} on`,
      extensions: { code: "ARCHIVED", file: "events-1.parquet" },
    })
    expect(await ask(url, past(at(2), "revision", aged))).toEqual({ vehicle: { revision: 2 } })
  })

  it("is asked for again while the log is away", async () => {
    served.world.broken = "event store"
    expect(await codes(url, past(at(1), "vin"))).toEqual(["UNAVAILABLE"])
  })

  it("is too costly where it is asked for very often at once", async () => {
    const often = (args: string) =>
      codes(url, `{
        ${Array.from({ length: 99 }, (_, i) => `v${i}: vehicle(${args}) { vin }`).join(" ")}
        vehicles(first: 200) { edges { node { vin } } }
      }`)
    expect(await often(`vin: "${vin}"`)).toBeUndefined()
    expect(await often(`vin: "${vin}", asOf: "${toTime(at(1))}"`)).toEqual(["TOO_COSTLY"])
  })
})
