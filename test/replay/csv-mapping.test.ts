import { readdirSync, readFileSync } from "node:fs"
import { Ajv2020 } from "ajv/dist/2020.js"
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { catalogue } from "../../domain/signals/catalogue.ts"
import { plan } from "../../src/replay/csv-columns.ts"
import { parseMapping } from "../../src/replay/csv-mapping.ts"
import { printed, schemaFile } from "../../src/replay/csv-mapping-schema.ts"

const vin = "LSVAA4187E0000001"
const base = { vin, at: { column: "t", format: "iso" } }
const speed = { "Vehicle.Speed": { column: "v" } }

const planned = (mapping: unknown) =>
  Result.flatMap(
    parseMapping("m.json", typeof mapping === "string" ? mapping : JSON.stringify(mapping)),
    (mapping) => plan("m.json", mapping, catalogue),
  )

const problems = (mapping: unknown) =>
  Result.match(planned(mapping), { onSuccess: () => [], onFailure: ({ message }) => message.split("\n") })

const examples = new URL("../../examples/", import.meta.url)
const examplePaths = readdirSync(examples, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".mapping.json"))

describe("the mapping of a CSV file", () => {
  it("has the JSON Schema that is printed from its own", () => {
    expect(readFileSync(schemaFile, "utf8"), "run: npm run schema").toBe(printed())
  })

  it.each(examplePaths)("is right in examples/%s, by its JSON Schema and by the catalogue", (path) => {
    const text = readFileSync(new URL(path, examples), "utf8")
    const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(JSON.parse(printed()))
    expect(validate(JSON.parse(text)) ? [] : validate.errors).toEqual([])
    expect(problems(text)).toEqual([])
  })

  it("names every place that is wrong in its form", () => {
    expect(problems({ vin: 3, at: { column: "t" }, signals: { "Vehicle.Speed": { column: "v", scal: "2" } } })).toEqual([
      "m.json: at vin: Expected string | object",
      "m.json: at at.format: Missing key",
      `m.json: at signals["Vehicle.Speed"].scal: Expected no excess property`,
    ])
    expect(problems({ ...base, signals: {} })).toEqual(["m.json: at signals: Expected a value with at least 1 entry"])
    expect(problems("{\n  nonsense")).toEqual([
      expect.stringMatching(/^m\.json: not JSON: SyntaxError: .*line 2 column 3/),
    ])
  })

  it.each([
    [{ "Vehicle.Sped": { column: "v" } }, `["Vehicle.Sped"]: no such signal in the catalogue; did you mean Vehicle.Speed?`],
    [{ "Vehicle.Speed": { column: "v", columns: "v_{1..2}" } }, `["Vehicle.Speed"]: give one of "column", "columns" and "value"`],
    [{ "Vehicle.Speed": {} }, `["Vehicle.Speed"]: give one of "column", "columns" and "value"`],
    [
      { "Vehicle.Speed": { columns: "v_{1..2}" } },
      `["Vehicle.Speed"].columns: Vehicle.Speed is no array (float); give "column"`,
    ],
    [
      { "Vehicle.Twin.ElectricMotors.Speed": { column: "v" } },
      `["Vehicle.Twin.ElectricMotors.Speed"].column: Vehicle.Twin.ElectricMotors.Speed is an array (float[]); `
      + `give "columns", or "split" what parts its elements`,
    ],
    [
      { "Vehicle.Twin.ElectricMotors.Speed": { columns: "v_{2..1}" } },
      `["Vehicle.Twin.ElectricMotors.Speed"].columns: "v_{2..1}" is no pattern such as V_{1..96}`,
    ],
    [{ "Vehicle.Speed": { column: "v", split: ";" } }, `["Vehicle.Speed"].split: only an array in one column is split`],
    [{ "Vehicle.IsMoving": { column: "v", scale: 2 } }, `["Vehicle.IsMoving"]: Vehicle.IsMoving is no number (boolean); use "values"`],
    [
      { "Vehicle.IsMoving": { column: "v", values: { 1: "yes" } } },
      `["Vehicle.IsMoving"].values["1"]: Vehicle.IsMoving: found "yes", expected true or false`,
    ],
    [
      { "Vehicle.Speed": { column: "v", scale: 2, values: { a: 1 } } },
      `["Vehicle.Speed"].values: what stands there is taken as it is, without "scale" and the like`,
    ],
    [
      { "Vehicle.TraveledDistance": { value: 1.5 } },
      `["Vehicle.TraveledDistance"].value: Vehicle.TraveledDistance: found 1.5, expected a whole number (uint32)`,
    ],
  ])("says what is wrong with %j", (signals, message) => {
    expect(problems({ ...base, signals })).toEqual([`m.json: at signals${message}`])
  })

  it("says what is wrong with vehicles, times and the file's form, all at once", () => {
    const lookup = { a: vin, b: "LSVAA4187E000000O" }
    const at = { column: "t", format: "dd.MM.yyyy" }
    expect(problems({ vin: { column: "id", lookup }, at, decimal: ",", signals: speed })).toEqual([
      `m.json: at decimal: it parts columns too; set "delimiter"`,
      `m.json: at vin.lookup.b: "LSVAA4187E000000O" has "O" at place 17; a VIN has digits and the capital letters but I, O and Q`,
      "m.json: at at.timeZone: times such as dd.MM.yyyy have no zone of their own; say which it is, such as UTC",
    ])
    expect(problems({ ...base, delimiter: "\n", signals: speed }))
      .toEqual(["m.json: at delimiter: a quote or the end of a line cannot part columns"])
  })

  it("names columns that a file has not, or has twice, and those that are near", () => {
    const cells = "Vehicle.Powertrain.TractionBattery.CellVoltage.CellVoltages"
    const mapping = { ...base, signals: { "Vehicle.Speed": { column: "vehSped" }, [cells]: { columns: "V_{1..2}" } } }
    expect(Result.getOrThrow(planned(mapping)).bind(["t", "vehSpeed", "V_1", "V_1"])).toEqual(Result.fail([
      `there is no column "vehSped", which the mapping names at signals["Vehicle.Speed"].column; did you mean "vehSpeed"?`,
      `column "V_1", which the mapping names at signals["${cells}"].columns, is there twice: columns 3 and 4`,
      expect.stringContaining(`there is no column "V_2"`),
    ]))
  })
})
