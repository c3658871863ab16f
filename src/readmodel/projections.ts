/** The read models there are. */
import { alerts } from "../../projections/alerts.ts"
import { health } from "../../projections/health.ts"
import { history } from "../../projections/history.ts"
import { reporting } from "../../projections/reporting.ts"
import { trips } from "../../projections/trips.ts"
import { vehicles } from "../../projections/vehicles.ts"
import { keyed, projected } from "./projected.ts"

export const readModels = {
  vehicles,
  alerts,
  others: [projected(trips), projected(health), keyed(history), projected(reporting)],
}

export const allProjected = () => [projected(readModels.vehicles), projected(readModels.alerts), ...readModels.others]
