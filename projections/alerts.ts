/** Alerts as a planner lists them: one row an alert. */
import type { AlertEvent, AlertRecord, Evidence, Urgency } from "../domain/maintenance/alert-events.ts"
import type { Projection } from "./projection.ts"

export interface AlertRow {
  readonly vin: string
  readonly id: string
  readonly brand: string | null
  readonly component: string
  readonly state: "open" | "acknowledged" | "resolved"
  readonly urgency: Urgency
  /** 0–100 when last told. */
  readonly score: number
  readonly model: string
  readonly modelVersion: string
  readonly summary: string
  readonly recommendedAction: string
  readonly evidence: ReadonlyArray<Evidence>
  /** Epoch ms. */
  readonly raisedAt: number
  readonly updatedAt: number
  readonly acknowledgedAt: number | null
  readonly acknowledgedBy: string | null
  readonly note: string | null
  readonly resolvedAt: number | null
  /** Of the vehicle's maintenance stream. */
  readonly revision: number
  readonly position: string
}

export const alerts: Projection<AlertRow> = {
  name: "alerts",
  version: 1,
  columns: {
    vin: "text",
    id: "text",
    brand: "text",
    component: "text",
    state: "text",
    urgency: "text",
    score: "real",
    model: "text",
    modelVersion: "text",
    summary: "text",
    recommendedAction: "text",
    evidence: "json",
    raisedAt: "time",
    updatedAt: "time",
    acknowledgedAt: "time",
    acknowledgedBy: "text",
    note: "text",
    resolvedAt: "time",
    revision: "integer",
    position: "text",
  },
  key: ["id"],
  indexes: [["id"], ["raisedAt", "id"], ["state", "raisedAt", "id"], ["brand", "raisedAt", "id"], ["position"]],
  evolve: (vin, rows, record) => {
    if (record._tag !== "Alert") return rows
    const { event } = record
    if (event.type === "AlertRaised") {
      const known = rows.some((row) => row.id === event.data.alertId)
      return known ? rows : [...rows, raised(vin, event, record)]
    }
    const index = rows.findIndex((row) => row.id === event.data.alertId)
    const row = rows[index]
    return row === undefined ? rows : rows.with(index, changed(row, event, record))
  },
}

type Raised = Extract<AlertEvent, { readonly type: "AlertRaised" }>

const raised = (vin: string, { data, metadata }: Raised, { revision, position }: AlertRecord): AlertRow => {
  const at = Date.parse(metadata.receivedAt)
  return {
    vin,
    id: data.alertId,
    brand: metadata.brand ?? null,
    component: data.component,
    state: "open",
    urgency: data.urgency,
    score: data.score,
    model: data.model,
    modelVersion: data.modelVersion,
    summary: data.summary,
    recommendedAction: data.recommendedAction,
    evidence: data.evidence,
    raisedAt: at,
    updatedAt: at,
    acknowledgedAt: null,
    acknowledgedBy: null,
    note: null,
    resolvedAt: null,
    revision,
    position,
  }
}

const changed = (
  before: AlertRow,
  event: Exclude<AlertEvent, Raised>,
  { revision, position }: AlertRecord,
): AlertRow => {
  const at = Date.parse(event.metadata.receivedAt)
  const row = { ...before, updatedAt: Math.max(before.updatedAt, at), revision, position }
  switch (event.type) {
    case "AlertEscalated": {
      const { urgency, score, summary, evidence } = event.data
      return { ...row, urgency, score, summary, evidence }
    }
    case "AlertAcknowledged": {
      const { by, note } = event.data
      return { ...row, state: "acknowledged", acknowledgedAt: at, acknowledgedBy: by ?? null, note: note ?? null }
    }
    case "AlertAssigned":
    case "AlertSnoozed":
      return row
    case "AlertResolved":
      return { ...row, state: "resolved", resolvedAt: at, score: event.data.score ?? row.score }
  }
}
