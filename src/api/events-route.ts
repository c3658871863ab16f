/**
 * `GET /events`: any part of history as NDJSON, as `vehicle-twin export` writes it, as fast as the client takes it. The
 * scan runs in a thread of its own. A body that ends as it should is whole; when something fails, the connection is
 * broken off. Whoever was cut off goes on with `after`, the last line's position.
 */
import { createGzip } from "node:zlib"
import { NodeStream } from "@effect/platform-node"
import { Cause, Deferred, Effect, Result, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import { EventStore } from "../eventstore/event-store.ts"
import { pathsOf } from "../replay/readings.ts"
import { headHeader } from "../replay/remote.ts"
import { ScanFailed, Scans, type ScanRequest } from "../replay/scans.ts"
import { unknownVehicles } from "../replay/select.ts"
import { selectionOf } from "../replay/selection-input.ts"
import type { ErrorCode } from "./errors.ts"

/** Those that may be given several times, and the others. */
const lists = ["vin", "type", "path"] as const
const singles = ["from", "to", "clock", "after", "limit", "signals"] as const
const known: ReadonlySet<string> = new Set([...lists, ...singles])

/** What is asked for, or what is wrong with it. */
const requestOf = (parameters: URLSearchParams, catalogue: Catalogue): Result.Result<ScanRequest, string> => {
  const single: { [name in (typeof singles)[number]]?: string } = {}
  for (const name of parameters.keys()) {
    if (!known.has(name)) return Result.fail(`there is no parameter ${name}; there are ${[...known].join(", ")}`)
  }
  for (const name of singles) {
    const [value, ...others] = parameters.getAll(name)
    if (others.length > 0) return Result.fail(`${name} is given several times`)
    if (value !== undefined) single[name] = value
  }
  const { after, clock, from, limit, signals, to } = single
  const input = { vin: parameters.getAll("vin"), type: parameters.getAll("type"), from, to, clock, after }
  return Result.flatMap(selectionOf(input), (selection): Result.Result<ScanRequest, string> => {
    if (limit !== undefined && !/^[1-9]\d{0,14}$/.test(limit)) {
      return Result.fail(`limit: ${JSON.stringify(limit.slice(0, 60))} is no whole number above 0`)
    }
    const request = { selection, ...(limit !== undefined && { limit: Number(limit) }) }
    const names = parameters.getAll("path")
    if (signals === undefined) {
      return names.length > 0 ? Result.fail("path goes with signals=long") : Result.succeed(request)
    }
    if (signals !== "long") return Result.fail(`signals: ${JSON.stringify(signals.slice(0, 60))} is not long`)
    if (selection.types !== undefined) return Result.fail("type does not go with signals: readings are of one type")
    return Result.map(pathsOf(names, catalogue), (paths) => ({
      ...request,
      readings: { ...(names.length > 0 && { paths }) },
    }))
  })
}

const refuse = (status: number, code: ErrorCode, message: string, headers: Readonly<Record<string, string>> = {}) =>
  HttpServerResponse.json({ error: { code, message } }, { status, headers })

const acceptsGzip = (header: string | undefined): boolean =>
  header?.split(",").some((part) => /^\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(part)) ?? false

const gzipped = (bytes: Stream.Stream<Uint8Array, ScanFailed>) =>
  NodeStream.pipeThroughDuplex(bytes, {
    // In the library's own threads, and light: the wire is seldom slower than a better ratio.
    evaluate: () => createGzip({ level: 1 }),
    onError: (cause) => new ScanFailed({ message: String(cause) }),
  })

export interface Options {
  readonly catalogue: Catalogue
  /** Done when the service stops. */
  readonly stopping: Deferred.Deferred<void>
}

export const eventsRoute = ({ catalogue, stopping }: Options) =>
  HttpRouter.add(
    "GET",
    "/events",
    Effect.gen(function*() {
      const { headers, url } = yield* HttpServerRequest.HttpServerRequest
      const request = requestOf(new URL(url, "http://localhost").searchParams, catalogue)
      if (Result.isFailure(request)) return yield* refuse(400, "BAD_INPUT", request.failure)
      const store = yield* EventStore
      const vins = request.success.selection.vins ?? []
      const unknown = yield* unknownVehicles(store, vins)
      if (vins.length > 0 && unknown.length === vins.length) {
        return yield* refuse(404, "NOT_FOUND", `No events of ${unknown.join(", ")}`)
      }
      const head = yield* store.head
      const bytes = (yield* (yield* Scans).scan(request.success)).pipe(
        Stream.interruptWhen(
          Effect.andThen(Deferred.await(stopping), Effect.fail(new ScanFailed({ message: "The service stops" }))),
        ),
        Stream.tapCause((cause) =>
          Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logWarning("An export was broken off", cause)
        ),
      )
      const zip = acceptsGzip(headers["accept-encoding"])
      return HttpServerResponse.stream(zip ? gzipped(bytes) : bytes, {
        contentType: "application/x-ndjson",
        headers: {
          [headHeader]: head,
          vary: "accept-encoding",
          ...(zip && { "content-encoding": "gzip" }),
        },
      })
    }).pipe(
      Effect.catchTag("TooManyScans", ({ message }) => refuse(503, "UNAVAILABLE", message, { "retry-after": "10" })),
      Effect.catchTags({
        EventStoreUnavailable: (error) =>
          Effect.andThen(
            Effect.logWarning("An export cannot begin", error),
            refuse(503, "UNAVAILABLE", "This cannot be answered now; try again", { "retry-after": "10" }),
          ),
      }),
    ),
  )
