import { Result } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { evolve, initial, remove, save, type State, tells, type Told } from "../../../domain/notification/notification-rule.ts"
import type { Rule, RuleEvent } from "../../../domain/notification/notification-rule-events.ts"
import { now } from "../../support/given.ts"

const rule = (rest: Partial<Rule> = {}): Rule => ({
  id: "rule-1",
  name: "Workshop",
  enabled: true,
  filter: {},
  also: [],
  channel: { webhook: "https://example.com/alerts" },
  ...rest,
})

const asked = { by: undefined, ifRevision: undefined, eventId: "event", now }
const saving = (state: State, one: Rule, ifRevision?: number) => save(state, { ...asked, rule: one, ifRevision })
const removing = (state: State, ifRevision?: number) => remove(state, { ...asked, ruleId: "rule-1", ifRevision })

/** The rules after a decision. */
const after = (state: State, decided: Result.Result<ReadonlyArray<RuleEvent>, unknown>): State =>
  Result.getOrThrow(decided).reduce((rules, event) => evolve(rules, { event, revision: rules.revision + 1 }), state)

describe("a rule", () => {
  it("is saved whole, changed, and removed", () => {
    const saved = after(initial, saving(initial, rule()))
    expect(saved.rules["rule-1"]).toEqual({ rule: rule(), savedAt: now, revision: 0 })
    const changed = after(saved, saving(saved, rule({ enabled: false }), 0))
    expect(changed.rules["rule-1"]).toMatchObject({ rule: { enabled: false }, revision: 1 })
    expect(after(changed, removing(changed, 1)).rules).toEqual({})
  })

  it("that is saved again as it is gives no event, however it is asked for", () => {
    const saved = after(initial, saving(initial, rule()))
    expect(saving(saved, rule())).toEqual(Result.succeed([]))
    expect(saving(saved, rule(), 7)).toEqual(Result.succeed([]))
  })

  it("is not changed by whoever has not seen it as it is", () => {
    const saved = after(initial, saving(initial, rule()))
    expect(Result.getOrThrow(Result.flip(saving(saved, rule({ name: "Other" }), 3)))._tag).toBe("RuleRevisionConflict")
    expect(Result.getOrThrow(Result.flip(removing(saved, 3)))._tag).toBe("RuleRevisionConflict")
    expect(Result.getOrThrow(Result.flip(removing(initial)))._tag).toBe("RuleNotFound")
  })

  it.each<readonly [what: RegExp, rest: Partial<Rule>]>([
    [/name/, { name: " " }],
    [/webhook/, { channel: { webhook: "example.com" } }],
    [/webhook/, { channel: { webhook: "file:///etc/passwd" } }],
    [/password/, { channel: { webhook: "https://user:password@example.com" } }],
    [/email/, { channel: { email: [] } }],
    [/email/, { channel: { email: ["planner"] } }],
    [/email/, { channel: { email: ["planner@example.com\r\nBcc: all@example.com"] } }],
    [/email/, { channel: { email: ["a@example.com, b@example.com"] } }],
    [/components/, { filter: { components: ["Brakes!"] } }],
    [/components/, { filter: { components: ["a".repeat(101)] } }],
    [/timeZone/, { timeZone: "Europe/Nowhere" }],
    [/timeZone/, { digest: { at: "07:30" } }],
    [/07:30/, { timeZone: "UTC", digest: { at: "7.30" } }],
    [/07:30/, { timeZone: "UTC", quietHours: { from: "22:00", to: "24:00" } }],
    [/quietHours/, { timeZone: "UTC", quietHours: { from: "22:00", to: "22:00" } }],
    [/digest/, { timeZone: "UTC", digest: { at: "07:30", days: [] } }],
  ])("says what is wrong of it: %s of %j", (what, rest) => {
    const failed = Result.getOrThrow(Result.flip(saving(initial, rule(rest))))
    expect(failed._tag).toBe("RuleInvalid")
    expect(failed.message).toMatch(what)
  })

  const news = fc.record({
    kind: fc.constantFrom("raised" as const, "escalated" as const, "acknowledged" as const, "assigned" as const, "resolved" as const),
    at: fc.constant(now),
    alert: fc.record({
      brand: fc.constantFrom("A", "B", null),
      component: fc.constantFrom("brakes.front", "brakes.rear", "brakesystem", "motor"),
      urgency: fc.constantFrom("drive_on" as const, "service_soon" as const, "stop" as const),
      snoozedUntil: fc.constantFrom(null, now - 1, now + 1),
    }),
  })
  const filter = fc.record({
    brands: fc.constantFrom(["A"], ["A", "B"]),
    components: fc.constantFrom(["brakes"], ["brakes.rear", "motor"]),
    minUrgency: fc.constantFrom("drive_on" as const, "service_soon" as const, "stop" as const),
  }, { requiredKeys: [] })
  const also = fc.subarray(["acknowledged", "assigned", "resolved"] as const)

  it("without a filter tells whatever is raised or escalated, and nothing once it is off", () => {
    fc.assert(fc.property(news, (told) => {
      expect(tells(rule(), told)).toBe(told.kind === "raised" || told.kind === "escalated")
      expect(tells(rule({ enabled: false, also: ["acknowledged", "assigned", "resolved"] }), told)).toBe(false)
    }))
  })

  it("tells less the more it asks for, and what all of it asks for", () => {
    fc.assert(fc.property(news, filter, also, (told, asks, opted) => {
      const whole = tells(rule({ filter: asks, also: opted }), told)
      const parts = Object.entries(asks).map(([name, value]) => tells(rule({ filter: { [name]: value }, also: opted }), told))
      expect(whole).toBe(parts.every(Boolean) && tells(rule({ also: opted }), told))
    }))
  })

  it("takes a component's parts with it, and no other that begins alike", () => {
    const about = (component: string): Told =>
      ({ kind: "raised", at: now, alert: { brand: null, component, urgency: "stop", snoozedUntil: null } })
    const brakes = rule({ filter: { components: ["brakes"] } })
    expect(["brakes", "brakes.front", "brakesystem", "motor"].filter((one) => tells(brakes, about(one)))).toEqual(["brakes", "brakes.front"])
  })

  it("tells of a snoozed alert that it grew worse or is over, not who has it", () => {
    const told = (["raised", "escalated", "acknowledged", "assigned", "snoozed", "resolved"] as const).filter((kind) =>
      tells(rule({ also: ["acknowledged", "assigned", "resolved"] }), {
        kind,
        at: now,
        alert: { brand: null, component: "motor", urgency: "stop", snoozedUntil: now + 1 },
      })
    )
    expect(told).toEqual(["raised", "escalated", "resolved"])
  })
})
