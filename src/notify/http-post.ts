/**
 * A POST to a URL that somebody else chose. Over `node:http`, because it lets the addresses be checked that the
 * connection is then made to: a check before would ask DNS twice, and the second answer may be another. Redirects are
 * not followed, no proxy is asked, and each request has a connection of its own.
 */
import type { LookupAddress } from "node:dns"
import { lookup } from "node:dns/promises"
import http from "node:http"
import https from "node:https"
import { isIP, type LookupFunction } from "node:net"
import { Effect, Schema } from "effect"
import { refusalOf } from "./public-address.ts"

const policy = {
  /** From the request to the end of the answer. */
  timeout: "10 seconds",
  /** What is read of an answer, which says nothing to us beside its status. */
  maxAnswerBytes: 65_536,
} as const

/** The URL leads where a webhook must not go. */
export class TargetRefused extends Schema.TaggedError<TargetRefused>()("TargetRefused", { message: Schema.String }) {}

/** No answer. */
export class NoAnswer extends Schema.TaggedError<NoAnswer>()("NoAnswer", { message: Schema.String }) {}

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
}

export type Resolve = (hostname: string) => Promise<ReadonlyArray<LookupAddress>>

const resolveByDns: Resolve = (hostname) => lookup(hostname, { all: true })

/** What can be said of a URL without asking DNS. */
export const refusalOfUrl = (url: URL, allowPrivate: boolean): TargetRefused | undefined => {
  if (url.protocol !== "https:" && !allowPrivate) {
    const message = "A webhook's URL begins with https://; WEBHOOK_ALLOW_PRIVATE=true would allow http://"
    return new TargetRefused({ message })
  }
  const host = url.hostname.replace(/^\[|\]$/g, "")
  const refusal = isIP(host) === 0 ? undefined : refusalOf(host, allowPrivate)
  if (refusal === undefined) return undefined
  return new TargetRefused({ message: `The webhook is not called: ${host} is ${refusal}` })
}

/**
 * A name that has but one address that is refused is refused: whom it means is then not clear. Which address is not
 * said: planners read it, and names of this network are not theirs to look up.
 */
const guarded = (allowPrivate: boolean, resolve: Resolve): LookupFunction => (hostname, { all }, done) => {
  resolve(hostname).then((addresses) => {
    for (const { address } of addresses) {
      const refusal = refusalOf(address, allowPrivate)
      if (refusal !== undefined) {
        throw new TargetRefused({ message: `The webhook is not called: ${hostname} has ${refusal}` })
      }
    }
    const [first] = addresses
    if (first === undefined) throw new Error(`${hostname} has no address`)
    if (all === true) done(null, [...addresses])
    else done(null, first.address, first.family)
  }).catch((error: NodeJS.ErrnoException) => done(error, ""))
}

export interface PostOptions {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly allowPrivate: boolean
  readonly resolve?: Resolve | undefined
}

export const post = ({ allowPrivate, body, headers, resolve = resolveByDns, url }: PostOptions) =>
  Effect.suspend(() => {
    // Once the status is there, what becomes of the rest does not matter.
    let answer: Answer | undefined
    return Effect.callback<Answer, TargetRefused | NoAnswer>((resume) => {
      const refusal = refusalOfUrl(url, allowPrivate)
      if (refusal !== undefined) return resume(Effect.fail(refusal))
      const request = (url.protocol === "https:" ? https : http).request(url, {
        method: "POST",
        agent: false,
        lookup: guarded(allowPrivate, resolve),
        headers: { ...headers, "content-length": Buffer.byteLength(body), connection: "close" },
      })
      const end = (error: Error) => {
        request.destroy()
        if (answer !== undefined) return resume(Effect.succeed(answer))
        resume(Effect.fail(error instanceof TargetRefused ? error : new NoAnswer({ message: wordsOf(error) })))
      }
      request.on("error", end)
      request.on("close", () => end(new Error("the connection was closed")))
      request.on("response", (response) => {
        answer = { status: response.statusCode ?? 0, headers: response.headers }
        let bytes = 0
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > policy.maxAnswerBytes) end(new Error("the answer is too long"))
        })
        response.on("error", end)
        response.on("close", () => end(new Error("the answer is over")))
      })
      request.end(body)
      return Effect.sync(() => void request.destroy())
    }).pipe(Effect.timeoutOrElse({
      duration: policy.timeout,
      orElse: () =>
        answer === undefined
          ? Effect.fail(new NoAnswer({ message: `No answer within ${policy.timeout}` }))
          : Effect.succeed(answer),
    }))
  })

/** Of OpenSSL's the reason alone, without its files and lines. That of several addresses tried has no words. */
const wordsOf = (error: Error): string => {
  const [, reason] = /:SSL routines:[^:]*:([^:]+):/.exec(error.message) ?? []
  if (reason !== undefined) return `TLS fails: ${reason}`
  return error.message !== "" ? error.message : "code" in error ? String(error.code) : error.name
}
