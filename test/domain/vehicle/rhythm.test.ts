import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Rhythm from "../../../domain/vehicle/rhythm.ts"
import { day, minute, now, second } from "../../support/given.ts"

const hour = 60 * minute

/** Learned from these intervals, one after another. */
const learned = (intervals: ReadonlyArray<number>, from = now) => {
  let at = from
  return intervals.reduce((rhythm, interval) => Rhythm.take(rhythm, interval, at += interval), Rhythm.unknown)
}
const rhythmOf = (intervals: ReadonlyArray<number>) => Rhythm.longestUsual(learned(intervals))
const times = <A>(count: number, one: A): ReadonlyArray<A> => Array.from({ length: count }, () => one)

describe("a vehicle's rhythm", () => {
  it("is not known before ten intervals", () => {
    expect(rhythmOf(times(9, 10 * second))).toBe(undefined)
    expect(rhythmOf(times(10, 10 * second))).toBe(10 * second)
  })

  it("is the longest of like intervals", () => {
    expect(rhythmOf([...times(20, 10 * second), 10_400, ...times(20, 9 * second)])).toBe(10_400)
  })

  it("is not stretched by what happened twice, and is by what happens again and again", () => {
    const rare = [...times(50, 10 * second), 5 * minute, ...times(50, 10 * second), 5 * minute]
    expect(rhythmOf(rare)).toBe(10 * second)
    expect(rhythmOf([...rare, 5 * minute])).toBe(5 * minute)
  })

  it("remembers the hours between reports of a parked vehicle while it drives", () => {
    expect(rhythmOf([...times(5, hour), ...times(5_000, 10 * second)])).toBe(hour)
  })

  it("forgets what has not happened for two weeks", () => {
    const parked = times(5, hour)
    expect(rhythmOf([...parked, ...times(13 * 24 * 60, minute)])).toBe(hour)
    expect(rhythmOf([...parked, ...times(16 * 24 * 60, minute)])).toBe(minute)
  })

  it("is begun anew by a vehicle that was away for longer than it is remembered", () => {
    expect(rhythmOf([...times(50, minute), 30 * day])).toBe(undefined)
  })

  it("lies between a second and a day, and no interval changes it that it has seen", () => {
    const intervals = fc.array(fc.oneof(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 40 * day })), {
      maxLength: 60,
    })
    fc.assert(fc.property(intervals, (all) => {
      const rhythm = learned(all)
      expect(rhythm.length).toBeLessThanOrEqual(18)
      expect(new Set(rhythm.map(([exponent]) => exponent)).size).toBe(rhythm.length)
      const known = Rhythm.longestUsual(rhythm)
      if (known === undefined) return
      expect(known).toBeGreaterThanOrEqual(second)
      expect(known).toBeLessThanOrEqual(Math.min(Math.max(second, ...all), day))
    }))
  })

  it("costs nothing while it stays as it is", () => {
    const rhythm = learned(times(30, 10 * second))
    expect(Rhythm.take(rhythm, 9 * second, now + 400 * second)).toBe(rhythm)
  })
})

describe("how long a vehicle may be quiet", () => {
  it.each([
    [second, 15 * second, minute],
    [10 * second, 30 * second, 2 * minute],
    [10_400, 45 * second, 3 * minute],
    [minute, 3 * minute, 12 * minute],
    [hour, 3 * hour, 12 * hour],
    [day, 3 * day, 12 * day],
    [undefined, 3 * day, 12 * day],
  ])("follows from its rhythm: of %j ms %j until it is stale, %j until it is silent", (rhythm, stale, silent) => {
    expect(Rhythm.staleAfter(rhythm)).toBe(stale)
    expect(Rhythm.silentAfter(rhythm)).toBe(silent)
  })

  it("is one of few, at least three and at most five rhythms, but for the quickest", () => {
    fc.assert(fc.property(fc.integer({ min: second, max: day }), (rhythm) => {
      const limit = Rhythm.staleAfter(rhythm)
      expect(Rhythm.limits).toContain(limit)
      expect(Rhythm.limits).toContain(Rhythm.silentAfter(rhythm))
      expect(limit).toBeGreaterThanOrEqual(3 * rhythm)
      expect(limit).toBeLessThanOrEqual(Math.max(15 * second, 5 * rhythm))
    }))
    expect(Rhythm.limits).toContain(Rhythm.offlineLimitMs)
    expect(Rhythm.limits.length).toBeLessThan(64)
  })
})
