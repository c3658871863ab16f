/** What a backtest found, as text: a table of figures with a column a version, then failures and alerts. Pure. */
import type { CalibrationBin } from "../../domain/maintenance/backtest/backtest-calibration.ts"
import type { JudgedAlert, JudgedFailure, ReplayedAlert } from "../../domain/maintenance/backtest/backtest-verdict.ts"
import type { Estimate } from "../../domain/maintenance/backtest/intervals.ts"
import type { Report } from "./backtest.ts"
import type { VersionReport } from "./backtest-run.ts"

export const dateOf = (at: number): string => new Date(at).toISOString().slice(0, 10)
export const whole = (n: number): string => n.toLocaleString("en")

const unknown = "n/a"
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
const figure = (value: number): string => value.toFixed(value < 10 ? 2 : 1)
const days = (value: number): string => `${value.toFixed(1)} days`

const estimate = (of: Estimate | null, show: (value: number) => string): string =>
  of === null ? unknown : `${show(of.value)} (${show(of.low)} – ${show(of.high)})`

/** A name and what it is; the name of a part begins with two spaces. */
type Figures = ReadonlyArray<readonly [name: string, show: (version: VersionReport) => string]>

const known = (value: number | undefined): string => value === undefined ? unknown : whole(value)

/** Intervals are of 95 %. */
const figures: Figures = [
  ["Horizon", ({ horizonDays }) => `${horizonDays} days`],
  ["Vehicle-years observed", ({ verdict }) => figure(verdict.vehicleYears)],
  ["Failures", ({ verdict }) => verdict.outcomes === null ? unknown : whole(verdict.failures.length)],
  ["  foretold", ({ verdict }) =>
    verdict.outcomes === null ? unknown : whole(verdict.failures.filter(({ leadDays }) => leadDays !== null).length)],
  ["Alerts", ({ verdict }) => whole(verdict.alerts.length)],
  ["  true", ({ verdict }) => known(verdict.outcomes?.true)],
  ["  false", ({ verdict }) => known(verdict.outcomes?.false)],
  ["  late", ({ verdict }) => known(verdict.outcomes?.late)],
  ["  undecided", ({ verdict }) => known(verdict.outcomes?.undecided)],
  ["Recall", ({ verdict }) => estimate(verdict.recall, percent)],
  ["Precision", ({ verdict }) => estimate(verdict.precision, percent)],
  ["False alarms per vehicle-year", ({ verdict }) => estimate(verdict.falseAlarmsPerVehicleYear, figure)],
  ["Lead time, median", ({ verdict: { leadDays } }) => leadDays === null ? unknown : days(leadDays.median)],
  ["  quartiles", ({ verdict: { leadDays } }) =>
    leadDays === null ? unknown : `${leadDays.lower.toFixed(1)} – ${days(leadDays.upper)}`],
  ["Calibration error", ({ calibration }) => calibration === null ? unknown : percent(calibration.expectedError)],
  ["Brier score", ({ calibration }) => calibration === null ? unknown : calibration.brier.toFixed(4)],
  ["  of the base rate", ({ calibration }) => calibration === null ? unknown : calibration.brierOfBase.toFixed(4)],
  ["  component days", ({ calibration }) => calibration === null ? unknown : whole(calibration.days)],
  ["Remaining life, 90 % interval holds", ({ remaining }) => estimate(remaining?.coverage ?? null, percent)],
  ["  mean absolute error", ({ remaining }) => remaining === null ? unknown : days(remaining.meanAbsoluteError)],
  ["  bias", ({ remaining }) => remaining === null ? unknown : days(remaining.bias)],
  ["  within 20 %", ({ remaining }) => estimate(remaining?.accuracy ?? null, percent)],
]

/** Rows of a name and what each version has there, but for those that none has. */
export const figuresOf = ({ versions }: Report): ReadonlyArray<readonly [name: string, ...ReadonlyArray<string>]> =>
  figures
    .map(([name, show]) => [name, ...versions.map(show)] as const)
    .filter(([_, ...shown]) => shown.some((text) => text !== unknown))

/** What was judged, in a line. */
export const scopeOf = ({ end, events, from, healthy, vehicles }: Report): string => {
  const counted = `${whole(vehicles)} ${vehicles === 1 ? "vehicle" : "vehicles"}`
  const well = healthy === null ? "" : `, ${whole(healthy)} of them without a known failure`
  return `${dateOf(from)} to ${dateOf(end)}: ${whole(events)} events of ${counted}${well}`
}

export const textOf = (report: Report): string =>
  [
    scopeOf(report),
    "",
    ...table([
      ["", ...report.versions.map(({ model }) => model)],
      ...figuresOf(report),
    ]),
    ...report.versions.flatMap(detailsOf),
    "",
  ].join("\n")

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd())
}

const detailsOf = ({ calibration, model, verdict: { alerts, failures } }: VersionReport): ReadonlyArray<string> => [
  ...(failures.length === 0 ? [] : ["", `${model}: failures`, ...failures.flatMap(failureLines)]),
  "",
  ...(alerts.length === 0 ? [`${model}: no alerts`] : [`${model}: alerts`, ...alerts.flatMap(alertLines)]),
  ...(calibration === null ? [] : ["", `${model}: calibration`, ...table([
    ["  risk", "days", "mean", "failed within the horizon"],
    ...calibration.bins.map(binRow),
  ])]),
]

export const toldOf = ({ failure: { note }, leadDays }: JudgedFailure): string => {
  const lead = leadDays === null ? "missed" : `foretold ${days(leadDays)} before`
  return note === undefined ? lead : `${lead} (${note})`
}

const failureLines = (judged: JudgedFailure): ReadonlyArray<string> => {
  const { before, failure: { at, component, vin } } = judged
  return [
    `  ${dateOf(at)}  ${vin}  ${component}: ${toldOf(judged)}`,
    ...(before.length === 0 ? ["    no alert before"] : before.map((alert) => `    alert before: ${raisedOf(alert)}`)),
  ]
}

const raisedOf = ({ component, raised: { at, confidence, score, summary, urgency } }: ReplayedAlert): string =>
  `${dateOf(at)}  ${component}, ${urgency}, score ${Math.round(score)}, confidence ${confidence.toFixed(2)}: ${summary}`

const alertLines = ({ alert, outcome }: JudgedAlert): ReadonlyArray<string> => {
  const { escalations, resolved, vin } = alert
  return [
    `  ${vin}  ${raisedOf(alert)}${outcome === undefined ? "" : ` – ${outcome}`}`,
    ...escalations.map(({ at, score, summary, urgency }) =>
      `    ${dateOf(at)}  ${urgency}, score ${Math.round(score)}: ${summary}`
    ),
    ...(resolved === undefined ? [] : [`    ${dateOf(resolved.at)}  resolved: ${resolved.reason}`]),
  ]
}

const binRow = ({ days, forecast, from, observed, to }: CalibrationBin): ReadonlyArray<string> => [
  `  ${from.toFixed(1)} – ${to.toFixed(1)}`,
  whole(days),
  percent(forecast),
  estimate(observed, percent),
]
