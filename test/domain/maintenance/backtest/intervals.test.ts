import { describe, expect, it } from "@effect/vitest"
import { proportion, rate } from "../../../../domain/maintenance/backtest/intervals.ts"

describe("a share", () => {
  // Figures of Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])("of %i in %i lies between Wilson's bounds", (hits, of, low, high) => {
    const share = proportion(hits, of)
    expect(share?.value).toBe(hits / of)
    expect(share?.low).toBeCloseTo(low, 4)
    expect(share?.high).toBeCloseTo(high, 4)
  })

  it("of nothing is not known", () => {
    expect(proportion(0, 0)).toBeNull()
  })
})

describe("a rate", () => {
  // Garwood, Biometrika 28 (1936): the exact bounds of a Poisson mean.
  it.each([
    [0, 0, 3.6889],
    [1, 0.0253, 5.5716],
    [10, 4.7954, 18.3904],
    [100, 81.364, 121.6268],
  ])("of %i events lies between Garwood's bounds", (events, low, high) => {
    const found = rate(events, 1)
    expect(found?.low).toBeCloseTo(low, 3)
    expect(found?.high).toBeCloseTo(high, 3)
    expect(rate(events, 10)?.high).toBeCloseTo(high / 10, 4)
  })

  it("without exposure is not known", () => {
    expect(rate(3, 0)).toBeNull()
  })
})
