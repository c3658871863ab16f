/**
 * Tables as Parquet files, compressed with Zstandard, group of rows by group of rows, so that memory does not grow with
 * the file. What a column holds is said once; `event-table.ts` does so for events. `parquet-reader.ts` reads them.
 *
 * Runs in a thread of its own too, so it imports little.
 */
import { constants, zstdCompressSync } from "node:zlib"
import type { SchemaElement } from "hyparquet"
import { ByteWriter, type ColumnSource, ParquetWriter } from "hyparquet-writer"

/** As DuckDB names them: VARCHAR, JSON, BIGINT, DOUBLE, BOOLEAN, TIMESTAMP WITH TIME ZONE in milliseconds. */
export type ColumnType = "text" | "json" | "whole" | "number" | "boolean" | "time"

export interface Column {
  readonly name: string
  readonly type: ColumnType
  /** May be null. */
  readonly nullable?: true
  /** Hardly any value comes twice: no dictionary is tried. */
  readonly distinct?: true
  /** Its least and greatest value are kept for each group of rows, so that a reader passes over groups. */
  readonly ranged?: true
}

/**
 * The values of a column in a group of rows: of `text` and `json` (written out already) strings, bare or by their index
 * in a dictionary, −1 for null; of all others numbers, NaN for null: whole ones within ±(2^53 − 1), 1 and 0 for true and
 * false, epoch ms.
 */
export type Values =
  | ReadonlyArray<string | null>
  | { readonly dictionary: ReadonlyArray<string>; readonly codes: Int32Array }
  | Float64Array

const physical = (nullable: boolean, name: string): Pick<SchemaElement, "name" | "repetition_type"> => ({
  name,
  repetition_type: nullable ? "OPTIONAL" : "REQUIRED",
})

const element = ({ name, nullable, type }: Column): SchemaElement => {
  const base = physical(nullable === true, name)
  switch (type) {
    case "text":
      return { ...base, type: "BYTE_ARRAY", converted_type: "UTF8", logical_type: { type: "STRING" } }
    case "json":
      return { ...base, type: "BYTE_ARRAY", logical_type: { type: "JSON" } }
    case "whole":
      return { ...base, type: "INT64" }
    case "number":
      return { ...base, type: "DOUBLE" }
    case "boolean":
      return { ...base, type: "BOOLEAN" }
    case "time":
      return { ...base, type: "INT64", logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "MILLIS" } }
  }
}

/**
 * The older annotations, which some readers go by, are set once all values are written: with them the library would take
 * JSON apart to write it out again.
 */
const annotated = (written: SchemaElement): SchemaElement => {
  if (written.logical_type?.type === "JSON") return { ...written, converted_type: "JSON" }
  if (written.logical_type?.type === "TIMESTAMP") return { ...written, converted_type: "TIMESTAMP_MILLIS" }
  return written
}

const compress = (bytes: Uint8Array): Uint8Array =>
  zstdCompressSync(bytes, {
    // With a checksum, so that a damaged file does not pass for another one.
    params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
  })

/** As UTF-8: a string that stands in a dictionary, or comes several times in a row, once. */
const encoded = (values: Exclude<Values, Float64Array>): Array<Buffer | null> => {
  const bytes: Array<Buffer | null> = []
  if ("codes" in values) {
    const words = values.dictionary.map((word) => Buffer.from(word))
    for (const code of values.codes) bytes.push(words[code] ?? null)
    return bytes
  }
  let last: string | null = null
  let lastBytes: Buffer | null = null
  for (const value of values) {
    if (value !== last) {
      last = value
      lastBytes = value === null ? null : Buffer.from(value)
    }
    bytes.push(lastBytes)
  }
  return bytes
}

const nullFree = (values: Float64Array): boolean => {
  for (const value of values) if (Number.isNaN(value)) return false
  return true
}

const converted = <A>(values: Float64Array, convert: (value: number) => A): Array<A | null> => {
  const rows: Array<A | null> = []
  for (const value of values) rows.push(Number.isNaN(value) ? null : convert(value))
  return rows
}

/** In a loop: `BigInt64Array.from` takes five times as long. */
const whole = (values: Float64Array): BigInt64Array => {
  const rows = new BigInt64Array(values.length)
  for (let i = 0; i < values.length; i++) rows[i] = BigInt(values[i] ?? 0)
  return rows
}

const sourceOf = ({ distinct, name, ranged, type }: Column, values: Values): ColumnSource => {
  const source = (data: ColumnSource["data"], plain: boolean): ColumnSource => ({
    name,
    data,
    ...(plain && { encoding: "PLAIN" as const }),
    statistics: ranged === true,
    offsetIndex: false,
  })
  if (!(values instanceof Float64Array)) return source(encoded(values), distinct === true || type === "json")
  switch (type) {
    case "boolean":
      return source(converted(values, (value) => value !== 0), true)
    case "number":
      return source(nullFree(values) ? values : converted(values, (value) => value), true)
    default:
      return source(nullFree(values) ? whole(values) : converted(values, BigInt), true)
  }
}

/** Makes the bytes of a file, in the order in which they are to be written. */
export class Encoder {
  readonly #columns: ReadonlyArray<Column>
  readonly #bytes = new ByteWriter()
  readonly #writer: ParquetWriter

  constructor(columns: ReadonlyArray<Column>) {
    this.#columns = columns
    this.#writer = new ParquetWriter({
      writer: this.#bytes,
      schema: [{ name: "root", num_children: columns.length }, ...columns.map(element)],
      codec: "ZSTD",
      compressors: { ZSTD: compress },
      createdBy: "vehicle-twin",
    })
  }

  /** A group of rows: the values of each column, in the columns' order, equally many of each. */
  rows(values: ReadonlyArray<Values>): Uint8Array<ArrayBuffer> {
    const columnData = this.#columns.map((column, i) => sourceOf(column, values[i] ?? []))
    const rowGroupSize = Math.max(1, columnData[0]?.data.length ?? 0)
    void this.#writer.write({ columnData, rowGroupSize })
    this.#detach()
    return this.#take()
  }

  /** The least and greatest values are kept for the file's end: not with them the whole buffers that they lie in. */
  #detach(): void {
    for (const { meta_data } of this.#writer.row_groups.at(-1)?.columns ?? []) {
      const statistics = meta_data?.statistics
      if (statistics === undefined) continue
      for (const bound of ["min_value", "max_value"] as const) {
        const value = statistics[bound]
        if (value instanceof Uint8Array) statistics[bound] = Uint8Array.from(value)
      }
    }
  }

  /** The end of the file. */
  end(): Uint8Array<ArrayBuffer> {
    this.#writer.schema = this.#writer.schema.map(annotated)
    void this.#writer.finish()
    return this.#take()
  }

  #take(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#bytes.getBuffer())
    this.#bytes.index = 0
    return bytes
  }
}
