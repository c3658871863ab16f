import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { catalogue } from "../../domain/signals/catalogue.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import { answer, ask } from "./client.ts"
import { serve, type Served, vinOf } from "./world.ts"

let served: Served
let url: string
beforeAll(async () => {
  served = await serve()
  url = served.url
})
afterAll(() => served.stop())

interface Histories {
  readonly vehicle: {
    readonly history: ReadonlyArray<{
      readonly path: string
      readonly unit: string | null
      readonly resolution: string
      readonly points: ReadonlyArray<Record<string, unknown>>
    }>
  }
}

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
const midnight = Math.floor(Date.now() / day) * day - 3 * day
const text = (time: number) => new Date(time).toISOString()

const vin = vinOf(1)
const soc = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed"

interface Range {
  readonly from?: number
  readonly to?: number
  readonly resolution?: string
  readonly select?: string
}

const query = (paths: ReadonlyArray<string>, range: Range = {}, of = vin): string => {
  const { from = midnight, to = midnight + day, resolution, select = "path resolution points { mean count }" } = range
  const chosen = resolution === undefined ? "" : `, resolution: ${resolution}`
  return `{ vehicle(vin: "${of}") {
    history(paths: ${JSON.stringify(paths)}, from: "${text(from)}", to: "${text(to)}"${chosen}) { ${select} }
  } }`
}

const historyOf = async (paths: ReadonlyArray<string>, range: Range = {}) =>
  (await ask<Histories>(url, query(paths, range))).vehicle.history

describe("a vehicle's history", () => {
  beforeAll(() => {
    const { world } = served
    const tell = (at: number, values: Parameters<typeof world.telemetry>[1]) => world.telemetry(vin, values, at)
    tell(midnight + hour, { "Vehicle.Speed": 10, [soc]: 80, "Vehicle.IsMoving": true })
    tell(midnight + hour + 30 * second, { "Vehicle.Speed": 20, "Vehicle.IsMoving": false })
    tell(midnight + hour + 7 * minute, { "Vehicle.Speed": 60 })
    tell(midnight + 9 * hour, { "Vehicle.Speed": 30 })
    tell(midnight + 2 * day, { "Vehicle.Speed": 100, [soc]: 70 })
    // What comes late is in its place.
    world.observe(vin, {
      _tag: "Telemetry",
      identity: Identity.byId("late"),
      at: midnight + hour + 40 * second,
      receivedAt: midnight + 2 * day,
      source: { kind: "mqtt" },
      reissued: true,
      readings: [{
        path: "Vehicle.Speed",
        value: 30,
        at: midnight + hour + 40 * second,
        quality: "GOOD",
        personal: false,
      }],
    })
  })

  it("has first, last, smallest, largest, mean and count of each bucket, in the signal's unit", async () => {
    const select = "path unit resolution points { at first firstAt last lastAt min max mean count }"
    const range = { resolution: "MINUTE", select, to: midnight + hour + minute }
    expect(await historyOf(["Vehicle.Speed", "Vehicle.IsMoving"], range)).toEqual([
      {
        path: "Vehicle.IsMoving",
        unit: null,
        resolution: "MINUTE",
        points: [{
          at: text(midnight + hour),
          first: true,
          firstAt: text(midnight + hour),
          last: false,
          lastAt: text(midnight + hour + 30 * second),
          min: null,
          max: null,
          mean: null,
          count: 2,
        }],
      },
      {
        path: "Vehicle.Speed",
        unit: "km/h",
        resolution: "MINUTE",
        points: [{
          at: text(midnight + hour),
          first: 10,
          firstAt: text(midnight + hour),
          last: 30,
          lastAt: text(midnight + hour + 40 * second),
          min: 10,
          max: 30,
          mean: 20,
          count: 3,
        }],
      },
    ])
  })

  it("comes in each resolution, from the bucket that `from` is in up to `to`", async () => {
    const starts = async (resolution: string) => {
      const select = "points { at count }"
      const range = { resolution, select, from: midnight + hour + 10 * second, to: midnight + 2 * day + second }
      const [speed] = await historyOf(["Vehicle.Speed"], range)
      return speed?.points.map(({ at, count }) => [(Date.parse(String(at)) - midnight) / minute, count])
    }
    expect(await starts("MINUTE")).toEqual([[60, 3], [67, 1], [540, 1], [2880, 1]])
    expect(await starts("FIVE_MINUTES")).toEqual([[60, 3], [65, 1], [540, 1], [2880, 1]])
    expect(await starts("QUARTER_HOUR")).toEqual([[60, 4], [540, 1], [2880, 1]])
    expect(await starts("HOUR")).toEqual([[60, 4], [540, 1], [2880, 1]])
    expect(await starts("SIX_HOURS")).toEqual([[0, 4], [360, 1], [2880, 1]])
    expect(await starts("DAY")).toEqual([[0, 5], [2880, 1]])
  })

  it("is as fine as makes some hundred points where nothing else is asked for", async () => {
    const resolutionOver = async (span: number) => {
      const [{ resolution } = { resolution: "" }] = await historyOf([soc], { to: midnight + span })
      return resolution
    }
    expect(await resolutionOver(hour)).toBe("MINUTE")
    expect(await resolutionOver(day)).toBe("FIVE_MINUTES")
    expect(await resolutionOver(3 * day)).toBe("QUARTER_HOUR")
    const long = { from: midnight - 60 * day, to: midnight }
    expect((await historyOf([soc], long))[0]).toMatchObject({ resolution: "SIX_HOURS", points: [] })
    // What is still to come is not reckoned with.
    expect(await historyOf([soc], { from: midnight, to: midnight + 4_000 * day }))
      .toMatchObject([{ resolution: "QUARTER_HOUR", points: [{ count: 1 }, { count: 1 }] }])
  })

  it("has an answer for each signal, and of a branch for those that were sent", async () => {
    const paths = async (...asked: ReadonlyArray<string>) =>
      (await historyOf(asked, { resolution: "DAY", select: "path points { count }" }))
        .map(({ path, points }) => [path, points.length])
    expect(await paths("Vehicle.Powertrain", "Vehicle.Cabin.HVAC.AmbientAirTemperature")).toEqual([
      ["Vehicle.Cabin.HVAC.AmbientAirTemperature", 0],
      [soc, 1],
    ])
    expect(await paths("Vehicle", "Vehicle.Speed", "Vehicle.Speed"))
      .toEqual([["Vehicle.IsMoving", 1], [soc, 1], ["Vehicle.Speed", 1]])
    expect(await paths()).toEqual([])
  })

  it("is told by the hour at least where minutes are no longer kept", async () => {
    const old = vinOf(60)
    const reissued = (at: number) =>
      served.world.observe(old, {
        _tag: "Telemetry",
        identity: Identity.byId(`${at}`),
        at,
        receivedAt: midnight,
        source: { kind: "mqtt" },
        reissued: true,
        readings: [{ path: "Vehicle.Speed", value: 50, at, quality: "GOOD", personal: false }],
      })
    const then = midnight - 800 * day
    reissued(then + hour)
    const select = "resolution points { count }"
    const range = { from: then, to: then + 2 * hour, select }
    const read = async () => (await ask<Histories>(url, query(["Vehicle.Speed"], range, old))).vehicle.history
    // However long ago, it is the vehicle's newest.
    expect(await read()).toEqual([{ resolution: "MINUTE", points: [{ count: 1 }] }])
    reissued(then + 100 * day)
    expect(await read()).toEqual([{ resolution: "HOUR", points: [{ count: 1 }] }])
    const { errors } = await answer(url, query(["Vehicle.Speed"], { ...range, resolution: "QUARTER_HOUR" }, old))
    expect(errors?.[0]).toMatchObject({ extensions: { code: "BAD_INPUT" } })
    expect(errors?.[0]?.message).toContain(`here from ${text(then + 10 * day)} on: ask for HOUR`)
  })

  it("of many vehicles is read in one go", async () => {
    for (let i = 2; i < 12; i++) served.world.telemetry(vinOf(i), { "Vehicle.Speed": i }, midnight + i * second)
    served.world.calls.length = 0
    const { vehicles } = await ask<{
      vehicles: { edges: ReadonlyArray<{ node: Histories["vehicle"] }> }
    }>(
      url,
      `query ($from: DateTime!, $to: DateTime!) {
        vehicles(first: 50) { edges { node {
          history(paths: ["Vehicle.Speed"], from: $from, to: $to, resolution: HOUR) { points { mean } }
        } } }
      }`,
      { from: text(midnight), to: text(midnight + hour) },
    )
    expect(vehicles.edges.filter(({ node }) => node.history[0]?.points.length === 1)).toHaveLength(10)
    expect(served.world.calls.filter((call) => call === "history")).toHaveLength(1)
  })

  it.each([
    ["a range from back to front", query([soc], { from: midnight, to: midnight - 1 }), "must be later than `from`"],
    ["an empty range", query([soc], { from: midnight, to: midnight }), "must be later than `from`"],
    ["a future one", query([soc], { from: Date.now() + hour, to: Date.now() + day }), "is in the future: it is 20"],
    ["a signal that there is not", query(["Vehicle.Sped"]), "did you mean Vehicle.Speed?"],
    ["part of a name", query(["Vehicle.Powertrai"]), "Vehicle.Powertrai: no such signal or branch"],
    ["an array", query(["Vehicle.Diagnostics.DTCList"]), "DTCList is an array (string[]), which has no history"],
    ["a resolution that there is not", query([soc], { resolution: "WEEK" }), "Resolution"],
  ])("is refused for %s", async (_, document, message) => {
    const { errors } = await answer(url, document)
    expect(errors?.[0]?.extensions).toMatchObject({ code: "BAD_INPUT" })
    expect(errors?.[0]?.message).toContain(message)
  })

  it.each([
    [
      "too many points",
      query([soc, "Vehicle.Speed"], { from: midnight - 5 * day, resolution: "MINUTE" }),
      "may have up to 17280 points; there may be 10000 in all: ask for FIVE_MINUTES, or less time",
    ],
    [
      "many points to be put together",
      query([soc], { from: midnight - 40 * day, to: midnight, resolution: "QUARTER_HOUR" }),
      "may have up to 57600 points before they are put together, of at most 21000,",
    ],
    [
      "more days than there may be points",
      query([soc], { from: 0, resolution: "DAY" }),
      "there may be 10000 in all: ask for less time, fewer paths or fewer vehicles",
    ],
  ])("is too costly with %s, and says what to ask for", async (_, document, message) => {
    const { errors } = await answer(url, document)
    expect(errors?.[0]?.extensions).toMatchObject({ code: "TOO_COSTLY" })
    expect(errors?.[0]?.message).toContain(message)
  })

  it("is too costly where a branch turns out to have more than is given", async () => {
    const many = vinOf(50)
    const signals = catalogue.all.filter(({ type }) => type === "float").slice(0, 20).map(({ path }) => [path, 1])
    for (let i = 0; i < 540; i++) served.world.telemetry(many, Object.fromEntries(signals), midnight + i * minute)
    const range = { to: midnight + 9 * hour, resolution: "MINUTE" }
    const { errors } = await answer(url, query(["Vehicle"], range, many))
    expect(errors?.[0]).toMatchObject({ extensions: { code: "TOO_COSTLY" } })
    expect(errors?.[0]?.message).toContain("may have more points than that")
  })

  it("of a whole page of vehicles counts by its points", async () => {
    const of = (first: number) => `{ vehicles(first: ${first}) { edges { node {
      history(paths: ["${soc}", "Vehicle.Speed", "Vehicle.IsMoving"], from: "${text(midnight)}", to: "${
      text(midnight + hour)
    }") { points { mean } }
    } } } }`
    expect((await answer(url, of(150))).errors).toBeUndefined()
    const { errors } = await answer(url, of(200))
    expect(errors?.[0]).toMatchObject({ extensions: { code: "TOO_COSTLY" } })
  })
})
