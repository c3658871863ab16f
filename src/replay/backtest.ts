/**
 * History through versions of models, side by side: records in, in the log's order; what each version made of them out.
 * Holds what the models keep of each vehicle, the alerts, and bins of daily scores; never the history. Pure.
 */
import { Result } from "effect"
import { concerns, type Failure } from "../../domain/maintenance/backtest/backtest-failure.ts"
import { observe } from "../../domain/maintenance/model.ts"
import type { ModelVersion } from "../../domain/maintenance/backtest/model-choice.ts"
import { decode, type Stored } from "../../domain/vehicle/record.ts"
import { Run, type RunOptions, type VersionReport } from "./backtest-run.ts"

export interface BacktestOptions extends RunOptions {
  readonly versions: ReadonlyArray<ModelVersion>
  /** All where it is left out. */
  readonly vins: ReadonlyArray<string> | undefined
  /** History ends before this time, epoch ms. */
  readonly to: number | undefined
}

export interface Report {
  readonly events: number
  /** Events that could not be read, and were passed over as by the reactor. */
  readonly unreadable: number
  readonly vehicles: number
  /** Vehicles that no failure is known of. */
  readonly healthy: number | null
  /** Receipt of the first event, or `from`; epoch ms. */
  readonly from: number
  /** Where history ends, epoch ms. */
  readonly end: number
  readonly versions: ReadonlyArray<VersionReport>
  /** Vehicles of the labels that history has nothing of. */
  readonly unheard: ReadonlyArray<string>
  /** Components of the labels that none of the versions watches. */
  readonly unwatched: ReadonlyArray<string>
}

export class Backtest {
  readonly #options: BacktestOptions
  readonly #runs: ReadonlyArray<Run>
  readonly #revisions = new Map<string, number>()
  readonly #vins: ReadonlySet<string> | undefined
  #unreadable = 0
  #first = Infinity
  #newest = -Infinity
  events = 0

  constructor(options: BacktestOptions) {
    this.#options = options
    this.#runs = options.versions.map((version) => new Run(version, options))
    this.#vins = options.vins && new Set(options.vins)
  }

  /** In the log's order. What came already is passed over, so that exports may overlap. */
  add(stored: Stored): void {
    const decoded = decode(stored)
    if (Result.isFailure(decoded)) {
      this.#unreadable++
      return
    }
    const record = decoded.success
    if (record === undefined) return
    const { revision, vin } = record
    if (this.#vins?.has(vin) === false || revision <= (this.#revisions.get(vin) ?? -1)) return
    this.#revisions.set(vin, revision)
    const observed = observe(record)
    const { receivedAt } = observed
    // That history goes on after its end is known is reason to believe in what did not happen.
    this.#newest = Math.max(this.#newest, receivedAt)
    if (receivedAt >= (this.#options.to ?? Infinity)) return
    this.events++
    this.#first = Math.min(this.#first, receivedAt)
    for (const run of this.#runs) run.add(observed)
  }

  /** After the last event, once. */
  report(): Report {
    const { failures, from = this.#first, to = Infinity } = this.#options
    const heard = this.#revisions
    const its = failures?.filter(({ vin }) => this.#vins?.has(vin) !== false)
    // Whoever wrote down the last failure knew of those before it.
    const known = (its ?? []).filter(({ vin }) => heard.has(vin)).map(({ until }) => until)
    const end = Math.min(to, known.reduce((a, b) => Math.max(a, b), this.#newest))
    const failed = new Set(its?.map(({ vin }) => vin))
    return {
      events: this.events,
      unreadable: this.#unreadable,
      vehicles: heard.size,
      healthy: failures === undefined ? null : [...heard.keys()].filter((vin) => !failed.has(vin)).length,
      from,
      end,
      versions: this.#runs.map((run) => run.report(from, end)),
      unheard: [...failed].filter((vin) => !heard.has(vin)),
      unwatched: [...new Set(its?.filter((failure) => !this.#isWatched(failure)).map(({ component }) => component))],
    }
  }

  #isWatched(failure: Failure): boolean {
    return this.#options.versions.some(({ models }) => models.some(({ component }) => concerns(failure, component)))
  }
}
