/** What holds of every component model, whatever a vehicle sends. */
import { expect } from "@effect/vitest"
import * as fc from "fast-check"
import { type ComponentModel, type ModelState, observe, type Observed } from "../../domain/maintenance/model.ts"
import type { DataOf, StoredReading, VehicleEvent } from "../../domain/vehicle/events.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import { now, recorded } from "./given.ts"
import { recordsOf } from "./maintenance.ts"

const absurd = fc.constantFrom(0, -0, 1e308, -1e308, 5e-324, -40, 1e9)
const value: fc.Arbitrary<StoredReading> = fc.oneof(
  { weight: 5, arbitrary: fc.double({ min: -50, max: 400, noNaN: true }) },
  { weight: 2, arbitrary: absurd },
  fc.boolean(),
  fc.constant("NORMAL"),
  fc.array(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), absurd), { maxLength: 4 }),
  fc.record({ value: fc.oneof(fc.double({ min: -50, max: 400, noNaN: true }), fc.constant(null)), quality: fc.constantFrom("GOOD", "INVALID") }),
)

/** Device time goes on by up to a day or back by a little; receipt is at times far behind it. */
const eventOf = (model: ComponentModel) =>
  fc.tuple(
    fc.oneof(fc.integer({ min: 0, max: 120_000 }), fc.integer({ min: -3_600_000, max: 86_400_000 })),
    fc.oneof(fc.constant(0), fc.integer({ min: -600_000, max: 86_400_000 })),
    fc.oneof(
      { weight: 8, arbitrary: fc.dictionary(fc.constantFrom(...model.signals), value, { maxKeys: 8 }) },
      fc.constantFrom("serviced", "raised", "cleared"),
    ),
    fc.constantFrom("P0A80", "C0035", "B1000", "U0100", "SPN 110"),
    fc.constantFrom("info", "warning", "critical"),
  )

const historyOf = (model: ComponentModel): fc.Arbitrary<ReadonlyArray<Observed>> =>
  fc.array(eventOf(model), { maxLength: 60 }).map((made) => {
    let at = now
    const events = made.map(([step, delay, what, code, severity]): VehicleEvent => {
      at += step
      const time = toTime(at)
      const told = what === "serviced"
        ? { type: "ServiceRecorded" as const, data: { at: time, component: model.component, kind: "repaired" as const } }
        : what === "raised"
        ? {
          type: "TroubleCodeRaised" as const,
          data: { at: time, code, severity: severity as DataOf<"TroubleCodeRaised">["severity"] },
        }
        : what === "cleared"
        ? { type: "TroubleCodeCleared" as const, data: { at: time, code } }
        : { type: "TelemetryReceived" as const, data: { at: time, readings: what as Record<string, StoredReading> } }
      return recorded(told, { receivedAt: at + delay })
    })
    return recordsOf(events).map(observe)
  })

export const foldOf = <State extends ModelState>(
  model: ComponentModel<State>,
  observed: Iterable<Observed>,
  from = model.initial,
): State => {
  let state = from
  for (const one of observed) state = model.evolve(state, one)
  return state
}

/** Total, plain JSON, and the same however it is batched and stored between. */
export const expectSound = (model: ComponentModel): void => {
  fc.assert(fc.property(historyOf(model), fc.nat(60), (history, cut) => {
    let state = model.initial
    for (const one of history) {
      state = model.evolve(state, one)
      const assessment = model.assess(state, one.receivedAt)
      if (assessment === undefined) continue
      const { confidence, remaining, score } = assessment
      expect(score).toBeGreaterThanOrEqual(0)
      expect(score).toBeLessThanOrEqual(100)
      expect(confidence).toBeGreaterThanOrEqual(0)
      expect(confidence).toBeLessThanOrEqual(1)
      for (const days of remaining === undefined ? [] : [remaining.days, remaining.low, remaining.high ?? 0]) {
        expect(Number.isFinite(days) && days >= 0).toBe(true)
      }
      const due = model.deadline(state, one.receivedAt)
      if (due !== undefined) expect(due).toBeGreaterThan(one.receivedAt)
    }
    expect(JSON.parse(JSON.stringify(state))).toStrictEqual(state)
    const stored: ModelState = JSON.parse(JSON.stringify(foldOf(model, history.slice(0, cut))))
    expect(foldOf(model, history.slice(cut), stored)).toStrictEqual(state)
  }), { numRuns: 60 })
}
