/** Clients as users have them: fetch, server-sent events, graphql-ws. */
import { createClient } from "graphql-ws"
import { WebSocket } from "ws"

export interface Failed {
  readonly message: string
  readonly path?: ReadonlyArray<string | number>
  readonly extensions: { readonly code: string; readonly id?: string }
}

export interface Answer<Data> {
  readonly data?: Data
  readonly errors?: ReadonlyArray<Failed>
}

export const post = (url: string, body: unknown): Promise<Response> =>
  fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  })

export const answer = async <Data>(
  url: string,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Answer<Data>> => await (await post(url, { query, variables })).json() as Answer<Data>

/** The data of a query that must not fail. */
export const ask = async <Data>(url: string, query: string, variables: Record<string, unknown> = {}): Promise<Data> => {
  const { data, errors } = await answer<Data>(url, query, variables)
  if (errors !== undefined || data === undefined) throw new Error(JSON.stringify(errors))
  return data
}

/** The codes of a query's errors. */
export const codes = async (url: string, query: string, variables: Record<string, unknown> = {}) =>
  (await answer(url, query, variables)).errors?.map(({ extensions }) => extensions.code)

export interface Subscription<Data> {
  /** The next result; undefined at the end. */
  readonly next: () => Promise<Answer<Data> | undefined>
  readonly close: () => void
}

/** A subscription over server-sent events. Resolves once the service listens. */
export const overSse = async <Data>(
  url: string,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Subscription<Data>> => {
  const gone = new AbortController()
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream" },
    body: JSON.stringify({ query, variables }),
    signal: gone.signal,
  })
  if (response.body === null) throw new Error("no body")
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ""
  return {
    next: async () => {
      while (true) {
        const end = text.indexOf("\n\n")
        if (end < 0) {
          const { done, value } = await reader.read()
          if (done) return undefined
          text += value
          continue
        }
        const message = text.slice(0, end)
        text = text.slice(end + 2)
        if (message.startsWith("event: complete")) return undefined
        const data = /^data: (.*)$/m.exec(message)?.[1]
        if (data !== undefined) return JSON.parse(data) as Answer<Data>
      }
    },
    close: () => gone.abort(),
  }
}

/** A subscription over `graphql-ws`, and how its connection was closed. */
export const overWebSocket = <Data>(
  url: string,
  query: string,
  variables: Record<string, unknown> = {},
): Subscription<Data> & { readonly closed: Promise<number> } => {
  const closed = Promise.withResolvers<number>()
  const client = createClient({
    url: `${url.replace("http", "ws")}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    on: { closed: (event) => closed.resolve((event as { readonly code: number }).code) },
  })
  const iterator = client.iterate<Data>({ query, variables })
  return {
    next: async () => {
      const result = await iterator.next()
      return result.done ? undefined : result.value as Answer<Data>
    },
    close: () => void client.dispose(),
    closed: closed.promise,
  }
}

export const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}
