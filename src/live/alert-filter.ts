import { isSnoozed } from "../../domain/maintenance/alerts/alert-commands.ts"
import type { AlertRow } from "../../projections/alerts.ts"
import type { AlertFilter } from "../readmodel/read-model.ts"

/** Whether an alert matches, as the read model's queries have it. */
export const alertMatches = (filter: AlertFilter, alert: AlertRow): boolean =>
  among(filter.vins, alert.vin) &&
  among(filter.brands, alert.brand) &&
  among(filter.components, alert.component) &&
  among(filter.states, alert.state) &&
  among(filter.urgencies, alert.urgency) &&
  among(filter.assignedTo, alert.assignedTo) &&
  (filter.assigned === undefined || filter.assigned === (alert.assignedTo !== null)) &&
  // It is told as it changes: then is now.
  (filter.snoozed === undefined || filter.snoozed.is === isSnoozed(alert.snoozedUntil, alert.updatedAt))

const among = <A>(wanted: ReadonlyArray<A> | undefined, value: A | null): boolean =>
  wanted === undefined || (value !== null && wanted.includes(value))
