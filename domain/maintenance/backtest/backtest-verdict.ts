/**
 * What a model's alerts were worth, measured against the failures that are known. The terms are those of Saxena et al.,
 * "Metrics for Offline Evaluation of Prognostic Performance" (Int. J. Prognostics and Health Management 1, 2010).
 */
import type { Urgency } from "../alerts/alert-events.ts"
import { concerns, type Failure, isBroken, isForetold, type Repair } from "./backtest-failure.ts"
import { type Estimate, proportion, rate } from "./intervals.ts"
import { quantileOf } from "../statistics.ts"

const dayMs = 24 * 3_600_000
const yearDays = 365.25

/** An alert's raising, or its becoming more urgent. */
export interface Warning {
  /** Epoch ms, as all times here. */
  readonly at: number
  readonly urgency: Urgency
  readonly score: number
  readonly confidence: number
  readonly summary: string
  readonly evidence: ReadonlyArray<string>
}

export interface ReplayedAlert {
  readonly vin: string
  readonly component: string
  readonly raised: Warning
  readonly escalations: ReadonlyArray<Warning>
  readonly resolved: { readonly at: number; readonly reason: string } | undefined
}

/**
 * - `true`: a failure came, at most the model's horizon after a warning of it.
 * - `late`: the failure was established already, at most the horizon before, and not repaired.
 * - `undecided`: still open at the end of history, and its horizon is not over (censored).
 * - `false`: neither of these.
 */
export type Outcome = "true" | "late" | "undecided" | "false"

export interface JudgedAlert {
  readonly alert: ReplayedAlert
  /** Undefined where no failures are known. */
  readonly outcome: Outcome | undefined
}

export interface JudgedFailure {
  readonly failure: Failure
  /** From the first warning that foretold it; null where none did. */
  readonly leadDays: number | null
  /** The vehicle's alerts of the component from before it, also those from too long before. */
  readonly before: ReadonlyArray<ReplayedAlert>
}

export interface Replayed {
  readonly components: ReadonlyArray<string>
  readonly horizonDays: number
  /** In the order in which they were raised. */
  readonly alerts: ReadonlyArray<ReplayedAlert>
  readonly repairs: ReadonlyMap<string, ReadonlyArray<Repair>>
  /** Days, summed over the vehicles, on which something came that the model reads. */
  readonly vehicleDays: number
  readonly vehicles: ReadonlySet<string>
}

/** What is judged, epoch ms: models have folded what came before, but its alerts and failures do not count. */
export interface Period {
  readonly from: number
  /** The end of history: what has not happened by then may yet happen. */
  readonly end: number
}

export interface Verdict {
  readonly failures: ReadonlyArray<JudgedFailure>
  readonly alerts: ReadonlyArray<JudgedAlert>
  /** How many alerts came to what; null where no failures are known, as all below. */
  readonly outcomes: Readonly<Record<Outcome, number>> | null
  /** Share of the failures with a warning at most the horizon before; with `from`, at any time since then. */
  readonly recall: Estimate | null
  /** Failures foretold, of those and the false alarms: several alerts of a failure count once. */
  readonly precision: Estimate | null
  /** From the first warning to the failure. */
  readonly leadDays: { readonly lower: number; readonly median: number; readonly upper: number } | null
  /** A year being 365.25 days on which the vehicle was heard. */
  readonly vehicleYears: number
  readonly falseAlarmsPerVehicleYear: Estimate | null
}

/** `failures`: undefined where none are known, which is not the same as that there were none. */
export const judge = (replayed: Replayed, failures: ReadonlyArray<Failure> | undefined, period: Period): Verdict => {
  const alerts = replayed.alerts.filter(({ raised }) => raised.at >= period.from)
  const vehicleYears = replayed.vehicleDays / yearDays
  if (failures === undefined) {
    return {
      failures: [],
      alerts: alerts.map((alert) => ({ alert, outcome: undefined })),
      outcomes: null,
      recall: null,
      precision: null,
      leadDays: null,
      vehicleYears,
      falseAlarmsPerVehicleYear: null,
    }
  }
  const known = failures.filter((failure) =>
    replayed.vehicles.has(failure.vin) && replayed.components.some((component) => concerns(failure, component))
  )
  const judged = known
    .filter(({ at }) => at >= period.from && at <= period.end)
    .map((failure) => judgedFailure(replayed, failure))
  const outcomes = { true: 0, late: 0, undecided: 0, false: 0 }
  const foretold = new Set<Failure>()
  const judgedAlerts = alerts.map((alert): JudgedAlert => {
    const its = known.filter((failure) => leadMs(replayed, failure, alert) !== undefined)
    for (const failure of its) foretold.add(failure)
    const outcome = its.length > 0 ? "true" : otherwise(replayed, known, alert, period.end)
    outcomes[outcome]++
    return { alert, outcome }
  })
  const leads = judged.flatMap(({ leadDays }) => leadDays ?? []).toSorted((a, b) => a - b)
  return {
    failures: judged,
    alerts: judgedAlerts,
    outcomes,
    recall: proportion(leads.length, judged.length),
    precision: proportion(foretold.size, foretold.size + outcomes.false),
    leadDays: quartiles(leads),
    vehicleYears,
    falseAlarmsPerVehicleYear: rate(outcomes.false, vehicleYears),
  }
}

const repairsOf = ({ repairs }: Replayed, vin: string) => repairs.get(vin) ?? []

const warningsOf = ({ escalations, raised }: ReplayedAlert) => [raised, ...escalations]

/** From the first of the alert's warnings that foretells the failure; undefined where none does. */
const leadMs = (replayed: Replayed, failure: Failure, alert: ReplayedAlert): number | undefined => {
  const { component, vin } = alert
  if (vin !== failure.vin) return undefined
  const repairs = repairsOf(replayed, vin)
  const first = warningsOf(alert).find(({ at }) => isForetold(failure, repairs, component, at, replayed.horizonDays))
  // On the day of a failure of which no more than the day is known the lead is none.
  return first === undefined ? undefined : Math.max(0, failure.at - first.at)
}

const judgedFailure = (replayed: Replayed, failure: Failure): JudgedFailure => {
  const before = replayed.alerts.filter(({ component, raised, vin }) =>
    vin === failure.vin && concerns(failure, component) && raised.at <= failure.until
  )
  const leads = before.flatMap((alert) => leadMs(replayed, failure, alert) ?? [])
  return { failure, leadDays: leads.length === 0 ? null : Math.max(...leads) / dayMs, before }
}

const otherwise = (
  replayed: Replayed,
  known: ReadonlyArray<Failure>,
  alert: ReplayedAlert,
  end: number,
): Exclude<Outcome, "true"> => {
  const { component, escalations, raised, resolved, vin } = alert
  const failures = known.filter((failure) => failure.vin === vin)
  const { horizonDays } = replayed
  if (isBroken(failures, repairsOf(replayed, vin), component, raised.at, horizonDays)) return "late"
  const last = escalations.at(-1) ?? raised
  return resolved === undefined && last.at + horizonDays * dayMs > end ? "undecided" : "false"
}

const quartiles = (sorted: ReadonlyArray<number>): Verdict["leadDays"] => {
  const lower = quantileOf(sorted, 0.25)
  const median = quantileOf(sorted, 0.5)
  const upper = quantileOf(sorted, 0.75)
  return lower === undefined || median === undefined || upper === undefined ? null : { lower, median, upper }
}
