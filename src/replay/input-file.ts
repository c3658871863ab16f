/** A file that a command reads, or standard input, as its bytes. */
import { createReadStream } from "node:fs"
import { stat } from "node:fs/promises"
import { pipeline, type Readable, Transform } from "node:stream"
import { createGunzip } from "node:zlib"
import { Effect, Schema } from "effect"
import { reasonOf } from "../eventstore/errors.ts"

/** A file that is not there, may not be read, or breaks off. */
export class FileUnreadable extends Schema.TaggedError<FileUnreadable>()("FileUnreadable", {
  file: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message() {
    return `Cannot read ${this.file}: ${reasonOf(this.cause)}`
  }
}

export const standardInput = "-"

const blockBytes = 256 * 1024

/** Gunzipped if its name ends with `.gz`. `onRead` hears how many bytes of the file itself were read. */
export const open = (name: string, onRead: (bytes: number) => void): Readable => {
  if (name === standardInput) return process.stdin
  const file = createReadStream(name, { highWaterMark: blockBytes })
  const counted = new Transform({
    readableHighWaterMark: blockBytes,
    writableHighWaterMark: blockBytes,
    transform: (block: Uint8Array, _, done) => {
      onRead(file.bytesRead)
      done(null, block)
    },
  })
  // An error of one reaches whoever reads from the last.
  if (!name.endsWith(".gz")) return pipeline(file, counted, () => {})
  return pipeline(file, counted, createGunzip({ chunkSize: blockBytes }), () => {})
}

/** Bytes; undefined for a pipe or standard input, whose end nobody knows. */
export const sizeOf = Effect.fnUntraced(function*(file: string) {
  if (file === standardInput) return undefined
  const found = yield* Effect.tryPromise({
    try: () => stat(file),
    catch: (cause) => new FileUnreadable({ file, cause }),
  })
  if (found.isDirectory()) {
    return yield* new FileUnreadable({ file, cause: new Error("a folder; name the files in it") })
  }
  return found.isFile() ? found.size : undefined
})
