/** The rows of a CSV file, page by page, as texts. Memory holds some hundred of them. */
import { basename } from "node:path"
import { pipeline } from "node:stream"
import { NodeStream } from "@effect/platform-node"
import { CsvError, type Info, parse } from "csv-parse"
import { Schema, Stream } from "effect"
import { FileUnreadable, open, standardInput } from "./input-file.ts"

export interface CsvRow {
  readonly cells: ReadonlyArray<string>
  /** The line that it ends on, from 1. */
  readonly line: number
}

export interface CsvForm {
  readonly delimiter: string
}

/** A quote that is not closed, and the like: what comes after it cannot be told apart. */
export class NotCsv extends Schema.TaggedError<NotCsv>()("NotCsv", {
  file: Schema.String,
  line: Schema.Int,
  reason: Schema.String,
}) {
  override get message() {
    return `${this.file}, line ${this.line}: ${this.reason}`
  }
}

/** A longer row is none: a quote was not closed. */
const maxRow = 1024 * 1024

/** A file's name as messages have it, without its folders. */
export const titleOf = (name: string): string => name === standardInput ? "standard input" : basename(name)

/** All rows, a header among them; empty lines are passed over. `onRead` hears how many bytes of the file were read. */
export const rows = (
  name: string,
  { delimiter }: CsvForm,
  onRead: (bytes: number) => void,
): Stream.Stream<CsvRow, FileUnreadable | NotCsv> =>
  Stream.suspend(() => {
    const parser = parse({
      bom: true,
      delimiter,
      info: true,
      max_record_size: maxRow,
      // A file may be put together from several: the end of its first line says nothing of the others.
      record_delimiter: ["\r\n", "\n", "\r"],
      // A row that is too short is for whoever reads, who may pass over it.
      relax_column_count: true,
      skip_empty_lines: true,
    })
    // An error of the file reaches whoever reads from the parser.
    pipeline(open(name, onRead), parser, () => {})
    return Stream.map(
      NodeStream.fromReadable<Parsed, FileUnreadable | NotCsv>({
        evaluate: () => parser,
        onError: (cause) =>
          cause instanceof CsvError
            ? new NotCsv({ file: titleOf(name), line: lineOf(cause), reason: cause.message })
            : new FileUnreadable({ file: name, cause }),
      }),
      ({ info, record }): CsvRow => ({ cells: record, line: info.lines }),
    )
  })

interface Parsed {
  readonly info: Info
  readonly record: ReadonlyArray<string>
}

const lineOf = (error: CsvError): number => {
  const { lines } = error as { readonly lines?: unknown }
  return typeof lines === "number" ? lines : 1
}
