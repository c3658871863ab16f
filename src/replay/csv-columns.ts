/**
 * From a row's texts to readings: a mapping, checked against the signal catalogue and bound to the columns of a file.
 * What is wrong with either is found before any row is read. Pure.
 */
import { Result } from "effect"
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import { nearestPath } from "../../domain/signals/nearest-path.ts"
import type { SignalDefinition, SignalScalar, SignalValue } from "../../domain/signals/signal.ts"
import type { Reading } from "../../domain/vehicle/observation.ts"
import * as Vin from "../../domain/vehicle/vin.ts"
import { cellReader, Unread } from "./csv-cell.ts"
import { type CsvMapping, jsonPath, MappingInvalid, type SignalMapping } from "./csv-mapping.ts"
import { type ReadTime, timeReader } from "./csv-time.ts"

/** Where in a row something is wrong, and what. `column` from 0; undefined where it is the row as a whole. */
export interface BadCell {
  readonly column: number | undefined
  readonly reason: string
}

export interface Row {
  readonly vin: Vin.Vin
  /** Epoch ms. */
  readonly at: number
  /** The row's own id, where the mapping names a column for it. */
  readonly id: string | undefined
  readonly readings: ReadonlyArray<Reading>
}

export type ReadRow = (cells: ReadonlyArray<string>) => Result.Result<Row, BadCell>

/** A mapping that fits the catalogue. */
export interface Plan {
  /** For a file with these columns; every one that is missing or not clear, a line each, is the failure. */
  readonly bind: (columns: ReadonlyArray<string>) => Result.Result<ReadRow, ReadonlyArray<string>>
}

/** A signal of the mapping, checked. */
interface Source {
  readonly path: string
  readonly at: string
  readonly definition: SignalDefinition
  readonly columns: ReadonlyArray<string>
  readonly mapping: SignalMapping
}

export const plan = (file: string, mapping: CsvMapping, catalogue: Catalogue): Result.Result<Plan, MappingInvalid> => {
  const problems: Array<string> = []
  const wrong = (keys: ReadonlyArray<string | number>, message: string) =>
    void problems.push(`at ${jsonPath(keys)}: ${message}`)

  checkForm(mapping, wrong)
  const time = timeReader(mapping.at)
  if (Result.isFailure(time)) wrong(["at", time.failure.key], time.failure.message)
  const sources: Array<Source> = []
  for (const [path, one] of Object.entries(mapping.signals)) {
    const definition = catalogue.get(path)
    if (definition === undefined) {
      const near = catalogue.suggest(path)
      wrong(["signals", path], `no such signal in the catalogue${near === undefined ? "" : `; did you mean ${near}?`}`)
      continue
    }
    const columns = checkSource(definition, one, (keys, message) => wrong(["signals", path, ...keys], message))
    sources.push({ path, at: jsonPath(["signals", path]), definition, columns, mapping: one })
  }
  if (problems.length > 0 || Result.isFailure(time)) return Result.fail(new MappingInvalid({ file, problems }))
  return Result.succeed({ bind: (columns) => bind(mapping, time.success, sources, columns) })
}

type Wrong = (keys: ReadonlyArray<string | number>, message: string) => void

const checkForm = ({ decimal, delimiter = ",", vin }: CsvMapping, wrong: Wrong): void => {
  if (/["\r\n]/.test(delimiter)) wrong(["delimiter"], "a quote or the end of a line cannot part columns")
  if (decimal === delimiter) wrong(["decimal"], `it parts columns too; set "delimiter"`)
  const vins: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = typeof vin === "string"
    ? [[["vin"], vin]]
    : Object.entries(vin.lookup ?? {}).map(([id, vin]) => [["vin", "lookup", id], vin])
  for (const [keys, vin] of vins) {
    const parsed = Vin.parse(vin)
    if (Result.isFailure(parsed)) wrong(keys, parsed.failure.message)
  }
}

/** The names of the columns that a signal is made of. */
const checkSource = (signal: SignalDefinition, one: SignalMapping, wrong: Wrong): ReadonlyArray<string> => {
  const { column, columns, offset, round, scale, split, value, values } = one
  const isArray = signal.type.endsWith("[]")
  const isNumber = /int|float|double/.test(signal.type)
  const given = [column, columns, value].filter((source) => source !== undefined)
  if (given.length !== 1) {
    wrong([], `give one of "column", "columns" and "value"`)
    return []
  }
  if (value !== undefined && !signal.accepts(value)) wrong(["value"], Unread.of(signal, value, isArray).reason)
  if (columns !== undefined && !isArray) wrong(["columns"], `${signal.path} is no array (${signal.type}); give "column"`)
  if (column !== undefined && isArray && split === undefined) {
    wrong(["column"], `${signal.path} is an array (${signal.type}); give "columns", or "split" what parts its elements`)
  }
  if (split !== undefined && (column === undefined || !isArray)) wrong(["split"], "only an array in one column is split")
  const converts = scale !== undefined || offset !== undefined || round !== undefined
  if (converts && !isNumber) wrong([], `${signal.path} is no number (${signal.type}); use "values"`)
  if (converts && values !== undefined) wrong(["values"], `what stands there is taken as it is, without "scale" and the like`)
  for (const [text, to] of Object.entries(values ?? {})) {
    if (to === null || signal.accepts(isArray ? [to] : to)) continue
    wrong(["values", text], Unread.of(signal, isArray ? [to] : to, isArray).reason)
  }
  if (column !== undefined) return [column]
  if (typeof columns !== "string") return columns ?? []
  const names = expand(columns)
  if (names === undefined) wrong(["columns"], `${JSON.stringify(columns)} is no pattern such as V_{1..96}`)
  return names ?? []
}

const maxColumns = 10_000

/** `V_{1..3}`: `V_1`, `V_2`, `V_3`; with as many digits where they are written with zeros before them. */
const expand = (pattern: string): ReadonlyArray<string> | undefined => {
  const [, before = "", first = "", last = "", after = ""] = /^([^{}]*)\{(\d{1,6})\.\.(\d{1,6})\}([^{}]*)$/.exec(pattern) ?? []
  const count = Number(last) - Number(first) + 1
  if (first === "" || count < 1 || count > maxColumns) return undefined
  const digits = first.startsWith("0") ? first.length : 0
  return Array.from({ length: count }, (_, i) => `${before}${String(Number(first) + i).padStart(digits, "0")}${after}`)
}

type ReadReading = (cells: ReadonlyArray<string>) => SignalValue | undefined | BadCell

const isBad = (read: SignalValue | BadCell): read is BadCell => typeof read === "object" && "reason" in read

const bind = (
  mapping: CsvMapping,
  time: ReadTime,
  sources: ReadonlyArray<Source>,
  columns: ReadonlyArray<string>,
): ReturnType<Plan["bind"]> => {
  const problems: Array<string> = []
  const suggest = nearestPath(columns)
  const told = new Set<string>()
  const find = (name: string, at: string): number => {
    const index = columns.indexOf(name)
    const again = columns.indexOf(name, index + 1)
    if (index >= 0 && again < 0) return index
    if (told.has(name)) return 0
    told.add(name)
    const shown = JSON.stringify(name)
    const near = suggest(name)
    const hint = near === undefined ? "" : `; did you mean ${JSON.stringify(near)}?`
    problems.push(
      index < 0
        ? `there is no column ${shown}, which the mapping names at ${at}${hint}`
        : `column ${shown}, which the mapping names at ${at}, is there twice: columns ${index + 1} and ${again + 1}`,
    )
    return 0
  }
  const readVin = vinReader(mapping.vin, find)
  const atColumn = find(mapping.at.column, "at.column")
  const idColumn = mapping.id === undefined ? undefined : find(mapping.id, "id")
  const readers = sources.map(({ at, columns, definition, mapping: one, path }) => {
    const key = one.columns === undefined ? "column" : "columns"
    const indexes = columns.map((name) => find(name, `${at}.${key}`))
    return { path, personal: definition.personal, read: readingReader(definition, one, indexes, mapping.decimal ?? ".") }
  })
  if (problems.length > 0) return Result.fail(problems)

  return Result.succeed((cells) => {
    if (cells.length !== columns.length) {
      return bad(undefined, `it has ${cells.length} columns, and the file's first row has ${columns.length}`)
    }
    const vin = readVin(cells)
    if (typeof vin !== "string") return Result.fail(vin)
    const text = cells[atColumn]?.trim() ?? ""
    const at = time(text)
    if (Result.isFailure(at)) return bad(atColumn, `${shown(text)} is not the time of a row: ${at.failure}`)
    const id = idColumn === undefined ? undefined : cells[idColumn]?.trim() ?? ""
    if (id !== undefined && (id === "" || id.length > 256)) {
      return bad(idColumn, `${shown(id)} is not an id; expected 1 to 256 characters`)
    }
    const readings: Array<Reading> = []
    for (const { path, personal, read } of readers) {
      const value = read(cells)
      if (value === undefined) continue
      if (isBad(value)) return Result.fail(value)
      readings.push({ path, value, at: at.success, quality: "GOOD", personal })
    }
    return Result.succeed({ vin, at: at.success, id, readings })
  })
}

type Find = (name: string, at: string) => number

const vinReader = (from: CsvMapping["vin"], find: Find): (cells: ReadonlyArray<string>) => Vin.Vin | BadCell => {
  if (typeof from === "string") return () => from as Vin.Vin
  const column = find(from.column, "vin.column")
  const { lookup } = from
  const known = lookup === undefined ? undefined : new Map(Object.entries(lookup))
  return (cells) => {
    const text = cells[column]?.trim() ?? ""
    const found = known === undefined ? text : known.get(text)
    if (found === undefined) return { column, reason: `${shown(text)} is not an id in vin.lookup of the mapping` }
    const parsed = Vin.parse(found)
    return Result.isSuccess(parsed) ? parsed.success : { column, reason: parsed.failure.message }
  }
}

const readingReader = (
  definition: SignalDefinition,
  mapping: SignalMapping,
  indexes: ReadonlyArray<number>,
  decimal: "." | ",",
): ReadReading => {
  const { split, value } = mapping
  if (value !== undefined) return () => value
  const read = cellReader(definition, mapping, decimal)
  const [first = 0] = indexes
  const elements = (texts: ReadonlyArray<string>, columnOf: (i: number) => number): SignalValue | undefined | BadCell => {
    const values: Array<SignalScalar> = []
    let isWhole = true
    for (let i = 0; i < texts.length; i++) {
      const one = read(texts[i] ?? "")
      if (one instanceof Unread) return { column: columnOf(i), reason: one.reason }
      // One bad element beside it is still to be found.
      if (one === undefined) isWhole = false
      else values.push(one)
    }
    return isWhole && values.length > 0 ? values : undefined
  }
  if (split !== undefined) {
    return (cells) => {
      const text = cells[first] ?? ""
      return text.trim() === "" ? undefined : elements(text.split(split), () => first)
    }
  }
  if (definition.type.endsWith("[]")) {
    return (cells) => elements(indexes.map((index) => cells[index] ?? ""), (i) => indexes[i] ?? first)
  }
  return (cells) => {
    const one = read(cells[first] ?? "")
    return one instanceof Unread ? { column: first, reason: one.reason } : one
  }
}

const bad = (column: number | undefined, reason: string) => Result.fail({ column, reason })

const shown = (text: string): string => JSON.stringify(text.slice(0, 60))
