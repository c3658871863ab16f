import type { AlertRow } from "../../projections/alerts.ts"
import type { AlertFilter } from "../readmodel/read-model.ts"

/** Whether an alert matches, as the read model's queries have it. */
export const alertMatches = (filter: AlertFilter, alert: AlertRow): boolean =>
  among(filter.vins, alert.vin) &&
  among(filter.brands, alert.brand) &&
  among(filter.components, alert.component) &&
  among(filter.states, alert.state) &&
  among(filter.urgencies, alert.urgency)

const among = <A>(wanted: ReadonlyArray<A> | undefined, value: A | null): boolean =>
  wanted === undefined || (value !== null && wanted.includes(value))
