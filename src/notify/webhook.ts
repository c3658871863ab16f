/** Delivery by webhook, signed as Standard Webhooks asks (https://www.standardwebhooks.com). */
import { Clock, Effect } from "effect"
import { DeliveryFailed } from "./delivery-failed.ts"
import { type Answer, post, type Resolve } from "./http-post.ts"
import { bodyOf, type Message } from "./message.ts"
import { headersOf } from "./webhook-signature.ts"

export interface WebhookOptions {
  /** Each signs, so that receivers can be moved from one to the next. Empty: no webhook can be sent. */
  readonly secrets: ReadonlyArray<Buffer>
  /** Private addresses and `http://`. */
  readonly allowPrivate: boolean
  readonly resolve?: Resolve | undefined
}

export const send = Effect.fnUntraced(function*(options: WebhookOptions, url: string, message: Message) {
  const { allowPrivate, resolve, secrets } = options
  if (secrets.length === 0) {
    const reason = "WEBHOOK_SECRET is unset, so webhooks cannot be signed"
    return yield* new DeliveryFailed({ reason, worthTrying: "day" })
  }
  const body = bodyOf(message)
  const now = yield* Clock.currentTimeMillis
  const headers = {
    "content-type": "application/json",
    "user-agent": "vehicle-twin",
    ...headersOf(message.id, Math.floor(now / 1_000), body, secrets),
  }
  const answer = yield* post({ url: new URL(url), headers, body, allowPrivate, resolve }).pipe(
    Effect.mapError(({ _tag, message: reason }) =>
      new DeliveryFailed({ reason, worthTrying: _tag === "TargetRefused" ? "never" : "day" })
    ),
  )
  const failure = failureOf(answer, now)
  if (failure !== undefined) return yield* failure
})

/** Too early, too many, too slow: nothing is wrong with the request. */
const passing: ReadonlySet<number> = new Set([408, 425, 429])

/** What an answer says, where it is not success. */
export const failureOf = ({ headers, status }: Answer, now: number): DeliveryFailed | undefined => {
  if (status >= 200 && status < 300) return undefined
  const reason = `The receiver answered ${status}`
  // "Gone" is how Standard Webhooks lets a receiver say that it wants no more.
  if (status === 410) return new DeliveryFailed({ reason: `${reason}: it is gone for good`, worthTrying: "never" })
  if (status >= 500 || passing.has(status)) {
    const retryAfter = retryAfterOf(headers["retry-after"], now)
    return new DeliveryFailed({ reason, worthTrying: "day", ...(retryAfter !== undefined && { retryAfter }) })
  }
  if (status >= 300 && status < 400) {
    return new DeliveryFailed({ reason: `${reason}, a redirect, which is not followed`, worthTrying: "hour" })
  }
  return new DeliveryFailed({ reason, worthTrying: "hour" })
}

/** Seconds, or a date; ms from now. */
const retryAfterOf = (text: string | undefined, now: number): number | undefined => {
  if (text === undefined) return undefined
  const millis = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now
  return Number.isFinite(millis) && millis > 0 ? millis : undefined
}
