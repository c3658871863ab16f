import { readFileSync } from "node:fs"
import { isObjectType } from "graphql"
import { describe, expect, it } from "vitest"
import { printed, schema } from "../../src/api/schema.ts"

describe("the schema", () => {
  it("is the one in schema.graphql: `node src/api/print-schema.ts > schema.graphql`", () => {
    expect(readFileSync(new URL("../../schema.graphql", import.meta.url), "utf8")).toBe(printed())
  })

  it("describes each of its types and fields", () => {
    const undescribed = Object.values(schema.getTypeMap())
      .flatMap((type) => type.name.startsWith("__") || !isObjectType(type) ? [] : [
        ...(type.description ? [] : [type.name]),
        ...Object.values(type.getFields()).flatMap((field) => [
          ...(field.description ? [] : [`${type.name}.${field.name}`]),
          ...field.args.filter((arg) => !arg.description).map((arg) => `${type.name}.${field.name}(${arg.name})`),
        ]),
      ])
    expect(undescribed).toEqual([])
  })

  it("keeps the promises of the contract", () => {
    const types = printed().replaceAll(/"""[\s\S]*?"""\n/g, "").replaceAll(/\(\s+/g, "(").replaceAll(/\s+/g, " ")
    for (const promise of [
      "cursor: Cursor!",
      "node( id: ID!",
      "events( after: String before: String first: Int last: Int types: [String!] ): EventConnection!",
      "trips( after: String before: String first: Int last: Int ): TripConnection!",
      "signals( paths: [String!] ): [Signal!]!",
      "vehicleChanged( after: Cursor paths: [String!] vins: [String!] ): VehicleChange!",
      "alertChanged( after: Cursor filter: AlertFilter ): AlertChange!",
      "registerVehicle( input: RegisterVehicleInput! ): RegisterVehicleResult!",
      "acknowledgeAlert( input: AcknowledgeAlertInput! ): AcknowledgeAlertResult!",
      "recordService( input: RecordServiceInput! ): RecordServiceResult!",
      "enum Quality { ABNORMAL GOOD INVALID STALE }",
    ]) expect(types.replaceAll("( ", "(")).toContain(promise.replaceAll("( ", "("))
  })
})
