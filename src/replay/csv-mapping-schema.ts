/**
 * The mapping's JSON Schema, for editors and other tools, printed from what mappings are checked by:
 * `node src/replay/csv-mapping-schema.ts > src/replay/csv-mapping.schema.json`.
 */
import { Schema } from "effect"
import { CsvMapping } from "./csv-mapping.ts"

export const schemaFile = new URL("./csv-mapping.schema.json", import.meta.url)

export const printed = (): string => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(CsvMapping, { onExcessProperty: "error" })
  const document = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    ...schema,
    ...(Object.keys(definitions).length > 0 && { $defs: definitions }),
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

if (import.meta.main) process.stdout.write(printed())
