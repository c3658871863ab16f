/**
 * What is published promises a shape: a JSON Schema of each event type's data, in its current version, derived from
 * what the log itself is checked by. `write-schemas.ts` puts them into `schemas`, where those of earlier versions stay for
 * who still reads messages of then.
 */
import { Schema } from "effect"
import * as AlertEvents from "../../domain/maintenance/alerts/alert-events.ts"
import * as VehicleEvents from "../../domain/vehicle/events.ts"
import { dataSchemaOf } from "./cloud-event.ts"

export const schemaFolder = new URL("./schemas/", import.meta.url)

export interface EventSchema {
  /** Of the file, such as `TelemetryReceived.v1.json`. */
  readonly file: string
  readonly document: { readonly [key: string]: unknown }
}

const schemasOf = (
  schemas: Readonly<Record<string, Schema.Constraint>>,
  versions: Readonly<Record<string, number>>,
): ReadonlyArray<EventSchema> =>
  Object.entries(schemas).map(([type, shape]) => {
    const version = versions[type] ?? 1
    const { definitions, schema } = Schema.toJsonSchemaDocument(shape)
    return {
      file: `${type}.v${version}.json`,
      document: {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        $id: dataSchemaOf(type, version),
        title: type,
        ...schema,
        ...(Object.keys(definitions).length > 0 && { $defs: definitions }),
      },
    }
  })

export const current: ReadonlyArray<EventSchema> = [
  ...schemasOf(VehicleEvents.schemas, VehicleEvents.versions),
  ...schemasOf(AlertEvents.schemas, AlertEvents.versions),
]

export const print = ({ document }: EventSchema): string => `${JSON.stringify(document, null, 2)}\n`
