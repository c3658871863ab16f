/** The whole schema. `schema.graphql` at the top level is printed from it. */
import { lexicographicSortSchema, printSchema } from "graphql"
import { builder } from "./builder.ts"
import { addHistory } from "./history.ts"
import { addMutations } from "./mutations.ts"
import { addQueries } from "./queries.ts"
import { addSubscriptions } from "./subscriptions.ts"

addQueries()
addHistory()
addMutations()
addSubscriptions()

export const schema = builder.toSchema()

export const printed = (): string => `${printSchema(lexicographicSortSchema(schema))}\n`
