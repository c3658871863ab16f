import { createClient } from "graphql-ws"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { WebSocket } from "ws"
import { limits } from "../../src/api/limits.ts"
import { type Answer, until } from "./client.ts"
import { serve, type Served, vinOf } from "./world.ts"

let served: Served
beforeAll(async () => {
  served = await serve()
})
afterAll(() => served.stop())

/** Any number of operations over one socket. */
const connect = () => {
  const client = createClient({
    url: `${served.url.replace("http", "ws")}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    lazy: false,
  })
  return {
    ask: async (query: string) => (await client.iterate({ query }).next()).value as Answer<unknown>,
    iterate: (query: string) => client.iterate({ query }),
    close: () => client.dispose(),
  }
}

describe("one socket", () => {
  it("keeps nothing of the operations that are done", async () => {
    const warnings: Array<string> = []
    const note = (warning: Error) => void warnings.push(warning.message)
    process.on("warning", note)
    const client = connect()
    for (let i = 0; i < 30; i++) expect(await client.ask("{ cursor }")).toHaveProperty("data.cursor")
    await new Promise(setImmediate)
    process.off("warning", note)
    expect(warnings).toEqual([])
    await client.close()
  })

  it("carries a bounded number of subscriptions", async () => {
    const client = connect()
    const query = "subscription { vehicleChanged { cursor } }"
    const open = Array.from({ length: limits.socketOperations }, () => client.iterate(query).next().catch(() => undefined))
    await until(() => served.active() === limits.socketOperations)
    await expect(client.ask("{ cursor }")).rejects.toMatchObject([{ extensions: { code: "RATE_LIMITED" } }])
    await client.close()
    await Promise.all(open)
    await until(() => served.active() === 0)
  })

  it("tells nothing of what goes wrong inside a subscription", async () => {
    const client = connect()
    const changes = client.iterate("subscription { vehicleChanged { vehicle { health { score } } } }")
    const next = changes.next()
    await until(() => served.active() === 1)
    served.world.broken = "bug"
    served.world.presence(vinOf(1), true)
    const { value } = await next
    served.world.broken = undefined
    expect(value).toMatchObject({ errors: [{ extensions: { code: "INTERNAL" } }] })
    expect(JSON.stringify(value)).not.toContain("secret")
    await client.close()
    await until(() => served.active() === 0)
  })
})
