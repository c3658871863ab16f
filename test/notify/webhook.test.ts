import { createServer } from "node:http"
import { expect, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import type { DeliveryFailed } from "../../src/notify/delivery-failed.ts"
import type { Resolve } from "../../src/notify/http-post.ts"
import { refusalOfUrl } from "../../src/notify/http-post.ts"
import { sampleNews } from "../../src/notify/message.ts"
import { refusalOf } from "../../src/notify/public-address.ts"
import { failureOf, send } from "../../src/notify/webhook.ts"
import { secretsIn } from "../../src/notify/webhook-signature.ts"
import { freePort } from "../support/free-port.ts"
import { secret } from "../support/notifications.ts"
import { until } from "../support/until.ts"
import { verified, webhookReceiver } from "../support/webhook-receiver.ts"

const other = `whsec_${Buffer.alloc(32, 7).toString("base64")}`
const message = { id: "msg-1", ruleId: "rule-1", news: [sampleNews("alert-1", 0)] }

const sending = (
  url: string,
  { allowPrivate = true, resolve, secrets = secret }: {
    readonly allowPrivate?: boolean
    readonly resolve?: Resolve
    readonly secrets?: string
  } = {},
) => send({ secrets: secretsIn(secrets) ?? [], allowPrivate, resolve }, url, message)

const reasonOf = (effect: Effect.Effect<void, DeliveryFailed>) =>
  Effect.map(Effect.flip(effect), ({ reason, worthTrying }) => [worthTrying, reason] as const)

describe("an address", () => {
  it.each(["8.8.8.8", "193.99.144.80", "2606:4700::1111", "::ffff:8.8.8.8"])("%s is public", (address) => {
    expect(refusalOf(address, false)).toBeUndefined()
    expect(refusalOf(address, true)).toBeUndefined()
  })

  it.each([
    "127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "::ffff:10.0.0.1", "::ffff:a00:1", "fd00::1", "fc00::1", "100.64.0.1",
  ])("%s is private, and called where that is allowed", (address) => {
    expect(refusalOf(address, false)).toMatch(/private/)
    expect(refusalOf(address, true)).toBeUndefined()
  })

  it.each([
    // Where clouds keep credentials, and what else is nobody's.
    "169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fe80::1%eth0", "0.0.0.0", "::", "255.255.255.255",
    "224.0.0.1", "ff02::1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "240.0.0.1",
    // What would be turned into another address on its way.
    "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "::7f00:1", "::a00:1", "fec0::1", "4000::1", "2001:db8::1",
    "", "localhost", "1.2.3", "not an address",
  ])("%j is never called", (address) => {
    expect(refusalOf(address, false)).toBeDefined()
    expect(refusalOf(address, true)).toBeDefined()
  })
})

describe("a URL", () => {
  it.each([
    "http://example.com", "https://127.0.0.1", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://10.0.0.1:8443",
    // As `URL` reads them: 127.0.0.1 in other words.
    "https://2130706433", "https://0x7f000001", "https://0x7f.1", "https://017700000001", "https://127.1",
    "https://169.254.169.254/latest/meta-data", "https://[fd00:ec2::254]/",
  ])("%s is refused before anything is sent", (url) => {
    expect(refusalOfUrl(new URL(url), false)).toBeDefined()
  })

  it("with a name is judged when it is called", () => {
    expect(refusalOfUrl(new URL("https://localhost"), false)).toBeUndefined()
  })
})

describe("a webhook", () => {
  it.live("is signed by each secret, so that receivers with either verify it", () =>
    Effect.gen(function*() {
      const receiver = yield* webhookReceiver()
      yield* receiver.start
      yield* sending(receiver.url, { secrets: `${secret} ${other}` })
      const [received] = receiver.received
      if (received === undefined) throw new Error("Nothing came")
      expect(received.headers).toMatchObject({ "content-type": "application/json", "webhook-id": "msg-1" })
      for (const each of [secret, other]) expect(verified(received, each)).toEqual(JSON.parse(received.body))
      const stranger = `whsec_${Buffer.alloc(32, 8).toString("base64")}`
      expect(() => verified(received, stranger)).toThrow("No matching signature found")
    }))

  it.live("does not follow a redirect to where it would be refused", () =>
    Effect.gen(function*() {
      const inside = yield* webhookReceiver()
      yield* inside.start
      const outside = yield* webhookReceiver(() => ({ status: 307, headers: { location: inside.url } }))
      yield* outside.start
      expect(yield* reasonOf(sending(outside.url))).toEqual(["hour", "The receiver answered 307, a redirect, which is not followed"])
      expect(inside.received).toEqual([])
    }))

  it.live("is refused where its name leads to a private address, by the very answer that the connection would use", () =>
    Effect.gen(function*() {
      const receiver = yield* webhookReceiver()
      yield* receiver.start
      const { port } = new URL(receiver.url)
      // A name that is public when it is looked at, and private when it is looked at again.
      let asked = 0
      const rebinding: Resolve = async () => [{ address: asked++ === 0 ? "8.8.8.8" : "127.0.0.1", family: 4 }]
      yield* Effect.promise(() => rebinding("rebind.test"))
      const refused = yield* reasonOf(sending(`https://rebind.test:${port}/`, { allowPrivate: false, resolve: rebinding }))
      expect(refused[0]).toBe("never")
      expect(refused[1]).toMatch(/rebind.test has a private address/)
      // Nobody learns by a rule which addresses the names of this network have.
      expect(refused[1]).not.toContain("127.0.0.1")
      // It was looked up once for each time that it was called.
      expect(asked).toBe(2)
      const both: Resolve = async () => [{ address: "8.8.8.8", family: 4 }, { address: "::ffff:127.0.0.1", family: 6 }]
      expect((yield* reasonOf(sending(`https://both.test:${port}/`, { allowPrivate: false, resolve: both })))[0]).toBe("never")
      expect((yield* reasonOf(sending(`https://localhost:${port}/`, { allowPrivate: false })))[0]).toBe("never")
      expect((yield* reasonOf(sending(receiver.url, { allowPrivate: false })))[0]).toBe("never")
      expect(receiver.received).toEqual([])
    }))

  it.live("is connected to the address that was looked at", () =>
    Effect.gen(function*() {
      const receiver = yield* webhookReceiver()
      yield* receiver.start
      const { port } = new URL(receiver.url)
      yield* sending(`http://anywhere.test:${port}/`, { resolve: async () => [{ address: "127.0.0.1", family: 4 }] })
      expect(receiver.received[0]?.headers.host).toBe(`anywhere.test:${port}`)
    }))

  it.live("is tried again where nobody answers, the connection ends, or the name is not known", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      expect((yield* reasonOf(sending(`http://127.0.0.1:${port}/`)))).toEqual(["day", `connect ECONNREFUSED 127.0.0.1:${port}`])
      const dropping = yield* webhookReceiver(() => "drop")
      yield* dropping.start
      expect((yield* reasonOf(sending(dropping.url)))[0]).toBe("day")
      const encrypted = sending(dropping.url.replace("http:", "https:"))
      expect(yield* reasonOf(encrypted)).toEqual(["day", "TLS fails: wrong version number"])
      const unknown: Resolve = () => Promise.reject(new Error("getaddrinfo ENOTFOUND gone.test"))
      expect(yield* reasonOf(sending("http://gone.test/", { resolve: unknown }))).toEqual(["day", "getaddrinfo ENOTFOUND gone.test"])
    }))

  it.effect("waits ten seconds for an answer, and for no more of it than its status", () =>
    Effect.gen(function*() {
      const silent = yield* webhookReceiver(() => "hang")
      yield* silent.start
      const waiting = yield* Effect.forkChild(reasonOf(sending(silent.url)))
      yield* TestClock.withLive(until(() => silent.received.length === 1))
      yield* TestClock.adjust("9 seconds")
      expect(waiting.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(waiting)).toEqual(["day", "No answer within 10 seconds"])

      let written = 0
      const port = yield* Effect.promise(freePort)
      const endless = createServer((_, response) => {
        response.writeHead(200)
        const timer = setInterval(() => response.write(Buffer.alloc(10_000), () => written++), 1)
        response.on("close", () => clearInterval(timer))
      })
      yield* Effect.acquireRelease(
        Effect.promise(() => new Promise<void>((resolve) => void endless.listen(port, "127.0.0.1", resolve))),
        () => Effect.sync(() => endless.close()),
      )
      yield* sending(`http://127.0.0.1:${port}/`)
      expect(written).toBeLessThan(1_000)
    }))

  it.effect("says for how long it is worth trying", () =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      const of = (status: number, headers = {}) => failureOf({ status, headers }, now)
      for (const status of [200, 201, 204]) expect(of(status)).toBeUndefined()
      for (const status of [408, 425, 429, 500, 502, 503, 504]) expect(of(status)?.worthTrying).toBe("day")
      for (const status of [301, 302, 308, 400, 401, 403, 404, 405, 413]) expect(of(status)?.worthTrying).toBe("hour")
      expect(of(410)?.worthTrying).toBe("never")
      expect(of(429, { "retry-after": "120" })?.retryAfter).toBe(120_000)
      expect(of(503, { "retry-after": new Date(now + 90_000).toUTCString() })?.retryAfter).toBe(90_000)
      expect(of(503, { "retry-after": "soon" })?.retryAfter).toBeUndefined()
    }))

  it("has secrets of 24 to 64 bytes in base64", () => {
    expect(secretsIn(`${secret}  ${other}`)?.length).toBe(2)
    for (const wrong of ["", "secret", "whsec_", "whsec_c2hvcnQ=", `${secret} short`, `whsec_${"A".repeat(100)}`]) {
      expect(secretsIn(wrong)).toBeUndefined()
    }
  })
})

