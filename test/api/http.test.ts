import { Effect } from "effect"
import { once } from "node:events"
import { connect } from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { WebSocket } from "ws"
import { ask, overSse, overWebSocket, until } from "./client.ts"
import { serve, type Served, vinOf } from "./world.ts"

let served: Served
let url: string
beforeAll(async () => {
  served = await serve()
  url = served.url
})
afterAll(() => served.stop())

describe("the HTTP server", () => {
  it("says that it is alive", async () => {
    const response = await fetch(`${url}/healthz`)
    expect([response.status, await response.json()]).toEqual([200, { status: "ok" }])
  })

  it("says whether it is ready, and what is not", async () => {
    const ready = await fetch(`${url}/readyz`)
    expect([ready.status, await ready.json()]).toEqual([200, { status: "ready", notReady: [] }])
    served.world.ready = Effect.fail(new Error("nobody answers"))
    const notReady = await fetch(`${url}/readyz`)
    expect([notReady.status, await notReady.json()]).toEqual([
      503,
      { status: "not ready", notReady: [{ name: "broker", reason: "nobody answers" }] },
    ])
    served.world.ready = Effect.void
  })

  it("counts subscriptions, changes and answers", async () => {
    const subscription = await overSse(url, "subscription { vehicleChanged { cursor } }")
    await until(() => served.active() === 1)
    served.world.presence(vinOf(1), true)
    await subscription.next()
    await ask(url, "{ cursor }")
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toMatch(/^vehicle_twin_subscriptions_active 1$/m)
    expect(metrics).toMatch(/^vehicle_twin_changes_told_total [1-9]/m)
    expect(metrics).toMatch(/^vehicle_twin_request_seconds_count\{operation="query"\} [1-9]/m)
    subscription.close()
    await until(() => served.active() === 0)
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^vehicle_twin_subscriptions_active 0$/m)
  })

  it("answers queries over GET, but does nothing over GET", async () => {
    const get = (query: string) => fetch(`${url}/graphql?query=${encodeURIComponent(query)}`)
    expect(await (await get("{ __typename }")).json()).toEqual({ data: { __typename: "Query" } })
    const mutation = await get(`mutation { registerVehicle(input: { vin: "${vinOf(9)}" }) { __typename } }`)
    expect(mutation.status).toBe(405)
    expect(served.world.rows.has(vinOf(9))).toBe(false)
  })

  it("takes no forms, and lets no page of another origin read or open a socket", async () => {
    const body = new URLSearchParams({ query: "{ cursor }" })
    expect((await fetch(`${url}/graphql`, { method: "POST", body })).status).toBe(415)
    // What a page of another origin may send unasked, dressed up as JSON.
    const dressedUp = { "content-type": "application/x-www-form-urlencoded; x=json" }
    expect((await fetch(`${url}/graphql`, { method: "POST", headers: dressedUp, body: `${body}` })).status).toBe(415)
    const headers = { origin: "http://elsewhere.example", "content-type": "application/json" }
    const response = await fetch(`${url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query: "{ cursor }" }) })
    expect(response.headers.get("access-control-allow-origin")).toBeNull()
    const socket = new WebSocket(`${url.replace("http", "ws")}/graphql`, "graphql-transport-ws", { origin: headers.origin })
    const error = await new Promise<Error>((resolve) => socket.once("error", resolve))
    expect(error.message).toContain("403")
  })

  it("answers an ordinary request that speaks of an upgrade", async () => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1")
    socket.end("GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n\r\n")
    const [first] = await once(socket, "data")
    expect(String(first)).toMatch(/^HTTP\/1.1 200/)
    socket.destroy()
  })

  it("serves GraphiQL from its own package alone", async () => {
    const response = await fetch(`${url}/graphql`, { headers: { accept: "text/html" } })
    const html = await response.text()
    expect(response.headers.get("content-type")).toContain("text/html")
    expect(html).toContain("YogaGraphiQL.renderYogaGraphiQL")
    const tags = html.match(/<(script|link|img|iframe)\b[^>]*>/g) ?? []
    expect(tags.filter((tag) => /(src|href)\s*=\s*["']?(https?:)?\/\//.test(tag))).toEqual([])
  })
})

describe("a server that stops", () => {
  it("completes event streams, closes sockets with 1001, and lets what runs finish", async () => {
    const stopping = await serve()
    const sse = await overSse<object>(stopping.url, "subscription { vehicleChanged { cursor } }")
    const socket = overWebSocket(stopping.url, "subscription { vehicleChanged { cursor } }")
    const dropped = socket.next().catch((error: unknown) => error)
    await until(() => stopping.active() === 2)
    const { promise: mayAnswer, resolve: letAnswer } = Promise.withResolvers<void>()
    stopping.world.ready = Effect.promise(() => mayAnswer)
    const running = fetch(`${stopping.url}/readyz`)
    await new Promise((resolve) => setTimeout(resolve, 50))

    const stopped = stopping.stop()
    expect(await sse.next()).toBeUndefined()
    expect(await socket.closed).toBe(1001)
    await dropped
    expect(stopping.active()).toBe(0)
    await expect(fetch(`${stopping.url}/healthz`)).rejects.toThrow("fetch failed")
    letAnswer()
    expect((await running).status).toBe(200)
    await stopped
  })
})
