/** The read models there are. */
import { alerts } from "../../projections/alerts.ts"
import { health } from "../../projections/health.ts"
import { trips } from "../../projections/trips.ts"
import { vehicles } from "../../projections/vehicles.ts"
import { projected } from "./projected.ts"

export const readModels = { vehicles, alerts, others: [projected(trips), projected(health)] }
