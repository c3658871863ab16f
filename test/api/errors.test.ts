import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { limits } from "../../src/api/limits.ts"
import { answer, codes, post } from "./client.ts"
import { serve, type Served, vinOf } from "./world.ts"

let served: Served
beforeAll(async () => {
  served = await serve()
  served.world.telemetry(vinOf(1), { "Vehicle.Speed": 1 })
})
afterAll(() => served.stop())
afterEach(() => {
  served.world.broken = undefined
})

describe("an error", () => {
  it.each([
    ["syntax", "{"],
    ["an unknown field", "{ vehicel { vin } }"],
    ["a missing argument", "{ vehicle { vin } }"],
    ["an argument of the wrong type", "{ vehicle(vin: 1) { vin } }"],
    ["a moment that is none", `{ vehicles(filter: { seenAfter: "yesterday" }) { totalCount } }`],
    ["a Long that is none", `mutation { registerVehicle(input: { vin: "x", ifRevision: 9007199254740992 }) { __typename } }`],
    ["a cursor that is none", `subscription { vehicleChanged(after: "x") { cursor } }`],
  ])("of %s is BAD_INPUT", async (_, query) => {
    expect(await codes(served.url, query)).toEqual(["BAD_INPUT"])
  })

  it.each([
    ["a missing variable", {}],
    ["a variable of the wrong type", { vin: 1 }],
  ])("of %s is BAD_INPUT", async (_, variables) => {
    expect(await codes(served.url, "query ($vin: String!) { vehicle(vin: $vin) { vin } }", variables)).toEqual(["BAD_INPUT"])
  })

  it("of a dependency is UNAVAILABLE and says nothing of it", async () => {
    for (const [broken, query] of [
      ["read model", `{ vehicle(vin: "${vinOf(1)}") { vin } }`],
      ["event store", `{ vehicle(vin: "${vinOf(1)}") { events { totalCount edges { cursor } } } }`],
    ] as const) {
      served.world.broken = broken
      const text = await (await post(served.url, { query })).text()
      expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code: "UNAVAILABLE" } }] })
      expect(text).not.toContain("secret")
    }
  })

  it("of our own is INTERNAL with an id, and says nothing more", async () => {
    served.world.broken = "bug"
    const text = await (await post(served.url, { query: `{ vehicles { totalCount } }` })).text()
    const { errors } = JSON.parse(text) as { errors: ReadonlyArray<{ message: string; extensions: { code: string; id: string } }> }
    expect(errors[0]?.extensions.code).toBe("INTERNAL")
    expect(errors[0]?.message).toContain(errors[0]?.extensions.id)
    expect(text).not.toMatch(/secret|stack|\.ts/)
  })

  it("of one field leaves the others", async () => {
    served.world.broken = "event store"
    const found = await answer<object>(served.url, `{ cursor vehicle(vin: "${vinOf(1)}") { events { edges { cursor } } } }`)
    expect(found.data).toMatchObject({ cursor: expect.any(String), vehicle: null })
    expect(found.errors).toHaveLength(1)
  })
})

describe("a request that asks for too much", () => {
  const deep = (n: number): string => n === 0 ? "vin" : `alerts { vehicle { ${deep(n - 1)} } }`
  const vehicle = (fields: string) => `{ vehicle(vin: "${vinOf(1)}") { ${fields} } }`

  it.each([
    ["is too deep", vehicle(deep(8)), "depth"],
    ["is too deep by way of fragments", `${vehicle("...a")} fragment a on Vehicle { alerts { vehicle { ...b } } }
      fragment b on Vehicle { ${deep(7)} }`, "depth"],
    ["has too many aliases", vehicle(Array.from({ length: limits.aliases + 1 }, (_, i) => `a${i}: vin`).join(" ")), "aliases"],
    ["has too many tokens", vehicle("vin ".repeat(limits.tokens)), "tokens"],
    ["could bring too much", `{ vehicles(first: 200) { edges { node { trips(first: 200) { edges { node { id } } } } } } }`, "cost"],
    ["could bring too much by way of fragments", `{ ...a ...b } fragment a on Query { b: vehicles(first: 200) { ...c } }
      fragment b on Query { d: vehicles(first: 200) { ...c } }
      fragment c on VehicleConnection { edges { node { trips(first: 70) { edges { node { id } } } } } }`, "cost"],
    ["reads many logs", `{ vehicles(first: 200) { edges { node { events(first: 200) { edges { cursor } } } } } }`, "cost"],
    ["looks through many logs", `{ vehicles(first: 100) { edges { node { events(first: 1, types: ["VehicleConnected"]) {
      edges { cursor } } } } } }`, "cost"],
  ])("is refused where it %s", async (_, query, what) => {
    const { errors } = await answer(served.url, query)
    expect(errors).toMatchObject([{ extensions: { code: "TOO_COSTLY" }, message: expect.stringContaining(what) }])
  })

  it("is refused by what its variables say", async () => {
    const query = "query ($n: Int) { vehicles(first: $n) { edges { node { trips(first: $n) { edges { node { id } } } } } } }"
    expect(await codes(served.url, query, { n: 200 })).toEqual(["TOO_COSTLY"])
    expect(await codes(served.url, query, { n: 20 })).toBeUndefined()
    expect(await codes(served.url, query.replace("Int", "Int = 200"))).toEqual(["TOO_COSTLY"])
  })

  it("is answered where it asks for much, but not too much", async () => {
    const query = `{ vehicles(first: 200) { totalCount edges { node { signals { path value } health { score }
      alerts { component } trips(first: 20) { edges { node { distanceKm } } } } } } }`
    expect(await codes(served.url, query)).toBeUndefined()
  })

  it("is refused where its body is too large", async () => {
    const response = await post(served.url, { query: "{ cursor }", variables: { x: "x".repeat(limits.bodyBytes) } })
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: "BAD_INPUT" } }] })
  })
})
