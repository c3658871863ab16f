import { describe, expect, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import * as Alert from "../../../../domain/maintenance/alerts/alert.ts"
import * as Planner from "../../../../domain/maintenance/alerts/alert-commands.ts"
import type { AlertEvent, Urgency } from "../../../../domain/maintenance/alerts/alert-events.ts"
import { day, now, vin } from "../../../support/given.ts"

const model = { component: "brakes.front", name: "pads", version: "2", raiseAt: 20, recoverAt: 35 }

const cause = (revision: number, rest: Partial<Alert.Cause> = {}): Alert.Cause => ({
  eventId: `event ${revision}`,
  revision,
  at: now + revision * 1000,
  deadline: false,
  brand: "Acme",
  ...rest,
})

const score = (value: number, revision: number, urgency: Urgency = "service_soon", confidence = 0.9): Alert.Assess => ({
  _tag: "Assess",
  model,
  assessment: {
    score: value,
    confidence,
    evidence: [{ text: "thin", events: [`event ${revision}`] }],
    urgency,
    recommendedAction: "Replace the pads",
    summary: "Pads are worn",
  },
  cause: cause(revision),
})

const serviced = (component: string, revision: number, at = now): Alert.ServiceDone => ({
  _tag: "ServiceDone",
  component,
  at,
  cause: cause(revision),
})

const apply = (state: Alert.State, events: ReadonlyArray<AlertEvent>) =>
  events.reduce((folded, event) => Alert.evolve(folded, { event, revision: folded.revision + 1 }), state)

const given = (...commands: ReadonlyArray<Alert.Command>) => {
  const state = commands.reduce((folded, command) => apply(folded, Alert.decide(folded, command)), Alert.initial(vin))
  return {
    state,
    alertId: state.open[model.component]?.id ?? "none",
    when: (command: Alert.Command) => Alert.decide(state, command),
  }
}

const acknowledge = (state: Alert.State, alertId: string, rest: Partial<Planner.Acknowledge> = {}) =>
  Planner.acknowledge(state, { alertId, by: "Ada", note: undefined, ifRevision: undefined, now, ...rest })

const types = (events: ReadonlyArray<AlertEvent>) => events.map(({ type }) => type)

describe("alerts", () => {
  it("are raised at the line, saying why and by whom", () => {
    const [raised] = given().when(score(20, 7))
    expect(raised).toMatchObject({
      type: "AlertRaised",
      data: { component: "brakes.front", urgency: "service_soon", score: 20, model: "pads", modelVersion: "2" },
      metadata: { schema: 1, causationId: "event 7", causationRevision: 7, brand: "Acme" },
    })
    expect(given().when(score(20.1, 7))).toEqual([])
    expect(given().when(score(5, 7, "stop", 0.4))).toEqual([])
  })

  it("have ids that derive from vehicle, component, model version and cause", () => {
    expect(given().when(score(10, 7))).toEqual(given().when(score(10, 7)))
    const [one] = given().when(score(10, 7))
    const [other] = given().when(score(10, 8))
    const [newer] = given().when({ ...score(10, 7), model: { ...model, version: "3" } })
    expect(new Set([one, other, newer].map((event) => event?.data.alertId)).size).toBe(3)
  })

  it("are open once a component", () => {
    expect(given(score(10, 1)).when(score(5, 2))).toEqual([])
  })

  it("are escalated when it becomes more urgent, and not when less", () => {
    const { when } = given(score(18, 1, "drive_on"))
    expect(when(score(4, 2, "stop"))).toMatchObject([{ type: "AlertEscalated", data: { urgency: "stop", score: 4 } }])
    expect(given(score(18, 1, "stop")).when(score(4, 2, "service_soon"))).toEqual([])
  })

  it("recover at the higher line only", () => {
    expect(given(score(10, 1)).when(score(34.9, 2))).toEqual([])
    expect(given(score(10, 1)).when(score(35, 2))).toMatchObject([{ data: { reason: "recovered", score: 35 } }])
    expect(given(score(10, 1)).when(score(90, 2, "drive_on", 0.4))).toEqual([])
  })

  it.each([
    ["brakes.front", true],
    ["brakes", true],
    ["brakes.front.left", false],
    ["brakes.f", false],
    ["vehicle", false],
  ])("of brakes.front after a service of %s: resolved is %s", (component, isResolved) => {
    const events = given(score(10, 1)).when(serviced(component, 2))
    expect(types(events)).toEqual(isResolved ? ["AlertResolved"] : [])
  })

  it("are not resolved by a service of long before", () => {
    expect(given(score(10, 1)).when(serviced("brakes", 2, now - 60 * day))).toEqual([])
  })

  it("are raised again after a service, as another alert", () => {
    const { alertId, when } = given(score(10, 1))
    const first = alertId
    expect(types(when(serviced("brakes", 2)))).toEqual(["AlertResolved"])
    const again = given(score(10, 1), serviced("brakes", 2), score(10, 3))
    expect(again.alertId).not.toBe("none")
    expect(again.alertId).not.toBe(first)
  })

  it("are raised by a deadline after the record that it counts from", () => {
    const { when } = given(score(10, 1), serviced("brakes", 2))
    const late = { ...score(10, 2), cause: cause(2, { deadline: true }) }
    expect(types(when(late))).toEqual(["AlertRaised"])
    expect(given(score(10, 1), serviced("brakes", 2), late).when(late)).toEqual([])
    expect(given(score(10, 1), serviced("brakes", 2), late).when(serviced("brakes", 2))).toEqual([])
  })

  it("are acknowledged once", () => {
    const { alertId, state } = given(score(10, 1))
    const first = Result.getOrThrow(acknowledge(state, alertId, { note: "on Monday" }))
    expect(first).toMatchObject([{ type: "AlertAcknowledged", data: { alertId, by: "Ada", note: "on Monday" } }])
    const after = apply(state, first)
    expect(acknowledge(after, alertId)).toEqual(Result.succeed([]))
    expect(acknowledge(after, alertId, { ifRevision: 0 })).toEqual(Result.succeed([]))
    expect(acknowledge(after, alertId, { by: "Bob" })).toEqual(Result.succeed([]))
    expect(acknowledge(after, alertId, { by: "Bob", ifRevision: 0 })).toMatchObject({
      failure: { _tag: "AlertRevisionConflict", expected: 0, actual: 1 },
    })
    expect(types(Alert.decide(after, score(2, 2, "stop")))).toEqual(["AlertEscalated"])
  })

  it("that are resolved or unknown cannot be acknowledged", () => {
    const { alertId } = given(score(10, 1))
    const { state } = given(score(10, 1), serviced("brakes", 2))
    expect(acknowledge(state, alertId)).toMatchObject({ failure: { _tag: "AlertIsResolved" } })
    expect(acknowledge(state, "other")).toMatchObject({ failure: { _tag: "AlertNotFound" } })
  })

  const command = fc.oneof(
    fc.tuple(
      fc.double({ min: 0, max: 100, noNaN: true }),
      fc.constantFrom<Urgency>("drive_on", "service_soon", "stop"),
      fc.boolean(),
    ).map(([value, urgency, deadline]) => (revision: number): Alert.Command => ({
      ...score(value, revision, urgency),
      cause: cause(revision, { deadline }),
    })),
    fc.constantFrom("brakes", "brakes.front", "vehicle").map((component) => (revision: number) =>
      serviced(component, revision)
    ),
  )
  const history = fc.array(command, { maxLength: 30 }).map((made) => made.map((make, i) => make(i)))

  it("have no second event of a command that comes again, at once or together with those after it", () => {
    fc.assert(fc.property(history, fc.nat(), (commands, from) => {
      const { state } = given(...commands)
      const again = commands.slice(from % (commands.length + 1))
      for (const one of again) expect(Alert.decide(state, one)).toEqual([])
    }))
  })

  it("do not flap while the score moves between the lines", () => {
    const between = fc.double({ min: 20.01, max: 34.99, noNaN: true })
    fc.assert(fc.property(fc.boolean(), fc.array(between, { maxLength: 50 }), (isOpen, values) => {
      const before = isOpen ? [score(10, 0)] : []
      const { state } = given(...before, ...values.map((value, i) => score(value, i + 1)))
      expect(state.revision).toBe(isOpen ? 0 : -1)
    }))
  })
})
