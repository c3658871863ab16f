/** Which cells stand out from their siblings, by how much, and for how long that has been so. */
import { rounded } from "./cell-window.ts"
import { locationOf } from "../statistics.ts"

export type Sign = "rest" | "driving" | "charging" | "resistance" | "drift"

/** A cell by one sign. */
export type Finding = {
  readonly sign: Sign
  /** From 0. */
  readonly cell: number
  /** mV, of resistance µΩ, of drift mV a day; from the median of the siblings. */
  readonly value: number
  /** Of the siblings, in the same unit, as a standard deviation. */
  readonly spread: number
  /** 1 at the limit. */
  readonly severity: number
}

/** A finding that was at the limit lately. */
export type Suspect = Finding & {
  /** Windows in which it stood out, less those in which it did not. */
  readonly hits: number
  /** Of the first of them and the last, minutes of the epoch. */
  readonly since: number
  readonly until: number
  /** Ids of the events that ended them. */
  readonly firstEvent: string
  readonly event: string
}

export interface Limits {
  readonly sign: Sign
  /** In the sign's unit. */
  readonly limit: number
  /** So many times the siblings' spread. */
  readonly times: number
  /** The spread is taken to be no less than this, for the sensors' resolution. */
  readonly floor: number
  /** How much it counts to be below the siblings, and to be above: 0 to 1. */
  readonly low: number
  readonly high: number
  readonly siblings: Siblings
}

/** Whose spread is the yardstick: that of all cells, or that which each cell has from those next to it. */
export type Siblings = "pack" | "neighbours"

/**
 * Cells of a module share their temperature, busbars and measuring board, and so offsets. A cell stands out only by as
 * much as it does from the cells next to it, too, on either side, so that one at the edge of a module does not.
 */
const reach = 4

/** How the cells stand by one sign. */
export interface Standing {
  readonly sign: Sign
  readonly values: ReadonlyArray<number>
  /** What each cell is compared with. */
  readonly centres: ReadonlyArray<number>
  readonly spread: number
  /** One a cell. */
  readonly severities: ReadonlyArray<number>
  /** The cell of the highest severity. */
  readonly worst: number
}

export const standingOf = (values: ReadonlyArray<number>, limits: Limits): Standing => {
  const { floor, high, limit, low, siblings, sign, times } = limits
  const count = values.length
  const pack = siblings === "pack" ? locationOf(values) : undefined
  const before: Array<number> = []
  const after: Array<number> = []
  const centres: Array<number> = []
  const apartFromCentres: Array<number> = []
  const groups = groupsOf(values)
  for (let cell = 0; cell < count; cell++) {
    const value = values[cell] ?? 0
    // At an end of the pack there is one side only.
    const below = cell > 0 ? groups[cell] : undefined
    const above = cell + 1 < count ? groups[cell + 1 + reach] : undefined
    const a = below ?? above ?? value
    const b = above ?? below ?? value
    const centre = pack?.median ?? (a + b) / 2
    before.push(a)
    after.push(b)
    centres.push(centre)
    if (pack === undefined) apartFromCentres.push(value - centre)
  }
  const spread = Math.max((pack ?? locationOf(apartFromCentres))?.spread ?? 0, floor)
  const atLimit = Math.max(limit, times * spread)
  const severities: Array<number> = []
  let worst = 0
  let highest = 0
  for (let cell = 0; cell < count; cell++) {
    const value = values[cell] ?? 0
    const a = before[cell] ?? value
    const b = after[cell] ?? value
    const apart = pack === undefined ? between(value, a, b) : nearest(value, pack.median, a, b)
    const bad = apart < 0 ? -low * apart : high * apart
    const severity = rounded(bad / atLimit, 1000)
    severities.push(severity)
    if (cell > 0 && severity <= highest) continue
    worst = cell
    highest = severity
  }
  return { sign, values, centres, spread, severities, worst }
}

export const findingOf = ({ centres, severities, sign, spread, values }: Standing, cell: number): Finding => ({
  sign,
  cell,
  value: rounded((values[cell] ?? 0) - (centres[cell] ?? 0), 100),
  spread: rounded(spread, 100),
  severity: severities[cell] ?? 0,
})

/** How far from both sides: the geometric mean, which vanishes where the cell is as those of one side are. */
const between = (value: number, before: number, after: number): number => {
  const a = value - before
  const b = value - after
  return a * b <= 0 ? 0 : Math.sign(a) * Math.sqrt(a * b)
}

/** How far from the nearest of the three; 0 if it lies between them. */
const nearest = (value: number, centre: number, before: number, after: number): number => {
  const lowest = Math.min(centre, before, after)
  const highest = Math.max(centre, before, after)
  return value < lowest ? value - lowest : value > highest ? value - highest : 0
}

/**
 * Medians of up to `reach` cells in a row: the one at a place is of those before the cell of that place. Made for every
 * cell at the end of every window, so it sorts by itself.
 */
const groupsOf = (values: ReadonlyArray<number>): ReadonlyArray<number> => {
  const medians: Array<number> = []
  for (let end = 0; end <= values.length + reach; end++) {
    const from = Math.max(0, end - reach)
    const until = Math.min(values.length, end)
    let length = 0
    for (let i = from; i < until; i++) {
      const value = values[i] ?? 0
      let place = length++
      for (; place > 0; place--) {
        const before = group[place - 1] ?? 0
        if (before <= value) break
        group[place] = before
      }
      group[place] = value
    }
    const middle = length >> 1
    const upper = group[middle] ?? 0
    medians.push(length % 2 === 1 ? upper : (upper + (group[middle - 1] ?? upper)) / 2)
  }
  return medians
}

const group = new Float64Array(reach)

export const worstOf = <F extends Finding>(findings: ReadonlyArray<F>): F | undefined => {
  let worst: F | undefined
  for (const finding of findings) if (worst === undefined || finding.severity > worst.severity) worst = finding
  return worst
}

/** More cells than this do not fail at once by one sign. */
const maxSuspects = 4
const maxHits = 12
/** In the window alone, a cell shall show at least this share of what its average over windows shows at the limit. */
const alsoNow = 0.5

/**
 * `smoothed` is the average over windows, `latest` the window that has just ended: a cell stands out where both say so,
 * so that one wild window counts once.
 */
export const follow = (
  suspects: ReadonlyArray<Suspect>,
  smoothed: Standing,
  latest: Standing,
  minute: number,
  event: string,
): ReadonlyArray<Suspect> => {
  const others: Array<Suspect> = []
  const known = new Map<number, Suspect>()
  for (const suspect of suspects) {
    if (suspect.sign === smoothed.sign) known.set(suspect.cell, suspect)
    else others.push(suspect)
  }
  const next: Array<Suspect> = []
  for (const [cell, severity] of smoothed.severities.entries()) {
    const before = known.get(cell)
    const isHit = severity >= 1 && (latest.severities[cell] ?? 0) >= alsoNow
    if (before === undefined) {
      if (!isHit) continue
      next.push({ ...findingOf(smoothed, cell), hits: 1, since: minute, until: minute, firstEvent: event, event })
      continue
    }
    const hits = isHit ? Math.min(maxHits, before.hits + 1) : before.hits - 1
    if (hits === 0) continue
    const last = isHit ? { until: minute, event } : { until: before.until, event: before.event }
    next.push({ ...findingOf(smoothed, cell), hits, since: before.since, firstEvent: before.firstEvent, ...last })
  }
  next.sort((a, b) => b.hits - a.hits || b.severity - a.severity || a.cell - b.cell)
  return [...others, ...next.slice(0, maxSuspects)]
}
