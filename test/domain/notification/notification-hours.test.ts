import { DateTime, Option } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { tellAt } from "../../../domain/notification/notification-hours.ts"
import type { Rule } from "../../../domain/notification/notification-rule-events.ts"

const rule = (rest: Partial<Rule>): Rule => ({
  id: "r",
  name: "r",
  enabled: true,
  filter: {},
  also: [],
  channel: { webhook: "https://example.com" },
  timeZone: "Europe/Berlin",
  ...rest,
})

const told = (of: Partial<Rule>, at: string) => new Date(tellAt(rule(of), Date.parse(at))).toISOString()

describe("a rule", () => {
  it("without quiet hours and digest tells at once", () => {
    expect(told({}, "2026-11-22T23:00:00.000Z")).toBe("2026-11-22T23:00:00.000Z")
  })

  it.each([
    // Berlin is an hour ahead of UTC in winter, and two in summer.
    ["in the evening, until the next morning", "2026-11-22T21:30:00Z", "2026-11-23T06:00:00.000Z"],
    ["after midnight, until the same morning", "2026-11-23T02:00:00Z", "2026-11-23T06:00:00.000Z"],
    ["in their first minute", "2026-11-22T21:00:00Z", "2026-11-23T06:00:00.000Z"],
    ["but not in the minute they end", "2026-11-23T06:00:00Z", "2026-11-23T06:00:00.000Z"],
    ["but not by day", "2026-11-22T12:00:00Z", "2026-11-22T12:00:00.000Z"],
    ["over the night that clocks go forward, by their new time", "2026-03-28T22:00:00Z", "2026-03-29T05:00:00.000Z"],
    ["over the night that clocks go back, by their new time", "2026-10-24T22:00:00Z", "2026-10-25T06:00:00.000Z"],
  ])("holds back in its quiet hours %s", (_, at, expected) => {
    expect(told({ quietHours: { from: "22:00", to: "07:00" } }, at)).toBe(expected)
  })

  it.each([
    ["Forward: 02:30 is left out, and taken at 03:30", "02:30", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00.000Z"],
    ["Back: 02:30 comes first in summer time", "02:30", "2026-10-24T23:30:00Z", "2026-10-25T00:30:00.000Z"],
    ["Back: within the repeated hour, its second 02:30", "02:30", "2026-10-25T01:10:00Z", "2026-10-25T01:30:00.000Z"],
  ])("ends its quiet hours when clocks change. %s", (_, to, at, expected) => {
    expect(told({ quietHours: { from: "22:00", to } }, at)).toBe(expected)
  })

  it.each([
    ["the same day", "2026-11-22T05:00:00Z", undefined, "2026-11-22T06:30:00.000Z"],
    ["the next day, once it is over", "2026-11-22T06:30:00Z", undefined, "2026-11-23T06:30:00.000Z"],
    ["on the next of its days", "2026-11-21T10:00:00Z", ["mon", "tue"] as const, "2026-11-23T06:30:00.000Z"],
    ["a week later, where it has one day", "2026-11-23T06:30:00Z", ["mon"] as const, "2026-11-30T06:30:00.000Z"],
  ])("gathers for its digest %s", (_, at, days, expected) => {
    expect(told({ digest: { at: "07:30", ...(days && { days }) } }, at)).toBe(expected)
  })

  it("tells one digest in the night that has its time twice, and one in the night that has it not", () => {
    const digest = { at: "02:30" }
    expect(told({ digest }, "2026-10-24T12:00:00Z")).toBe("2026-10-25T00:30:00.000Z")
    expect(told({ digest }, "2026-10-25T00:30:00Z")).toBe("2026-10-26T01:30:00.000Z")
    expect(told({ digest }, "2026-03-28T12:00:00Z")).toBe("2026-03-29T01:30:00.000Z")
    expect(told({ digest }, "2026-03-29T01:30:00Z")).toBe("2026-03-30T00:30:00.000Z")
  })

  it("lets a digest within its quiet hours wait for their end", () => {
    expect(told({ digest: { at: "06:00" }, quietHours: { from: "22:00", to: "07:00" } }, "2026-11-22T12:00:00Z"))
      .toBe("2026-11-23T06:00:00.000Z")
  })

  const time = fc.tuple(fc.nat(23), fc.nat(59)).map(([h, m]) => `${String(h).padStart(2, "0")}:${String(m).padStart(2, "0")}`)
  const zone = fc.constantFrom("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "America/Sao_Paulo")
  const at = fc.integer({ min: Date.parse("2020-01-01"), max: Date.parse("2035-01-01") })
  const shown = (timeZone: string, time: number) => {
    const { hour, minute } = DateTime.toParts(Option.getOrThrow(DateTime.makeZoned(time, { timeZone })))
    return hour * 60 + minute
  }
  const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))

  it("never tells in its quiet hours, never before it knows, and within a day", () => {
    fc.assert(fc.property(zone, time, time, at, (timeZone, from, to, now) => {
      fc.pre(from !== to)
      const when = tellAt(rule({ timeZone, quietHours: { from, to } }), now)
      const [begin, end, wall] = [minutes(from), minutes(to), shown(timeZone, when)]
      expect(begin < end ? wall >= begin && wall < end : wall >= begin || wall < end).toBe(false)
      expect(when).toBeGreaterThanOrEqual(now)
      expect(when - now).toBeLessThanOrEqual(25 * 3_600_000)
    }))
  })

  it("tells its digest later than it knows, and within 25 hours", () => {
    fc.assert(fc.property(zone, time, at, (timeZone, digestAt, now) => {
      const when = tellAt(rule({ timeZone, digest: { at: digestAt } }), now)
      expect(when).toBeGreaterThan(now)
      expect(when - now).toBeLessThanOrEqual(25 * 3_600_000)
    }))
  })
})
