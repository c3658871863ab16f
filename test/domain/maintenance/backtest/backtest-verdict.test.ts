import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Failure, Repair } from "../../../../domain/maintenance/backtest/backtest-failure.ts"
import { judge, type ReplayedAlert, type Warning } from "../../../../domain/maintenance/backtest/backtest-verdict.ts"
import { day, now } from "../../../support/given.ts"
import { vinOf } from "../../../support/messages.ts"

const component = "brakes.front"
/** Days from the beginning of history. */
const at = (days: number): number => now + days * day

const warning = (days: number): Warning => ({
  at: at(days),
  urgency: "service_soon",
  score: 15,
  confidence: 0.9,
  summary: "worn",
  evidence: [],
})

interface Said {
  readonly vin?: string
  readonly escalated?: number
  readonly resolved?: number
}

const alert = (days: number, { escalated, resolved, vin = vinOf(1) }: Said = {}): ReplayedAlert => ({
  vin,
  component,
  raised: warning(days),
  escalations: escalated === undefined ? [] : [warning(escalated)],
  resolved: resolved === undefined ? undefined : { at: at(resolved), reason: "recovered" },
})

const failure = (days: number, rest: Partial<Failure> = {}): Failure => ({
  vin: vinOf(1),
  component,
  at: at(days),
  until: at(days),
  from: undefined,
  note: undefined,
  ...rest,
})

interface Given {
  readonly alerts: ReadonlyArray<ReplayedAlert>
  readonly failures: ReadonlyArray<Failure> | undefined
  readonly repairs?: ReadonlyArray<Repair>
  readonly horizonDays?: number
  readonly end?: number
  readonly from?: number
}

/** Two vehicles over a year each. */
const verdict = ({ alerts, end = 365, failures, from = 0, horizonDays = 30, repairs = [] }: Given) =>
  judge({
    components: ["brakes.front", "brakes.rear"],
    horizonDays,
    alerts,
    repairs: new Map([[vinOf(1), repairs]]),
    vehicleDays: 730.5,
    vehicles: new Set([vinOf(1), vinOf(2)]),
  }, failures, { from: at(from), end: at(end) })

describe("a verdict", () => {
  it("on four failures and six alerts has the figures worked out by hand", () => {
    const found = verdict({
      alerts: [
        alert(10, { resolved: 11 }),
        alert(90, { resolved: 95 }),
        alert(96, { resolved: 100 }),
        alert(180, { resolved: 201 }),
        alert(120, { vin: vinOf(2), resolved: 121 }),
        alert(350, { vin: vinOf(2) }),
      ],
      failures: [failure(100), failure(200), failure(300), failure(5)],
    })
    expect(found.outcomes).toEqual({ true: 3, late: 1, undecided: 1, false: 1 })
    expect(found.failures.map(({ leadDays }) => leadDays)).toEqual([10, 20, null, null])
    expect(found.recall?.value).toBe(2 / 4)
    // Two failures foretold, one false alarm: the second alert of the same failure counts no second time.
    expect(found.precision?.value).toBe(2 / 3)
    expect(found.leadDays).toEqual({ lower: 12.5, median: 15, upper: 17.5 })
    expect(found.vehicleYears).toBe(2)
    expect(found.falseAlarmsPerVehicleYear?.value).toBe(0.5)
  })

  it("finds an alert false that came longer before than the horizon, unless it grew more urgent within it", () => {
    const failures = [failure(200)]
    expect(verdict({ alerts: [alert(160, { resolved: 210 })], failures }).outcomes).toMatchObject({ true: 0, false: 1 })
    const escalated = verdict({ alerts: [alert(160, { escalated: 190, resolved: 210 })], failures })
    expect(escalated.outcomes).toMatchObject({ true: 1, false: 0 })
    expect(escalated.failures[0]?.leadDays).toBe(10)
  })

  it("takes an alert for true since the failure could be known, however long before", () => {
    const alerts = [alert(60)]
    expect(verdict({ alerts, failures: [failure(200)] }).recall?.value).toBe(0)
    const found = verdict({ alerts, failures: [failure(200, { from: at(50) })] })
    expect(found.recall?.value).toBe(1)
    expect(found.failures[0]?.leadDays).toBe(140)
    expect(verdict({ alerts, failures: [failure(200, { from: at(70) })] }).recall?.value).toBe(0)
  })

  it("takes an alert of the day for in time where only the day is known, with no lead", () => {
    const found = verdict({ alerts: [alert(100.5)], failures: [failure(100, { until: at(101) - 1 })] })
    expect(found.failures[0]?.leadDays).toBe(0)
    expect(found.outcomes?.true).toBe(1)
  })

  it("does not decide over what is open and may yet come true", () => {
    const outcomesAt = (end: number, resolved?: number) =>
      verdict({ alerts: [alert(100, resolved === undefined ? {} : { resolved })], failures: [], end }).outcomes
    expect(outcomesAt(129)).toMatchObject({ undecided: 1, false: 0 })
    expect(outcomesAt(130)).toMatchObject({ undecided: 0, false: 1 })
    // What the model took back it no longer foretells.
    expect(outcomesAt(129, 110)).toMatchObject({ undecided: 0, false: 1 })
  })

  it("counts an alert of what is broken already as late, until it was repaired", () => {
    const alerts = [alert(110, { resolved: 111 })]
    const failures = [failure(100)]
    expect(verdict({ alerts, failures }).outcomes).toMatchObject({ late: 1, false: 0 })
    expect(verdict({ alerts, failures, repairs: [{ component: "brakes", at: at(105) }] }).outcomes)
      .toMatchObject({ late: 0, false: 1 })
    expect(verdict({ alerts, failures, repairs: [{ component: "tyres", at: at(105) }] }).outcomes)
      .toMatchObject({ late: 1, false: 0 })
  })

  it("credits no alert with the failure of a part that was put in after it", () => {
    const given = { alerts: [alert(80, { resolved: 90 })], failures: [failure(100)] }
    expect(verdict(given).recall?.value).toBe(1)
    expect(verdict({ ...given, repairs: [{ component, at: at(90) }] }).recall?.value).toBe(0)
    // The workshop repaired it on the day that it wrote down.
    expect(verdict({ ...given, repairs: [{ component, at: at(99.5) }] }).recall?.value).toBe(1)
  })

  it("matches the part to the whole, and to no other part or vehicle", () => {
    const alerts = [alert(90, { resolved: 120 })]
    const recall = (rest: Partial<Failure>) => verdict({ alerts, failures: [failure(100, rest)] }).recall?.value
    expect(recall({ component: "brakes" })).toBe(1)
    expect(recall({ component: "brakes.front.left" })).toBe(1)
    expect(recall({ component: "brakes.rear" })).toBe(0)
    expect(recall({ vin: vinOf(2) })).toBe(0)
    // Not of what the model watches, or of a vehicle that was never heard of: not judged.
    expect(recall({ component: "tractionBattery" })).toBeUndefined()
    expect(recall({ vin: vinOf(3) })).toBeUndefined()
  })

  it("leaves out alerts and failures from before the period, but not the warnings of a failure in it", () => {
    const found = verdict({
      alerts: [alert(10, { resolved: 12 }), alert(95, { resolved: 110 })],
      failures: [failure(20), failure(105)],
      from: 100,
    })
    expect(found.alerts).toEqual([])
    expect(found.failures.map(({ leadDays }) => leadDays)).toEqual([10])
    expect(found.precision).toBeNull()
  })

  it("judges nothing where no failures are known, and everything where there were none", () => {
    const alerts = [alert(10)]
    const unlabelled = verdict({ alerts, failures: undefined })
    expect(unlabelled).toMatchObject({ outcomes: null, precision: null, recall: null, falseAlarmsPerVehicleYear: null })
    expect(unlabelled.alerts.map(({ outcome }) => outcome)).toEqual([undefined])
    expect(verdict({ alerts, failures: [] })).toMatchObject({ recall: null, precision: { value: 0 } })
  })

  it("is perfect where each alert is followed by its failure and each failure has its alert", () => {
    const days = fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1 })
    fc.assert(fc.property(days, fc.integer({ min: 0, max: 30 }), (tens, lead) => {
      const raised = tens.toSorted((a, b) => a - b).map((ten) => ten * 36)
      const found = verdict({
        alerts: raised.map((one) => alert(one, { resolved: one + lead })),
        failures: raised.map((one) => failure(one + lead)),
      })
      expect(found.precision?.value).toBe(1)
      expect(found.recall?.value).toBe(1)
      expect(found.falseAlarmsPerVehicleYear?.value).toBe(0)
      expect(found.leadDays?.median).toBeCloseTo(lead, 9)
    }))
  })

  it("counts each alert once, and more failures make no alert false", () => {
    const alerts = fc.array(fc.tuple(fc.integer({ min: 0, max: 364 }), fc.boolean()), { maxLength: 12 }).map((found) =>
      found.map(([days, open]) => alert(days, open ? {} : { resolved: days + 1 }))
    )
    const failures = fc.array(fc.integer({ min: 0, max: 364 }).map((days) => failure(days)), { maxLength: 6 })
    fc.assert(fc.property(alerts, failures, failures, (alerts, some, more) => {
      const few = verdict({ alerts, failures: some }).outcomes
      const many = verdict({ alerts, failures: [...some, ...more] }).outcomes
      for (const outcomes of [few, many]) {
        expect(Object.values(outcomes ?? {}).reduce((sum, count) => sum + count, 0)).toBe(alerts.length)
      }
      expect(many?.false).toBeLessThanOrEqual(few?.false ?? -1)
      expect(many?.true).toBeGreaterThanOrEqual(few?.true ?? Infinity)
    }))
  })
})
