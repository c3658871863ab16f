/** Bad rows of an import, in a file of their own that can be mended and imported by the same mapping. */
import { createWriteStream, rmSync, type WriteStream } from "node:fs"
import { Effect, Schema } from "effect"
import { reasonOf } from "../eventstore/errors.ts"
import type { CsvRow } from "./csv-rows.ts"

export class RejectsUnwritable extends Schema.TaggedError<RejectsUnwritable>()("RejectsUnwritable", {
  file: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return `Cannot write the rejects ${this.file}: ${this.reason}`
  }
}

/** The last column, which the mapping need not know. */
export const reasonColumn = "rejected because"

/** Made at once and never over another: that may be what somebody mends. Gone again where no row was bad. */
export const open = Effect.fnUntraced(function*(file: string, delimiter: string) {
  const unwritable = (cause: unknown) =>
    new RejectsUnwritable({
      file,
      reason: cause instanceof Error && "code" in cause && cause.code === "EEXIST"
        ? "it is there already; name another file, or remove it"
        : reasonOf(cause),
    })
  let failed: RejectsUnwritable | undefined
  let added = 0
  const stream = yield* Effect.acquireRelease(
    Effect.callback<WriteStream, RejectsUnwritable>((resume) => {
      const stream = createWriteStream(file, { flags: "wx" })
      stream.once("open", () => resume(Effect.succeed(stream)))
      stream.on("error", (cause) => {
        failed = unwritable(cause)
        resume(Effect.fail(failed))
      })
    }),
    (stream) =>
      Effect.callback<void>((resume) => void stream.end(() => resume(Effect.void))).pipe(
        Effect.andThen(Effect.sync(() => added === 0 && rmSync(file))),
      ),
  )
  let begunBy: { readonly file: string; readonly header: string | undefined } | undefined
  /** Rows come from such a file, mended, and are bad again. */
  let hasReason = false

  const write = (cells: ReadonlyArray<string>) =>
    Effect.callback<void, RejectsUnwritable>((resume) => {
      if (failed !== undefined) return resume(Effect.fail(failed))
      const line = `${cells.map((cell) => quoted(cell, delimiter)).join(delimiter)}\n`
      stream.write(line, (cause) => resume(cause ? Effect.fail(unwritable(cause)) : Effect.void))
    })

  return {
    /** A file begins. All must have the same header, since the rejects have but one. */
    begin: Effect.fnUntraced(function*(from: string, header: ReadonlyArray<string> | undefined) {
      const text = header === undefined ? undefined : JSON.stringify(header)
      if (begunBy === undefined) {
        begunBy = { file: from, header: text }
        hasReason = header?.at(-1) === reasonColumn
        if (header !== undefined) yield* write(hasReason ? header : [...header, reasonColumn])
      } else if (begunBy.header !== text) {
        return yield* new RejectsUnwritable({
          file,
          reason: `${from} has other columns than ${begunBy.file}; import it by itself`,
        })
      }
    }),
    add: ({ cells }: CsvRow, reason: string) => {
      added++
      return write([...(hasReason ? cells.slice(0, -1) : cells), reason])
    },
  }
})

const quoted = (cell: string, delimiter: string): string =>
  cell.includes(delimiter) || /["\r\n]/.test(cell) || cell !== cell.trim() ? `"${cell.replaceAll("\"", "\"\"")}"` : cell
