/** GraphQL over WebSocket (`graphql-transport-ws`), on the same path and with the same rules as over HTTP. */
import type { IncomingMessage, Server } from "node:http"
import type { Duplex } from "node:stream"
import type { ExecutionArgs } from "graphql"
import { useServer } from "graphql-ws/use/ws"
import { type WebSocket, WebSocketServer } from "ws"
import { apiError, type Log, mask } from "./errors.ts"
import { path, type Yoga } from "./graphql.ts"
import { limits } from "./limits.ts"

type Enveloped = ReturnType<Yoga["getEnveloped"]>

/** An operation is executed as it was prepared: with the plugins of its own context. */
const preparedBy = ({ rootValue }: ExecutionArgs) => rootValue as Pick<Enveloped, "execute" | "subscribe">

/**
 * Takes the server's upgrades on the path. The function it returns tells all clients to come again, with code 1001, and
 * hangs up on those that do not go.
 */
export const serve = (server: Server, yoga: Yoga, log: Log): (graceMs: number) => Promise<void> => {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: limits.bodyBytes })
  /** Aborted when the socket closes. One a socket, which may see any number of operations. */
  const gone = new WeakMap<WebSocket, AbortSignal>()
  sockets.on("connection", (socket) => {
    const controller = new AbortController()
    gone.set(socket, controller.signal)
    socket.once("close", () => controller.abort())
  })
  const graphql = useServer({
    execute: async (args) => {
      const result = await preparedBy(args).execute(args)
      if (!("errors" in result)) return result
      return { ...result, errors: result.errors.map((error: unknown) => mask(error, log)) }
    },
    subscribe: (args) => preparedBy(args).subscribe(args),
    onSubscribe: async ({ extra, subscriptions }, _id, params) => {
      if (Object.keys(subscriptions).length > limits.socketOperations) {
        return [apiError("RATE_LIMITED", `A socket may have ${limits.socketOperations} operations at a time`)]
      }
      const signal = gone.get(extra.socket)
      const enveloped = yoga.getEnveloped({ ...signal && { signal } })
      const { schema, execute, subscribe, contextFactory, parse, validate } = enveloped
      try {
        const document = parse(params.query)
        const errors = validate(schema, document)
        if (errors.length > 0) return errors.map((error: unknown) => mask(error, log))
        return {
          schema,
          document,
          operationName: params.operationName,
          variableValues: params.variables,
          contextValue: await contextFactory(),
          rootValue: { execute, subscribe },
        }
      } catch (error) {
        return [mask(error, log)]
      }
    },
  }, sockets)

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url?.split("?")[0] !== path) return
    // A page of another origin may open a socket here, and no browser asks whether it may.
    if (!isSameOrigin(request)) return void socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n")
    sockets.handleUpgrade(request, socket, head, (client) => sockets.emit("connection", client, request))
  }
  server.on("upgrade", upgrade)
  return async (graceMs) => {
    server.off("upgrade", upgrade)
    const hangUp = setTimeout(() => {
      for (const client of sockets.clients) client.terminate()
    }, graceMs)
    await graphql.dispose()
    clearTimeout(hangUp)
  }
}

/** Programs that are no browsers send no origin. */
const isSameOrigin = ({ headers: { origin, host } }: IncomingMessage): boolean =>
  origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)
