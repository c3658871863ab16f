import { describe, expect, it } from "vitest"
import { toTime } from "../../../domain/vehicle/readings.ts"
import { maxCodeChanges } from "../../../domain/vehicle/state.ts"
import { maxTroubleCodes } from "../../../domain/vehicle/twin.ts"
import { code, day, diagnostics, given, minute, now, second } from "../../support/given.ts"

const sent = toTime(now - second)
const t = (seconds: number) => now - 600 * second + seconds * second
const raised = (at: number) => diagnostics([code("P0A80", "raised")], { at })
const cleared = (at: number) => diagnostics([code("P0A80", "cleared")], { at })

describe("a trouble code", () => {
  it("is raised once, and cleared once", () => {
    const raise = { type: "TroubleCodeRaised", data: { at: sent, code: "P0A80", severity: "warning" } } as const
    const clear = { type: "TroubleCodeCleared", data: { at: sent, code: "P0A80" } } as const
    const first = given().when(diagnostics([code("P0A80", "raised")]), diagnostics([code("P0A80", "raised")]))
    expect(first.then(raise).troubleCodes).toEqual({
      "/P0A80": { code: "P0A80", severity: "warning", ecu: undefined, text: undefined, at: now - second },
    })
    expect(first.tags).toEqual(["Accepted", "Repeated"])
    const last = given(raise).when(diagnostics([code("P0A80", "cleared")]), diagnostics([code("P0A80", "cleared")]))
    expect(last.then(clear).troubleCodes).toEqual({})
    expect(given(raise, clear).when(diagnostics([code("P0A80", "raised")])).then(raise).troubleCodes).toHaveProperty("/P0A80")
  })

  it("that was never raised is not cleared", () => {
    given().when(diagnostics([code("P0A80", "cleared")])).then()
  })

  it("that was raised first is forgotten where more are active than a twin holds", () => {
    const many = Array.from({ length: maxTroubleCodes + 1 }, (_, i) => code(`X${i}`, "raised"))
    const { twin } = given().when(diagnostics(many))
    expect(Object.keys(twin.troubleCodes)).toEqual(many.slice(1).map(({ code }) => `/${code}`))
  })

  it("is another one in another control unit", () => {
    const both = diagnostics([code("U0100", "raised", { ecu: "BMS" }), code("U0100", "raised", { ecu: "VCU" })])
    const { twin } = given(both).when(diagnostics([code("U0100", "cleared", { ecu: "BMS" })]))
    expect(Object.keys(twin.troubleCodes)).toEqual(["VCU/U0100"])
  })

  it("comes with what was said of it", () => {
    const rest = { severity: "critical", ecu: "BMS", text: "Replace pack", freezeFrame: { "Vehicle.Speed": 40 } } as const
    given().when(diagnostics([code("P0A80", "raised", rest)]))
      .then({ type: "TroubleCodeRaised", data: { at: sent, code: "P0A80", ...rest } })
  })

  it("may change with others, and more than once, in one message", () => {
    const message = diagnostics([
      code("A", "raised"), code("B", "raised"), code("A", "cleared"), code("C", "cleared"), code("A", "raised"),
    ])
    const { events, twin } = given().when(message)
    expect(events.map(({ data, type }) => [type, "code" in data && data.code])).toEqual([
      ["TroubleCodeRaised", "A"],
      ["TroubleCodeRaised", "B"],
      ["TroubleCodeCleared", "A"],
      ["TroubleCodeRaised", "A"],
    ])
    expect(Object.keys(twin.troubleCodes)).toEqual(["/B", "/A"])
    expect(new Set(events.map(({ id }) => id)).size).toBe(4)
  })

  it("stays cleared when messages come again in order, even one that had changed nothing", () => {
    const [first, still, end] = [raised(t(1)), raised(t(2)), cleared(t(3))]
    const { events, twin } = given(first, still, end).when(still, end)
    expect(events).toEqual([])
    expect(twin.troubleCodes).toEqual({})
  })

  it("is not raised by a message from before it was cleared, nor cleared by one from before it was raised", () => {
    expect(given(raised(t(5)), cleared(t(6))).when(raised(t(2))).events).toEqual([])
    expect(given(raised(t(5))).when(cleared(t(2))).events).toEqual([])
  })

  it("of another name is raised by a late message all the same", () => {
    expect(given(raised(t(5))).when(diagnostics([code("B", "raised")], { at: t(1) })).events).toHaveLength(1)
  })

  it.each([["years ahead", 5000 * day], ["back in 1970", -now]])("is not frozen by a clock that was %s", (_, offset) => {
    const later = { receivedAt: now + minute }
    const clear = diagnostics([code("P0A80", "cleared")], { at: now + 30 * second, ...later })
    expect(given(raised(now + offset)).when(clear).twin.troubleCodes).toEqual({})
    const faulty = diagnostics([code("P0A80", "cleared")], { at: now + offset, ...later })
    expect(given(raised(t(1))).when(faulty).twin.troubleCodes).toEqual({})
  })

  it("is remembered once cleared for as long as stated", () => {
    const many = Array.from({ length: maxCodeChanges + 10 }, (_, i) => diagnostics([code(`C${i}`, "raised")]))
    const { codeChanges } = given(...many).state
    expect(codeChanges.size).toBe(maxCodeChanges)
    expect(codeChanges.has("/C9")).toBe(false)
    expect(codeChanges.has("/C10")).toBe(true)
  })
})
