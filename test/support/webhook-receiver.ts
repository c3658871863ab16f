/** A receiver of webhooks on loopback, which answers as a test wants. */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http"
import { Effect } from "effect"
import { Webhook } from "standardwebhooks"
import { freePort } from "./free-port.ts"
import { secret } from "./notifications.ts"

export interface Received {
  readonly id: string
  readonly type: string
  readonly alertIds: ReadonlyArray<string>
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Whether it was answered with success. */
  readonly taken: boolean
}

/** A status, headers with it, or the end of the connection: before an answer, or never. */
export type Behaviour = number | { readonly status: number; readonly headers: Record<string, string> } | "drop" | "hang"

interface Body {
  readonly type: string
  readonly data: { readonly alertId?: string; readonly alerts?: ReadonlyArray<{ readonly data: { readonly alertId: string } }> }
}

export const webhookReceiver = Effect.fnUntraced(function*(
  behave: (nth: number, body: Body) => Behaviour | Promise<Behaviour> = () => 204,
) {
  const port = yield* Effect.promise(freePort)
  const received: Array<Received> = []
  let open = 0
  let most = 0
  let server: Server | undefined

  const answer = async (headers: IncomingHttpHeaders, text: string, response: ServerResponse) => {
    // Throws where the signature is not of this body by this secret, or the time too far off.
    const body = JSON.parse(text) as Body
    const { alertId, alerts } = body.data
    const behaviour = await behave(received.length, body)
    const status = typeof behaviour === "number" ? behaviour : typeof behaviour === "object" ? behaviour.status : 0
    received.push({
      id: String(headers["webhook-id"]),
      type: body.type,
      alertIds: alerts?.map(({ data }) => data.alertId) ?? [String(alertId)],
      headers,
      body: text,
      taken: status >= 200 && status < 300,
    })
    if (behaviour === "drop") return response.socket?.destroy()
    if (behaviour === "hang") return undefined
    return response.writeHead(status, typeof behaviour === "object" ? behaviour.headers : {}).end()
  }

  const start = Effect.promise(() =>
    new Promise<void>((resolve) => {
      server = createServer((request, response) => {
        most = Math.max(most, ++open)
        response.on("close", () => open--)
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => void answer(request.headers, Buffer.concat(chunks).toString(), response))
      })
      server.listen(port, "127.0.0.1", resolve)
    })
  )
  const stop = Effect.promise(() =>
    new Promise<void>((resolve) => {
      if (server === undefined) return resolve()
      server.close(() => resolve())
      server.closeAllConnections()
      server = undefined
    })
  )
  yield* Effect.addFinalizer(() => stop)
  return {
    url: `http://127.0.0.1:${port}/alerts`,
    received,
    taken: () => received.filter(({ taken }) => taken),
    /** Requests that are not answered yet. */
    open: () => open,
    /** Requests that were open at the same time, at most. */
    most: () => most,
    start,
    stop,
  }
})

/** What the official library makes of it; throws where the signature is not right. */
export const verified = ({ body, headers }: Pick<Received, "body" | "headers">, by = secret): unknown =>
  new Webhook(by).verify(body, {
    "webhook-id": String(headers["webhook-id"]),
    "webhook-timestamp": String(headers["webhook-timestamp"]),
    "webhook-signature": String(headers["webhook-signature"]),
  })
