/** Writes the current schemas into `schemas`: `node src/outbox/write-schemas.ts`. */
import { mkdirSync, writeFileSync } from "node:fs"
import { current, print, schemaFolder } from "./event-schemas.ts"

mkdirSync(schemaFolder, { recursive: true })
for (const schema of current) writeFileSync(new URL(schema.file, schemaFolder), print(schema))
