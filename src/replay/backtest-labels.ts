/**
 * Failures that are known, from a CSV file that somebody keeps by hand:
 *
 *     vin,component,at,from,note
 *     LSVAA4182E2184847,tractionBattery.cells,2023-06-14,,cell 68 replaced
 */
import { Effect, Result, Schema, Stream } from "effect"
import type { Failure } from "../../domain/maintenance/backtest/backtest-failure.ts"
import * as Vin from "../../domain/vehicle/vin.ts"
import { type CsvRow, rows, titleOf } from "./csv-rows.ts"
import { isDate, timeOf } from "./selection-input.ts"

const required = ["vin", "component", "at"] as const
const columns = [...required, "from", "note"] as const
type Column = (typeof columns)[number]

/** What is wrong with a file of labels, and where: line and column from 1. */
export class BadLabel extends Schema.TaggedError<BadLabel>()("BadLabel", {
  file: Schema.String,
  line: Schema.Int,
  column: Schema.Int,
  reason: Schema.String,
}) {
  override get message() {
    return `${this.file}, line ${this.line}, column ${this.column}: ${this.reason}`
  }
}

const dayMs = 24 * 3_600_000
const componentForm = /^[a-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*)*$/
const shown = (text: string): string => JSON.stringify(text.slice(0, 60))

/** `now`: what lies after it, epoch ms, cannot have been established. */
export const readLabels = Effect.fnUntraced(function*(file: string, now: number) {
  const all = yield* Stream.runCollect(rows(file, { delimiter: "," }, () => {}))
  return yield* Effect.fromResult(labelsOf(titleOf(file), all, now))
})

export const labelsOf = (
  file: string,
  rows: ReadonlyArray<CsvRow>,
  now: number,
): Result.Result<ReadonlyArray<Failure>, BadLabel> => {
  const bad = (line: number, column: number, reason: string) =>
    Result.fail(new BadLabel({ file, line, column, reason }))
  const [header, ...records] = rows.map(({ cells, line }) => ({ cells: cells.map((cell) => cell.trim()), line }))
  if (header === undefined) return bad(1, 1, `empty; expected a header: ${columns.join(",")}`)
  const names = header.cells
  for (const [index, name] of names.entries()) {
    if (!columns.some((column) => column === name)) {
      return bad(header.line, index + 1, `no column is named ${shown(name)}; ${there}`)
    }
    if (names.indexOf(name) < index) return bad(header.line, index + 1, `${name} stands in the header twice`)
  }
  const missing = required.find((name) => !names.includes(name))
  if (missing !== undefined) return bad(header.line, names.length, `the header has no ${missing}; ${there}`)
  const failures: Array<Failure> = []
  const lines = new Map<string, number>()
  for (const { cells, line } of records) {
    if (cells.length !== names.length) {
      const column = Math.min(cells.length, names.length + 1)
      return bad(line, column, `${cells.length} columns where the header has ${names.length}`)
    }
    const failure = failureOf((column) => cells[names.indexOf(column)] ?? "", now)
    if (Result.isFailure(failure)) {
      const [column, reason] = failure.failure
      return bad(line, names.indexOf(column) + 1, `${column}: ${reason}`)
    }
    const { at, component, vin } = failure.success
    const key = `${vin} ${component} ${at}`
    const before = lines.get(key)
    if (before !== undefined) return bad(line, 1, `the same failure as in line ${before}, which would count twice`)
    lines.set(key, line)
    failures.push(failure.success)
  }
  return Result.succeed(failures)
}

const there = `there are ${columns.join(", ")}`

const failureOf = (
  cell: (column: Column) => string,
  now: number,
): Result.Result<Failure, readonly [Column, string]> => {
  const wrong = (column: Column, reason: string) => Result.fail([column, reason] as const)
  const vin = Vin.parse(cell("vin"))
  if (Result.isFailure(vin)) return wrong("vin", vin.failure.message)
  const component = cell("component")
  if (!componentForm.test(component)) {
    return wrong("component", `${shown(component)} is none; expected one like tyres.frontLeft`)
  }
  const at = timeOf(cell("at"))
  if (at === undefined) return wrong("at", `${shown(cell("at"))} is ${noTime}`)
  if (at > now) return wrong("at", `${cell("at")} is yet to come`)
  const from = cell("from") === "" ? undefined : timeOf(cell("from"))
  if (cell("from") !== "" && from === undefined) return wrong("from", `${shown(cell("from"))} is ${noTime}`)
  const until = isDate(cell("at")) ? at + dayMs - 1 : at
  if (from !== undefined && from > until) return wrong("from", `${cell("from")} comes after ${cell("at")}`)
  return Result.succeed({ vin: vin.success, component, at, until, from, note: cell("note") || undefined })
}

const noTime = "no time: expected one like 2026-11-22T08:15:30Z, or a date"
