import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { encodeId } from "../../src/api/builder.ts"
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

interface Page {
  readonly totalCount: number | null
  readonly edges: ReadonlyArray<{ readonly cursor: string; readonly node: { readonly vin: string; readonly revision: number } }>
  readonly pageInfo: {
    readonly hasNextPage: boolean
    readonly hasPreviousPage: boolean
    readonly startCursor: string | null
    readonly endCursor: string | null
  }
}

const page = "totalCount edges { cursor node { vin revision } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"

describe("a vehicle", () => {
  const vin = vinOf(1)
  beforeAll(() => {
    const { world } = served
    world.presence(vin, true)
    world.telemetry(vin, { "Vehicle.Speed": 88.5, "Vehicle.TraveledDistance": 4_000_000_000 })
    world.scored(vin, "brakes.front")
    world.trip(vin, 1_000)
    world.trip(vin, 2_000)
    world.alert(vin, "alert-1")
    world.alert(vin, "alert-2", { state: "resolved" })
  })

  it("is shown with its signals, their units and quality", async () => {
    const { vehicle } = await ask<{ vehicle: object }>(
      url,
      `{ vehicle(vin: "${vin}") {
        id vin brand model online lastSeenAt revision vinCheckDigitValid tags registeredAt clockOffsetMs
        signals { path value unit revision quality at receivedAt }
      } }`,
    )
    expect(vehicle).toMatchObject({
      vin,
      brand: null,
      online: true,
      revision: 1,
      tags: [],
      registeredAt: null,
      signals: [
        { path: "Vehicle.Speed", value: 88.5, unit: "km/h", revision: 1, quality: "GOOD" },
        { path: "Vehicle.TraveledDistance", value: 4_000_000_000, unit: "m", revision: 1, quality: "GOOD" },
      ],
    })
  })

  it("has stale signals once it has been silent for long", async () => {
    const silent = vinOf(2)
    served.world.telemetry(silent, { "Vehicle.Speed": 1 }, Date.now() - 24 * 3_600_000)
    const query = `{ vehicle(vin: "${silent}") { signals { quality } } }`
    expect(await ask(url, query)).toEqual({ vehicle: { signals: [{ quality: "STALE" }] } })
  })

  it("shows the signals of a branch", async () => {
    const query = `{ vehicle(vin: "${vin}") { a: signals(paths: ["Vehicle"]) { path } b: signals(paths: ["Vehicle.Spee"]) { path } } }`
    expect(await ask(url, query)).toEqual({
      vehicle: { a: [{ path: "Vehicle.Speed" }, { path: "Vehicle.TraveledDistance" }], b: [] },
    })
  })

  it("shows health, trips and what is not resolved of its alerts", async () => {
    const { vehicle } = await ask<{ vehicle: object }>(
      url,
      `{ vehicle(vin: "${vin}") {
        health { component score model version confidence computedAt evidence { text eventIds } }
        trips(first: 1) { totalCount edges { node { startAt distanceKm start { latitude } end { latitude } } } pageInfo { hasNextPage } }
        alerts { alertId state urgency vehicle { vin } }
      } }`,
    )
    expect(vehicle).toEqual({
      health: [{
        component: "brakes.front",
        score: 90,
        model: "wear",
        version: "1",
        confidence: 0.8,
        computedAt: "1970-01-01T00:00:01.000Z",
        evidence: [{ text: "as new", eventIds: ["e-1"] }],
      }],
      trips: {
        totalCount: 2,
        edges: [{ node: { startAt: "1970-01-01T00:00:02.000Z", distanceKm: 1.5, start: { latitude: 31.2 }, end: null } }],
        pageInfo: { hasNextPage: true },
      },
      alerts: [{ alertId: "alert-1", state: "OPEN", urgency: "SERVICE_SOON", vehicle: { vin } }],
    })
  })

  it("is null where there is none, and refused where the VIN is none", async () => {
    expect(await ask(url, `{ vehicle(vin: "${vinOf(99_999)}") { vin } }`)).toEqual({ vehicle: null })
    const { errors } = await answer(url, `{ vehicle(vin: "LSVAA49J1320O0001") { vin } }`)
    expect(errors?.[0]).toMatchObject({ extensions: { code: "BAD_INPUT" }, path: ["vehicle"] })
    expect(errors?.[0]?.message).toContain("\"O\" at place 13")
  })

  it("is found by its id, as are an alert, an event and a trip", async () => {
    interface Ids {
      readonly vehicle: {
        readonly id: string
        readonly alerts: ReadonlyArray<{ readonly id: string }>
        readonly events: { readonly edges: ReadonlyArray<{ readonly node: { readonly id: string } }> }
        readonly trips: { readonly edges: ReadonlyArray<{ readonly node: { readonly id: string } }> }
      }
    }
    const { vehicle } = await ask<Ids>(
      url,
      `{ vehicle(vin: "${vin}") { id alerts { id } events(first: 1) { edges { node { id } } } trips(last: 1) { edges { node { id } } } } }`,
    )
    const ids = [vehicle.id, vehicle.alerts[0]?.id, vehicle.events.edges[0]?.node.id, vehicle.trips.edges[0]?.node.id]
    const find = (id: string | undefined) => ask<{ node: object }>(url, `query ($id: ID!) { node(id: $id) { __typename id } }`, { id })
    const found = await Promise.all(ids.map(find))
    expect(found.map(({ node }) => node)).toEqual(
      ["Vehicle", "Alert", "Event", "Trip"].map((__typename, i) => ({ __typename, id: ids[i] })),
    )
    for (const id of [`Vehicle:${vinOf(9_999)}`, "Alert:x:y", `Event:${vin}:4000`, `Event:${vin}:-1`, `Trip:${vin}:1500`]) {
      const colon = id.indexOf(":")
      expect(await find(encodeId(id.slice(0, colon), id.slice(colon + 1)))).toEqual({ node: null })
    }
    expect(await codes(url, `{ node(id: "garbage") { id } }`)).toEqual(["BAD_INPUT"])
  })
})

describe("a list of vehicles", () => {
  const count = 45
  const vins = Array.from({ length: count }, (_, i) => vinOf(1_000 + i))
  beforeAll(() => {
    for (const [i, vin] of vins.entries()) served.world.telemetry(vin, { "Vehicle.Speed": i }, 1_700_000_000_000 + i * 1_000)
  })
  const all = () => [...served.world.rows.keys()].toSorted()
  const list = (args: string) => ask<{ vehicles: Page }>(url, `{ vehicles(${args}) { ${page} } }`).then((_) => _.vehicles)

  it.each(["VIN", "LAST_SEEN_AT", "BRAND"])("is whole when it is read page by page, either way, by %s", async (field) => {
    for (const direction of ["ASC", "DESC"]) {
      const order = `orderBy: { field: ${field}, direction: ${direction} }`
      const forwards: Array<string> = []
      const backwards: Array<string> = []
      let after = ""
      let before = ""
      for (let more = true; more;) {
        const { edges, pageInfo, totalCount } = await list(`${order}, first: 7${after}`)
        expect(totalCount).toBe(served.world.rows.size)
        forwards.push(...edges.map(({ node }) => node.vin))
        after = `, after: "${pageInfo.endCursor}"`
        more = pageInfo.hasNextPage
      }
      for (let more = true; more;) {
        const { edges, pageInfo } = await list(`${order}, last: 11${before}`)
        backwards.unshift(...edges.map(({ node }) => node.vin))
        before = `, before: "${pageInfo.startCursor}"`
        more = pageInfo.hasPreviousPage
      }
      expect(forwards).toEqual(backwards)
      expect(forwards.toSorted()).toEqual(all())
      if (field === "VIN") expect(forwards).toEqual(direction === "ASC" ? all() : all().toReversed())
    }
  })

  it("has 20 to a page if nothing is said", async () => {
    expect((await list("orderBy: { field: VIN }")).edges).toHaveLength(20)
  })

  it("can be counted alone", async () => {
    const { edges, totalCount, pageInfo } = await list("first: 0")
    expect(edges).toEqual([])
    expect(totalCount).toBe(served.world.rows.size)
    expect(pageInfo.hasNextPage).toBe(true)
  })

  it("is filtered", async () => {
    expect((await list("first: 200, filter: { online: true }")).edges.map((_) => _.node.vin)).toEqual([vinOf(1)])
  })

  it.each([
    ["a page that is too large", "first: 201", "`first` is 201; it may be 0 to 200"],
    ["a negative page", "last: -1", "`last` is -1; it may be 0 to 200"],
    ["a page from both ends", "first: 1, last: 1", "Give `first` or `last`, not both"],
    ["a cursor that is none", `first: 1, after: "abc"`, "is not of this list in this order"],
    ["a filter with too much in it", `filter: { brands: [${Array.from({ length: 1_001 }, () => `"a"`).join(" ")}] }`, "it may have 1000"],
  ])("refuses %s", async (_, args, message) => {
    const { errors } = await answer(url, `{ vehicles(${args}) { totalCount } }`)
    expect(errors?.[0]?.extensions.code).toBe("BAD_INPUT")
    expect(errors?.[0]?.message).toContain(message)
  })

  it("refuses the cursor of another order", async () => {
    const { pageInfo } = await list("first: 1")
    expect(await codes(url, `{ vehicles(after: "${pageInfo.endCursor}", orderBy: { field: BRAND }) { totalCount } }`))
      .toEqual(["BAD_INPUT"])
  })

  it("costs as many reads with 3 vehicles as with 40", async () => {
    const query = (first: number) =>
      `{ vehicles(first: ${first}) { totalCount edges { node {
        health { score } alerts { alertId vehicle { vin } } trips(first: 2) { totalCount edges { node { startAt } } }
      } } } }`
    const callsOf = async (first: number) => {
      served.world.calls.length = 0
      await ask(url, query(first))
      return served.world.calls.toSorted()
    }
    const few = await callsOf(3)
    expect(await callsOf(40)).toEqual(few)
    expect(few).toEqual(["alerts", "countTripsByVin", "countVehicles", "healthByVin", "tripsByVin", "vehicles", "vehiclesByVin"])
  })
})

describe("the alerts", () => {
  it("are listed newest first and filtered", async () => {
    const query = `query ($filter: AlertFilter) { alerts(filter: $filter) { totalCount edges { node { alertId revision evidence { text } raisedAt } } } }`
    interface Alerts {
      readonly alerts: { readonly totalCount: number; readonly edges: ReadonlyArray<{ readonly node: { readonly alertId: string } }> }
    }
    const found = await ask<Alerts>(url, query)
    expect(found.alerts.edges.map(({ node }) => node.alertId)).toEqual(["alert-2", "alert-1"])
    const open = await ask<Alerts>(url, query, { filter: { states: ["OPEN"], urgencies: ["SERVICE_SOON"], vins: [vinOf(1)] } })
    expect(open.alerts.edges.map(({ node }) => node.alertId)).toEqual(["alert-1"])
    expect(open.alerts.totalCount).toBe(1)
  })

  it("are listed the oldest first where that is asked for, with cursors of that order's own", async () => {
    const query = `query ($orderBy: AlertOrder, $after: String) {
      alerts(first: 1, orderBy: $orderBy, after: $after) { edges { node { alertId } } pageInfo { endCursor } }
    }`
    interface Alerts {
      readonly alerts: {
        readonly edges: ReadonlyArray<{ readonly node: { readonly alertId: string } }>
        readonly pageInfo: { readonly endCursor: string }
      }
    }
    const orderBy = { field: "RAISED_AT" }
    const { alerts: { edges, pageInfo: { endCursor } } } = await ask<Alerts>(url, query, { orderBy })
    expect(edges.map(({ node }) => node.alertId)).toEqual(["alert-1"])
    const next = await ask<Alerts>(url, query, { orderBy, after: endCursor })
    expect(next.alerts.edges.map(({ node }) => node.alertId)).toEqual(["alert-2"])
    const newest = await ask<Alerts>(url, query, { orderBy: { field: "RAISED_AT", direction: "DESC" } })
    expect(newest.alerts.edges.map(({ node }) => node.alertId)).toEqual(["alert-2"])
    expect(await codes(url, query, { after: endCursor })).toEqual(["BAD_INPUT"])
  })

  it("tell of an emergency where the vehicle was, and how", async () => {
    served.world.alert(vinOf(9), "crash", {
      component: "safety.crash",
      emergency: true,
      occurredAt: 1_000,
      remaining: { days: 2, low: 1, high: null },
      situation: { "Vehicle.Speed": 88.5 },
      personal: {
        "Vehicle.CurrentLocation.Latitude": 31.25,
        "Vehicle.CurrentLocation.Longitude": 121.5,
        "Vehicle.CurrentLocation.Timestamp": "2026-11-22T08:15:31.000Z",
      },
    })
    const told = await ask<{ readonly alerts: { readonly edges: ReadonlyArray<unknown> } }>(url, `{
      alerts(filter: { components: ["safety.crash"], snoozed: false, assigned: false }) { edges { node {
        isEmergency isSnoozed occurredAt remainingUsefulLife { days low high }
        situation { path value unit } position { latitude longitude at }
      } } }
    }`)
    expect(told.alerts.edges).toEqual([{
      node: {
        isEmergency: true,
        isSnoozed: false,
        occurredAt: "1970-01-01T00:00:01.000Z",
        remainingUsefulLife: { days: 2, low: 1, high: null },
        situation: [{ path: "Vehicle.Speed", value: 88.5, unit: "km/h" }],
        position: { latitude: 31.25, longitude: 121.5, at: "2026-11-22T08:15:31.000Z" },
      },
    }])
  })
})

describe("a vehicle's events", () => {
  const vin = vinOf(3)
  beforeAll(() => {
    served.world.presence(vin, true)
    for (let i = 0; i < 11; i++) served.world.telemetry(vin, { "Vehicle.Speed": i })
    served.world.presence(vin, false)
  })
  const events = async (args: string) => {
    const query = `{ vehicle(vin: "${vin}") { events${args} { ${page.replace("vin revision", "vin revision type at receivedAt data metadata eventId")} } } }`
    return (await ask<{ vehicle: { events: Page } }>(url, query)).vehicle.events
  }
  const revisions = ({ edges }: Page) => edges.map(({ node }) => node.revision)

  it("are shown as they are stored", async () => {
    const { edges, totalCount } = await events("(first: 2)")
    expect(totalCount).toBe(13)
    expect(edges.map(({ node }) => node)).toMatchObject([
      { type: "VehicleConnected", revision: 0, data: { session: "boot-1" } },
      { type: "TelemetryReceived", revision: 1, data: { readings: { "Vehicle.Speed": 0 } }, metadata: { schema: 1 } },
    ])
  })

  it("are read from either end, without gap or repeat", async () => {
    const first = await events("(first: 6)")
    const rest = await events(`(first: 10, after: "${first.pageInfo.endCursor}")`)
    expect([...revisions(first), ...revisions(rest)]).toEqual(Array.from({ length: 13 }, (_, i) => i))
    expect([first.pageInfo.hasNextPage, rest.pageInfo.hasNextPage]).toEqual([true, false])
    const last = await events("(last: 6)")
    const start = await events(`(last: 10, before: "${last.pageInfo.startCursor}")`)
    expect([...revisions(start), ...revisions(last)]).toEqual(Array.from({ length: 13 }, (_, i) => i))
    expect([last.pageInfo.hasPreviousPage, start.pageInfo.hasPreviousPage]).toEqual([true, false])
  })

  it("are read between two cursors", async () => {
    const [, second, , , fifth] = (await events("(first: 5)")).edges
    expect(revisions(await events(`(first: 9, after: "${second?.cursor}", before: "${fifth?.cursor}")`))).toEqual([2, 3])
    expect(revisions(await events(`(last: 1, after: "${second?.cursor}", before: "${fifth?.cursor}")`))).toEqual([3])
  })

  it("are filtered by type, and not counted then", async () => {
    const found = await events(`(types: ["VehicleConnected", "VehicleDisconnected"])`)
    expect(revisions(found)).toEqual([0, 12])
    expect(found.totalCount).toBeNull()
    expect(found.pageInfo.hasNextPage).toBe(false)
  })

  it("are scanned a bounded way for rare types; the page says where to go on", async () => {
    const busy = vinOf(4)
    served.world.presence(busy, true)
    for (let i = 0; i < 6_000; i++) served.world.telemetry(busy, { "Vehicle.Speed": i % 7 }, 1_700_000_000_000 + i)
    served.world.presence(busy, false)
    const query = `query ($after: String) { vehicle(vin: "${busy}") { events(types: ["VehicleDisconnected"], after: $after) { ${page} } } }`
    const read = async (after?: string | null) => (await ask<{ vehicle: { events: Page } }>(url, query, { after })).vehicle.events
    const scanned = await read()
    expect(scanned.edges).toEqual([])
    expect(scanned.pageInfo.hasNextPage).toBe(true)
    const found = await read(scanned.pageInfo.endCursor)
    expect(revisions(found)).toEqual([6_001])
    expect(found.pageInfo.hasNextPage).toBe(false)
  })
})
