/** Prints the schema to standard output: `node src/api/print-schema.ts > schema.graphql`. */
import { printed } from "./schema.ts"

process.stdout.write(printed())
