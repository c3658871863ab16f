/** The plots of a backtest's page, as SVG. Colours are the page's variables, so that they suit its scheme. */
import * as Plot from "@observablehq/plot"
import { parseHTML } from "linkedom"
import { concerns } from "../../domain/maintenance/backtest/backtest-failure.ts"
import type { Outcome } from "../../domain/maintenance/backtest/backtest-verdict.ts"
import type { Report } from "./backtest.ts"
import type { ScorePoint, Trace, VersionReport } from "./backtest-run.ts"

const { document } = parseHTML("<!doctype html><html><body></body></html>")

const dayMs = 24 * 3_600_000
const width = 860
/** Points of a line, at most. */
const maxPoints = 600
/** A line is not drawn over a longer silence. */
const gapMs = 30 * dayMs
/** Below it a score raises nothing, and is drawn faint. */
const minConfidence = 0.5

/** Of the version in this place of the report. */
export const colourOf = (index: number): string => `var(--version-${index % 4})`

export const outcomes: ReadonlyArray<Outcome> = ["true", "late", "undecided", "false"]

const margins = { marginLeft: 48, marginRight: 16, marginBottom: 36 } as const
const frame = { document, width, ...margins, style: { background: "none" } } as const
const svg = (options: Plot.PlotOptions): string => Plot.plot({ ...frame, ...options }).outerHTML

const dashed = { stroke: "var(--faint)", strokeDasharray: "4 3" } as const

/** The lowest score of each stretch, so that no dip is lost. */
const thinned = (points: ReadonlyArray<ScorePoint>): ReadonlyArray<ScorePoint> => {
  const stretch = Math.ceil(points.length / maxPoints)
  if (stretch <= 1) return points
  const kept: Array<ScorePoint> = []
  for (let i = 0; i < points.length; i += stretch) {
    kept.push(points.slice(i, i + stretch).reduce((lowest, point) => point.score < lowest.score ? point : lowest))
  }
  return kept
}

interface Drawn {
  readonly at: Date
  readonly score: number
  /** Not a number where the model is not sure enough. */
  readonly sure: number
}

const drawn = (points: ReadonlyArray<ScorePoint>): ReadonlyArray<Drawn> =>
  thinned(points).flatMap(({ at, confidence, score }, i, all) => {
    const point = { at: new Date(at), score, sure: confidence < minConfidence ? Number.NaN : score }
    const before = all[i - 1]
    return before === undefined || at - before.at <= gapMs
      ? [point]
      : [{ at: new Date(before.at + 1), score: Number.NaN, sure: Number.NaN }, point]
  })

/** A component's scores by each version, with its alerts and failures. */
export const timeline = (report: Report, { component, vin }: Pick<Trace, "component" | "vin">): string => {
  const isIts = (one: Pick<Trace, "component" | "vin">) => one.vin === vin && one.component === component
  const failures = report.versions[0]?.verdict.failures ?? []
  const failed = failures.filter(({ failure }) => failure.vin === vin && concerns(failure, component))
  return svg({
    height: 190,
    x: { type: "utc", label: null },
    y: { domain: [0, 100], label: "score", grid: true, ticks: 5 },
    marks: [
      Plot.ruleY(new Set(report.versions.map(({ raiseAt }) => raiseAt)), dashed),
      ...report.versions.flatMap((version, index) => {
        const stroke = colourOf(index)
        const points = drawn(version.traces.find(isIts)?.points ?? [])
        const warnings = version.verdict.alerts
          .filter(({ alert }) => isIts(alert))
          .flatMap(({ alert: { escalations, raised } }) => [raised, ...escalations])
          .map(({ at, score }) => ({ at: new Date(at), score }))
        return [
          Plot.lineY(points, { x: "at", y: "score", stroke, strokeWidth: 1, strokeOpacity: 0.35 }),
          Plot.lineY(points, { x: "at", y: "sure", stroke, strokeWidth: 1.75 }),
          Plot.dot(warnings, { x: "at", y: "score", r: 5, symbol: "triangle", fill: stroke, stroke: "var(--paper)" }),
        ]
      }),
      Plot.ruleX(failed, { x: ({ failure }) => new Date(failure.at), stroke: "var(--false)", strokeWidth: 2 }),
      Plot.text(failed, {
        x: ({ failure }) => new Date(failure.at),
        text: () => "failure",
        frameAnchor: "top",
        textAnchor: "end",
        dx: -5,
        fill: "var(--false)",
      }),
    ],
  })
}

/** Bars of how many there are in each interval. */
const counted = (options: Plot.BinXInputs<Plot.RectYOptions>) =>
  Plot.binX<Plot.RectYOptions>({ y: "count" }, { ...options, inset: 0.5 })

export const leadTimes = ({ versions }: Report): string => {
  const leads = versions.flatMap(({ model, verdict }) =>
    verdict.failures.flatMap(({ leadDays }) => leadDays === null ? [] : [{ model, leadDays }])
  )
  const step = Math.max(1, Math.ceil(Math.max(...leads.map(({ leadDays }) => leadDays)) / 40))
  const longest = Math.max(10, ...leads.map(({ leadDays }) => Math.floor(leadDays / step + 1) * step))
  return svg({
    height: 60 + 110 * versions.length,
    x: { domain: [0, longest], label: "days from the first warning to the failure" },
    y: { label: "failures", grid: true, ticks: 3, interval: 1 },
    fy: { domain: versions.map(({ model }) => model), label: null },
    color: colours(versions),
    marginRight: 110,
    marks: [
      Plot.rectY(leads, counted({ x: "leadDays", fy: "model", fill: "model", interval: step })),
      Plot.ruleY([0]),
    ],
  })
}

const colours = (versions: ReadonlyArray<VersionReport>): Plot.ScaleOptions => ({
  domain: versions.map(({ model }) => model),
  range: versions.map((_, index) => colourOf(index)),
})

export const reliability = ({ versions }: Report): string => {
  const bins = versions.flatMap(({ calibration, model }) =>
    (calibration?.bins ?? []).map(({ days, forecast, observed }) => ({ model, forecast, days, ...observed }))
  )
  return svg({
    width: 460,
    height: 400,
    x: { domain: [0, 100], label: "risk, as forecast (%)", grid: true, percent: true },
    y: { domain: [0, 100], label: "failed within the horizon (%)", grid: true, percent: true },
    r: { range: [2, 9] },
    color: colours(versions),
    marks: [
      Plot.line([[0, 0], [1, 1]], dashed),
      Plot.ruleX(bins, { x: "forecast", y1: "low", y2: "high", stroke: "model", strokeOpacity: 0.5 }),
      Plot.line(bins, { x: "forecast", y: "value", stroke: "model" }),
      Plot.dot(bins, { x: "forecast", y: "value", r: "days", fill: "model" }),
    ],
  })
}

const judged = "alerts"

/** The beginning of the month of a time, or of so many months later. */
const monthOf = (at: number, later: number): Date => {
  const date = new Date(at)
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + later))
}

/** Alerts of each month, by what came of them. */
export const alertsOverTime = ({ end, from, versions }: Report): string => {
  const alerts = versions.flatMap(({ model, verdict }) =>
    verdict.alerts.map(({ alert, outcome }) => ({ model, at: new Date(alert.raised.at), outcome: outcome ?? judged }))
  )
  return svg({
    height: 60 + 110 * versions.length,
    x: { type: "utc", domain: [monthOf(from, 0), monthOf(end, 1)], label: null },
    y: { label: "alerts a month", grid: true, ticks: 3, interval: 1 },
    fy: { domain: versions.map(({ model }) => model), label: null },
    color: { domain: [...outcomes, judged], range: [...outcomes.map((outcome) => `var(--${outcome})`), colourOf(0)] },
    marginRight: 110,
    marks: [
      Plot.rectY(alerts, counted({ x: "at", fy: "model", fill: "outcome", order: "outcome", interval: "month" })),
      Plot.ruleY([0]),
    ],
  })
}
