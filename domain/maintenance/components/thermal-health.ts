/** How something that runs warm fares, in words. */
import type { Evidence, Urgency } from "../alerts/alert-events.ts"
import type { Assessment } from "../model.ts"
import { along, dateText, hourMs, minuteText, rounded } from "./score-line.ts"
import { median } from "../statistics.ts"
import { hotMinutes, lineOf, type ThermalState } from "./thermal-state.ts"

export const raiseAt = 40
const fewestExcess = 6
const staleMs = 30 * 24 * hourMs

/** What is told of which thing. */
export interface ThermalWords {
  readonly what: string
  /** °C at which to stop. */
  readonly stopAt: number
  readonly repair: string
  readonly cool: string
}

interface Sign {
  readonly score: number
  readonly confidence: number
  readonly urgency: Urgency
  readonly summary: string
  readonly evidence: Evidence
}

const byExcess = [[0.3, 100], [1, raiseAt], [3, 10]] as const

const driftOf = (state: ThermalState, { what }: ThermalWords, at: number): Sign | undefined => {
  const { deviation, event, excess, judgedAt, past } = state
  const middle = median(excess)
  if (middle === undefined) return undefined
  const line = lineOf(deviation)
  const score = along(byExcess, middle / line)
  const words = `${rounded(Math.abs(middle), 1)} K ${middle >= 0 ? "hotter" : "cooler"}`
  return {
    score,
    confidence: at - judgedAt > staleMs || excess.length < fewestExcess ? 0.3 : 0.8,
    urgency: score <= raiseAt ? "service_soon" : "drive_on",
    summary: `${what} runs ${score <= raiseAt ? `${words} than` : "as warm as"} its load explains`,
    evidence: {
      text: `${words} than its load and the air outside explain, by the median of ${excess.length} hours up to ` +
        `${dateText(judgedAt)} and ${Math.round(past.n)} hours learned; ${rounded(line, 1)} K are too much`,
      events: [event],
    },
  }
}

const heatOf = ({ hot }: ThermalState, { stopAt, what }: ThermalWords): Sign | undefined => {
  if (hot === null || hot.minutes < hotMinutes) return undefined
  const isStop = hot.celsius >= stopAt
  // It is not over until it has stayed cool for some hours.
  const score = isStop ? 5 : 20
  return {
    score,
    confidence: 0.9,
    urgency: isStop ? "stop" : "service_soon",
    summary: `${what} reached ${hot.celsius} °C`,
    evidence: { text: `${hot.celsius} °C at ${minuteText(hot.at)}, and for minutes`, events: [hot.event] },
  }
}

export const assessOf = (thermal: ThermalWords) => (state: ThermalState, at: number): Assessment | undefined => {
  const signs = [heatOf(state, thermal), driftOf(state, thermal, at)].filter((sign) => sign !== undefined)
  const [worst] = signs.toSorted((a, b) => a.score - b.score)
  if (worst === undefined) return undefined
  return {
    score: worst.score,
    confidence: worst.confidence,
    evidence: signs.map(({ evidence }) => evidence),
    urgency: worst.urgency,
    recommendedAction: worst.urgency === "stop" ? thermal.cool : worst.score <= raiseAt ? thermal.repair : "None",
    summary: worst.summary,
  }
}
