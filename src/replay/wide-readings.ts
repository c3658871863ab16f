/**
 * Readings in the wide form: a row a message and device time, a column a signal, typed as the catalogue says. Only good
 * readings whose time can be believed are in it; what else there was, the long form has.
 */
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import { isNumeric, type SignalValue } from "../../domain/signals/signal.ts"
import { NumberBuffer, RepeatingTextBuffer, TextBuffer } from "./column-buffers.ts"
import type { Column, ColumnType, Values } from "./parquet.ts"
import { type Message, numberOf, type ReadingFilter, wideRowsOf } from "./readings.ts"
import { type Rows, TextRows } from "./rows.ts"

const leading: ReadonlyArray<Column> = [
  { name: "vin", ranged: true, type: "text" },
  { name: "observedAt", ranged: true, type: "time" },
  { name: "receivedAt", ranged: true, type: "time" },
  { name: "revision", type: "whole" },
  { name: "position", ranged: true, type: "text" },
]

/** A signal's column: its path, and what it holds. */
export interface SignalColumn {
  readonly path: string
  readonly type: Exclude<ColumnType, "time">
}

/** Arrays are JSON. A signal that the catalogue does not know, as one of a release not at hand, is JSON too. */
export const signalColumn = (path: string, catalogue: Catalogue): SignalColumn => {
  const type = catalogue.get(path)?.type
  if (type === undefined || type.endsWith("[]")) return { path, type: "json" }
  if (type === "boolean") return { path, type: "boolean" }
  if (!isNumeric(type)) return { path, type: "text" }
  return { path, type: type.includes("int") ? "whole" : "number" }
}

export const wideColumns = (signals: ReadonlyArray<SignalColumn>): ReadonlyArray<Column> => [
  ...leading,
  ...signals.map(({ path, type }): Column => ({ name: path, type, nullable: true })),
]

/** Whether a value can stand in the column. What was stored before the catalogue changed may not. */
const fits = ({ type }: SignalColumn, value: SignalValue): boolean => {
  switch (type) {
    case "whole":
      return Number.isSafeInteger(value)
    case "number":
      return typeof value === "number"
    case "boolean":
      return typeof value === "boolean"
    case "text":
      return typeof value === "string"
    case "json":
      return true
  }
}

/**
 * A group of rows has so many cells at most, but for this many rows at least: a file's index, which is in memory until
 * the end, has an entry for each column of each group.
 */
const maxCells = 250_000
const minRows = 4_000

export class WideTable implements Rows<Message, ReadonlyArray<Values>> {
  readonly #filter: ReadingFilter
  readonly #vin = new RepeatingTextBuffer()
  readonly #observedAt = new NumberBuffer()
  readonly #receivedAt = new NumberBuffer()
  readonly #revision = new NumberBuffer()
  readonly #position = new TextBuffer()
  readonly #signals: ReadonlyArray<SignalColumn & { readonly buffer: TextBuffer | NumberBuffer }>
  readonly #maxRows: number
  /** Values that were left out because their column cannot hold them. */
  misfits = 0

  constructor(signals: ReadonlyArray<SignalColumn>, filter: ReadingFilter) {
    this.#filter = filter
    this.#signals = signals.map((column) => ({
      ...column,
      buffer: column.type === "text" || column.type === "json" ? new TextBuffer() : new NumberBuffer(),
    }))
    this.#maxRows = Math.max(minRows, Math.floor(maxCells / (leading.length + signals.length)))
  }

  get rows(): number {
    return this.#position.length
  }

  get isFull(): boolean {
    return this.rows >= this.#maxRows
  }

  add(message: Message): void {
    for (const { observedAt, values } of wideRowsOf(message, this.#filter)) {
      this.#vin.push(message.vin)
      this.#observedAt.push(Date.parse(observedAt))
      this.#receivedAt.push(Date.parse(message.receivedAt))
      this.#revision.push(message.revision)
      this.#position.push(message.position)
      for (const signal of this.#signals) {
        const value = this.#checked(signal, values.get(signal.path))
        if (signal.buffer instanceof NumberBuffer) signal.buffer.push(numberOf(value))
        else if (value === null) signal.buffer.push(null)
        else signal.buffer.push(signal.type === "json" ? JSON.stringify(value) : String(value))
      }
    }
  }

  #checked(column: SignalColumn, value: SignalValue | undefined): SignalValue | null {
    if (value === undefined) return null
    if (fits(column, value)) return value
    this.misfits++
    return null
  }

  take(): ReadonlyArray<Values> {
    return [
      this.#vin,
      this.#observedAt,
      this.#receivedAt,
      this.#revision,
      this.#position,
      ...this.#signals.map(({ buffer }) => buffer),
    ].map((column) => column.take())
  }
}

/** Each row as a line, with null where it has no reading. */
export const wideText = (signals: ReadonlyArray<SignalColumn>, filter: ReadingFilter) => {
  const names = signals.map(({ path }) => ({ path, name: `,${JSON.stringify(path)}:` }))
  return new TextRows((message: Message, line: (text: string) => void) => {
    for (const { observedAt, values } of wideRowsOf(message, filter)) {
      let text = `{"vin":${JSON.stringify(message.vin)},"observedAt":"${observedAt}"`
        + `,"receivedAt":${JSON.stringify(message.receivedAt)},"revision":${message.revision}`
        + `,"position":${JSON.stringify(message.position)}`
      for (const { name, path } of names) text += name + JSON.stringify(values.get(path) ?? null)
      line(`${text}}\n`)
    }
  })
}
