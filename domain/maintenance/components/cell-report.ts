/** What is known of the cells, as a score and in a planner's words. Cells are numbered from 1, as workshops count. */
import type { Evidence, Urgency } from "../alerts/alert-events.ts"
import type { CellFaultSettings } from "./cell-settings.ts"
import type { CellFaultState } from "./cell-state.ts"
import { type Sign, type Suspect, worstOf } from "./cell-suspects.ts"
import { type Assessment, minConfidence, type Remaining } from "../model.ts"

/** For full confidence; half of it suffices for an alert. */
const fullHits = 12
const fullMinutes = 6 * 60
const maxConfidence = 0.95
const dayMs = 86_400_000
const staleAfterMs = 30 * dayMs
/** At the limit. */
const scoreAtLimit = 30

const scoreOf = (severity: number): number =>
  severity <= 1 ? 100 - (100 - scoreAtLimit) * severity : scoreAtLimit / severity

const confidenceOf = ({ hits, since, until }: Suspect): number =>
  Math.min(maxConfidence, hits / fullHits, (until - since) / fullMinutes)

export const assessmentOf = (
  settings: CellFaultSettings,
  state: CellFaultState,
  at: number,
): Assessment | undefined => {
  const { offsets, suspects, worst } = state
  const windows = offsets.rest.windows + offsets.driving.windows + offsets.charging.windows
  const worstKnown = worstOf(worst)
  if (worstKnown === undefined) return undefined
  const known = Math.min(maxConfidence, windows / fullHits)
  const fresh = at - state.minute * 60_000 > staleAfterMs ? 0.5 : 1
  const confirmed = suspects.filter((suspect) => confidenceOf(suspect) >= minConfidence && suspect.severity >= 1)
  const main = worstOf(confirmed)
  if (main === undefined) {
    const score = scoreOf(worstKnown.severity)
    // Beyond the limit, but not for long enough.
    const confidence = worstKnown.severity >= 1 ? Math.min(known, 0.4) : known
    return {
      score,
      confidence: confidence * fresh,
      evidence: [{
        text: `Cell ${worstKnown.cell + 1} of ${state.cells} deviates most: ${figureOf(worstKnown)}`,
        events: [state.event],
      }],
      urgency: "drive_on",
      recommendedAction: "None",
      summary: "No cell stands out",
    }
  }
  const sorted = confirmed.toSorted((a, b) => b.severity - a.severity)
  const cells = [...new Set(sorted.map(({ cell }) => cell))]
  const urgency = urgencyOf(settings, state, sorted)
  const remaining = remainingOf(settings, state, sorted, at)
  return {
    score: scoreOf(main.severity),
    confidence: Math.max(...confirmed.map(confidenceOf)) * fresh,
    evidence: sorted.map((suspect) => evidenceOf(state, suspect)),
    urgency,
    recommendedAction: urgency === "stop"
      ? "Stop using the car, park it in the open, and have the traction battery inspected"
      : `Have ${cells.length === 1 ? `cell ${named(cells)}` : `cells ${named(cells)}`} of the traction battery measured: ` +
        "voltage at rest, resistance, and the joints beside it",
    summary: `${cells.length === 1 ? "Cell" : "Cells"} ${named(cells)} of ${state.cells}: ${figureOf(main)}`,
    ...(remaining !== undefined && { remaining }),
  }
}

const named = (cells: ReadonlyArray<number>): string => cells.map((cell) => cell + 1).join(", ")

const urgencyOf = (
  { stopDriftMv, stopMv, stopMvPerDay }: CellFaultSettings,
  { trend }: CellFaultState,
  suspects: ReadonlyArray<Suspect>,
): Urgency => {
  const isSevere = suspects.some(({ sign, value }) =>
    sign === "drift"
      ? -value >= stopMvPerDay && -value * (trend?.span ?? 0) >= stopDriftMv
      : sign !== "resistance" && value <= -stopMv
  )
  return isSevere ? "stop" : "service_soon"
}

/** Normal quantile of a two-sided 90 % interval. */
const z90 = 1.645

/** Until the cell is as far below its siblings as calls for a stop. */
const remainingOf = (
  { stopMv }: CellFaultSettings,
  { minute, trend }: CellFaultState,
  suspects: ReadonlyArray<Suspect>,
  at: number,
): Remaining | undefined => {
  const drift = suspects.find(({ sign }) => sign === "drift")
  if (drift === undefined || trend === null || drift.value >= 0) return undefined
  const left = Math.max(0, stopMv + trend.offset)
  const passed = Math.max(0, Math.floor((at - minute * 60_000) / dayMs))
  const until = (aDay: number) => Math.max(0, left / aDay - passed)
  const fast = z90 * drift.spread - drift.value
  const slow = -drift.value - z90 * drift.spread
  return { days: until(-drift.value), low: until(fast), high: slow > 0 ? until(slow) : null }
}

const where: Readonly<Record<Sign, string>> = {
  rest: "at rest",
  driving: "while driving",
  charging: "while charging",
  resistance: "",
  drift: "",
}

const figureOf = ({ sign, spread, value }: Pick<Suspect, "sign" | "spread" | "value">): string => {
  const size = Math.abs(value)
  const than = `${(size / spread).toFixed(1)} times the siblings' spread`
  if (sign === "resistance") return `${Math.round(size)} µΩ more resistance than its siblings, ${than}`
  if (sign === "drift") return `${value < 0 ? "loses" : "gains"} ${size.toFixed(1)} mV a day against its siblings, ${than}`
  return `${size.toFixed(size < 10 ? 1 : 0)} mV ${value < 0 ? "below" : "above"} its siblings ${where[sign]}, ${than}`
}

const evidenceOf = ({ resistance, trend }: CellFaultState, suspect: Suspect): Evidence => ({
  text: `Cell ${suspect.cell + 1} (CellVoltages[${suspect.cell}]): ${figureOf(suspect)}` +
    detailOf(suspect, resistance.median, trend) + `; since ${dateOf(suspect.since)}`,
  events: suspect.firstEvent === suspect.event ? [suspect.event] : [suspect.firstEvent, suspect.event],
})

const detailOf = ({ sign, value }: Suspect, resistance: number, trend: CellFaultState["trend"]): string => {
  if (sign === "resistance") return `; the median cell has ${Math.round(resistance)} µΩ`
  if (sign !== "drift" || trend === null) return ""
  const slope = trend.mvPerPercent
  const share = slope !== null && slope > 0.5 ? `, about ${(-value / slope).toFixed(2)} % of its charge` : ""
  return `${share}, seen over ${trend.span.toFixed(1)} days`
}

const dateOf = (minute: number): string => new Date(minute * 60_000).toISOString().slice(0, 16).replace("T", " ")
