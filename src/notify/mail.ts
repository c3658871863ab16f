/** Delivery by e-mail, over the SMTP server of the settings. */
import { Effect, type Scope } from "effect"
import { createTransport } from "nodemailer"
import { Lru } from "../sql/lru.ts"
import { DeliveryFailed } from "./delivery-failed.ts"
import { mailOf } from "./mail-text.ts"
import type { Message } from "./message.ts"

export interface MailOptions {
  /** `smtp://` or `smtps://`, with user and password where the server asks for them: not to be shown. */
  readonly url: string
  readonly from: string
}

/** Each step of a connection, ms. */
const stepTimeout = 10_000
/** A mail as a whole. */
const timeout = "25 seconds"
/** Mails that some of their addresses have, and others not yet, at most. */
const maxPartly = 10_000

export interface Mailer {
  readonly send: (to: ReadonlyArray<string>, message: Message) => Effect.Effect<void, DeliveryFailed>
}

const unset: Mailer = {
  send: () => {
    const reason = "SMTP_URL and MAIL_FROM are unset, so mails cannot be sent"
    return Effect.fail(new DeliveryFailed({ reason, worthTrying: "day" }))
  },
}

export const make = (options: MailOptions | undefined): Effect.Effect<Mailer, never, Scope.Scope> =>
  options === undefined ? Effect.succeed(unset) : Effect.map(transportOf(options), (transport) => over(transport, options))

const over = (transport: Transport, { from }: MailOptions): Mailer => {
  const domain = /@([^\s>]+)>?\s*$/.exec(from)?.[1] ?? "localhost"
  /** By message, who has it where others were refused. Forgotten when the process ends: they then have it twice. */
  const taken = new Lru<string, ReadonlySet<string>>(maxPartly)

  const mailOver = (to: ReadonlyArray<string>, { id, news }: Message) => {
    const { html, subject, text } = mailOf(news)
    const alerts = new Set(news.map(({ alert }) => alert.id))
    const [alertId] = alerts
    return {
      from,
      to: [...to],
      subject,
      text,
      html,
      // A repeat is the same message; those of one alert make a thread.
      messageId: `<${id}@${domain}>`,
      ...(alerts.size === 1 && { references: `<alert-${alertId}@${domain}>` }),
      // Nobody's absence is to be told to us (RFC 3834).
      headers: { "Auto-Submitted": "auto-generated" },
      disableFileAccess: true,
      disableUrlAccess: true,
    }
  }

  return {
    send: Effect.fnUntraced(function*(to, message) {
      const have = taken.get(message.id)
      const left = to.filter((address) => have?.has(address.toLowerCase()) !== true)
      if (left.length === 0) return
      const mail = { ...mailOver(to, message), envelope: { from, to: left } }
      const { accepted, rejected, rejectedErrors } = yield* Effect.tryPromise({
        try: () => transport.sendMail(mail),
        catch: failureOf,
      }).pipe(
        Effect.timeoutOrElse({
          duration: timeout,
          orElse: () => Effect.fail(new DeliveryFailed({ reason: "The SMTP server is too slow", worthTrying: "day" })),
        }),
      )
      if (rejected.length === 0) return taken.delete(message.id)
      // The others have it. A server that does not know us yet may put off some ("greylisting", RFC 6647).
      taken.set(message.id, new Set([...have ?? [], ...accepted.map((address) => address.toLowerCase())]))
      const isLasting = rejectedErrors?.every(({ responseCode }) => responseCode !== undefined && responseCode >= 500)
      const why = rejectedErrors?.find(({ response }) => response !== undefined)?.response ?? ""
      return yield* new DeliveryFailed({
        reason: `The mail was not taken for ${rejected.join(", ")}, but for the others: ${why}`,
        worthTrying: isLasting === true ? "never" : "day",
      })
    }),
  }
}

type Transport = Effect.Success<ReturnType<typeof transportOf>>

const transportOf = ({ url }: MailOptions) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      createTransport({
        url,
        connectionTimeout: stepTimeout,
        greetingTimeout: stepTimeout,
        socketTimeout: stepTimeout,
        dnsTimeout: stepTimeout,
      })
    ),
    (transport) => Effect.sync(() => transport.close()),
  )

/** The server's 5xx are for good where they are about this mail; where they are about us, somebody may mend them. */
const failureOf = (cause: unknown): DeliveryFailed => {
  const message = cause instanceof Error ? cause.message : String(cause)
  const of = (name: string): unknown =>
    typeof cause === "object" && cause !== null ? Reflect.get(cause, name) : undefined
  const code = of("responseCode")
  const isAboutMail = of("code") === "EENVELOPE" || of("code") === "EMESSAGE"
  const isLasting = typeof code === "number" && code >= 500 && isAboutMail
  return new DeliveryFailed({ reason: `The mail was not taken: ${message}`, worthTrying: isLasting ? "never" : "day" })
}
