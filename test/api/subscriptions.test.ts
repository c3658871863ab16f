import { connect } from "node:net"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { encode } from "../../src/api/cursor.ts"
import { fromNumber } from "../../src/eventstore/position.ts"
import { answer, ask, codes, overSse, overWebSocket, type Subscription, until } from "./client.ts"
import { serve, type Served, vinOf } from "./world.ts"

let served: Served
beforeAll(async () => {
  served = await serve({ capacity: 100 })
})
afterAll(() => served.stop())
afterEach(async () => {
  await until(() => served.active() === 0)
})

interface Changed {
  readonly vehicleChanged: {
    readonly cursor: string
    readonly lagged: boolean
    readonly vehicle: { readonly vin: string; readonly online: boolean; readonly revision: number }
    readonly signals: ReadonlyArray<{ readonly path: string; readonly value: number }>
  }
}
const vehicleChanged = `subscription ($vins: [String!], $paths: [String!], $after: Cursor) {
  vehicleChanged(vins: $vins, paths: $paths, after: $after) { cursor lagged vehicle { vin online revision } signals { path value } }
}`

const transports = { "server-sent events": overSse, "graphql-ws": overWebSocket } as const

const listening = (count: number) => until(() => served.active() === count)
const nextOf = async (subscription: Subscription<Changed>) => {
  const result = await subscription.next()
  if (result?.data === undefined) throw new Error(`no change: ${JSON.stringify(result)}`)
  return result.data.vehicleChanged
}
const cursor = async () => (await ask<{ cursor: string }>(served.url, "{ cursor }")).cursor

describe.each(Object.keys(transports) as Array<keyof typeof transports>)("over %s", (name) => {
  /** Each transport has vehicles of its own. */
  const vin = (n: number) => vinOf(name === "graphql-ws" ? 10_000 + n : n)
  const subscribe = async <Data = Changed>(query: string, variables: Record<string, unknown> = {}) => {
    const before = served.active()
    const subscription = await transports[name]<Data>(served.url, query, variables)
    const first = name === "graphql-ws" ? subscription.next() : undefined
    await listening(before + 1)
    let pending = first
    return {
      next: () => {
        const next = pending ?? subscription.next()
        pending = undefined
        return next
      },
      close: subscription.close,
    }
  }

  it("a change is told with what changed", async () => {
    const driven = vin(1)
    const subscription = await subscribe(vehicleChanged, { vins: [driven] })
    served.world.telemetry(vin(2), { "Vehicle.Speed": 1 })
    served.world.presence(driven, true)
    expect(await nextOf(subscription)).toMatchObject({ vehicle: { vin: driven, online: true, revision: 0 }, signals: [], lagged: false })
    served.world.telemetry(driven, { "Vehicle.Speed": 50, "Vehicle.TraveledDistance": 1_000 })
    expect(await nextOf(subscription)).toMatchObject({
      vehicle: { vin: driven, revision: 1 },
      signals: [{ path: "Vehicle.Speed", value: 50 }, { path: "Vehicle.TraveledDistance", value: 1_000 }],
    })
    subscription.close()
  })

  it("only the signals asked for are told", async () => {
    const driven = vin(3)
    const subscription = await subscribe(vehicleChanged, { vins: [driven], paths: ["Vehicle.Speed"] })
    served.world.presence(driven, true)
    served.world.telemetry(driven, { "Vehicle.TraveledDistance": 1_000 })
    served.world.telemetry(driven, { "Vehicle.TraveledDistance": 2_000, "Vehicle.Speed": 7 })
    expect((await nextOf(subscription)).signals).toEqual([{ path: "Vehicle.Speed", value: 7 }])
    subscription.close()
  })

  it("nothing is missed across a break", async () => {
    const vins = Array.from({ length: 30 }, (_, i) => vin(100 + i))
    const last = new Map<string, number>()
    const told = new Map<string, number>()
    const drive = (from: number, to: number) => {
      for (let i = from; i < to; i++) {
        const moved = vins[(i * 7) % vins.length] ?? ""
        served.world.telemetry(moved, { "Vehicle.Speed": i })
        last.set(moved, i)
      }
    }
    const note = ({ vehicle, signals }: Changed["vehicleChanged"]) => {
      for (const { value } of signals) told.set(vehicle.vin, value)
    }
    let after = await cursor()
    for (let round = 0; round < 4; round++) {
      drive(round * 100, round * 100 + 25)
      const subscription = await subscribe(vehicleChanged, { vins, after })
      drive(round * 100 + 25, round * 100 + 50)
      // Some of the rounds end before all that waits was read.
      for (let i = 0; i < 12; i++) {
        const change = await nextOf(subscription)
        note(change)
        after = change.cursor
      }
      subscription.close()
      await listening(0)
      drive(round * 100 + 50, round * 100 + 60)
    }
    const subscription = await subscribe(vehicleChanged, { vins, after })
    while ([...last].some(([vin, value]) => told.get(vin) !== value)) note(await nextOf(subscription))
    expect(told).toEqual(last)
    subscription.close()
  })

  it("alerts are told that match, from a cursor on", async () => {
    const query = `subscription ($filter: AlertFilter, $after: Cursor) {
      alertChanged(filter: $filter, after: $after) { cursor alert { alertId state } }
    }`
    const after = await cursor()
    const filter = { vins: [vin(5)], states: ["OPEN"] }
    const id = `${name} `
    served.world.alert(vin(5), `${id}a`)
    served.world.alert(vin(6), `${id}b`)
    const subscription = await subscribe<{ alertChanged: { alert: { alertId: string }; cursor: string } }>(query, { filter, after })
    served.world.alert(vin(5), `${id}c`)
    const first = await subscription.next()
    const second = await subscription.next()
    expect([first?.data?.alertChanged.alert, second?.data?.alertChanged.alert]).toEqual([
      { alertId: `${id}a`, state: "OPEN" },
      { alertId: `${id}c`, state: "OPEN" },
    ])
    served.world.alert(vin(5), `${id}a`, { state: "resolved" })
    served.world.alert(vin(5), `${id}d`)
    expect((await subscription.next())?.data?.alertChanged.alert.alertId).toBe(`${id}d`)
    subscription.close()
  })

  it("a client that drops ends its subscription", async () => {
    const subscriptions = [await subscribe(vehicleChanged), await subscribe(vehicleChanged), await subscribe(vehicleChanged)]
    expect(served.active()).toBe(3)
    for (const { close } of subscriptions) close()
    await listening(0)
  })
})

describe("a subscription", () => {
  it("is refused for a VIN that is none, and for too many", async () => {
    expect(await codes(served.url, `subscription { vehicleChanged(vins: ["x"]) { cursor } }`)).toEqual(["BAD_INPUT"])
    const vins = Array.from({ length: 1_001 }, (_, i) => vinOf(i))
    expect((await answer(served.url, vehicleChanged, { vins })).errors).toMatchObject([{ extensions: { code: "BAD_INPUT" } }])
  })

  it("is refused for a cursor ahead of the log", async () => {
    const after = encode(fromNumber(1_000_000_000))
    expect(await codes(served.url, vehicleChanged, { after })).toEqual(["CURSOR_TOO_OLD"])
  })

  it("is refused where it asks for too much", async () => {
    const query = `subscription { vehicleChanged { vehicle { trips(first: 200) { edges { node { id } } }
      a: trips(first: 200) { edges { node { id } } } events(first: 200) { edges { node { id } } }
      alerts { vehicle { alerts { vehicle { alerts { vehicle { alerts { vehicle { vin } } } } } } } } } } }`
    expect(await codes(served.url, query)).toEqual(["TOO_COSTLY"])
  })

  it("tells a reader who does not read only the latest, and that it lagged", async () => {
    const vin = vinOf(50)
    const text = (n: number) => `${n} ${"x".repeat(100_000)}`
    served.world.telemetry(vin, { "Vehicle.Speed": 0 })
    const { port } = new URL(served.url)
    const socket = connect(Number(port), "127.0.0.1")
    const body = JSON.stringify({ query: vehicleChanged, variables: { vins: [vin] } })
    socket.write(
      `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\naccept: text/event-stream\r\n`
        + `content-length: ${body.length}\r\n\r\n${body}`,
    )
    socket.pause()
    await listening(1)
    const rounds = 400
    for (let i = 0; i < rounds; i++) {
      served.world.telemetry(vin, { "Vehicle.Cabin.Infotainment.Navigation.GuidanceVoice": text(i) })
      await new Promise((resolve) => setImmediate(resolve))
    }
    const told: Array<number> = []
    let lagged = false
    let tail = ""
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      const text = tail + chunk
      for (const [, value] of text.matchAll(/"value":"(\d+) x/g)) told.push(Number(value))
      lagged ||= text.includes(`"lagged":true`)
      tail = chunk.slice(-30).replace(/"value":"\d+ x/, "")
    })
    socket.resume()
    await until(() => told.at(-1) === rounds - 1)
    expect(told.length).toBeLessThan(rounds)
    expect(lagged).toBe(true)
    socket.destroy()
  })
})
