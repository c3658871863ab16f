import { describe, expect, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import * as Alert from "../../../../domain/maintenance/alerts/alert.ts"
import * as Planner from "../../../../domain/maintenance/alerts/alert-commands.ts"
import type { AlertEvent, Urgency } from "../../../../domain/maintenance/alerts/alert-events.ts"
import { day, now, vin } from "../../../support/given.ts"

const assess = (
  component: string,
  revision: number,
  urgency: Urgency,
  score = 10,
  rest: { readonly emergency?: true; readonly occurredAt?: number; readonly deadline?: boolean } = {},
): Alert.Assess => ({
  _tag: "Assess",
  model: { component, name: "wear", version: "1", raiseAt: 20, recoverAt: 35, ...rest.emergency && { emergency: true } },
  assessment: {
    score,
    confidence: 0.9,
    evidence: [],
    urgency,
    recommendedAction: "See to it",
    summary: "Worn",
    ...(rest.occurredAt !== undefined && { occurredAt: rest.occurredAt }),
  },
  cause: {
    eventId: `event ${revision}`,
    revision,
    at: now + revision * 1000,
    deadline: rest.deadline === true,
    brand: undefined,
  },
})

const apply = (state: Alert.State, events: ReadonlyArray<AlertEvent>) =>
  events.reduce((folded, event) => Alert.evolve(folded, { event, revision: folded.revision + 1 }), state)

const given = (...commands: ReadonlyArray<Alert.Command>) =>
  commands.reduce((state, command) => apply(state, Alert.decide(state, command)), Alert.initial(vin))

const idOf = (state: Alert.State, component = "brakes.front") => state.open[component]?.id ?? "none"

const by = { by: "Ada", note: undefined, ifRevision: undefined, now: now + 60_000 } as const

type Asked = Result.Result<ReadonlyArray<AlertEvent>, Planner.SnoozeError>
const done = (state: Alert.State, asked: Asked) => apply(state, Result.getOrThrow(asked))

const open = given(assess("brakes.front", 1, "drive_on"))
const alertId = idOf(open)

describe("assigning an alert", () => {
  it("says to whom, by whom and why, once", () => {
    const asked = Planner.assign(open, { ...by, alertId, to: "Bob", note: "on Monday" })
    expect(asked).toMatchObject({
      success: [{ type: "AlertAssigned", data: { alertId, to: "Bob", by: "Ada", note: "on Monday" } }],
    })
    const after = done(open, asked)
    expect(after.open["brakes.front"]).toMatchObject({ assignedTo: "Bob", revision: 1 })
    for (const ifRevision of [undefined, 0, 1]) {
      expect(Planner.assign(after, { ...by, alertId, to: "Bob", ifRevision })).toEqual(Result.succeed([]))
    }
    expect(Planner.assign(after, { ...by, alertId, to: "Eve", ifRevision: 0 })).toMatchObject({
      failure: { _tag: "AlertRevisionConflict", expected: 0, actual: 1 },
    })
  })

  it("to nobody takes it from who had it, and from nobody does nothing", () => {
    const assigned = done(open, Planner.assign(open, { ...by, alertId, to: "Bob" }))
    const [event] = Result.getOrThrow(Planner.assign(assigned, { ...by, alertId, to: undefined }))
    expect(event?.data).toEqual({ alertId, by: "Ada" })
    expect(Planner.assign(open, { ...by, alertId, to: undefined })).toEqual(Result.succeed([]))
  })

  it("back and forth has events of different ids", () => {
    let state = open
    const ids = new Set<string>()
    for (const to of ["Bob", "Eve", "Bob", undefined, "Bob"]) {
      const asked = Planner.assign(state, { ...by, alertId, to })
      for (const { id } of Result.getOrThrow(asked)) ids.add(id)
      state = done(state, asked)
    }
    expect(ids.size).toBe(5)
  })
})

describe("snoozing an alert", () => {
  const until = by.now + 3 * day

  it("puts it off until then, once, and wakes it again", () => {
    const asked = Planner.snooze(open, { ...by, alertId, until })
    expect(asked).toMatchObject({ success: [{ type: "AlertSnoozed", data: { until: new Date(until).toISOString() } }] })
    const after = done(open, asked)
    expect(Planner.snooze(after, { ...by, alertId, until, ifRevision: 0 })).toEqual(Result.succeed([]))
    // Also when that time has come: who asks again has asked for the same.
    expect(Planner.snooze(after, { ...by, alertId, until, now: until + 1 })).toEqual(Result.succeed([]))
    const woken = done(after, Planner.snooze(after, { ...by, alertId, until: undefined }))
    expect(woken.open["brakes.front"]).toMatchObject({ snoozedUntil: undefined, revision: 2 })
    expect(Planner.snooze(woken, { ...by, alertId, until: undefined })).toEqual(Result.succeed([]))
    expect(Planner.snooze(after, { ...by, alertId, until: undefined, now: until })).toEqual(Result.succeed([]))
  })

  it.each([[by.now, false], [by.now - 1, false], [by.now + 90 * day, true], [by.now + 90 * day + 1, false]])(
    "until %d is within bounds: %s",
    (time, isAllowed) => {
      const asked = Planner.snooze(open, { ...by, alertId, until: time })
      if (isAllowed) expect(Result.getOrThrow(asked)).toHaveLength(1)
      else expect(asked).toMatchObject({ failure: { _tag: "SnoozeOutOfRange" } })
    },
  )

  it("is refused for an emergency", () => {
    const state = given(assess("safety.crash", 1, "stop", 0, { emergency: true, occurredAt: now }))
    const asked = Planner.snooze(state, { ...by, alertId: idOf(state, "safety.crash"), until })
    expect(asked).toMatchObject({ failure: { _tag: "EmergencyNotSnoozed" } })
  })
})

describe("an escalation", () => {
  it("opens the alert again, wakes it, and leaves it with whoever has it", () => {
    let state = done(open, Planner.acknowledge(open, { ...by, alertId }))
    state = done(state, Planner.assign(state, { ...by, alertId, to: "Bob" }))
    state = done(state, Planner.snooze(state, { ...by, alertId, until: by.now + day }))
    state = apply(state, Alert.decide(state, assess("brakes.front", 2, "stop", 4)))
    expect(state.open["brakes.front"]).toMatchObject({
      urgency: "stop",
      acknowledged: undefined,
      snoozedUntil: undefined,
      assignedTo: "Bob",
    })
    // What is acknowledged then is another event than the one of before.
    const [again] = Result.getOrThrow(Planner.acknowledge(state, { ...by, alertId }))
    const [first] = Result.getOrThrow(Planner.acknowledge(open, { ...by, alertId }))
    expect(again?.id).not.toBe(first?.id)
  })
})

describe("an emergency", () => {
  const crash = (revision: number, occurredAt: number) =>
    assess("safety.crash", revision, "stop", 0, { emergency: true, occurredAt })

  it("that happens again is escalated, though it cannot be more urgent; one that is told again is not", () => {
    const state = given(crash(1, now))
    expect(Alert.decide(state, crash(2, now))).toEqual([])
    expect(Alert.decide(state, crash(2, now - day))).toEqual([])
    const [again] = Alert.decide(state, crash(2, now + day))
    expect(again).toMatchObject({ type: "AlertEscalated", data: { emergency: true, occurredAt: expect.any(String) } })
    const twice = given(crash(1, now), crash(2, now + day), crash(3, now + 2 * day))
    expect(twice.revision).toBe(2)
    expect(Alert.decide(twice, crash(4, now + day))).toEqual([])
  })

  it("is not over by what was done before it, however late that is told", () => {
    const service = (at: number): Alert.ServiceDone => ({
      _tag: "ServiceDone",
      component: "safety",
      at,
      cause: { eventId: "event 5", revision: 5, at: now + day, deadline: false, brand: undefined },
    })
    const state = given(crash(1, now))
    expect(Alert.decide(state, service(now - 1000))).toEqual([])
    expect(Alert.decide(state, service(now + 1000))).toMatchObject([{ data: { reason: "service" } }])
  })
})

describe("what is older than what was acted upon", () => {
  it("raises nothing on any component, as it would where all was judged anew", () => {
    const state = given(assess("tyres.frontLeft", 20, "stop"))
    expect(Alert.decide(state, assess("brakes.front", 12, "stop"))).toEqual([])
    expect(Alert.decide(state, assess("brakes.front", 20, "stop"))).toHaveLength(1)
    expect(Alert.decide(state, assess("brakes.front", 21, "stop"))).toHaveLength(1)
  })
})

const components = ["brakes.front", "safety.crash", "vehicle"] as const

type Step = (state: Alert.State, revision: number) => Asked

const urgency = fc.constantFrom<Urgency>("drive_on", "service_soon", "stop")
const assessing = fc.tuple(fc.constantFrom(...components), urgency, fc.integer({ min: 0, max: 100 }), fc.boolean())
  .map(([component, urgency, score, deadline]): Step => (state, revision) => {
    const emergency = component === "safety.crash" && { emergency: true as const, occurredAt: now + revision * 1000 }
    return Result.succeed(Alert.decide(state, assess(component, revision, urgency, score, { deadline, ...emergency })))
  })
const servicing = fc.constantFrom("brakes", "safety", "vehicle").map((component): Step => (state, revision) =>
  Result.succeed(Alert.decide(state, {
    _tag: "ServiceDone",
    component,
    at: now + day,
    cause: { eventId: `event ${revision}`, revision, at: now + revision * 1000, deadline: false, brand: undefined },
  }))
)
const planning = fc.tuple(
  fc.constantFrom(...components),
  fc.constantFrom("acknowledge", "assign", "snooze"),
  fc.option(fc.constantFrom("Ada", "Bob"), { nil: undefined }),
  fc.option(fc.integer({ min: -1, max: 100 }), { nil: undefined }),
).map(([component, what, who, days]): Step => (state) => {
  const command = { ...by, by: who, alertId: idOf(state, component) }
  if (what === "acknowledge") return Planner.acknowledge(state, command)
  if (what === "assign") return Planner.assign(state, { ...command, to: who })
  return Planner.snooze(state, { ...command, until: days === undefined ? undefined : by.now + days * day })
})
const life = fc.array(fc.oneof(assessing, servicing, planning), { maxLength: 40 })

describe("an alert's life, whatever comes in whatever order", () => {
  it("has one open alert a component, each event of an id of its own, and each command done again does nothing", () => {
    fc.assert(fc.property(life, (steps) => {
      let state = Alert.initial(vin)
      const open = new Map<string, string>()
      const ids = new Set<string>()
      for (const [revision, step] of steps.entries()) {
        const asked = step(state, revision)
        for (const event of Result.isSuccess(asked) ? asked.success : []) {
          expect(ids.has(event.id)).toBe(false)
          ids.add(event.id)
          if (event.type === "AlertRaised") {
            expect(open.has(event.data.component)).toBe(false)
            open.set(event.data.component, event.data.alertId)
          } else {
            expect([...open.values()]).toContain(event.data.alertId)
            if (event.type === "AlertResolved") {
              for (const [component, id] of open) if (id === event.data.alertId) open.delete(component)
            }
          }
          state = apply(state, [event])
        }
        expect(Object.fromEntries(Object.values(state.open).map(({ component, id }) => [component, id])))
          .toEqual(Object.fromEntries(open))
        const again = step(state, revision)
        if (Result.isSuccess(asked)) {
          // Where the first ended the alert, a planner is told so; else nothing is new.
          if (Result.isSuccess(again)) expect(again.success).toEqual([])
        }
      }
    }))
  })
})
