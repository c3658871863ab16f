/**
 * A trip's speed samples, boiled down so that what comes late can still mend it.
 *
 * A run is a stretch of samples, each of which came at most `contiguousMs` after the one before. What it knows of them
 * is its ends and the distance between. Between two runs lies a gap that late samples may fill; until then it is bridged
 * by a straight line from speed to speed, if it is no longer than `maxLinkMs`, and else counts as nothing.
 *
 * A sample inside a run cannot be told apart from one that was counted, so it leaves the distance alone: that is the
 * approximation. Nothing is lost of stretches that come late but in order within themselves, if they are longer than
 * `contiguousMs`; else the error of a step of h seconds is at most L·h²/4, L being how fast the speed changes there.
 */

/** Somewhat more than the 30 s in which GB/T 32960 has a vehicle report. */
export const contiguousMs = 40_000

/**
 * Runs this close to each other become one: a vehicle that samples once a second, or less often, has no late sample
 * that fits between them.
 */
const adjacentMs = 1_000

/** Samples further apart than this say nothing of the way between them. */
export const maxLinkMs = 120_000

/** Past this, the two runs nearest to each other become one, and the gap between them is settled. */
export const maxRuns = 24

/** Samples at rest after a run, from the first to the last. `whole`: with no gap between them. */
interface Standstill {
  readonly from: number
  readonly to: number
  readonly whole: boolean
}

/** Begins and ends with a moving sample. Times are device time, epoch ms; speeds km/h. */
export interface Run {
  readonly startAt: number
  readonly endAt: number
  readonly firstSpeed: number
  readonly lastSpeed: number
  readonly distanceKm: number
  /** Not part of the distance unless the way goes on. */
  readonly standstill: Standstill | null
}

const hourMs = 3_600_000

/** The trapezoidal rule between two samples, km. */
const hopKm = (fromAt: number, fromSpeed: number, toAt: number, toSpeed: number): number =>
  toAt - fromAt > maxLinkMs ? 0 : (fromSpeed + toSpeed) / 2 * ((toAt - fromAt) / hourMs)

/** From the end of a run to a moving sample after it; at rest the speed is 0. */
const linkKm = (run: Run, at: number, speed: number): number =>
  run.standstill === null
    ? hopKm(run.endAt, run.lastSpeed, at, speed)
    : hopKm(run.endAt, run.lastSpeed, run.standstill.from, 0) + hopKm(run.standstill.to, 0, at, speed)

const tailOf = (run: Run): number => run.standstill?.to ?? run.endAt

/** Whether a run goes on at this time, its own standstill having no gap either. */
const isContiguous = (run: Run, at: number, withinMs: number): boolean =>
  at - tailOf(run) <= withinMs &&
  (run.standstill === null || (run.standstill.whole && run.standstill.from - run.endAt <= contiguousMs))

const join = (run: Run, next: Run): Run => ({
  startAt: run.startAt,
  endAt: next.endAt,
  firstSpeed: run.firstSpeed,
  lastSpeed: next.lastSpeed,
  distanceKm: run.distanceKm + linkKm(run, next.startAt, next.firstSpeed) + next.distanceKm,
  standstill: next.standstill,
})

const single = (at: number, speed: number, standstill: Standstill | null): Run => ({
  startAt: at,
  endAt: at,
  firstSpeed: speed,
  lastSpeed: speed,
  distanceKm: 0,
  standstill,
})

const moment = (at: number): Standstill => ({ from: at, to: at, whole: true })

/** The last run that begins at or before this time; −1 where none does. */
const indexAt = (runs: ReadonlyArray<Run>, at: number): number => {
  let index = runs.length - 1
  while (index >= 0 && (runs[index]?.startAt ?? at) > at) index--
  return index
}

/** With a sample that moves. The same array where it lies inside a run. */
export const withMoving = (runs: ReadonlyArray<Run>, at: number, speed: number): ReadonlyArray<Run> => {
  const index = indexAt(runs, at)
  const before = runs[index]
  if (before === undefined) return replaced(runs, index, [single(at, speed, null)])
  if (at <= before.endAt) return runs
  const { standstill } = before
  if (standstill === null || at > standstill.to) {
    if (!isContiguous(before, at, contiguousMs)) return replaced(runs, index, [before, single(at, speed, null)])
    const distanceKm = before.distanceKm + linkKm(before, at, speed)
    return replaced(runs, index, [{ ...before, endAt: at, lastSpeed: speed, distanceKm, standstill: null }])
  }
  if (at < standstill.from) {
    if (at - before.endAt > contiguousMs) {
      return replaced(runs, index, [{ ...before, standstill: null }, single(at, speed, standstill)])
    }
    const distanceKm = before.distanceKm + hopKm(before.endAt, before.lastSpeed, at, speed)
    return replaced(runs, index, [{ ...before, endAt: at, lastSpeed: speed, distanceKm }])
  }
  // Amid a standstill, of which only the ends are known.
  return replaced(runs, index, [
    { ...before, standstill: at > standstill.from ? moment(standstill.from) : null },
    single(at, speed, at < standstill.to ? moment(standstill.to) : null),
  ])
}

/** With a sample at rest. The same array where that changes nothing, and where nothing moved before it. */
export const withResting = (runs: ReadonlyArray<Run>, at: number): ReadonlyArray<Run> => {
  const index = indexAt(runs, at)
  const before = runs[index]
  if (before === undefined || at <= before.endAt) return runs
  const known = before.standstill
  if (known === null) return replaced(runs, index, [{ ...before, standstill: moment(at) }])
  const { from, to, whole } = known
  if (at >= from && at <= to) return runs
  const standstill = at < from
    ? { from: at, to, whole: whole && from - at <= contiguousMs }
    : { from, to: at, whole: whole && at - to <= contiguousMs }
  return replaced(runs, index, [{ ...before, standstill }])
}

/** `changed` in the place of the run at `index`; the last of them is joined to the next run if it reaches it now. */
const replaced = (runs: ReadonlyArray<Run>, index: number, changed: Array<Run>): ReadonlyArray<Run> => {
  const next = runs[index + 1]
  const last = changed.at(-1)
  let rest = index + 1
  if (next !== undefined && last !== undefined && isContiguous(last, next.startAt, adjacentMs)) {
    changed[changed.length - 1] = join(last, next)
    rest++
  }
  return bounded([...runs.slice(0, Math.max(index, 0)), ...changed, ...runs.slice(rest)])
}

const bounded = (runs: Array<Run>): ReadonlyArray<Run> => {
  while (runs.length > maxRuns) {
    let nearest = 0
    let gap = Infinity
    for (let i = 0; i + 1 < runs.length; i++) {
      const [run, next] = [runs[i], runs[i + 1]]
      if (run === undefined || next === undefined || next.startAt - tailOf(run) >= gap) continue
      gap = next.startAt - tailOf(run)
      nearest = i
    }
    const [run, next] = [runs[nearest], runs[nearest + 1]]
    if (run === undefined || next === undefined) break
    runs.splice(nearest, 2, join(run, next))
  }
  return runs
}

/** From the first moving sample to the last, km. */
export const distanceKm = (runs: ReadonlyArray<Run>): number => {
  let sum = 0
  for (let i = 0; i < runs.length; i++) {
    const run = runs[i]
    const next = runs[i + 1]
    if (run !== undefined) sum += run.distanceKm + (next === undefined ? 0 : linkKm(run, next.startAt, next.firstSpeed))
  }
  return sum
}
