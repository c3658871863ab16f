import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Identity from "../../domain/vehicle/identity.ts"
import { speed } from "../support/given.ts"
import { ask, codes } from "./client.ts"
import { serve, type Served, vinOf } from "./world.ts"

let served: Served
beforeAll(async () => {
  served = await serve()
  const { world } = served
  steady.forEach((at, i) => {
    const identity = Identity.sequenced("boot-1", i < 12 ? i : i + 2)
    world.observe(vin, speed(1, { at, receivedAt: at, identity }))
  })
  world.presence(vinOf(2), true, from)
  world.presence(vinOf(2), false, from + 1)
})
afterAll(() => served.stop())

const day = 24 * 3_600_000
const vin = vinOf(1)
const from = Math.floor(Date.now() / day) * day - day
/** Every ten seconds, with two missing before the last. */
const steady = Array.from({ length: 13 }, (_, i) => from + i * 10_000)
const text = (time: number) => new Date(time).toISOString()
const range = `from: "${text(from)}", to: "${text(from + day)}"`

describe("how a vehicle reports", () => {
  it("is told with its rhythm and limit", async () => {
    const query = `query ($vins: [String!]) {
      vehicles(filter: { vins: $vins }) { edges { node { vin reporting { state since rhythmMs limitMs } } } }
    }`
    const { vehicles } = await ask<{ vehicles: { edges: ReadonlyArray<{ node: unknown }> } }>(served.url, query)
    expect(vehicles.edges.map(({ node }) => node)).toEqual([
      { vin, reporting: { state: "REPORTING", since: text(from), rhythmMs: 10_000, limitMs: 30_000 } },
      { vin: vinOf(2), reporting: { state: "OFFLINE", since: text(from + 1), rhythmMs: null, limitMs: 30 * day } },
    ])
    expect(served.world.calls.filter((name) => name === "reportingByVin")).toHaveLength(1)
  })

  it("filters a list", async () => {
    const query = `{ vehicles(filter: { reporting: [OFFLINE, SILENT] }) { totalCount edges { node { vin } } } }`
    expect(await ask(served.url, query)).toEqual({ vehicles: { totalCount: 1, edges: [{ node: { vin: vinOf(2) } }] } })
  })

  it("says what is missing", async () => {
    const query = `{ vehicle(vin: "${vin}") { gaps { session from to missing since } } }`
    expect(await ask(served.url, query)).toEqual({
      vehicle: { gaps: [{ session: "boot-1", from: 12, to: 13, missing: 2, since: text(from + 120_000) }] },
    })
  })

  it("is of the present alone", async () => {
    for (const field of ["reporting { state }", "gaps { from }", `dataQuality(${range}) { messages }`]) {
      const query = `{ vehicle(vin: "${vin}", asOf: "${text(from + 60_000)}") { ${field} } }`
      expect(await codes(served.url, query)).toEqual(["BAD_INPUT"])
    }
  })
})

describe("data quality", () => {
  it("is told of a vehicle, in counts and rates", async () => {
    const query = `{ vehicle(vin: "${vin}") {
      dataQuality(${range}) { messages readings missed filled gapRate lateRate }
    } }`
    expect(await ask(served.url, query)).toEqual({
      vehicle: { dataQuality: { messages: 13, readings: 13, missed: 2, filled: 0, gapRate: 2 / 15, lateRate: 0 } },
    })
  })

  it("is told by brand", async () => {
    const query = `{ dataQuality(${range}) { brand vehicleDays quality { messages invalidRate } } }`
    expect(await ask(served.url, query)).toEqual({
      dataQuality: [{ brand: null, vehicleDays: 2, quality: { messages: 13, invalidRate: 0 } }],
    })
  })

  it("is bounded", async () => {
    const over = (days: number) => `from: "${text(from)}", to: "${text(from + days * day)}"`
    expect(await codes(served.url, `{ dataQuality(${over(32)}) { brand } }`)).toEqual(["BAD_INPUT"])
    expect(await codes(served.url, `{ dataQuality(${over(-1)}) { brand } }`)).toEqual(["BAD_INPUT"])
    expect(await codes(served.url, `{ dataQuality(${over(31)}) { brand } }`)).toBe(undefined)
    const many = Array.from({ length: 12 }, (_, i) => `a${i}: dataQuality(${range}) { brand }`).join(" ")
    expect(await codes(served.url, `{ ${many} }`)).toEqual(["TOO_COSTLY"])
    const years = Array.from({ length: 20 }, (_, i) => `a${i}: dataQuality(${range}) { late }`).join(" ")
    expect(await codes(served.url, `{ vehicles(first: 200) { edges { node { ${years} } } } }`)).toEqual(["TOO_COSTLY"])
    const year = `{ vehicle(vin: "${vin}") { dataQuality(${over(400)}) { late } } }`
    expect(await codes(served.url, year)).toEqual(["BAD_INPUT"])
  })
})
