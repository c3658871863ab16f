/**
 * The HTTP server: `/graphql` (yoga, and `graphql-ws` on upgrade), `/events`, `/schemas`, `/healthz`, `/readyz`, `/metrics`.
 *
 * When it stops it takes no more connections, closes WebSockets with 1001 and completes event streams so that clients
 * come again, and lets what is being answered finish, for a bounded time.
 */
import { createServer } from "node:http"
import { NodeHttpServer } from "@effect/platform-node"
import { Context, Deferred, Duration, Effect, Layer } from "effect"
import {
  HttpEffect,
  HttpRouter,
  HttpServer,
  type HttpServerError,
  HttpServerResponse,
} from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import type { LogLocation } from "../eventstore/location.ts"
import * as Readiness from "../readiness.ts"
import * as Scans from "../replay/scans.ts"
import type { ApiServices } from "./context.ts"
import { eventsRoute } from "./events-route.ts"
import * as GraphQL from "./graphql.ts"
import { schemasRoute } from "./schemas-route.ts"
import * as WebSocket from "./websocket.ts"

export interface Options {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  readonly catalogue: Catalogue
  /** What `/events` is read from. */
  readonly log: LogLocation
  /** How long requests may go on when the service stops. */
  readonly grace?: Duration.Input
}

const healthz = HttpRouter.add("GET", "/healthz", HttpServerResponse.json({ status: "ok" }))

const readyz = HttpRouter.add(
  "GET",
  "/readyz",
  Effect.flatMap(Readiness.ask, (notReady) =>
    HttpServerResponse.json(
      { status: notReady.length === 0 ? "ready" : "not ready", notReady },
      { status: notReady.length === 0 ? 200 : 503 },
    )),
)

/** WebSocket upgrades come here too, but `websocket.ts` answers them. */
const graphql = (yoga: GraphQL.Yoga) => {
  const answer = HttpEffect.fromWebHandler(async (request) => yoga.fetch(request))
  return HttpRouter.add("*", GraphQL.path, ({ headers }) =>
    isUpgrade(headers) ? Effect.never : answer)
}

/** As Node tells upgrades: without the second header it is an ordinary request. */
const isUpgrade = (headers: Readonly<Record<string, string | undefined>>): boolean =>
  headers["upgrade"]?.toLowerCase() === "websocket" && /\bupgrade\b/i.test(headers["connection"] ?? "")

const make = Effect.fnUntraced(function*(options: Options) {
  const services = yield* Effect.context<ApiServices>()
  const stopping = yield* Deferred.make<void>()
  const runFork = Effect.runForkWith(services)
  const log = (effect: Effect.Effect<void>) => void runFork(effect)
  const graceMs = Duration.toMillis(options.grace ?? "10 seconds")

  const server = createServer()
  const yoga = GraphQL.make({ services, catalogue: options.catalogue, stopping, log })
  const goAway = WebSocket.serve(server, yoga, log)
  const events = eventsRoute({ catalogue: options.catalogue, stopping })
  const routes = Layer.mergeAll(graphql(yoga), events, schemasRoute, healthz, readyz, PrometheusMetrics.layerHttp())
  const context = yield* Layer.build(
    HttpRouter.serve(routes, { disableLogger: true }).pipe(
      Layer.provide(Scans.layer(options.log)),
      Layer.provideMerge(NodeHttpServer.layerServer(() => server, {
        host: options.host,
        port: options.port,
        gracefulShutdownTimeout: graceMs,
      })),
    ),
  )
  // Added last, this runs first: what would go on for ever must end before the server waits for the rest.
  yield* Effect.addFinalizer(() => {
    // A connection that is kept alive is closed when its last answer is sent, and any once time is up.
    const closeIdle = setInterval(() => server.closeIdleConnections(), 50)
    const hangUp = setTimeout(() => server.closeAllConnections(), graceMs)
    server.once("close", () => {
      clearInterval(closeIdle)
      clearTimeout(hangUp)
    })
    const gone = goAway(graceMs)
    return Effect.andThen(Deferred.succeed(stopping, undefined), Effect.promise(() => gone))
  })
  return Context.make(HttpServer.HttpServer, Context.get(context, HttpServer.HttpServer))
})

/** Listens while the layer is in use; `HttpServer` says where. */
export const layer = (
  options: Options,
): Layer.Layer<HttpServer.HttpServer, HttpServerError.ServeError, ApiServices | Readiness.Readiness> =>
  Layer.effectContext(make(options))
