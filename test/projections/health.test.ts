import { describe, expect, it, vi } from "@effect/vitest"
import type { ComponentModel } from "../../domain/maintenance/model.ts"
import { models } from "../../domain/maintenance/models.ts"
import type { VehicleEvent } from "../../domain/vehicle/events.ts"
import { health, type HealthRow } from "../../projections/health.ts"
import { day, now, vin } from "../support/given.ts"
import { readings, recordsOf, remaining, serviced, signal } from "../support/maintenance.ts"

const fold = (events: ReadonlyArray<VehicleEvent>, rows: ReadonlyArray<HealthRow> = []) =>
  recordsOf(events).reduce((folded, record) => health.evolve(vin, folded, record), rows)

describe("health", () => {
  it("has a score for each component that something is known of, from the newest reading", () => {
    const [row, ...rest] = fold(remaining(20_000, 10_000))
    expect(rest).toEqual([])
    expect(row).toMatchObject({ component: "vehicle", model: "service-due", modelVersion: "1", computedAt: now + day })
    expect(row?.score).toBeCloseTo(20 + 80 * 8_500 / 28_500)
  })

  it("keeps what it has folded before there is a score, and says that it knows nothing", () => {
    const rows = fold([readings(now, { [signal.odometer]: 50_000_000 })])
    const ofVehicle = (all: ReadonlyArray<HealthRow>) => all.find(({ component }) => component === "vehicle")
    expect(ofVehicle(rows)).toMatchObject({ confidence: 0, evidence: [] })
    const row = ofVehicle(fold([serviced(now + 1000)], rows))
    expect(row?.confidence).toBeGreaterThan(0.4)
    expect(row?.score).toBeGreaterThan(99)
  })

  it("leaves rows alone on whatever does not concern a model", () => {
    const rows = fold(remaining(20_000))
    expect(fold([readings(now + day, { "Vehicle.Trailer.IsConnected": true })], rows)).toBe(rows)
    expect(fold([readings(now + 1000, { [signal.distance]: 20_000 })], rows)).toBe(rows)
  })

  it("passes over a model that throws on a record, and goes on with the next", () => {
    const events = remaining(20_000, 15_000, 10_000)
    vi.spyOn(models[0] as ComponentModel, "assess").mockImplementationOnce(() => {
      throw new Error("struck by the test")
    })
    expect(fold(events.slice(0, 1))).toEqual([])
    expect(fold(events)).toMatchObject([{ score: fold(events.slice(2))[0]?.score }])
  })

  it("goes on from rows that were stored", () => {
    const events = remaining(20_000, 15_000, 10_000)
    const stored: ReadonlyArray<HealthRow> = JSON.parse(JSON.stringify(fold(events.slice(0, 2))))
    expect(fold(events.slice(2), stored)[0]?.score).toBe(fold(events)[0]?.score)
  })

  it("has a new version with every model that comes, goes or changes", () => {
    const known: Record<string, number> = {
      "service-due@1": 1,
      "service-due@1 crash@1 cell-fault@2 battery-capacity@1 insulation@1 low-voltage-battery@1 tyre-leak@1 brake-pads@1 motor-temperature@1 coolant-temperature@1 trouble-codes@1":
        3,
    }
    const registered = [...new Set(models.map(({ name, version }) => `${name}@${version}`))].join(" ")
    expect(known[registered], `raise the version of the projection, and note it here for ${registered}`)
      .toBe(health.version)
    expect(new Set(models.map(({ component }) => component)).size).toBe(models.length)
  })
})
