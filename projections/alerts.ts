/** Alerts as a planner lists them: one row an alert. */
import type { AlertEvent, AlertRecord, Evidence, Urgency } from "../domain/maintenance/alerts/alert-events.ts"
import type { Remaining } from "../domain/maintenance/model.ts"
import type { SignalValue } from "../domain/signals/signal.ts"
import type { VehicleRecord } from "../domain/vehicle/record.ts"
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
  /** 0 to 1, as the remaining useful life when last told; null of alerts from before these were kept. */
  readonly confidence: number | null
  readonly remaining: Remaining | null
  /** For rescue, not for a workshop. */
  readonly emergency: boolean
  /** When what it tells of happened, epoch ms; of what wears there is no such time. */
  readonly occurredAt: number | null
  /** The vehicle as it then was, by path; `personal` says where it was and who drove. */
  readonly situation: Readonly<Record<string, SignalValue>>
  readonly personal: Readonly<Record<string, SignalValue>>
  /** Epoch ms. */
  readonly raisedAt: number
  readonly updatedAt: number
  readonly acknowledgedAt: number | null
  readonly acknowledgedBy: string | null
  readonly assignedTo: string | null
  /** Epoch ms; once it has passed, the alert is snoozed no longer. */
  readonly snoozedUntil: number | null
  /** The planners' newest. */
  readonly note: string | null
  readonly resolvedAt: number | null
  /** Of the vehicle's maintenance stream. */
  readonly revision: number
  readonly position: string
}

export const alerts: Projection<AlertRow> = {
  name: "alerts",
  version: 2,
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
    confidence: "real",
    remaining: "json",
    emergency: "boolean",
    occurredAt: "time",
    situation: "json",
    personal: "json",
    raisedAt: "time",
    updatedAt: "time",
    acknowledgedAt: "time",
    acknowledgedBy: "text",
    assignedTo: "text",
    snoozedUntil: "time",
    note: "text",
    resolvedAt: "time",
    revision: "integer",
    position: "text",
  },
  key: ["id"],
  indexes: [
    ["id"],
    ["raisedAt", "id"],
    ["state", "raisedAt", "id"],
    ["brand", "raisedAt", "id"],
    ["assignedTo", "raisedAt", "id"],
    ["position"],
  ],
  evolve: (vin, rows, record) => {
    if (record._tag === "Vehicle") return withBrand(rows, brandOf(record), record.position)
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

/** Alerts may be raised of vehicles that nobody has registered yet. */
const withBrand = (rows: ReadonlyArray<AlertRow>, brand: string | undefined, position: string) =>
  brand === undefined || !rows.some((row) => row.brand === null)
    ? rows
    : rows.map((row) => row.brand === null ? { ...row, brand, position } : row)

const brandOf = ({ event }: VehicleRecord): string | undefined =>
  event.type === "VehicleRegistered" || event.type === "VehicleDescribed" ? event.data.brand : event.metadata.brand

type Raised = Extract<AlertEvent, { readonly type: "AlertRaised" }>
type Escalated = Extract<AlertEvent, { readonly type: "AlertEscalated" }>

const raised = (vin: string, { data, metadata }: Raised, { revision, position }: AlertRecord): AlertRow => {
  const at = Date.parse(metadata.receivedAt)
  return {
    vin,
    id: data.alertId,
    brand: metadata.brand ?? null,
    component: data.component,
    state: "open",
    model: data.model,
    modelVersion: data.modelVersion,
    recommendedAction: data.recommendedAction,
    emergency: data.emergency ?? false,
    ...told(data),
    raisedAt: at,
    updatedAt: at,
    acknowledgedAt: null,
    acknowledgedBy: null,
    assignedTo: null,
    snoozedUntil: null,
    note: null,
    resolvedAt: null,
    revision,
    position,
  }
}

/** What is told when it is raised, and anew when it is escalated. */
const told = (data: Raised["data"] | Escalated["data"]) => ({
  urgency: data.urgency,
  score: data.score,
  summary: data.summary,
  evidence: data.evidence,
  confidence: data.confidence ?? null,
  remaining: data.remaining ?? null,
  occurredAt: timeOf(data.occurredAt),
  situation: data.situation ?? {},
  personal: data.personal ?? {},
})

const timeOf = (time: string | undefined): number | null => time === undefined ? null : Date.parse(time)

const changed = (
  before: AlertRow,
  event: Exclude<AlertEvent, Raised>,
  { revision, position }: AlertRecord,
): AlertRow => {
  const at = Date.parse(event.metadata.receivedAt)
  const row = { ...before, updatedAt: Math.max(before.updatedAt, at), revision, position }
  switch (event.type) {
    case "AlertEscalated": {
      const { recommendedAction = row.recommendedAction } = event.data
      const anew = { state: "open", acknowledgedAt: null, acknowledgedBy: null, snoozedUntil: null } as const
      return { ...row, ...anew, ...told(event.data), recommendedAction }
    }
    case "AlertAcknowledged": {
      const { by, note = row.note } = event.data
      return { ...row, state: "acknowledged", acknowledgedAt: at, acknowledgedBy: by ?? null, note }
    }
    case "AlertAssigned": {
      const { note = row.note, to } = event.data
      return { ...row, assignedTo: to ?? null, note }
    }
    case "AlertSnoozed": {
      const { note = row.note, until } = event.data
      return { ...row, snoozedUntil: timeOf(until), note }
    }
    case "AlertResolved":
      return { ...row, state: "resolved", resolvedAt: at, snoozedUntil: null, score: event.data.score ?? row.score }
  }
}
