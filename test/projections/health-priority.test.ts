/** What comes first on a planner's list, and how a row is seen later. */
import { describe, expect, it } from "@effect/vitest"
import type { Urgency } from "../../domain/maintenance/alerts/alert-events.ts"
import { asOf, health, type HealthRow, priorityAbove, urgencyAt } from "../../projections/health.ts"
import type { VehicleEvent } from "../../domain/vehicle/events.ts"
import { day, now, vin } from "../support/given.ts"
import { readings, recordsOf, signal } from "../support/maintenance.ts"

const fold = (events: ReadonlyArray<VehicleEvent>) =>
  recordsOf(events).reduce<ReadonlyArray<HealthRow>>((rows, record) => health.evolve(vin, rows, record), [])

/** km to the regular service, as the car says. */
const service = (km: number): HealthRow => {
  const [row] = fold([readings(now, { [signal.distance]: km, [signal.time]: 400 * 86_400 })])
  if (row === undefined) throw new Error("no row")
  return row
}

describe("a row's priority", () => {
  it("is its risk above the line, and beyond all risk below it, by urgency", () => {
    const [sound, due, overdue] = [service(20_000), service(1_400), service(0)]
    expect(sound.priority).toBe(sound.risk)
    expect(urgencyAt(sound.priority)).toBe("drive_on")
    expect(due.priority).toBe(100 + due.risk)
    expect(due.priority).toBeGreaterThan(priorityAbove("drive_on"))
    expect(overdue.priority).toBe(200 + overdue.risk)
    expect(urgencyAt(overdue.priority)).toBe("service_soon")
  })

  it("tells the urgency that made it", () => {
    for (const urgency of ["drive_on", "service_soon", "stop"] satisfies ReadonlyArray<Urgency>) {
      for (const risk of [0.001, 50, 100]) expect(urgencyAt(priorityAbove(urgency) + risk)).toBe(urgency)
    }
  })
})

describe("a row later", () => {
  it("is less sure, and keeps its place in the list and when it was computed", () => {
    const row = service(1_000)
    const later = asOf(row, now + 60 * day)
    expect(later.confidence).toBeLessThan(row.confidence)
    expect(later.risk).toBeLessThan(row.risk)
    expect(later).toMatchObject({ priority: row.priority, computedAt: row.computedAt, state: row.state })
  })

  it("is as it was where its model's version is not in service, or the time is not later", () => {
    const row = service(1_000)
    const old = { ...row, modelVersion: "0" }
    expect(asOf(old, now + 60 * day)).toBe(old)
    expect(asOf(row, row.computedAt)).toBe(row)
  })
})
