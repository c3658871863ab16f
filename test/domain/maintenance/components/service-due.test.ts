import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { observe } from "../../../../domain/maintenance/model.ts"
import { intervalKm, intervalMs, serviceDue } from "../../../../domain/maintenance/components/service-due.ts"
import { minConfidence } from "../../../../domain/maintenance/model.ts"
import type { VehicleEvent } from "../../../../domain/vehicle/events.ts"
import { day, now } from "../../../support/given.ts"
import { readings, recordsOf, serviced, signal } from "../../../support/maintenance.ts"

const fold = (...events: ReadonlyArray<VehicleEvent>) =>
  recordsOf(events).reduce((state, record) => serviceDue.evolve(state, observe(record)), serviceDue.initial)
const assess = (at: number, ...events: ReadonlyArray<VehicleEvent>) => serviceDue.assess(fold(...events), at)

const fullTime = { [signal.time]: intervalMs / 1000 }

describe("the service-due model", () => {
  it("says nothing while it knows nothing", () => {
    expect(assess(now)).toBeUndefined()
    expect(assess(now, readings(now, { [signal.odometer]: 123_000_000 }))).toBeUndefined()
    expect(assess(now, readings(now, { [signal.due]: false }))).toBeUndefined()
  })

  it.each([
    [40_000, 100, "drive_on"],
    [30_000, 100, "drive_on"],
    [15_750, 60, "drive_on"],
    [1_500, 20, "drive_on"],
    [0, 10, "service_soon"],
    [-1_500, 0, "service_soon"],
    [-9_000, 0, "service_soon"],
  ])("with %d km to go scores %d and says %s", (km, score, urgency) => {
    const told = assess(now, readings(now, { [signal.distance]: km, ...fullTime }))
    expect(told).toMatchObject({ urgency })
    expect(told?.score).toBeCloseTo(score, 6)
    expect(told?.confidence).toBeGreaterThan(0.9)
  })

  it("counts distance or date, whichever comes first", () => {
    const told = assess(now, readings(now, { [signal.distance]: 20_000, [signal.time]: 0 }))
    expect(told?.score).toBe(10)
    expect(told?.evidence.map(({ text }) => text)).toEqual([
      "The car says: 20000 km remain",
      "The car says: due on 2026-11-22",
    ])
    expect(told?.evidence.every(({ events }) => events.length === 1)).toBe(true)
  })

  it("takes the car's word that service is due, if nothing else is known", () => {
    const told = assess(now, readings(now, { [signal.due]: true }))
    expect(told).toMatchObject({ score: 20 })
    expect(told?.confidence).toBeGreaterThanOrEqual(minConfidence)
  })

  it("falls back on 30,000 km since the last recorded service", () => {
    const told = assess(
      now,
      serviced(now - 100 * day, { odometerKm: 50_000 }),
      readings(now, { [signal.odometer]: 80_000_000 }),
    )
    expect(told?.score).toBe(10)
    expect(told?.evidence[0]).toMatchObject({ text: "30000 km since the last recorded service: 0 km remain of 30000 km" })
  })

  it("takes the odometer of the time where the workshop wrote none down", () => {
    const state = fold(readings(now, { [signal.odometer]: 50_000_000 }), serviced(now + 3_600_000))
    expect(state.service?.value).toBe(50_000)
    expect(fold(readings(now, { [signal.odometer]: 50_000_000 }), serviced(now + 3 * day)).service?.value).toBeNull()
  })

  it("falls back on 24 months since the last recorded service", () => {
    const service = serviced(now, { odometerKm: 0 })
    expect(assess(now + intervalMs, service)).toMatchObject({ score: 10, urgency: "service_soon" })
    expect(assess(now + intervalMs - 30 * day, service)).toMatchObject({ score: 20, urgency: "drive_on" })
    expect(serviceDue.deadline(fold(service), now)).toBe(now + intervalMs - 30 * day)
    expect(serviceDue.deadline(fold(service), now + intervalMs - 30 * day)).toBe(now + intervalMs)
    expect(serviceDue.deadline(fold(service), now + intervalMs)).toBeUndefined()
  })

  it("is as new after a service, and forgets what the car said before", () => {
    const before = readings(now, { [signal.distance]: -500, [signal.time]: -1, [signal.due]: true })
    const told = assess(now + 2 * day, before, serviced(now + day, { odometerKm: 1 }))
    expect(told?.score).toBeGreaterThan(99)
    expect(assess(now + 2 * day, before, serviced(now - day))?.score).toBeLessThan(10)
  })

  it("takes neither new software nor work on a part for the regular service", () => {
    const software = serviced(now)
    if (software.type !== "ServiceRecorded") return
    expect(fold({ ...software, data: { ...software.data, kind: "updated" } })).toBe(serviceDue.initial)
    expect(fold(serviced(now, { component: "brakes" }))).toBe(serviceDue.initial)
  })

  it("raises no alarm on what is stale", () => {
    const told = assess(now + 31 * day, readings(now, { [signal.distance]: -100, [signal.due]: true }))
    expect(told?.score).toBeLessThan(10)
    expect(told?.confidence).toBeLessThan(minConfidence)
  })

  it("leaves its state alone where a reading says nothing new", () => {
    const state = fold(readings(now, { [signal.distance]: 900, [signal.odometer]: 1_000 }))
    const [again] = recordsOf([readings(now + 1000, { [signal.distance]: 899.9, [signal.odometer]: 1_100 })])
    const [bad] = recordsOf([readings(now + 5000, { [signal.distance]: { value: -900, quality: "INVALID" } })])
    const [older] = recordsOf([readings(now - 5000, { [signal.distance]: 20_000 })])
    for (const record of [again, bad, older]) {
      expect(record && serviceDue.evolve(state, observe(record))).toBe(state)
    }
  })

  const readingsOf = fc.record({
    distance: fc.option(fc.double({ min: -5_000, max: 40_000, noNaN: true }), { nil: undefined }),
    time: fc.option(fc.integer({ min: -1e7, max: 8e7 }), { nil: undefined }),
    driven: fc.option(fc.double({ min: 0, max: 40_000, noNaN: true }), { nil: undefined }),
    due: fc.option(fc.boolean(), { nil: undefined }),
    servicedDaysAgo: fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined }),
  })
  type Wear = typeof readingsOf extends fc.Arbitrary<infer T> ? T : never

  const scoreOf = ({ distance, driven, due, servicedDaysAgo, time }: Wear) =>
    assess(
      now,
      ...(servicedDaysAgo === undefined ? [] : [serviced(now - servicedDaysAgo * day, { odometerKm: 10_000 })]),
      readings(now, {
        ...(distance !== undefined && { [signal.distance]: distance }),
        ...(time !== undefined && { [signal.time]: time }),
        ...(driven !== undefined && { [signal.odometer]: Math.round((10_000 + driven) * 1000) }),
        ...(due !== undefined && { [signal.due]: due }),
      }),
    )?.score

  it("never scores higher for more wear", () => {
    fc.assert(fc.property(readingsOf, fc.double({ min: 0, max: intervalKm, noNaN: true }), (wear, more) => {
      const score = scoreOf(wear)
      if (score === undefined) return
      for (
        const worn of [
          { ...wear, distance: wear.distance === undefined ? undefined : wear.distance - more },
          { ...wear, time: wear.time === undefined ? undefined : wear.time - Math.round(more * 100) },
          { ...wear, driven: wear.driven === undefined ? undefined : wear.driven + more },
          { ...wear, due: true },
          { ...wear, servicedDaysAgo: wear.servicedDaysAgo && wear.servicedDaysAgo + Math.round(more) },
        ]
      ) expect(scoreOf(worn)).toBeLessThanOrEqual(score)
    }))
  })
})
