/**
 * The events of one file of an export or of the archive, page by page: NDJSON (gzipped if its name ends with `.gz`),
 * Parquet (`.parquet`) or standard input (`-`, NDJSON). Every event is checked; memory holds some hundred of them.
 */
import { basename } from "node:path"
import { NodeStream } from "@effect/platform-node"
import { Effect, Result, Schema, Stream } from "effect"
import type { Stored } from "../../domain/vehicle/record.ts"
import { checkEvent } from "./event-check.ts"
import { readEvents } from "./event-table.ts"
import { FileUnreadable, open, standardInput } from "./input-file.ts"
import { describe, type ParquetUnreadable } from "./parquet-reader.ts"

/** An event, and where it was found. */
export interface FileEvent extends Stored {
  /** The file's name, without its folders. */
  readonly file: string
  /** The line, or in a Parquet file the row, from 1. */
  readonly line: number
  /** Characters of its data and metadata as JSON, and some more. */
  readonly size: number
}

/** Events in order; and, where the next cannot be taken, what is wrong with it. Nothing comes after that. */
export interface Page {
  readonly events: ReadonlyArray<FileEvent>
  readonly problem?: BadLine
}

/** A line of an export that is no event, or not one that may stand there. */
export class BadLine extends Schema.TaggedError<BadLine>()("BadLine", {
  file: Schema.String,
  line: Schema.Int,
  reason: Schema.String,
}) {
  override get message() {
    return `${this.file}, ${this.file.endsWith(".parquet") ? "row" : "line"} ${this.line}: ${this.reason}`
  }
}

export type SourceError = FileUnreadable | ParquetUnreadable

/** A longer line is no event: a log takes 1 MiB in one append. */
const maxLine = 8 * 1024 * 1024

/** `onRead` hears how much of the file was read so far, from 0 to 1, where its size (bytes) is known. */
export const pages = (
  name: string,
  size: number | undefined,
  onRead: (fraction: number) => void,
): Stream.Stream<Page, SourceError> => {
  const read: Stream.Stream<Page, SourceError> = name.endsWith(".parquet")
    ? rows(name, onRead)
    : lines(name, size, onRead)
  return Stream.takeUntil(read, ({ problem }) => problem !== undefined)
}

const lines = (name: string, size: number | undefined, onRead: (fraction: number) => void) =>
  Stream.suspend(() => {
    const reader = new Lines(name === standardInput ? "standard input" : basename(name))
    const blocks = NodeStream.fromReadable<Uint8Array, FileUnreadable>({
      evaluate: () => open(name, (bytes) => size !== undefined && onRead(bytes / size)),
      onError: (cause) => new FileUnreadable({ file: name, cause }),
      chunkSize: 1,
    })
    return Stream.concat(
      Stream.map(blocks, (block) => reader.push(block)),
      Stream.sync(() => reader.end()),
    )
  })

const rows = (name: string, onRead: (fraction: number) => void) =>
  Stream.unwrap(Effect.map(describe(name), (about) => {
    const sequence = new Sequence(basename(name))
    let read = 0
    return Stream.chunks(readEvents(name)).pipe(Stream.map((group): Page => {
      onRead((read += group.length) / about.rows)
      const events: Array<FileEvent> = []
      for (const row of group) {
        const next = sequence.add(row, JSON.stringify(row.data).length)
        if (next instanceof BadLine) return { events, problem: next }
        events.push(next)
      }
      return { events }
    }))
  }))

/** The events of a file, one after the other, checked. */
class Sequence {
  readonly file: string
  #line = 0
  #newest = ""

  constructor(file: string) {
    this.file = file
  }

  /** A line that says nothing. */
  skip(): void {
    this.#line++
  }

  add(parsed: unknown, size: number): FileEvent | BadLine {
    this.#line++
    const checked = checkEvent(parsed)
    if (Result.isFailure(checked)) return this.#bad(checked.failure)
    const event = checked.success
    if (event.position <= this.#newest) {
      const places = `position ${event.position} comes after ${this.#newest}`
      return this.#bad(`${places}: a file is in the order of its positions`)
    }
    this.#newest = event.position
    return { ...event, file: this.file, line: this.#line, size }
  }

  bad(reason: string): BadLine {
    this.#line++
    return this.#bad(reason)
  }

  #bad(reason: string): BadLine {
    return new BadLine({ file: this.file, line: this.#line, reason })
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true })
const newline = 0x0a

/** Makes pages of events from blocks of bytes. */
class Lines {
  readonly #sequence: Sequence
  /** The start of a line whose end is yet to come. */
  #rest: Array<Uint8Array> = []
  #restBytes = 0

  constructor(file: string) {
    this.#sequence = new Sequence(file)
  }

  push(block: Uint8Array): Page {
    const end = block.lastIndexOf(newline)
    if (end < 0) {
      this.#rest.push(block)
      this.#restBytes += block.length
      return this.#restBytes > maxLine ? { events: [], problem: this.#sequence.bad(tooLong) } : { events: [] }
    }
    const lines = Buffer.concat([...this.#rest, block.subarray(0, end)])
    this.#rest = [block.subarray(end + 1)]
    this.#restBytes = block.length - end - 1
    return this.#page(lines)
  }

  end(): Page {
    return this.#page(Buffer.concat(this.#rest))
  }

  #page(lines: Buffer): Page {
    const events: Array<FileEvent> = []
    const text = Result.try(() => utf8.decode(lines))
    for (const line of Result.isSuccess(text) ? text.success.split("\n") : decodedEach(lines)) {
      const next = this.#event(line)
      if (next instanceof BadLine) return { events, problem: next }
      if (next !== undefined) events.push(next)
    }
    return { events }
  }

  /** Undefined for a line that says nothing. */
  #event(line: string | undefined): FileEvent | BadLine | undefined {
    if (line === undefined) return this.#sequence.bad("not UTF-8")
    if (line.trim() === "") {
      this.#sequence.skip()
      return undefined
    }
    if (line.length > maxLine) return this.#sequence.bad(tooLong)
    const parsed = Result.try((): unknown => JSON.parse(line))
    return Result.isSuccess(parsed)
      ? this.#sequence.add(parsed.success, line.length)
      : this.#sequence.bad(`not JSON: ${String(parsed.failure).slice(0, 200)}; was the file cut short?`)
  }
}

const tooLong = `longer than ${maxLine} bytes; no event is`

/** Slower; undefined for a line that is not UTF-8, which some other line made known. */
const decodedEach = function*(lines: Buffer): Generator<string | undefined> {
  for (let start = 0; start <= lines.length;) {
    const found = lines.indexOf(newline, start)
    const end = found < 0 ? lines.length : found
    yield Result.getOrUndefined(Result.try(() => utf8.decode(lines.subarray(start, end))))
    start = end + 1
  }
}
