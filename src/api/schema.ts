/** The whole schema. `schema.graphql` at the top level is printed from it. */
import { lexicographicSortSchema, printSchema } from "graphql"
import { addAlertMutations } from "./alert-mutations.ts"
import { builder } from "./builder.ts"
import { addDeadLetters } from "./dead-letters.ts"
import { addDataQuality } from "./data-quality.ts"
import { addFailureOutlook } from "./failure-outlook.ts"
import { addHistory } from "./history.ts"
import { addMutations } from "./mutations.ts"
import { addNotifications } from "./notifications.ts"
import { addQueries } from "./queries.ts"
import { addReporting } from "./reporting.ts"
import { addRisk } from "./risk.ts"
import { addRiskSummary } from "./risk-summary.ts"
import { addSubscriptions } from "./subscriptions.ts"

addQueries()
addHistory()
addReporting()
addDataQuality()
addRisk()
addFailureOutlook()
addRiskSummary()
addMutations()
addAlertMutations()
addDeadLetters()
addNotifications()
addSubscriptions()

export const schema = builder.toSchema()

export const printed = (): string => `${printSchema(lexicographicSortSchema(schema))}\n`
