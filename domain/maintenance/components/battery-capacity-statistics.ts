/**
 * What charges say of a pack's capacity: each gives an estimate with its error, and those together a state of health
 * with a 90 % interval and a trend. In ampere-hours, at 25 °C.
 */
import { rounded } from "./score-line.ts"
import { median, trendOf } from "../statistics.ts"

/** One charge's estimate: day since the epoch, capacity in Ah, its standard deviation in percent of it. */
export type Estimate = readonly [day: number, ah: number, sigma: number]

/** A charge as it was counted. */
export interface Window {
  /** State of charge at both ends, percent. */
  readonly from: number
  readonly to: number
  /** Counted between them. */
  readonly ah: number
  readonly hours: number
  /** Mean temperature of the cells, where it is known. */
  readonly celsius: number | undefined
}

/** Smaller ones say more of the errors at their ends than of the capacity. */
export const minWindow = 30

const minAh = 1
const maxAh = 2_000
/** A faster charge warms and strains the cells so that the state of charge is in doubt. */
const maxRate = 2
const minCelsius = 0
const maxCelsius = 48

const referenceCelsius = 25
/** Cold cells give and take less: so much a kelvin below 25 °C, about the middle of what cells' data sheets have… */
const lossAKelvin = 0.002
/** …and by how much that differs from cell to cell. */
const lossSpread = 0.0009
const unknownCelsius = 18
const unknownSpread = 10

/** Of the state of charge at either end, points: estimators differ by 1 to 2, and slowly, so that it does not cancel. */
const socSigma = 0.9
/** Zero error of the current sensor, A. */
const offsetSigma = 0.12

/** Undefined where the charge tells nothing of capacity. */
export const estimateOf = ({ ah, celsius, from, hours, to }: Window, day: number): Estimate | undefined => {
  const window = to - from
  if (window < minWindow || hours <= 0) return undefined
  const measured = (ah * 100) / window
  if (measured < minAh || measured > maxAh || ah / hours / measured > maxRate) return undefined
  if (celsius !== undefined && (celsius < minCelsius || celsius > maxCelsius)) return undefined
  const cold = Math.max(0, referenceCelsius - (celsius ?? unknownCelsius))
  const sigma = Math.hypot(
    (Math.SQRT2 * socSigma) / window,
    (offsetSigma * hours) / ah,
    lossSpread * cold,
    celsius === undefined ? lossAKelvin * unknownSpread : 0,
  )
  return [day, rounded(measured / (1 - lossAKelvin * cold), 2), rounded(100 * sigma, 2)]
}

export type Level = {
  readonly ah: number
  /** Percent of it. */
  readonly sigma: number
}

/** Of the median of normally distributed values, in terms of that of their mean. */
const medianSigma = 1.25
/** Of estimates so many that all else averages out, percent. */
const leastSigma = 0.4

/** An estimate among others: its own standard deviation, and the larger one by which it counts. */
interface Vote {
  readonly ah: number
  readonly sigma: number
  readonly doubt: number
}

/** Of the weight, how far the middle reaches to either side of the median. */
const middle = 0.1

/**
 * The weighted mean of the middle fifth: no charge that went wrong sways it, where every estimate is less, so is it, and
 * unlike the median it does not leap from one estimate to the next when a weight changes a little.
 */
const medianOf = (votes: ReadonlyArray<Vote>): Level | undefined => {
  const sorted = votes.toSorted((a, b) => a.ah - b.ah)
  let total = 0
  let variance = 0
  for (const { doubt, sigma } of sorted) {
    total += doubt ** -2
    variance += (sigma / doubt ** 2) ** 2
  }
  if (sorted.length === 0) return undefined
  const [from, until] = [(0.5 - middle) * total, (0.5 + middle) * total]
  let below = 0
  let sum = 0
  for (const { ah, doubt } of sorted) {
    const above = below + doubt ** -2
    sum += ah * Math.max(0, Math.min(above, until) - Math.max(below, from))
    below = above
  }
  const sigma = Math.hypot(leastSigma, (medianSigma * Math.sqrt(variance)) / total)
  return { ah: sum / (until - from), sigma }
}

export const levelOf = (estimates: ReadonlyArray<Estimate>): Level | undefined =>
  medianOf(estimates.map(([, ah, sigma]) => ({ ah, sigma, doubt: sigma })))

export const daysAYear = 365.25

/** A quarter's median: the middle of its days, Ah. */
export type Quarter = readonly [day: number, ah: number]

export const quarterDays = 91

export const quarterOf = (estimates: ReadonlyArray<Estimate>): Quarter | undefined => {
  const day = median(estimates.map(([then]) => then))
  const level = levelOf(estimates)
  return day === undefined || level === undefined ? undefined : [day, rounded(level.ah, 2)]
}

/** Share of the capacity a day, at most zero, for no pack grows; and its standard deviation. */
export interface Fade {
  readonly aDay: number
  readonly sigma: number
}

/** What packs lose in the first years, a year: Geotab found 2.3 % (2020, 2026) and 1.8 % (2024) in thousands of vehicles. */
const usualAYear = 0.02
const usualSigma = 0.018
/** A pack ages faster toward its end, so what is long ago tells little of it: two years. */
const quartersOfTrend = 8
const minQuarters = 3
/** The variance of a slope falls with the cube of its points: with so many it says as much as what is usual does. */
const equalQuarters = 5

/** What is usual, giving way to the pack's own trend as that becomes known. */
export const fadeOf = (quarters: ReadonlyArray<Quarter>, ah: number): Fade => {
  const own = quarters.slice(-quartersOfTrend)
  const trend = own.length < minQuarters ? undefined : trendOf(own.map(([x, y]) => ({ x, y })))
  const share = trend === undefined ? 0 : own.length ** 3 / (own.length ** 3 + equalQuarters ** 3)
  const aDay = (share * (trend?.slope ?? 0)) / ah - ((1 - share) * usualAYear) / daysAYear
  return { aDay: Math.min(0, aDay), sigma: (usualSigma * Math.sqrt(1 - share)) / daysAYear }
}

/**
 * What a pack may have lost beside the trend since an estimate, percent a year. So much that the last months count
 * most: a pack past its knee loses more than 10 a year.
 */
const sigmaAYear = 20
/** The trend is some months old: it may have changed by so much of what is lost in a year. */
const trendLag = 0.25

/** As it is on a day, the pack fading so. */
export const levelOn = (day: number, estimates: ReadonlyArray<Estimate>, fade: Fade): Level | undefined => {
  const level = medianOf(estimates.map(([then, ah, sigma]) => ({
    ah: ah * (1 + fade.aDay * (day - then)),
    sigma,
    doubt: Math.hypot(sigma, (sigmaAYear * (day - then)) / daysAYear),
  })))
  const lag = day - (median(estimates.map(([then]) => then)) ?? day)
  return level && {
    ah: level.ah,
    sigma: Math.hypot(level.sigma, 100 * fade.sigma * lag, 100 * trendLag * daysAYear * fade.aDay),
  }
}
