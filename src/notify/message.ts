/** What is told of alerts, as JSON for programs: the body of a webhook. */
import { toTime } from "../../domain/vehicle/readings.ts"
import type { News } from "./news.ts"

/** A message to be delivered by a rule: one piece of news, or several that were held back, in the log's order. */
export interface Message {
  /** The same at each try. */
  readonly id: string
  readonly ruleId: string
  readonly news: ReadonlyArray<News>
}

const timeOf = (at: number | null): string | null => at === null ? null : toTime(at)

const one = ({ alert, at, by, eventId, kind, note, reason }: News) => ({
  type: `alert.${kind}`,
  timestamp: toTime(at),
  data: {
    alertId: alert.id,
    eventId,
    vin: alert.vin,
    brand: alert.brand,
    component: alert.component,
    state: alert.state,
    urgency: alert.urgency,
    emergency: alert.emergency,
    summary: alert.summary,
    recommendedAction: alert.recommendedAction,
    evidence: alert.evidence,
    remaining: alert.remaining,
    score: alert.score,
    confidence: alert.confidence,
    model: alert.model,
    modelVersion: alert.modelVersion,
    occurredAt: timeOf(alert.occurredAt),
    situation: alert.situation,
    personal: alert.personal,
    raisedAt: toTime(alert.raisedAt),
    acknowledgedBy: alert.acknowledgedBy,
    assignedTo: alert.assignedTo,
    resolvedBy: reason,
    by,
    note,
  },
})

/** The same text at each try. */
export const bodyOf = ({ news, ruleId }: Message): string => {
  const told = news.map(one)
  const [only] = told
  if (only !== undefined && told.length === 1) return JSON.stringify({ ...only, data: { ...only.data, ruleId } })
  const timestamp = toTime(Math.max(...news.map(({ at }) => at)))
  return JSON.stringify({ type: "alerts.digest", timestamp, data: { ruleId, alerts: told } })
}

/** What a test of a rule tells: like a real alert, and recognisably none. */
export const sampleNews = (id: string, at: number): News => ({
  kind: "raised",
  eventId: id,
  at,
  position: "",
  by: null,
  note: "This is a test of a notification rule. There is no such alert.",
  reason: null,
  alert: {
    id,
    vin: "TEST0000000000000",
    brand: "Test",
    component: "brakes.front",
    state: "open",
    urgency: "service_soon",
    score: 18,
    model: "test",
    modelVersion: "1",
    summary: "Test: the front brake pads are worn to 18 %",
    recommendedAction: "Nothing: this is a test of a notification rule",
    evidence: [{ text: "Pad wear was last read as 82 %", events: [] }],
    confidence: 0.9,
    remaining: { days: 12, low: 8, high: 17 },
    emergency: false,
    occurredAt: null,
    situation: {},
    personal: {},
    raisedAt: at,
    updatedAt: at,
    acknowledgedAt: null,
    acknowledgedBy: null,
    assignedTo: null,
    snoozedUntil: null,
    note: null,
    resolvedAt: null,
    revision: 0,
    position: "",
  },
})
