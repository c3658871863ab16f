import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as IntervalSet from "../../domain/vehicle/interval-set.ts"
import * as Sequence from "../../projections/sequence-gaps.ts"

/** Messages in the order in which they came, each a moment after the one before. */
const noted = (messages: ReadonlyArray<readonly [session: string, seq: number]>) => {
  let sequences = Sequence.none
  let [missed, filled] = [0, 0]
  messages.forEach(([session, seq], at) => {
    const step = Sequence.note(sequences, session, seq, at)
    sequences = step.sequences
    missed += step.missed
    filled += step.filled
  })
  return { sequences, gaps: Sequence.gapsOf(sequences), missed, filled }
}

const of = (...seqs: ReadonlyArray<number>) => noted(seqs.map((seq) => ["boot-1", seq] as const))

describe("what is missing of numbered messages", () => {
  it("is nothing while they come one after another, wherever they begin", () => {
    expect(of(7, 8, 9).gaps).toEqual([])
  })

  it("is what a later one shows, since then", () => {
    expect(of(1, 2, 6).gaps).toEqual([{ session: "boot-1", from: 3, to: 5, since: 2 }])
    expect(of(1, 2, 6)).toMatchObject({ missed: 3, filled: 0 })
  })

  it("is filled by a late one, from either end or in the middle", () => {
    expect(of(1, 7, 2).gaps).toEqual([{ session: "boot-1", from: 3, to: 6, since: 1 }])
    expect(of(1, 7, 6).gaps).toEqual([{ session: "boot-1", from: 2, to: 5, since: 1 }])
    expect(of(1, 7, 4).gaps).toEqual([
      { session: "boot-1", from: 2, to: 3, since: 1 },
      { session: "boot-1", from: 5, to: 6, since: 1 },
    ])
    expect(of(1, 3, 2)).toMatchObject({ gaps: [], missed: 1, filled: 1 })
  })

  it("is told by session", () => {
    const { gaps } = noted([["a", 1], ["b", 1], ["a", 3], ["b", 2]])
    expect(gaps).toEqual([{ session: "a", from: 2, to: 2, since: 2 }])
  })

  it("is exactly what never came between the first and the last, whatever the order of arrival", () => {
    const arrivals = fc.array(
      fc.tuple(fc.constantFrom("a", "b"), fc.nat({ max: 60 })),
      { maxLength: 60, size: "max" },
    )
    fc.assert(fc.property(arrivals, (messages) => {
      const { filled, gaps, missed } = noted(messages)
      const sets = new Map<string, IntervalSet.IntervalSet>()
      for (const [session, seq] of messages) {
        sets.set(session, IntervalSet.add(sets.get(session) ?? IntervalSet.empty, seq))
      }
      for (const session of ["a", "b"]) {
        // Two gaps beside each other, found at different times, are one.
        const missing = gaps.filter((gap) => gap.session === session)
          .flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i))
        const expected = IntervalSet.gaps(sets.get(session) ?? IntervalSet.empty)
          .flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i))
        expect(missing).toEqual(expected)
      }
      expect(missed - filled).toBe(gaps.reduce((sum, { from, to }) => sum + to - from + 1, 0))
    }), { numRuns: 1000 })
  })

  it("is forgotten past what is kept, the sessions begun first and the gaps found first", () => {
    const sessions = noted(Array.from({ length: 40 }, (_, i) => [[`s${i}`, 1], [`s${i}`, 3]] as const).flat())
    expect(sessions.sequences).toHaveLength(16)
    expect(sessions.gaps[0]?.session).toBe("s24")
    const { gaps } = of(...Array.from({ length: 100 }, (_, i) => 2 * i))
    expect(gaps).toHaveLength(64)
    expect(gaps.at(-1)).toMatchObject({ from: 197, to: 197 })
    expect(of(...Array.from({ length: 100 }, (_, i) => 2 * i), 1)).toMatchObject({ missed: 99, filled: 0 })
  })

  it("counts a leap to any number as a million at most", () => {
    expect(of(0, Number.MAX_SAFE_INTEGER)).toMatchObject({ missed: 1_000_000 })
    expect(of(Number.MAX_SAFE_INTEGER, 0)).toMatchObject({ missed: 1_000_000 })
  })
})
