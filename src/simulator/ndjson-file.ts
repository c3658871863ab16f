/** A file that is written anew, one JSON value a line. Lines are gathered and written in blocks. */
import { createWriteStream } from "node:fs"
import { open } from "node:fs/promises"
import { Effect, Schema } from "effect"

export class FileNotWritable extends Schema.TaggedError<FileNotWritable>()("FileNotWritable", {
  path: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message() {
    const reason = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `Cannot write ${this.path}: ${reason}`
  }
}

export interface NdjsonFile {
  readonly write: (value: unknown) => void
}

/** Nothing is written. */
export const none: NdjsonFile = { write: () => {} }

const blockSize = 64 * 1024

/** Closed, with all its lines on disk, when the scope ends. */
export const make = Effect.fn("NdjsonFile.make")(function*(path: string) {
  const fail = (cause: unknown) => new FileNotWritable({ path, cause })
  const handle = yield* Effect.tryPromise({ try: () => open(path, "w"), catch: fail })
  const stream = createWriteStream(path, { fd: handle })
  let block = ""
  let failure: unknown
  stream.on("error", (error) => (failure = error))
  const flush = () => {
    if (block !== "") stream.write(block)
    block = ""
  }
  const close = Effect.callback<void>((resume) => {
    flush()
    stream.once("close", () => resume(Effect.void))
    stream.end()
    if (stream.closed) resume(Effect.void)
  })
  yield* Effect.addFinalizer(() =>
    close.pipe(
      Effect.andThen(Effect.suspend(() => (failure === undefined ? Effect.void : Effect.logError(fail(failure).message)))),
    )
  )
  return {
    write: (value) => {
      block += `${JSON.stringify(value)}\n`
      if (block.length >= blockSize) flush()
    },
  } satisfies NdjsonFile
})
