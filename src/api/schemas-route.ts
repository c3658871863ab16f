/**
 * `GET /schemas`: what the events that go out over Kafka promise to look like, a JSON Schema for each type and version;
 * and `GET /schemas/{type}.v{n}.json`: each of them.
 */
import { readdirSync, readFileSync } from "node:fs"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { dataSchemaOf, typePrefix } from "../outbox/cloud-event.ts"
import { schemaFolder } from "../outbox/event-schemas.ts"
import type { ErrorCode } from "./errors.ts"

const fileName = /^(\w+)\.v(\d+)\.json$/

interface Published {
  /** As `ce_type` says it. */
  readonly type: string
  readonly version: number
  /** As `ce_dataschema` says it. */
  readonly dataschema: string
  readonly path: string
}

const publishedIn = (files: ReadonlyArray<string>): ReadonlyArray<Published> =>
  files.toSorted().flatMap((file) => {
    const [, type, digits] = fileName.exec(file) ?? []
    if (type === undefined) return []
    const version = Number(digits)
    return [{ type: typePrefix + type, version, dataschema: dataSchemaOf(type, version), path: `/schemas/${file}` }]
  })

const notFound = HttpServerResponse.json(
  {
    error: {
      code: "NOT_FOUND" satisfies ErrorCode,
      message: "There is no such schema; GET /schemas names those there are",
    },
  },
  { status: 404 },
)

/** They come with the service and do not change while it runs. */
const make = Effect.sync(() => {
  const schemas = publishedIn(readdirSync(schemaFolder))
  const parent = new URL("..", schemaFolder)
  const texts = new Map(schemas.map(({ path }) => [path, readFileSync(new URL(`.${path}`, parent), "utf8")]))
  return Layer.mergeAll(
    HttpRouter.add("GET", "/schemas", HttpServerResponse.json({ schemas })),
    HttpRouter.add("GET", "/schemas/:file", ({ url }) => {
      const text = texts.get(new URL(url, "http://localhost").pathname)
      return text === undefined ? notFound : Effect.succeed(
        HttpServerResponse.text(text, { contentType: "application/schema+json" }),
      )
    }),
  )
})

export const schemasRoute = Layer.unwrap(make)
