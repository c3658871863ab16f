import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { observe } from "../../../../domain/maintenance/model.ts"
import { troubleCodes } from "../../../../domain/maintenance/components/trouble-codes.ts"
import * as Watch from "../../../../domain/maintenance/watch.ts"
import type { DataOf, VehicleEvent } from "../../../../domain/vehicle/events.ts"
import { toTime } from "../../../../domain/vehicle/readings.ts"
import { expectSound, foldOf } from "../../../support/component-models.ts"
import { day, now, recorded } from "../../../support/given.ts"
import { readings, recordsOf, serviced } from "../../../support/maintenance.ts"

type Raised = DataOf<"TroubleCodeRaised">

const raised = (at: number, code: string, severity: Raised["severity"], rest: Partial<Raised> = {}): VehicleEvent =>
  recorded({ type: "TroubleCodeRaised", data: { at: toTime(at), code, severity, ...rest } }, { receivedAt: at })
const cleared = (at: number, code: string): VehicleEvent =>
  recorded({ type: "TroubleCodeCleared", data: { at: toTime(at), code } }, { receivedAt: at })
const driven = (at: number): VehicleEvent => readings(at, { "Vehicle.Speed": 50 })

const modelOf = (component: string) => {
  const model = troubleCodes.find((one) => one.component === `diagnostics.${component}`)
  if (model === undefined) throw new Error(component)
  return model
}
const assess = (component: string, at: number, ...events: ReadonlyArray<VehicleEvent>) => {
  const model = modelOf(component)
  return model.assess(foldOf(model, recordsOf(events).map(observe)), at)
}

describe("the trouble-codes models", () => {
  it.each([
    ["P0A80", "powertrain"],
    ["p0a80-1C", "powertrain"],
    ["C0035", "chassis"],
    ["B1000", "body"],
    ["U0100", "network"],
    ["SPN 110 FMI 3", "other"],
    ["PUMP", "other"],
  ])("take %s for %s and no other", (code, component) => {
    const told = troubleCodes.filter((model) =>
      model.assess(foldOf(model, recordsOf([raised(now, code, "warning")]).map(observe)), now) !== undefined
    )
    expect(told.map((model) => model.component)).toEqual([`diagnostics.${component}`])
  })

  it("ask for a workshop when a critical code stands, and for a stop when it is of the chassis", () => {
    const told = assess("powertrain", now, raised(now, "P0A80", "critical", { ecu: "BMS", text: "Replace battery" }))
    expect(told).toMatchObject({ score: 10, urgency: "service_soon" })
    expect(told?.evidence[0]?.text).toContain("P0A80 (BMS) Replace battery: critical, stands since 2026-11-22 08:15")
    expect(told?.evidence[0]?.events).toHaveLength(1)
    expect(assess("chassis", now, raised(now, "C0035", "critical"))).toMatchObject({ score: 10, urgency: "stop" })
  })

  it("let a warning pass that comes once, and not one that keeps coming back", () => {
    const once = [raised(now, "P0128", "warning"), cleared(now + 1000, "P0128")]
    expect(assess("powertrain", now + day, ...once)?.score).toBeGreaterThan(40)
    const often = [0, 1, 2].flatMap((n) => [raised(now + n * day, "P0128", "warning"), cleared(now + n * day + 1000, "P0128")])
    expect(assess("powertrain", now + 3 * day, ...often)).toMatchObject({ score: 35, urgency: "service_soon" })
    expect(assess("powertrain", now + 40 * day, ...often)?.score).toBeGreaterThan(40)
  })

  it("count a raising that came late in its place", () => {
    const times = [2, 0, 1].map((n) => raised(now + n * day, "P0128", "warning"))
    expect(assess("powertrain", now + 3 * day, ...times)?.score).toBe(25)
    const late = [raised(now, "P0128", "warning"), cleared(now + day, "P0128"), raised(now - day, "P0128", "warning")]
    expect(assess("powertrain", now + day, ...late)?.summary).toContain("was cleared")
  })

  it("have a warning seen to that stands for a week, by a deadline", () => {
    const model = modelOf("powertrain")
    const [record] = recordsOf([raised(now, "P0128", "warning")])
    if (record === undefined) return
    const { watch, news } = Watch.evolve(model, Watch.begin(model, "well"), observe(record))
    expect(news).toBeUndefined()
    expect(model.deadline(watch.state as typeof model.initial, now)).toBe(now + 7 * day)
    expect(Watch.pass(model, watch, now + 7 * day - 1).news).toBeUndefined()
    expect(Watch.pass(model, watch, now + 7 * day).news).toMatchObject({ score: 40, urgency: "drive_on" })
  })

  it("never alarm on what merely informs", () => {
    const often = [0, 1, 2, 3, 4].map((n) => raised(now + n * day, "B1000", "info"))
    expect(assess("body", now + 30 * day, ...often)?.score).toBeGreaterThan(70)
  })

  it("recover once the vehicle was driven on three days without the code, not by time alone", () => {
    const events = [raised(now, "P0A80", "critical"), cleared(now + 1000, "P0A80")]
    expect(assess("powertrain", now + 20 * day, ...events)?.score).toBe(55)
    const days = [1, 2, 3].map((n) => driven(now + n * day))
    expect(assess("powertrain", now + 3 * day, ...events, ...days.slice(0, 2))?.score).toBe(55)
    expect(assess("powertrain", now + 3 * day, ...events, ...days)?.score).toBe(90)
    expect(assess("powertrain", now + 40 * day, ...events, ...days, driven(now + 40 * day))).toBeUndefined()
  })

  it("forget what a service saw to", () => {
    const service = serviced(now + day, { component: "diagnostics.powertrain" })
    expect(assess("powertrain", now + day, raised(now, "P0A80", "critical"), service)).toBeUndefined()
    expect(assess("powertrain", now + day, service, raised(now, "P0A80", "critical"))).toBeUndefined()
    expect(assess("chassis", now + day, raised(now, "C0035", "critical"), service)?.score).toBe(10)
  })

  it("hold no more than a few codes, those that stand first", () => {
    const model = modelOf("powertrain")
    const many = Array.from({ length: 40 }, (_, i) => {
      const code = `P0${(100 + i).toString()}`
      return i === 0 ? [raised(now, code, "critical")] : [raised(now + i, code, "info"), cleared(now + i + 1, code)]
    }).flat()
    const state = foldOf(model, recordsOf(many).map(observe))
    expect(state.codes.length).toBeLessThanOrEqual(12)
    expect(model.assess(state, now + 100)?.score).toBe(10)
  })

  it("never score higher for one more code", () => {
    const one = fc.record({
      code: fc.constantFrom("P0001", "P0002", "P0003"),
      hours: fc.integer({ min: 0, max: 900 }),
    })
    const severity = fc.constantFrom<Raised["severity"]>("info", "warning", "critical")
    fc.assert(fc.property(severity, fc.array(one, { minLength: 1, maxLength: 8 }), one, (how, codes, extra) => {
      const scoreOf = (list: typeof codes) =>
        assess(
          "powertrain",
          now + 40 * day,
          ...list.map(({ code, hours }, i) => raised(now + hours * 3_600_000 + i, code, how)),
        )?.score ?? 100
      expect(scoreOf([...codes, extra])).toBeLessThanOrEqual(scoreOf(codes))
    }))
  })

  it.each(troubleCodes.map((model) => [model.component, model] as const))("of %s take whatever comes", (_, model) => {
    expectSound(model)
  })
})
