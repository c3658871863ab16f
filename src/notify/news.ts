/** What is told of an alert outside: what happened to it, and the alert as it then was. */
import type { AlertEvent, AlertRecord } from "../../domain/maintenance/alerts/alert-events.ts"
import type { NewsKind } from "../../domain/notification/notification-rule.ts"
import { type AlertRow, alerts } from "../../projections/alerts.ts"

/** JSON, so that it can be kept until it is told. */
export interface News {
  readonly kind: NewsKind
  /** The event's id. */
  readonly eventId: string
  /** When it happened, epoch ms. */
  readonly at: number
  /** The event's place in the log. */
  readonly position: string
  /** Who did it, and what they noted. */
  readonly by: string | null
  readonly note: string | null
  /** Why it is resolved. */
  readonly reason: "service" | "recovered" | null
  readonly alert: AlertRow
}

const kinds: Readonly<Record<AlertEvent["type"], NewsKind>> = {
  AlertRaised: "raised",
  AlertEscalated: "escalated",
  AlertAcknowledged: "acknowledged",
  AlertAssigned: "assigned",
  AlertSnoozed: "snoozed",
  AlertResolved: "resolved",
}

/** What the last of a vehicle's alert records says; undefined where its alert was never raised. */
export const newsOf = (records: ReadonlyArray<AlertRecord>): News | undefined => {
  const last = records.at(-1)
  if (last === undefined) return undefined
  const { data, id: eventId, metadata, type } = last.event
  let rows: ReadonlyArray<AlertRow> = []
  for (const record of records) rows = alerts.evolve(record.vin, rows, record)
  const alert = rows.find(({ id }) => id === data.alertId)
  return alert && {
    kind: kinds[type],
    eventId,
    at: Date.parse(metadata.receivedAt),
    position: last.position,
    by: "by" in data ? data.by ?? null : null,
    note: "note" in data ? data.note ?? null : null,
    reason: "reason" in data ? data.reason : null,
    alert,
  }
}
