import { describe, expect, it } from "@effect/vitest"
import { type AlertEvent, type AlertEventType, schemas, versions } from "../../domain/maintenance/alerts/alert-events.ts"
import type { VehicleEvent } from "../../domain/vehicle/events.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import { alerts, type AlertRow } from "../../projections/alerts.ts"
import type { Record } from "../../projections/projection.ts"
import { day, now, recorded, vin } from "../support/given.ts"

type DataOf<T extends AlertEventType> = (typeof schemas)[T]["Type"]

const positionOf = (n: number) => n.toString(16).padStart(16, "0")

const told = <T extends AlertEventType>(n: number, type: T, data: DataOf<T>): Record => ({
  _tag: "Alert",
  vin,
  revision: n,
  position: positionOf(n),
  event: {
    id: `${n}`,
    type,
    data,
    metadata: { schema: versions[type], receivedAt: toTime(now + n * 1000) },
  } as AlertEvent,
})

const fold = (...records: ReadonlyArray<Record>) =>
  records.reduce<ReadonlyArray<AlertRow>>((rows, record) => alerts.evolve(vin, rows, record), [])

const alertId = "a-1"

const raised = told(0, "AlertRaised", {
  alertId,
  component: "brakes.front",
  urgency: "drive_on",
  score: 18,
  model: "pads",
  modelVersion: "2",
  summary: "Pads are worn",
  recommendedAction: "Plan new pads",
  evidence: [{ text: "thin", events: ["e-1"] }],
  confidence: 0.8,
  remaining: { days: 20, low: 11, high: null },
})

const escalated = (n: number) =>
  told(n, "AlertEscalated", { alertId, urgency: "stop", score: 3, summary: "Pads are gone", evidence: [], confidence: 0.9 })

describe("an alert's row", () => {
  it("has what was told when it was raised", () => {
    expect(fold(raised)).toEqual([expect.objectContaining({
      state: "open",
      confidence: 0.8,
      remaining: { days: 20, low: 11, high: null },
      emergency: false,
      occurredAt: null,
      situation: {},
      personal: {},
      assignedTo: null,
      snoozedUntil: null,
    })])
  })

  it("is open again and awake once it is more urgent, with whom it was given to and what was noted", () => {
    const [row] = fold(
      raised,
      told(1, "AlertAcknowledged", { alertId, by: "Ada", note: "on Monday" }),
      told(2, "AlertAssigned", { alertId, to: "North" }),
      told(3, "AlertSnoozed", { alertId, until: toTime(now + day) }),
      escalated(4),
    )
    expect(row).toMatchObject({
      state: "open",
      urgency: "stop",
      confidence: 0.9,
      remaining: null,
      recommendedAction: "Plan new pads",
      acknowledgedAt: null,
      acknowledgedBy: null,
      assignedTo: "North",
      snoozedUntil: null,
      note: "on Monday",
      revision: 4,
    })
  })

  it("says until when it is snoozed, and nothing once it is woken or over", () => {
    const snoozed = [raised, told(1, "AlertSnoozed", { alertId, until: toTime(now + day), note: "parts come Friday" })]
    expect(fold(...snoozed)).toMatchObject([{ state: "open", snoozedUntil: now + day, note: "parts come Friday" }])
    expect(fold(...snoozed, told(2, "AlertSnoozed", { alertId }))).toMatchObject([{ snoozedUntil: null }])
    expect(fold(...snoozed, told(2, "AlertResolved", { alertId, reason: "service" })))
      .toMatchObject([{ state: "resolved", snoozedUntil: null }])
  })

  it("has the brand of a vehicle that is registered only later", () => {
    const record = (n: number, event: VehicleEvent): Record =>
      ({ _tag: "Vehicle", vin, revision: n, position: positionOf(n), event })
    const [unknown, before] = [fold(raised), fold()]
    const named = record(7, recorded({ type: "VehicleRegistered", data: { brand: "BYD" } }))
    expect(unknown).toMatchObject([{ brand: null }])
    expect(alerts.evolve(vin, unknown, record(7, recorded({ type: "VehicleDescribed", data: { year: 2025 } })))).toBe(unknown)
    expect(alerts.evolve(vin, before, named)).toBe(before)
    const rows = alerts.evolve(vin, unknown, named)
    expect(rows).toMatchObject([{ brand: "BYD", position: positionOf(7), revision: 0 }])
    expect(alerts.evolve(vin, rows, record(8, recorded({ type: "VehicleDescribed", data: { brand: "Denza" } })))).toBe(rows)
  })
})
