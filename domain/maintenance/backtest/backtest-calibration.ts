/**
 * Whether risk means what it says: of the days on which a model gave a risk of 30 %, did 30 % see a failure within its
 * horizon? A forecast is a component's risk once a day, (1 − score/100) × confidence, which is what a planner sees.
 *
 * The reliability diagram is that of DeGroot and Fienberg (1983) and Niculescu-Mizil and Caruana (2005), with bins of
 * equal width; the expected calibration error is the mean distance of its points from the diagonal, weighted by the
 * days in each bin (Naeini et al. 2015); the score is Brier's (1950). Days in a row are not independent, so the
 * intervals of the bins are narrower than what is known.
 */
import { type Estimate, proportion } from "./intervals.ts"

export interface CalibrationBin {
  /** Forecasts from this… */
  readonly from: number
  /** …to below this; the last bin has 1 too. */
  readonly to: number
  readonly days: number
  /** Mean of the forecasts. */
  readonly forecast: number
  /** Share of the days that saw a failure within the horizon. */
  readonly observed: Estimate
}

export interface Calibration {
  /** Component days whose outcome is known. */
  readonly days: number
  /** Those that are not, as the horizon reaches beyond the end of history. */
  readonly undecided: number
  /** Share of the days that saw a failure within the horizon. */
  readonly base: number
  readonly expectedError: number
  /** Mean square of forecast less outcome: 0 is perfect. */
  readonly brier: number
  /** The same of a forecast that always is `base`. */
  readonly brierOfBase: number
  /** Those with days in them. */
  readonly bins: ReadonlyArray<CalibrationBin>
}

const binCount = 10
const dayMs = 24 * 3_600_000

interface Bin {
  days: number
  /** Of the forecasts. */
  sum: number
  failures: number
}

const bins = (): ReadonlyArray<Bin> => Array.from({ length: binCount }, () => ({ days: 0, sum: 0, failures: 0 }))

/** The forecasts of one day. */
interface Day {
  readonly bins: ReadonlyArray<Bin>
  /** Of forecast less outcome. */
  squares: number
}

/**
 * Keeps bins, not forecasts: those of a day are decided together, when their horizon is over. A failure is known sooner,
 * but to count it sooner would be to leave out the days without one, and so to find too many failures.
 */
export class Forecasts {
  /** By day since 1970. */
  readonly #days = new Map<number, Day>()

  /** A forecast made at a time, epoch ms; `fails`: a failure is known to have come within the horizon. */
  add(at: number, forecast: number, fails: boolean): void {
    const risk = Math.min(1, Math.max(0, forecast))
    const number = Math.floor(at / dayMs)
    let day = this.#days.get(number)
    if (day === undefined) this.#days.set(number, day = { bins: bins(), squares: 0 })
    const outcome = fails ? 1 : 0
    day.squares += (risk - outcome) ** 2
    count(day.bins, risk, outcome)
  }

  /** When history ends there, epoch ms; null where no outcome is known. */
  calibration(end: number, horizonDays: number): Calibration | null {
    const decided = bins()
    let squares = 0
    let undecided = 0
    for (const [number, day] of this.#days) {
      if ((number + 1 + horizonDays) * dayMs > end) {
        for (const { days } of day.bins) undecided += days
        continue
      }
      squares += day.squares
      for (const [index, bin] of decided.entries()) {
        bin.days += day.bins[index]?.days ?? 0
        bin.sum += day.bins[index]?.sum ?? 0
        bin.failures += day.bins[index]?.failures ?? 0
      }
    }
    return calibrationOf(decided, squares, undecided)
  }
}

const count = (bins: ReadonlyArray<Bin>, risk: number, failures: number): void => {
  const bin = bins[Math.min(binCount - 1, Math.floor(risk * binCount))]
  if (bin === undefined) return
  bin.days++
  bin.sum += risk
  bin.failures += failures
}

const calibrationOf = (decided: ReadonlyArray<Bin>, squares: number, undecided: number): Calibration | null => {
  let days = 0
  let failures = 0
  let apart = 0
  const filled: Array<CalibrationBin> = []
  for (const [index, bin] of decided.entries()) {
    const observed = proportion(bin.failures, bin.days)
    if (observed === null) continue
    const forecast = bin.sum / bin.days
    days += bin.days
    failures += bin.failures
    apart += bin.days * Math.abs(forecast - observed.value)
    filled.push({ from: index / binCount, to: (index + 1) / binCount, days: bin.days, forecast, observed })
  }
  if (days === 0) return null
  const base = failures / days
  return {
    days,
    undecided,
    base,
    expectedError: apart / days,
    brier: squares / days,
    brierOfBase: base * (1 - base),
    bins: filled,
  }
}
