/** `GET /events` over a real log, server and thread. */
import { once } from "node:events"
import { createServer, get, type IncomingMessage } from "node:http"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { NodeHttpServer } from "@effect/platform-node"
import { Context, Deferred, Effect, Exit, Layer, Scope, Stream } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { catalogue } from "../../domain/signals/catalogue.ts"
import { uuid } from "../../domain/vehicle/identity.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import { eventsRoute } from "../../src/api/events-route.ts"
import { EventStore, type RecordedEvent } from "../../src/eventstore/event-store.ts"
import { beginning } from "../../src/eventstore/position.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"
import * as Scans from "../../src/replay/scans.ts"
import { now, second } from "../support/given.ts"
import { vinOf } from "../support/messages.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { toLine } from "../replay/event-lines.ts"

const vehicles = 4
const perVehicle = 4_000
/** So that the whole log has far more bytes than all buffers on the way. */
const ballast = "x".repeat(4_000)

const scope = Scope.makeUnsafe()
const stopping = Deferred.makeUnsafe<void>()
let url: string
let log: ReadonlyArray<RecordedEvent>

const fill = Effect.gen(function*() {
  const { append, readAll } = yield* EventStore
  for (let from = 0; from < perVehicle; from += 100) {
    for (let vehicle = 0; vehicle < vehicles; vehicle++) {
      const vin = vinOf(vehicle)
      yield* append(`vehicle-${vin}`, from === 0 ? "no_stream" : from - 1, Array.from({ length: 100 }, (_, i) => {
        const seq = from + i
        const at = toTime(now + seq * second)
        return {
          id: uuid(`${vin} ${seq}`),
          type: "TelemetryReceived",
          data: { at, session: "boot-1", seq, readings: { "Vehicle.Speed": seq % 200, "Vehicle.VehicleIdentification.Model": ballast } },
          metadata: { schema: 1, receivedAt: at, source: { kind: "mqtt" } },
        }
      }))
    }
  }
  return yield* Stream.runCollect(readAll({ after: beginning }))
})

beforeAll(async () => {
  const made = Effect.gen(function*() {
    const folder = yield* temporaryFolder
    const file = join(folder, "log.db")
    log = yield* Effect.provide(fill, Layer.fresh(Sqlite.layer({ file })))
    const server = HttpRouter.serve(eventsRoute({ catalogue, stopping }), { disableLogger: true }).pipe(
      Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0 })),
      Layer.provide(Scans.layer({ _tag: "Sqlite", file, archive: join(folder, "archive") })),
      Layer.provide(Sqlite.layerReadOnly({ file })),
    )
    const context = yield* Layer.build(server)
    url = `${HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)}/events`
  })
  await Effect.runPromise(Scope.provide(made, scope))
})
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

const linesOf = (events: ReadonlyArray<RecordedEvent>) => events.map((event) => JSON.stringify(toLine(event)))

const fetchLines = async (query: string) => (await (await fetch(`${url}${query}`)).text()).trimEnd().split("\n")

/** A client that reads only what it is told to. */
const open = (query = "") =>
  new Promise<IncomingMessage>((resolve, reject) => {
    get(`${url}${query}`, resolve).on("error", reject)
  })

const settled = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe("GET /events", () => {
  it("streams the log's events as lines", async () => {
    const response = await fetch(url)
    expect(response.headers.get("content-type")).toBe("application/x-ndjson")
    expect((await response.text()).trimEnd().split("\n")).toEqual(linesOf(log))
  })

  it("goes on after any line's position with exactly the rest", async () => {
    const first = await fetchLines("?limit=5555")
    expect(first).toHaveLength(5_555)
    const { position } = JSON.parse(first.at(-1) ?? "")
    expect([...first, ...await fetchLines(`?after=${position}`)]).toEqual(linesOf(log))
  })

  it("selects by vehicle, type and time", async () => {
    const range = `from=${toTime(now + 10 * second)}&to=${toTime(now + 12 * second)}`
    const wanted = log.filter(({ revision, stream }) =>
      revision >= 10 && revision < 12 && (stream.endsWith(vinOf(1)) || stream.endsWith(vinOf(3))))
    expect(await fetchLines(`?vin=${vinOf(1)}&vin=${vinOf(3)}&type=TelemetryReceived&${range}`)).toEqual(linesOf(wanted))
    expect(await fetchLines(`?vin=${vinOf(1)}&type=VehicleRegistered`)).toEqual([""])
  })

  it("has readings in place of events", async () => {
    const lines = await fetchLines("?signals=long&path=Vehicle.Speed&limit=3")
    expect(lines.map((line) => JSON.parse(line)).map(({ path, revision, value }) => [path, revision, value])).toEqual([
      ["Vehicle.Speed", 0, 0],
      ["Vehicle.Speed", 1, 1],
      ["Vehicle.Speed", 2, 2],
    ])
  })

  it("is gzipped for a client that takes it, and for no other", async () => {
    const ask = async (encoding: string) => {
      const response = await new Promise<IncomingMessage>((resolve) => {
        get(`${url}?limit=1000`, { headers: { "accept-encoding": encoding } }, resolve)
      })
      return { encoding: response.headers["content-encoding"], body: Buffer.concat(await response.toArray()) }
    }
    const zipped = await ask("br, gzip;q=0.8")
    expect(zipped.encoding).toBe("gzip")
    expect(gunzipSync(zipped.body).toString().trimEnd().split("\n")).toEqual(linesOf(log.slice(0, 1_000)))
    expect((await ask("gzip;q=0")).encoding).toBeUndefined()
    expect((await ask("identity")).encoding).toBeUndefined()
  })

  it.each([
    ["?vin=LSVAA", "vin"],
    ["?from=yesterday", "from"],
    ["?from=2026-11-23&to=2026-11-22", "a range ends after it begins"],
    ["?limit=0", "limit"],
    ["?limit=1&limit=2", "several times"],
    ["?signals=wide", "signals"],
    ["?signals=long&path=Vehicle.Sped", "did you mean Vehicle.Speed?"],
    ["?after=1", "after"],
    ["?form=2026-11-22", "there is no parameter form"],
  ])("refuses %s", async (query, told) => {
    const response = await fetch(`${url}${query}`)
    expect([response.status, await response.json()]).toEqual([
      400,
      { error: { code: "BAD_INPUT", message: expect.stringContaining(told) } },
    ])
  })

  it("does not know a vehicle that has no events", async () => {
    const response = await fetch(`${url}?vin=${vinOf(99)}`)
    expect([response.status, await response.json()]).toMatchObject([404, { error: { code: "NOT_FOUND" } }])
  })

  it("waits for clients that do not read, holding little for them, and runs four at once", async () => {
    const before = process.memoryUsage.rss()
    const clients = await Promise.all([open(), open(), open(), open()])
    await settled(1_500)
    const held = process.memoryUsage.rss() - before
    // Four times 70 MB if it did not wait.
    expect(held).toBeLessThan(120e6)
    const refused = await fetch(`${url}?limit=1`)
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "10"])
    expect(await refused.json()).toMatchObject({ error: { code: "UNAVAILABLE" } })

    const [first, ...others] = clients
    for (const client of others) client.destroy()
    const whole = Buffer.concat(await first?.toArray() ?? [])
    expect(whole.toString().trimEnd().split("\n")).toEqual(linesOf(log))
    // Those that went away count no longer.
    expect((await fetchLines("?limit=1"))).toEqual(linesOf(log.slice(0, 1)))
  })

  it("breaks the connection, rather than ending the body as if it were whole, when the service stops", async () => {
    const client = await open()
    await once(client, "readable")
    Deferred.doneUnsafe(stopping, Effect.void)
    await expect(client.toArray()).rejects.toThrow("aborted")
  })
})
