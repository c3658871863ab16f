import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { nextTry } from "../../src/notify/retry-times.ts"

const hour = 3_600_000
const windows = { day: 24 * hour, hour, never: 0 } as const

/** Times of all tries, from the first at 0, at which all of them fail. */
const tries = (worthTrying: keyof typeof windows, random: number, retryAfter?: number, emergency = false) => {
  const times = [0]
  for (;;) {
    const now = times.at(-1) ?? 0
    const next = nextTry({ worthTrying, ...(retryAfter !== undefined && { retryAfter }) }, {
      attempts: times.length,
      emergency,
      firstTriedAt: 0,
      now,
      random,
    })
    if (next === undefined) return times
    times.push(next)
  }
}

describe("what was not delivered", () => {
  it("is tried after 5 s, then ever more rarely, and for the last time after a day", () => {
    const minutes = tries("day", 1).map((time) => Math.round(time / 6_000) / 10)
    expect(minutes.slice(0, 6)).toEqual([0, 0.1, 0.3, 0.6, 1.3, 2.6])
    expect(minutes.at(-1)).toBe(24 * 60)
    expect(minutes.length).toBeGreaterThan(25)
    expect(minutes.length).toBeLessThan(40)
  })

  it("is tried for an hour where the receiver refuses, and no more where it does so for good", () => {
    expect(tries("hour", 0.5).at(-1)).toBe(hour)
    expect(tries("never", 0.5)).toEqual([0])
  })

  it("is left alone for as long as the receiver asks, but tried once more at the end", () => {
    expect(tries("day", 0.5, 10 * hour)).toEqual([0, 10 * hour, 20 * hour, 24 * hour])
    expect(tries("day", 0.5, 1_000 * hour)).toEqual([0, 24 * hour])
  })

  it("is tried each minute where it tells of an emergency, unless the receiver asks to be left alone", () => {
    const times = tries("day", 1, undefined, true)
    for (const [i, time] of times.entries()) if (i > 0) expect(time - (times[i - 1] ?? 0)).toBeLessThanOrEqual(60_000)
    expect(times.at(-1)).toBe(24 * hour)
    expect(tries("day", 1, 10 * hour, true)).toEqual([0, 10 * hour, 20 * hour, 24 * hour])
  })

  it("comes to an end, later each time, whatever the dice say", () => {
    const failure = fc.constantFrom("day" as const, "hour" as const)
    fc.assert(fc.property(failure, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(2 * 24 * hour), (worth, random, after) => {
      const times = tries(worth, random, after)
      for (const [i, time] of times.entries()) if (i > 0) expect(time).toBeGreaterThan(times[i - 1] ?? Infinity)
      expect(times.at(-1)).toBe(windows[worth])
      expect(times.length).toBeLessThan(100)
    }))
  })
})
