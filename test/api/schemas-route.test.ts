/** `GET /schemas` over a real server. */
import { createServer } from "node:http"
import { NodeHttpServer } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { schemasRoute } from "../../src/api/schemas-route.ts"
import { current } from "../../src/outbox/event-schemas.ts"

const served = HttpRouter.serve(schemasRoute, { disableLogger: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0 })),
)

const get = (path: string) =>
  Effect.gen(function*() {
    const { address } = yield* HttpServer.HttpServer
    return yield* Effect.promise(async () => {
      const answer = await fetch(HttpServer.formatAddress(address) + path)
      return { status: answer.status, type: answer.headers.get("content-type"), body: await answer.json() }
    })
  })

describe("GET /schemas", () => {
  it.layer(served, { excludeTestServices: true })((it) => {
    it.effect("lists a schema for each type and version, and serves each", () =>
      Effect.gen(function*() {
        const { body, status } = yield* get("/schemas")
        expect(status).toBe(200)
        expect(body.schemas).toContainEqual({
          type: "vehicle-twin.TelemetryReceived",
          version: 1,
          dataschema: "urn:vehicle-twin:schema:TelemetryReceived.v1",
          path: "/schemas/TelemetryReceived.v1.json",
        })
        expect(body.schemas.length).toBeGreaterThanOrEqual(current.length)
        for (const { dataschema, path } of body.schemas) {
          const schema = yield* get(path)
          expect(schema).toMatchObject({ status: 200, type: expect.stringContaining("application/schema+json") })
          expect(schema.body.$id).toBe(dataschema)
        }
      }))

    it.effect("serves nothing else", () =>
      Effect.gen(function*() {
        for (const path of ["/schemas/TelemetryReceived.v99.json", "/schemas/..%2f..%2fmain.ts", "/schemas/%2e%2e%2fmain.ts"]) {
          expect(yield* get(path)).toMatchObject({ status: 404, body: { error: { code: "NOT_FOUND" } } })
        }
      }))
  })
})
