import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Identity from "../../../domain/vehicle/identity.ts"
import * as Seen from "../../../domain/vehicle/seen.ts"

const noteAll = (identities: Iterable<Identity.Identity>) => [...identities].reduce(Seen.note, Seen.empty)
const range = (count: number) => Array.from({ length: count }, (_, i) => i)

describe("what a vehicle's stream holds already", () => {
  it("knows each message noted, and no other", () => {
    const seen = noteAll([Identity.sequenced("a", 1), Identity.byId("x")])
    expect(Seen.has(seen, Identity.sequenced("a", 1))).toBe(true)
    expect(Seen.has(seen, Identity.sequenced("a", 2))).toBe(false)
    expect(Seen.has(seen, Identity.sequenced("b", 1))).toBe(false)
    expect(Seen.has(seen, Identity.byId("x"))).toBe(true)
    expect(Seen.has(seen, Identity.byId("y"))).toBe(false)
  })

  it("knows a whole session, however long, at the cost of one interval", () => {
    const seen = noteAll(range(5000).map((seq) => Identity.sequenced("boot", seq)))
    expect(seen.sessions.get("boot")).toEqual([0, 4999])
  })

  it("forgets a session once 32 others were begun after it, and no sooner", () => {
    const full = noteAll(range(Seen.maxSessions).map((n) => Identity.sequenced(`boot-${n}`, 7)))
    expect(Seen.maxSessions).toBe(32)
    expect(Seen.has(full, Identity.sequenced("boot-0", 7))).toBe(true)
    const over = Seen.note(full, Identity.sequenced("boot-32", 7))
    expect(over.sessions.size).toBe(32)
    expect(Seen.has(over, Identity.sequenced("boot-0", 7))).toBe(false)
    expect(Seen.has(over, Identity.sequenced("boot-1", 7))).toBe(true)
  })

  it("keeps 256 gaps a session, then forgets the oldest interval", () => {
    const everyOther = range(257).map((n) => Identity.sequenced("boot", 2 * n))
    const full = noteAll(everyOther)
    expect(everyOther.every((identity) => Seen.has(full, identity))).toBe(true)
    const over = Seen.note(full, Identity.sequenced("boot", 514))
    expect(Seen.has(over, Identity.sequenced("boot", 0))).toBe(false)
    expect(Seen.has(over, Identity.sequenced("boot", 2))).toBe(true)
    expect(Seen.has(over, Identity.sequenced("boot", 514))).toBe(true)
  })

  it("knows the last 256 messages without a number", () => {
    const ids = range(257).map((n) => Identity.byId(String(n)))
    const seen = noteAll(ids)
    expect(Seen.maxRecent).toBe(256)
    expect(ids.map((id) => Seen.has(seen, id))).toEqual([false, ...range(256).map(() => true)])
  })

  it("never takes one it has not had for one it has, and stays within its bounds", () => {
    const identity = fc.oneof(
      fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: 1000 })).map(([boot, seq]) => Identity.sequenced(`boot-${boot}`, seq)),
      fc.nat({ max: 400 }).map((n) => Identity.byId(String(n))),
    )
    fc.assert(fc.property(fc.array(identity, { maxLength: 600, size: "max" }), (identities) => {
      let seen = Seen.empty
      const model = new Set<string>()
      for (const one of identities) {
        if (Seen.has(seen, one)) expect(model).toContain(Identity.toText(one))
        else seen = Seen.note(seen, one)
        model.add(Identity.toText(one))
      }
      expect(seen.sessions.size).toBeLessThanOrEqual(Seen.maxSessions)
      expect(seen.recent.length).toBeLessThanOrEqual(Seen.maxRecent)
    }), { numRuns: 50 })
  })
})
