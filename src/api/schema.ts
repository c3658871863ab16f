/** The whole schema. `schema.graphql` at the top level is printed from it. */
import { lexicographicSortSchema, printSchema } from "graphql"
import { builder } from "./builder.ts"
import { addDeadLetters } from "./dead-letters.ts"
import { addDataQuality } from "./data-quality.ts"
import { addHistory } from "./history.ts"
import { addMutations } from "./mutations.ts"
import { addQueries } from "./queries.ts"
import { addReporting } from "./reporting.ts"
import { addSubscriptions } from "./subscriptions.ts"

addQueries()
addHistory()
addReporting()
addDataQuality()
addMutations()
addDeadLetters()
addSubscriptions()

export const schema = builder.toSchema()

export const printed = (): string => `${printSchema(lexicographicSortSchema(schema))}\n`
