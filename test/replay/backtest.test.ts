import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { join } from "node:path"
import type { Failure } from "../../domain/maintenance/backtest/backtest-failure.ts"
import type { ComponentModel } from "../../domain/maintenance/model.ts"
import type { ModelVersion } from "../../domain/maintenance/backtest/model-choice.ts"
import { serviceDue } from "../../domain/maintenance/components/service-due.ts"
import { streamOf } from "../../domain/vehicle/events.ts"
import { uuid } from "../../domain/vehicle/identity.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import type { RecordedEvent } from "../../src/eventstore/event-store.ts"
import { fromNumber } from "../../src/eventstore/position.ts"
import { Backtest, type BacktestOptions, type Report } from "../../src/replay/backtest.ts"
import { fromFiles } from "../../src/replay/backtest-history.ts"
import { day } from "../support/given.ts"
import { vinOf } from "../support/messages.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { began, logOf, wearing } from "../support/wearing-fleet.ts"
import { writeEvents } from "./event-lines.ts"

const versionOf = (model: ComponentModel): ModelVersion => {
  const { name, version } = model
  return { name, version, models: [model] }
}
const first = versionOf(serviceDue as ComponentModel)
/** Warns earlier. */
const second = versionOf({ ...serviceDue, version: "2", raiseAt: 22 } as ComponentModel)

const optionsOf = (options: Partial<BacktestOptions> = {}): BacktestOptions => ({
  versions: [first],
  failures: undefined,
  vins: undefined,
  from: undefined,
  to: undefined,
  ...options,
})

const reportOf = (events: ReadonlyArray<RecordedEvent>, options: Partial<BacktestOptions> = {}): Report => {
  const backtest = new Backtest(optionsOf(options))
  for (const event of events) backtest.add(event)
  return backtest.report()
}

/** By day since the beginning. */
const alertsOf = ({ versions: [version] }: Report) => {
  const days = (at: number) => (at - began) / day
  return version?.verdict.alerts.map(({ alert: { escalations, raised, resolved, vin } }) => ({
    vin,
    raised: days(raised.at),
    escalated: escalations.map(({ at, urgency }) => [days(at), urgency]),
    resolved: resolved && [days(resolved.at), resolved.reason],
  }))
}

const failureOn = (days: number, vehicle = 0): Failure => ({
  vin: vinOf(vehicle),
  component: "vehicle",
  at: began + days * day,
  until: began + (days + 1) * day - 1,
  from: undefined,
  note: undefined,
})

const servicedOn = (days: number, revision: number): RecordedEvent => {
  const at = toTime(began + days * day)
  return {
    position: fromNumber(100_000 + revision),
    stream: streamOf(vinOf(0)),
    revision,
    id: uuid(`service ${revision}`),
    type: "ServiceRecorded",
    created: began,
    data: { at, component: "vehicle", kind: "inspected" },
    metadata: { schema: 1, receivedAt: at, source: { kind: "api" } },
  }
}

describe("a backtest", () => {
  it("raises, escalates and resolves when the service would have", () => {
    // At 1,500 km on day 15 and overdue on day 30, each confirmed by the two days after.
    const events = [...logOf(wearing(1, 40)), servicedOn(40, 40)]
    expect(alertsOf(reportOf(events))).toEqual([
      { vin: vinOf(0), raised: 17.25, escalated: [[32.25, "service_soon"]], resolved: [40, "service"] },
    ])
  })

  it("lets time pass between records: silence confirms after a day, and dates fall due to the end of history", () => {
    const [nearlyDue] = logOf([{ vehicle: 0, day: 3, km: 1_400 }])
    const [later] = logOf([{ vehicle: 1, day: 20, km: 20_000 }])
    if (nearlyDue === undefined || later === undefined) throw new Error("no events")
    expect(alertsOf(reportOf([nearlyDue, later]))).toMatchObject([{ vin: vinOf(0), raised: 4.25 }])
    // A service is due after two years; nothing else is heard of the vehicle.
    const twoYears = { ...later, metadata: { ...later.metadata, receivedAt: toTime(began + 731 * day) } }
    expect(alertsOf(reportOf([servicedOn(0, 0), twoYears]))).toMatchObject([
      { raised: 700, escalated: [[730, "service_soon"]] },
    ])
  })

  it("judges what the model said by what happened", () => {
    const report = reportOf(logOf(wearing(3, 60)), { failures: [failureOn(30), failureOn(40, 1)] })
    expect(report).toMatchObject({ events: 180, vehicles: 3, healthy: 1, unheard: [] })
    expect(report.versions[0]?.verdict).toMatchObject({
      outcomes: { true: 2, false: 0, undecided: 1 },
      precision: { value: 1 },
      recall: { value: 1 },
      leadDays: { median: 12.75 },
      vehicleYears: 180 / 365.25,
    })
    // Each day from horizon to failure is one on which it was right to warn: days 0 to 30, and 10 to 40. Of the 60 days
    // only the first 29 have their horizon behind them.
    const { base = 0, days = 0, undecided = 0 } = report.versions[0]?.calibration ?? {}
    expect(base * days).toBeCloseTo(29 + 19, 9)
    expect([days, undecided]).toEqual([3 * 29, 2 + 12 + 31])
    const traced = report.versions[0]?.traces.map(({ points, vin }) => [vin, points.length])
    expect(traced).toEqual([[vinOf(0), 60], [vinOf(1), 60]])
  })

  it("folds what came before the period, and does not judge it", () => {
    const failures = [failureOn(30), failureOn(40, 1)]
    const from = began + 20 * day
    const report = reportOf(logOf(wearing(2, 60)), { failures, from, to: began + 35 * day })
    // The first vehicle's alert was raised on day 17, before the period, and counts as the warning that it was.
    expect(alertsOf(report)).toMatchObject([{ vin: vinOf(1), raised: 27.25 }])
    expect(report.versions[0]?.verdict.failures.map(({ leadDays }) => leadDays)).toEqual([12.75])
    expect(report.versions[0]?.verdict.vehicleYears).toBeCloseTo(30 / 365.25, 12)
    expect(report.end).toBe(began + 35 * day)
  })

  it("is the same for each version, whichever others run beside it", () => {
    const events = logOf(wearing(3, 60))
    const failures = [failureOn(30)]
    const both = reportOf(events, { versions: [first, second], failures })
    const alone = [first, second].flatMap((version) => reportOf(events, { versions: [version], failures }).versions)
    expect(both.versions).toEqual(alone)
    const [one, two] = both.versions.map(({ verdict }) => verdict.leadDays?.median ?? 0)
    expect(two).toBeGreaterThan(one ?? Infinity)
  })

  it("says the same of a history that comes in pieces which overlap", () => {
    const events = logOf(wearing(3, 50))
    const failures = [failureOn(30), failureOn(40, 1)]
    const whole = reportOf(events, { failures })
    const piece = fc.tuple(fc.integer({ min: 0, max: events.length }), fc.integer({ min: 0, max: 20 }))
    fc.assert(fc.property(fc.array(piece, { maxLength: 5 }), (pieces) => {
      const cuts = pieces.toSorted(([a], [b]) => a - b)
      const ends = [...cuts.map(([cut]) => cut), events.length]
      const starts = [0, ...cuts.map(([cut, overlap]) => Math.max(0, cut - overlap))]
      const again = starts.flatMap((start, index) => events.slice(start, ends[index]))
      expect(reportOf(again, { failures })).toEqual(whole)
    }), { numRuns: 20 })
  })

  it("says the same of a vehicle, whenever the others report", () => {
    const mine = wearing(1, 50)
    const others = wearing(4, 50).filter(({ vehicle }) => vehicle > 0)
    const alone = alertsOf(reportOf(logOf(mine)))
    fc.assert(fc.property(fc.shuffledSubarray(others), (others) => {
      const mixed = [...mine, ...others.toSorted((a, b) => a.day - b.day)].toSorted((a, b) => a.day - b.day)
      expect(alertsOf(reportOf(logOf(mixed)))?.filter(({ vin }) => vin === vinOf(0))).toEqual(alone)
    }), { numRuns: 20 })
  })

  it.effect("says the same however the history lies in files", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const events = logOf(wearing(3, 50))
      const failures = [failureOn(30)]
      // The third overlaps the first; the files need not come in order.
      const files = [
        writeEvents(join(folder, "b.ndjson.gz"), events.slice(60, 120)),
        writeEvents(join(folder, "a.ndjson"), events.slice(0, 60)),
        writeEvents(join(folder, "c.parquet"), [...events.slice(10, 20), ...events.slice(120)]),
      ]
      const backtest = new Backtest(optionsOf({ failures }))
      yield* fromFiles(backtest, files, () => {})
      expect(backtest.report()).toEqual(reportOf(events, { failures }))
    }))

  it("passes over a model that throws, and says so", () => {
    const throwing: ComponentModel = {
      ...serviceDue as ComponentModel,
      assess: () => {
        throw new Error("a bug")
      },
    }
    const { versions: [version] } = reportOf(logOf(wearing(1, 3)), { versions: [versionOf(throwing)] })
    expect(version).toMatchObject({ threw: 3, firstThrown: { revision: 0, vin: vinOf(0) }, verdict: { alerts: [] } })
  })

  it("names the components of labels that no version watches, as a slip of the pen would be", () => {
    const [slip, right] = [{ ...failureOn(30), component: "vehicles" }, failureOn(40)]
    const report = reportOf(logOf(wearing(1, 60)), { failures: [slip, right] })
    expect(report).toMatchObject({ unwatched: ["vehicles"], unheard: [] })
    expect(report.versions[0]?.verdict.failures).toHaveLength(1)
  })

  it("names the vehicles of labels that history has nothing of, and judges none of their failures", () => {
    const report = reportOf(logOf(wearing(1, 60)), { failures: [failureOn(30, 7)] })
    expect(report).toMatchObject({ unheard: [vinOf(7)], healthy: 1 })
    expect(report.versions[0]?.verdict.recall).toBeNull()
  })
})
