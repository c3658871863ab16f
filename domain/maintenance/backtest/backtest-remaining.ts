/** How well remaining useful life was foretold, once a day, of components that then failed. */
import { type Estimate, proportion } from "./intervals.ts"
import type { Remaining } from "../model.ts"

export interface RemainingLife {
  /** Forecasts, one a component and day, up to the failure. */
  readonly days: number
  /** Share of the failures that lay in the interval foretold, which should be nine of ten. */
  readonly coverage: Estimate
  /** Mean distance from the truth, days. */
  readonly meanAbsoluteError: number
  /** Mean of forecast less truth, days: above 0, failures came earlier than foretold. */
  readonly bias: number
  /** Share within 20 % of the truth: the α-λ accuracy of Saxena et al. (2010) over all λ, α = 0.2. */
  readonly accuracy: Estimate
}

const alpha = 0.2

export class RemainingForecasts {
  #days = 0
  #covered = 0
  #accurate = 0
  #absolute = 0
  #signed = 0

  /** `truth`: days to the failure. */
  add({ days, high, low }: Remaining, truth: number): void {
    const error = days - truth
    this.#days++
    if (low <= truth && truth <= (high ?? Infinity)) this.#covered++
    if (Math.abs(error) <= alpha * truth) this.#accurate++
    this.#absolute += Math.abs(error)
    this.#signed += error
  }

  get figures(): RemainingLife | null {
    const coverage = proportion(this.#covered, this.#days)
    const accuracy = proportion(this.#accurate, this.#days)
    if (coverage === null || accuracy === null) return null
    return {
      days: this.#days,
      coverage,
      meanAbsoluteError: this.#absolute / this.#days,
      bias: this.#signed / this.#days,
      accuracy,
    }
  }
}
