import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Forecasts } from "../../../../domain/maintenance/backtest/backtest-calibration.ts"
import { RemainingForecasts } from "../../../../domain/maintenance/backtest/backtest-remaining.ts"

const day = 24 * 3_600_000

describe("calibration", () => {
  it("has the figures worked out by hand", () => {
    const forecasts = new Forecasts()
    for (const [risk, fails] of [[0.05, false], [0.05, false], [0.15, true], [0.95, true], [1, true]] as const) {
      forecasts.add(3 * day, risk, fails)
    }
    const found = forecasts.calibration(100 * day, 30)
    expect(found).toMatchObject({ days: 5, undecided: 0, base: 0.6 })
    expect(found?.bins.map(({ days, from, observed }) => [from, days, observed.value])).toEqual([
      [0, 2, 0],
      [0.1, 1, 1],
      [0.9, 2, 1],
    ])
    expect(found?.bins.map(({ forecast }) => forecast)).toEqual([0.05, 0.15, 0.975])
    expect(found?.brier).toBeCloseTo((0.05 ** 2 * 2 + 0.85 ** 2 + 0.05 ** 2) / 5, 12)
    expect(found?.brierOfBase).toBeCloseTo(0.24, 12)
    expect(found?.expectedError).toBeCloseTo((2 * 0.05 + 0.85 + 2 * 0.025) / 5, 12)
  })

  it("counts the days of one time together when their horizon is over, lest those that saw a failure be too many", () => {
    const forecasts = new Forecasts()
    forecasts.add(10 * day, 0.5, false)
    forecasts.add(20 * day, 0.5, false)
    forecasts.add(20 * day, 0.5, true)
    expect(forecasts.calibration(41 * day, 30)).toMatchObject({ days: 1, undecided: 2, base: 0, brier: 0.25 })
    expect(forecasts.calibration(51 * day, 30)).toMatchObject({ days: 3, undecided: 0, base: 1 / 3, brier: 0.25 })
    expect(new Forecasts().calibration(day, 30)).toBeNull()
  })

  it("is without error where of each risk that share fails, and never worse than 1", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 1, max: 20 }), (failing, well) => {
      const forecasts = new Forecasts()
      const risk = failing / (failing + well)
      for (let i = 0; i < failing + well; i++) forecasts.add(i * day, risk, i < failing)
      const found = forecasts.calibration(1_000 * day, 30)
      expect(found?.expectedError).toBeCloseTo(0, 9)
      expect(found?.brier).toBeCloseTo(found?.brierOfBase ?? Number.NaN, 9)
    }))
    fc.assert(fc.property(fc.array(fc.tuple(fc.double({ noNaN: true }), fc.boolean()), { minLength: 1 }), (all) => {
      const forecasts = new Forecasts()
      for (const [risk, fails] of all) forecasts.add(0, risk, fails)
      const found = forecasts.calibration(1_000 * day, 30)
      expect(found?.brier).toBeLessThanOrEqual(1)
      expect(found?.expectedError).toBeLessThanOrEqual(1)
    }))
  })
})

describe("remaining life", () => {
  it("has the figures worked out by hand", () => {
    const forecasts = new RemainingForecasts()
    expect(forecasts.figures).toBeNull()
    forecasts.add({ days: 110, low: 90, high: 130 }, 100)
    forecasts.add({ days: 50, low: 40, high: 60 }, 100)
    forecasts.add({ days: 150, low: 90, high: null }, 100)
    forecasts.add({ days: 80, low: 70, high: 90 }, 100)
    expect(forecasts.figures).toMatchObject({
      days: 4,
      coverage: { value: 0.5 },
      meanAbsoluteError: 32.5,
      bias: -2.5,
      accuracy: { value: 0.5 },
    })
  })
})
