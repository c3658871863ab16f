/** What a backtest found, as one HTML file that needs nothing else: for a screen, light or dark, and for paper. Pure. */
import { concerns } from "../../domain/maintenance/backtest/backtest-failure.ts"
import type { JudgedAlert, JudgedFailure } from "../../domain/maintenance/backtest/backtest-verdict.ts"
import type { Report } from "./backtest.ts"
import { alertsOverTime, colourOf, leadTimes, outcomes, reliability, timeline } from "./backtest-plots.ts"
import type { Trace, VersionReport } from "./backtest-run.ts"
import { dateOf, figuresOf, scopeOf, toldOf, whole } from "./backtest-text.ts"

/** On one page. */
const maxTimelines = 24
const maxAlerts = 500

const style = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2530; --faint: #8a94a0; --line: #dde2e8;
  --version-0: #1f6fb4; --version-1: #c2620e; --version-2: #6d4bb3; --version-3: #0d7f79;
  --true: #2b8a4b; --late: #c79a12; --undecided: #9aa4af; --false: #c8323c }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #14181d; --ink: #e3e8ee; --faint: #7d8894;
  --line: #2c343d; --version-0: #5aa9ea; --version-1: #f09a4c; --version-2: #a98bea; --version-3: #4cc0b8;
  --true: #57b877; --late: #e0bd4a; --undecided: #6e7883; --false: #f0666f } }
@media print { :root { color-scheme: light } body { margin: 0; max-width: none } figure, tr { break-inside: avoid } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; max-width: 900px;
  margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem }
p, figcaption { color: var(--ink) } .faint { color: var(--faint) }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line) }
th, td:first-child { white-space: nowrap }
td.part { padding-left: 1.2rem; color: var(--faint) }
figure { margin: 1rem 0; overflow-x: auto } figcaption { font-size: .9rem } svg { max-width: 100%; height: auto }
.key { display: inline-block; width: .75em; height: .75em; border-radius: 2px; margin: 0 .35em 0 .9em }
.tag { color: var(--paper); border-radius: 3px; padding: 0 .4em; font-size: .8rem }
`

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;" }
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => entities[character] ?? "")

export const pageOf = (report: Report): string => {
  const title = `Backtest of ${report.versions.map(({ model }) => model).join(" and ")}`
  return [
    "<!doctype html>",
    `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">`,
    `<title>${escaped(title)}</title><style>${style}</style></head><body>`,
    `<h1>${escaped(title)}</h1>`,
    `<p class="faint">${escaped(scopeOf(report))}</p>`,
    ...report.versions.map(aboutVersion),
    comparison(report),
    ...plotsOf(report),
    ...report.versions.flatMap(detailsOf),
    "</body></html>",
    "",
  ].join("\n")
}

const aboutVersion = ({ model, predicts, source }: VersionReport, index: number): string =>
  `<p>${key(colourOf(index))}<b>${escaped(model)}</b> foretells: ${escaped(predicts)}. Formula: ${escaped(source)}.</p>`

const key = (colour: string): string => `<span class="key" style="background:${colour}"></span>`

const comparison = (report: Report): string =>
  [
    "<h2>Figures</h2>",
    "<table><thead><tr><th></th>",
    ...report.versions.map(({ model }) => `<th>${escaped(model)}</th>`),
    "</tr></thead><tbody>",
    ...figuresOf(report).map(([name, ...shown]) => {
      const part = name.startsWith(" ") ? ` class="part"` : ""
      return `<tr><td${part}>${name.trim()}</td>${shown.map((text) => `<td>${text}</td>`).join("")}</tr>`
    }),
    "</tbody></table>",
    `<p class="faint">In brackets: 95 % intervals (Wilson for shares, exact Poisson for rates). A vehicle-year is 365.25 `
    + "days on which something came that the model reads. An alert is true if a failure came within the horizon of a "
    + "warning; late if the failure was established already; undecided if it is open and the horizon reaches beyond the "
    + "end of history; else false.</p>",
  ].join("\n")

const figure = (caption: string, drawing: string): string =>
  `<figure>${drawing}<figcaption>${caption}</figcaption></figure>`

const plotsOf = (report: Report): ReadonlyArray<string> => {
  const { versions } = report
  const isJudged = versions.some(({ verdict }) => verdict.outcomes !== null)
  const hasLeads = versions.some(({ verdict }) => verdict.leadDays !== null)
  const hasAlerts = versions.some(({ verdict }) => verdict.alerts.length > 0)
  const drawn = tracesOf(report)
  const shown = drawn.slice(0, maxTimelines)
  const left = drawn.length - shown.length
  return [
    ...(shown.length === 0 ? [] : [
      "<h2>Scores</h2>",
      `<p class="faint">At the end of each day; faint where the model is less sure than it has to be for an alert. Dashed: `
      + `an alert is raised. Triangles: alerts raised or made more urgent.${
        left > 0 ? ` ${whole(left)} more components are not shown.` : ""
      }</p>`,
      ...shown.map((trace) => figure(`${escaped(trace.vin)}, ${escaped(trace.component)}`, timeline(report, trace))),
    ]),
    ...(hasLeads ? ["<h2>Lead time</h2>", figure("Of the failures foretold", leadTimes(report))] : []),
    ...(versions.some(({ calibration }) => calibration !== null)
      ? [
        "<h2>Calibration</h2>",
        figure(
          "Days with a risk of so much, and the share of them that saw a failure within the horizon. On the diagonal, risk "
            + "means what it says. The larger the dot, the more days",
          reliability(report),
        ),
      ]
      : []),
    ...(hasAlerts
      ? [
        "<h2>Alerts over time</h2>",
        figure(isJudged ? outcomes.map(keyOf).join("") : "By month", alertsOverTime(report)),
      ]
      : []),
  ]
}

const keyOf = (outcome: string): string => `${key(`var(--${outcome})`)}${outcome}`

/** Components that failed; where none are known to have, those with alerts. Each once. */
const tracesOf = ({ versions }: Report): ReadonlyArray<Pick<Trace, "component" | "vin">> => {
  const found = new Map<string, Pick<Trace, "component" | "vin">>()
  for (const { traces, verdict } of versions) {
    for (const { component, vin } of traces) {
      const isWanted = verdict.outcomes === null
        ? verdict.alerts.some(({ alert }) => alert.vin === vin && alert.component === component)
        : verdict.failures.some(({ failure }) => failure.vin === vin && concerns(failure, component))
      if (isWanted) found.set(`${vin} ${component}`, { vin, component })
    }
  }
  return [...found.values()]
}

const detailsOf = ({ model, verdict: { alerts, failures } }: VersionReport): ReadonlyArray<string> => [
  ...(failures.length === 0 ? [] : [
    `<h2>Failures: ${escaped(model)}</h2>`,
    table(["Established", "Vehicle", "Component", "", "First alert before"], failures.map(failureCells)),
  ]),
  ...(alerts.length === 0 ? [] : [
    `<h2>Alerts: ${escaped(model)}</h2>`,
    table(["Raised", "Vehicle", "Component", "Why", ""], alerts.slice(0, maxAlerts).map(alertCells)),
    ...(alerts.length > maxAlerts
      ? [`<p class="faint">${whole(alerts.length - maxAlerts)} more are not shown.</p>`]
      : []),
  ]),
]

/** Of cells that are HTML. */
const table = (names: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  `<table><thead><tr>${names.map((name) => `<th>${name}</th>`).join("")}</tr></thead><tbody>${
    rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("\n")
  }</tbody></table>`

const failureCells = (judged: JudgedFailure): ReadonlyArray<string> => {
  const { before: [first], failure: { at, component, vin } } = judged
  return [
    dateOf(at),
    escaped(vin),
    escaped(component),
    escaped(toldOf(judged)),
    first === undefined ? "none" : `${dateOf(first.raised.at)}: ${escaped(first.raised.summary)}`,
  ]
}

const alertCells = ({ alert, outcome }: JudgedAlert): ReadonlyArray<string> => {
  const { component, escalations, raised, resolved, vin } = alert
  const { confidence, evidence, score, summary, urgency } = raised
  return [
    dateOf(raised.at),
    escaped(vin),
    escaped(component),
    [
      `<b>${escaped(summary)}</b>, ${urgency}, score ${Math.round(score)}, confidence ${confidence.toFixed(2)}`,
      ...evidence.map((text) => `<span class="faint">${escaped(text)}</span>`),
      ...escalations.map((later) => `${dateOf(later.at)}: ${later.urgency}, ${escaped(later.summary)}`),
      ...(resolved === undefined ? [] : [`${dateOf(resolved.at)}: resolved, ${escaped(resolved.reason)}`]),
    ].join("<br>"),
    outcome === undefined ? "" : `<span class="tag" style="background:var(--${outcome})">${outcome}</span>`,
  ]
}
