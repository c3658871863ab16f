/** What a planner asks: the risk list, the outlook, and how depots fare. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { serviceDue } from "../../domain/maintenance/components/service-due.ts"
import { answer, ask, codes } from "./client.ts"
import { serve, type Served, vinOf } from "./world.ts"

let served: Served
let url: string
const day = 86_400_000
const now = Date.now()
const vins = [1, 2, 3, 4].map(vinOf)
const [worn = "", urgent = "", sound = "", silent = ""] = vins

const register = (vin: string, input: string) =>
  ask(url, `mutation { registerVehicle(input: { vin: "${vin}" ${input} }) { ... on Error { message } } }`)

beforeAll(async () => {
  served = await serve()
  url = served.url
  const { world } = served
  await register(worn, `brand: "BYD", depot: "Nord", region: "Hessen"`)
  await register(urgent, `brand: "BYD", depot: "Süd", region: "Hessen"`)
  await register(sound, `brand: "Audi", depot: "Nord"`)
  world.presence(silent, true)
  const fails = (days: number) => now + days * day
  world.scored(worn, "brakes.front", {
    worst: true, score: 15, risk: 68, priority: 268, urgency: "service_soon",
    summary: "Front pads: 2.1 mm left", failsAt: fails(10), failsFrom: fails(3), failsTo: fails(20),
  })
  world.scored(worn, "motor", { priority: 20, risk: 20, failsAt: fails(-1), failsFrom: fails(-4), failsTo: fails(1) })
  world.scored(urgent, "motor", { worst: true, score: 30, risk: 60, priority: 360, urgency: "stop", failsAt: fails(1),
    failsFrom: fails(0.1), failsTo: null })
  world.scored(sound, "motor", { worst: true, score: 98, risk: 2, priority: 2 })
  world.alert(urgent, "alert-1", { urgency: "stop", component: "motor" })
})
afterAll(() => served.stop())
beforeEach(() => {
  served.world.broken = undefined
  served.world.calls.length = 0
})

describe("a vehicle's depot and region", () => {
  it("are registered, shown and filtered by, and stay when they are left out", async () => {
    await register(worn, `model: "Seal"`)
    expect(await ask(url, `{ vehicles(filter: { depots: ["Nord"], regions: ["Hessen"] }) {
      totalCount edges { node { vin model depot region } } } }`)).toEqual({
      vehicles: { totalCount: 1, edges: [{ node: { vin: worn, model: "Seal", depot: "Nord", region: "Hessen" } }] },
    })
    expect(await ask(url, `{ vehicle(vin: "${silent}") { depot region } }`)).toEqual({ vehicle: { depot: null, region: null } })
  })

  it.each([["depot", `"${"x".repeat(101)}"`], ["region", `" "`]])("are refused where %s is too long, or nothing", async (field, text) => {
    const result = await ask(url, `mutation { registerVehicle(input: { vin: "${worn}", ${field}: ${text} }) {
      ... on Error { message } } }`)
    expect(result).toMatchObject({ registerVehicle: { message: expect.stringContaining(`\`${field}\``) } })
  })
})

describe("the risk list", () => {
  const list = (args: string, fields = "vehicle { vin } component") => ask<{
    readonly riskList: {
      readonly totalCount: number
      readonly edges: ReadonlyArray<{ readonly cursor: string; readonly node: { readonly vehicle: { readonly vin: string } } }>
    }
  }>(url, `{ riskList${args} { totalCount edges { cursor node { ${fields} } } } }`)
  const vinsIn = async (args: string) => (await list(args)).riskList.edges.map(({ node }) => node.vehicle.vin)

  it("has the most urgent first, then those of higher risk, each with its reason", async () => {
    const { riskList } = await list("", `vehicle { vin depot } component reason urgency risk expectedFailureAt
      alerts { alertId } health { score risk remainingUsefulLife { days low high } }`)
    expect(riskList).toMatchObject({
      totalCount: 3,
      edges: [
        { node: { vehicle: { vin: urgent }, component: "motor", urgency: "STOP", alerts: [{ alertId: "alert-1" }] } },
        { node: {
          vehicle: { vin: worn, depot: "Nord" },
          component: "brakes.front",
          reason: "Front pads: 2.1 mm left",
          urgency: "SERVICE_SOON",
          risk: 68,
          expectedFailureAt: new Date(now + 10 * day).toISOString(),
          alerts: [],
          health: { score: 15, remainingUsefulLife: { days: expect.closeTo(10, 2), low: expect.closeTo(3, 2), high: expect.closeTo(20, 2) } },
        } },
        { node: { vehicle: { vin: sound }, urgency: "DRIVE_ON", expectedFailureAt: null, health: { remainingUsefulLife: null } } },
      ],
    })
    // However long the list is, one query for the vehicles and one for their alerts.
    expect(served.world.calls.toSorted()).toEqual(["alerts", "countRisks", "risks", "vehiclesByVin"])
  })

  it("goes on from a cursor, and refuses one of another list", async () => {
    const { riskList: { edges } } = await list("(first: 1)")
    const after = edges[0]?.cursor ?? ""
    expect(await vinsIn(`(first: 1, after: "${after}")`)).toEqual([worn])
    expect(await vinsIn(`(last: 5, before: "${after}")`)).toEqual([])
    expect(await codes(url, `{ riskList(after: "${after}", filter: { components: ["motor"] }) { totalCount } }`)).toEqual(["BAD_INPUT"])
  })

  it("is of a part of the fleet, of an urgency, of a least risk, or of components", async () => {
    expect(await vinsIn(`(filter: { depots: ["Nord"] })`)).toEqual([worn, sound])
    expect(await vinsIn(`(filter: { brands: ["BYD"], regions: ["Hessen"], urgencies: [STOP] })`)).toEqual([urgent])
    expect(await vinsIn(`(filter: { minRisk: 2.5 })`)).toEqual([urgent, worn])
    const { riskList } = await list(`(filter: { components: ["motor"] })`)
    expect(riskList.edges.map(({ node }) => node)).toEqual(
      [urgent, worn, sound].map((vin) => ({ vehicle: { vin }, component: "motor" })),
    )
  })

  it.each(["minRisk: 101", "minRisk: -1", `components: [${`"c", `.repeat(51)}]`])("refuses { %s }", async (filter) => {
    expect(await codes(url, `{ riskList(filter: { ${filter} }) { totalCount } }`)).toEqual(["BAD_INPUT"])
  })
})

describe("health", () => {
  it("is as its model sees it now: less sure the longer the vehicle is silent", async () => {
    const known = (value: number, at: number) => ({ value, at, event: "e" })
    const scored = (vin: string, at: number) => {
      const state = { distance: known(500, at), time: known(300 * 86_400, at), due: null, odometer: null, service: null }
      const { confidence = 0, score = 0 } = serviceDue.assess(state, at) ?? {}
      served.world.scored(vin, "vehicle", {
        model: serviceDue.name, modelVersion: serviceDue.version, computedAt: at, score, confidence, state,
      })
    }
    scored(sound, now - 1_000)
    scored(silent, now - 90 * day)
    interface Shown {
      readonly vehicle: { readonly health: ReadonlyArray<{ readonly component: string; readonly confidence: number; readonly computedAt: string }> }
    }
    const shown = async (vin: string) =>
      (await ask<Shown>(url, `{ vehicle(vin: "${vin}") { health { component confidence computedAt } } }`))
        .vehicle.health.find(({ component }) => component === "vehicle")
    const [fresh, old] = [await shown(sound), await shown(silent)]
    expect(fresh?.confidence).toBeGreaterThan(0.9)
    expect(old?.confidence).toBeLessThan(0.5)
    expect(old?.computedAt).toBe(new Date(now - 90 * day).toISOString())
  })

  it("says what is the matter, how urgent it is, and how long it will last", async () => {
    const query = `{ vehicle(vin: "${worn}") { health {
      component summary urgency risk recommendedAction remainingUsefulLife { days low high } } } }`
    expect(await ask(url, query)).toMatchObject({
      vehicle: {
        health: [
          {
            component: "brakes.front",
            summary: "Front pads: 2.1 mm left",
            urgency: "SERVICE_SOON",
            risk: 68,
            recommendedAction: "Drive on",
            remainingUsefulLife: { days: expect.closeTo(10, 2) },
          },
          { component: "motor", remainingUsefulLife: { days: 0, low: 0, high: expect.closeTo(1, 2) } },
        ],
      },
    })
  })
})

describe("the failure outlook", () => {
  const outlook = (args: string, weekFields: string) => ask(url, `{ failureOutlook${args} { group overdue weeks { ${weekFields} } } }`)

  it("counts failures by component and week, with what is the least and the most by then", async () => {
    const fields = "expected expectedByThen atLeastByThen atMostByThen"
    expect(await outlook("(weeks: 3)", fields)).toEqual({
      failureOutlook: [
        {
          group: "motor",
          overdue: 1,
          weeks: [
            { expected: 1, expectedByThen: 2, atLeastByThen: 1, atMostByThen: 2 },
            { expected: 0, expectedByThen: 2, atLeastByThen: 1, atMostByThen: 2 },
            { expected: 0, expectedByThen: 2, atLeastByThen: 1, atMostByThen: 2 },
          ],
        },
        {
          group: "brakes.front",
          overdue: 0,
          weeks: [
            { expected: 0, expectedByThen: 0, atLeastByThen: 0, atMostByThen: 1 },
            { expected: 1, expectedByThen: 1, atLeastByThen: 0, atMostByThen: 1 },
            { expected: 0, expectedByThen: 1, atLeastByThen: 1, atMostByThen: 1 },
          ],
        },
        expect.objectContaining({ group: "vehicle", overdue: 0 }),
      ],
    })
  })

  it("has eight weeks if nothing is said, side by side from now on, and is of a part of the fleet", async () => {
    const { failureOutlook: [first, ...rest] } = await ask<{
      readonly failureOutlook: ReadonlyArray<{
        readonly group: string
        readonly weeks: ReadonlyArray<{ readonly from: string; readonly to: string }>
      }>
    }>(url, `{ failureOutlook(groupBy: DEPOT, filter: { components: ["motor"], depots: ["Süd"] }) { group weeks { from to } } }`)
    expect([first?.group, rest]).toEqual(["Süd", []])
    expect(first?.weeks).toHaveLength(8)
    expect(Math.abs(Date.parse(first?.weeks[0]?.from ?? "") - Date.now())).toBeLessThan(60_000)
    expect(first?.weeks.slice(1).map(({ from }) => from)).toEqual(first?.weeks.slice(0, -1).map(({ to }) => to))
  })

  it.each([0, 27])("refuses %s weeks", async (weeks) => {
    expect(await codes(url, `{ failureOutlook(weeks: ${weeks}) { group } }`)).toEqual(["BAD_INPUT"])
  })

  it("is refused where it is asked for too often at once, as are lists of parts of the fleet", async () => {
    const lists = Array.from({ length: 60 }, (_, i) => `a${i}: riskList(first: 1, filter: { depots: ["${i}"] }) { totalCount }`)
    expect(await codes(url, `{ ${lists.join(" ")} }`)).toEqual(["TOO_COSTLY"])
    expect((await answer(url, `{ ${lists.slice(0, 20).join(" ")} }`)).errors).toBeUndefined()
    const many = Array.from({ length: 10 }, (_, i) => `a${i}: failureOutlook { group } b${i}: riskSummary(groupBy: DEPOT) { group }`)
    expect(await codes(url, `{ ${many.join(" ")} }`)).toEqual(["TOO_COSTLY"])
    const { errors } = await answer(url, `{ ${many.slice(0, 3).join(" ")} }`)
    expect(errors).toBeUndefined()
  })
})

describe("the summary of risks", () => {
  it("shows depots at a glance, the most pressing first", async () => {
    const counts = "{ stop serviceSoon driveOn }"
    const none = { stop: 0, serviceSoon: 0, driveOn: 0 }
    expect(await ask(url, `{ riskSummary(groupBy: DEPOT) { group vehicles atRisk ${counts} openAlerts ${counts} } }`)).toEqual({
      riskSummary: [
        { group: "Süd", vehicles: 1, atRisk: { ...none, stop: 1 }, openAlerts: { ...none, stop: 1 } },
        { group: "Nord", vehicles: 2, atRisk: { ...none, serviceSoon: 1 }, openAlerts: none },
        { group: null, vehicles: 1, atRisk: none, openAlerts: none },
      ],
    })
    expect(await ask(url, `{ riskSummary(groupBy: REGION, filter: { brands: ["Audi"] }) { group } }`))
      .toEqual({ riskSummary: [{ group: null }] })
  })
})

it("lists the alerts of a depot or region", async () => {
  const alerts = (args: string) => ask(url, `{ alerts(${args}) { totalCount edges { node { alertId } } } }`)
  const one = { alerts: { totalCount: 1, edges: [{ node: { alertId: "alert-1" } }] } }
  expect(await alerts(`depots: ["Süd"]`)).toEqual(one)
  expect(await alerts(`regions: ["Hessen"], filter: { urgencies: [STOP] }`)).toEqual(one)
  expect(await alerts(`depots: ["Nord"]`)).toEqual({ alerts: { totalCount: 0, edges: [] } })
})

it("answers with UNAVAILABLE while the read model does not", async () => {
  served.world.broken = "read model"
  for (const query of ["riskList { totalCount }", "failureOutlook { group }", "riskSummary(groupBy: BRAND) { group }"]) {
    expect(await codes(url, `{ ${query} }`)).toEqual(["UNAVAILABLE"])
  }
})
