/** Writes a file of the archive. It is durable, and read again, before anybody is told of it. */
import { createHash } from "node:crypto"
import { open } from "node:fs/promises"
import { Effect, Schema } from "effect"
import { reasonOf } from "../eventstore/errors.ts"
import type { RecordedEvent } from "../eventstore/event-store.ts"
import { EventTable, eventColumns } from "./event-table.ts"
import { Encoder } from "./parquet.ts"

/** Smaller groups than an export's, since who merges files holds a group of each. */
const groupEvents = 2_000

export class ArchiveNotWritten extends Schema.TaggedError<ArchiveNotWritten>()("ArchiveNotWritten", {
  file: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message() {
    return `${this.file} was not written: ${reasonOf(this.cause)}`
  }
}

export interface Written {
  readonly bytes: number
  readonly sha256: string
  /** Of the events, as `startDigest` has it. */
  readonly digest: string
}

/** What tells whether two sequences of events are the same. */
export const startDigest = () => {
  const hash = createHash("sha256")
  return {
    add: ({ created, data, id, metadata, position, revision, stream, type }: RecordedEvent) =>
      hash.update(JSON.stringify([position, stream, revision, id, type, created, data, metadata])),
    take: () => hash.digest("hex"),
  }
}

/** A file that must not be there yet. `finish` makes it durable; closed with the scope. */
export const create = Effect.fnUntraced(function*(file: string) {
  const attempt = <A>(run: () => Promise<A>) =>
    Effect.tryPromise({ try: run, catch: (cause) => new ArchiveNotWritten({ file, cause }) })
  const handle = yield* Effect.acquireRelease(
    attempt(() => open(file, "wx")),
    (opened) => Effect.promise(() => opened.close().catch(() => undefined)),
  )
  const encoder = new Encoder(eventColumns)
  const table = new EventTable()
  const fileHash = createHash("sha256")
  const events = startDigest()
  let bytes = 0

  const put = (part: Uint8Array) =>
    attempt(async () => {
      await handle.writeFile(part)
      fileHash.update(part)
      bytes += part.length
    })

  return {
    add: Effect.fnUntraced(function*(added: ReadonlyArray<RecordedEvent>) {
      for (const event of added) {
        table.add(event)
        events.add(event)
        if (table.rows >= groupEvents || table.isFull) yield* put(encoder.rows(table.take()))
      }
    }),
    finish: Effect.gen(function*() {
      if (table.rows > 0) yield* put(encoder.rows(table.take()))
      yield* put(encoder.end())
      yield* attempt(() => handle.sync())
      return { bytes, sha256: fileHash.digest("hex"), digest: events.take() } satisfies Written
    }),
  }
})
