/**
 * What is missing of a vehicle's numbered messages: of each session the numbers between the first and the last that
 * came, as ranges. Of the 16 sessions begun last, and 64 ranges of each, the newest; what goes past that is forgotten.
 */

/** `[from, to, since]` one after another, ascending; `since` is when the gap was found, epoch ms. */
type Ranges = ReadonlyArray<number>

/** Its name, the first and the last number that came, and what is missing between them. */
export type Session = readonly [name: string, first: number, last: number, gaps: Ranges]

/** In the order in which they began. */
export type Sequences = ReadonlyArray<Session>

export const none: Sequences = []

const maxSessions = 16
const maxGaps = 64
/** Of a leap, what counts as missed at most: a vehicle may name any number. */
const maxLeap = 1_000_000

export interface Gap {
  readonly session: string
  /** The first and the last number that are missing. */
  readonly from: number
  readonly to: number
  /** Receipt of the message that showed it, epoch ms. */
  readonly since: number
}

/** After a message, and how many more numbers are missing then, or fewer. */
export interface Step {
  readonly sequences: Sequences
  readonly missed: number
  readonly filled: number
}

export const note = (sequences: Sequences, name: string, seq: number, receivedAt: number): Step => {
  // Nearly always the newest.
  let at = sequences.length - 1
  while (at >= 0 && sequences[at]?.[0] !== name) at--
  const session = sequences[at]
  if (session === undefined) {
    const kept = sequences.length < maxSessions ? sequences : sequences.slice(1)
    return { sequences: [...kept, [name, seq, seq, []]], missed: 0, filled: 0 }
  }
  const [, first, last, gaps] = session
  const put = (changed: Session, missed: number, filled: number): Step => ({
    sequences: sequences.with(at, changed),
    missed,
    filled,
  })
  if (seq === last + 1) return put([name, first, seq, gaps], 0, 0)
  if (seq > last) {
    const missing = Math.min(seq - last - 1, maxLeap)
    return put([name, first, seq, bounded([...gaps, last + 1, seq - 1, receivedAt])], missing, 0)
  }
  if (seq < first) {
    const missing = Math.min(first - seq - 1, maxLeap)
    return put([name, seq, last, missing === 0 ? gaps : bounded([seq + 1, first - 1, receivedAt, ...gaps])], missing, 0)
  }
  const filled = without(gaps, seq)
  return filled === gaps ? { sequences, missed: 0, filled: 0 } : put([name, first, last, filled], 0, 1)
}

/** The ones found first are forgotten first. */
const bounded = (gaps: Ranges): Ranges => {
  if (gaps.length <= 3 * maxGaps) return gaps
  let oldest = 0
  for (let i = 3; i < gaps.length; i += 3) if ((gaps[i + 2] ?? 0) < (gaps[oldest + 2] ?? 0)) oldest = i
  return gaps.toSpliced(oldest, 3)
}

/** The same ranges where the number is in none. */
const without = (gaps: Ranges, seq: number): Ranges => {
  for (let i = 0; i < gaps.length; i += 3) {
    const [from = 0, to = 0, since = 0] = gaps.slice(i, i + 3)
    if (seq < from || seq > to) continue
    const left = [...(from < seq ? [from, seq - 1, since] : []), ...(seq < to ? [seq + 1, to, since] : [])]
    return bounded(gaps.toSpliced(i, 3, ...left))
  }
  return gaps
}

/** In the order of the sessions, ascending in each. */
export const gapsOf = (sequences: Sequences): ReadonlyArray<Gap> =>
  sequences.flatMap(([session, , , gaps]) => {
    const found: Array<Gap> = []
    for (let i = 0; i < gaps.length; i += 3) {
      found.push({ session, from: gaps[i] ?? 0, to: gaps[i + 1] ?? 0, since: gaps[i + 2] ?? 0 })
    }
    return found
  })
