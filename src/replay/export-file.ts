/**
 * Where an export goes: a file that has its name only once it is whole and durable, or standard output.
 */
import { access, open, unlink } from "node:fs/promises"
import { Effect, Exit, Schema, Stream } from "effect"
import { rename } from "./rename.ts"

export class NotWritten extends Schema.TaggedError<NotWritten>()("NotWritten", {
  target: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message() {
    return `${this.target} was not written: ${reasonOf(this.cause)}`
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "its folder is not there",
  ENOTDIR: "its folder is a file",
  EISDIR: "it is a folder",
  EACCES: "that is not permitted",
  EPERM: "that is not permitted",
  EROFS: "that disk is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk's quota is used up",
  EFBIG: "the file would be larger than is allowed",
}

const reasonOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  const reason = "code" in cause ? reasons[String(cause.code)] : undefined
  return reason === undefined ? cause.message : `${reason} (${cause.message})`
}

/** Whoever read our standard output reads no more. */
export class BrokenPipe extends Schema.TaggedError<BrokenPipe>()("BrokenPipe", {}) {}

type Bytes<E, R> = Stream.Stream<Uint8Array, E, R>

/** Refuses a file that is there, unless it is to be replaced. */
export const checkTarget = Effect.fnUntraced(function*(file: string, replace: boolean) {
  const isThere = yield* Effect.promise(() => access(file).then(() => true, () => false))
  if (isThere && !replace) {
    return yield* new NotWritten({ target: file, cause: new Error("it is there already; --force replaces it") })
  }
})

/**
 * Writes beside the file, under a name that ends with `.partial`, and renames that once it is on disk. When it fails or
 * is interrupted, nothing is left. How many bytes the file has.
 */
export const toFile = Effect.fnUntraced(function*<E, R>(file: string, bytes: Bytes<E, R>) {
  const attempt = <A>(run: () => Promise<A>) =>
    Effect.tryPromise({ try: run, catch: (cause) => new NotWritten({ target: file, cause }) })
  // Of two exports to one file each has its own, so that neither writes into the other's.
  const partial = `${file}.${process.pid}.partial`
  return yield* Effect.acquireUseRelease(
    attempt(() => open(partial, "w")),
    (handle) =>
      Effect.gen(function*() {
        let written = 0
        // A block is written while the next is made.
        let writing = Promise.resolve()
        yield* Stream.runForEach(bytes, (block) =>
          attempt(async () => {
            await writing
            written += block.length
            // From where the last one ended.
            writing = handle.writeFile(block)
            // Whether it fails is asked before the next one.
            writing.catch(() => undefined)
          }))
        yield* attempt(() => writing)
        yield* attempt(() => handle.sync())
        yield* attempt(() => rename(partial, file))
        return written
      }),
    (handle, exit) =>
      Effect.promise(async () => {
        await handle.close().catch(() => undefined)
        if (Exit.isFailure(exit)) await unlink(partial).catch(() => undefined)
      }),
  )
})

/** How many bytes were written. */
export const toStandardOutput = <E, R>(bytes: Bytes<E, R>) =>
  Effect.suspend(() => {
    const { stdout } = process
    // The failure itself comes through the write's callback.
    stdout.on("error", () => {})
    let written = 0
    return bytes.pipe(
      Stream.runForEach((block) =>
        Effect.callback<void, NotWritten | BrokenPipe>((resume) => {
          stdout.write(block, (cause) => {
            written += block.length
            if (cause === null || cause === undefined) resume(Effect.void)
            else if ("code" in cause && cause.code === "EPIPE") resume(Effect.fail(new BrokenPipe()))
            else resume(Effect.fail(new NotWritten({ target: "Standard output", cause })))
          })
        })
      ),
      Effect.map(() => written),
    )
  })
