/** Mails, as a real SMTP server takes them. */
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { describe } from "vitest"
import * as Mail from "../../src/notify/mail.ts"
import { mailOf } from "../../src/notify/mail-text.ts"
import { sampleNews } from "../../src/notify/message.ts"
import type { News } from "../../src/notify/news.ts"
import { mailServer } from "../support/mail-server.ts"

const from = "Fleet alerts <alerts@fleet.example>"
const message = (...news: ReadonlyArray<News>) => ({ id: "0000-msg", ruleId: "rule", news })
const news = (rest: Partial<News["alert"]> = {}, kind: News["kind"] = "raised"): News => {
  const sample = sampleNews("alert-1", Date.parse("2026-11-22T08:15:00Z"))
  return { ...sample, kind, note: null, alert: { ...sample.alert, ...rest } }
}

const headersOf = (text: string) => text.slice(0, text.indexOf("\r\n\r\n")).replaceAll(/\r\n[ \t]+/g, " ")

describe("a mail", () => {
  it.live("arrives with an id that is the delivery's, so that a repeat is the same mail, in the alert's thread", () =>
    Effect.gen(function*() {
      const server = yield* mailServer
      const mailer = yield* Mail.make({ url: server.url(), from })
      yield* mailer.send(["ada@workshop.example", "bob@workshop.example"], message(news()))
      yield* mailer.send(["ada@workshop.example"], message(news()))
      const [first, again] = server.taken
      expect(first).toMatchObject({ from: "alerts@fleet.example", to: ["ada@workshop.example", "bob@workshop.example"] })
      const headers = headersOf(first?.text ?? "")
      expect(headers).toMatch(/^From: Fleet alerts <alerts@fleet.example>$/m)
      expect(headers).toMatch(/^Message-ID: <0000-msg@fleet.example>$/m)
      expect(headers).toMatch(/^References: <alert-alert-1@fleet.example>$/m)
      expect(headers).toMatch(/^Auto-Submitted: auto-generated$/m)
      expect(headers).toMatch(/^Subject: \[Service soon\] Test: the front brake pads/m)
      expect(headersOf(again?.text ?? "")).toContain("<0000-msg@fleet.example>")
    }))

  it.live("has no header that an alert's words bring, and no HTML either", () =>
    Effect.gen(function*() {
      const server = yield* mailServer
      const mailer = yield* Mail.make({ url: server.url(), from })
      const summary = "Worn\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>"
      yield* mailer.send(["ada@workshop.example"], message(news({ summary, brand: "<b>\u2028X" })))
      const [taken] = server.taken
      expect(headersOf(taken?.text ?? "")).not.toMatch(/^Bcc:/m)
      expect(taken?.to).toEqual(["ada@workshop.example"])
      expect(mailOf([news({ summary })]).html).not.toContain("<script")
      expect(mailOf([news({ summary }), news({ id: "2", summary })]).html).not.toContain("<script")
    }))

  it.live("is tried again where the server is away, busy or will not let us in, and not where nobody is at the address", () =>
    Effect.gen(function*() {
      const server = yield* mailServer
      const worth = (url: string, to: string) =>
        Effect.flatMap(Mail.make({ url, from }), (mailer) => Effect.flip(mailer.send([to], message(news())))).pipe(
          Effect.map(({ reason, worthTrying }) => {
            expect(reason).not.toContain("password")
            return worthTrying
          }),
        )
      expect(yield* worth("smtp://127.0.0.1:1", "ada@workshop.example")).toBe("day")
      expect(yield* worth(server.url("wrong-password"), "ada@workshop.example")).toBe("day")
      expect(yield* worth(server.url(), "refused@workshop.example")).toBe("never")
      server.state.answer = 451
      expect(yield* worth(server.url(), "ada@workshop.example")).toBe("day")
      server.state.answer = 552
      expect(yield* worth(server.url(), "ada@workshop.example")).toBe("never")
      expect(server.taken).toEqual([])
    }))

  it.live("reaches each address once, also one that is put off at first, and says which one is refused", () =>
    Effect.gen(function*() {
      const server = yield* mailServer
      const mailer = yield* Mail.make({ url: server.url(), from })
      const to = ["refused@workshop.example", "Ada@Workshop.Example", "late@workshop.example"]
      const send = (addresses: ReadonlyArray<string>) => mailer.send(addresses, message(news()))
      const first = yield* Effect.flip(send(to))
      expect(first.worthTrying).toBe("day")
      expect(first.reason).toContain("late@workshop.example")
      const second = yield* Effect.flip(send(to))
      expect(second.worthTrying).toBe("never")
      expect(second.reason).toMatch(/refused@workshop.example.*no such user/)
      // Its rule is put right.
      yield* send(["bob@workshop.example", ...to.slice(1)])
      expect(server.taken.map(({ to }) => to.map((address) => address.toLowerCase()))).toEqual([
        ["ada@workshop.example"],
        ["late@workshop.example"],
        ["bob@workshop.example"],
      ])
      expect(headersOf(server.taken[1]?.text ?? "")).toMatch(/^To: .*ada.*late/im)
    }))

  it("says what is the matter, where, how urgent it is, what to do and why", () => {
    const { html, text } = mailOf([news()])
    for (const words of [
      "Test: the front brake pads are worn to 18 %",
      "TEST0000000000000 (Test)",
      "brakes.front",
      "Service soon",
      "Nothing: this is a test",
      "about 12 days (in nine cases of ten 8.0 to 17)",
      "Pad wear was last read as 82 %",
      "2026-11-22 08:15 UTC",
    ]) {
      expect(text).toContain(words)
      expect(html).toContain(words)
    }
  })

  it("of an emergency says so first, and where the vehicle is", () => {
    const { subject, text } = mailOf([
      news({ emergency: true, urgency: "stop", personal: { "Vehicle.CurrentLocation.Latitude": 48.1 }, situation: { "Vehicle.Speed": 0 } }),
    ])
    expect(subject).toMatch(/^\[EMERGENCY\]/)
    expect(text).toContain("Vehicle.CurrentLocation.Latitude = 48.1")
    expect(text).toContain("Vehicle.Speed = 0")
  })

  it("as a digest has each alert once, as it is now, the most urgent first", () => {
    const { subject, text } = mailOf([
      news({ id: "a", component: "motor", urgency: "drive_on" }),
      news({ id: "b", component: "tyres.frontLeft", urgency: "service_soon" }),
      news({ id: "a", component: "motor", urgency: "stop" }, "escalated"),
    ])
    expect(subject).toBe("2 alerts: 1 stop, 1 service soon")
    expect(text.indexOf("motor")).toBeLessThan(text.indexOf("tyres.frontLeft"))
    expect(text).toContain("[Stop] TEST0000000000000 (Test), motor")
    expect(text).not.toContain("Drive on")
  })

  it("as a digest counts what is over as such, last", () => {
    const stop = news({ id: "a", component: "motor", urgency: "stop" })
    const over = news({ id: "a", component: "motor", urgency: "stop" }, "resolved")
    expect(mailOf([stop, over]).subject).toBe("1 alert: 1 resolved")
    const { subject, text } = mailOf([stop, news({ id: "b", component: "tyres.frontLeft", urgency: "drive_on" }), over])
    expect(subject).toBe("2 alerts: 1 drive on, 1 resolved")
    expect(text.indexOf("tyres.frontLeft")).toBeLessThan(text.indexOf("motor"))
  })
})
