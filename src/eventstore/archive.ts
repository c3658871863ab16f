/**
 * The events that were moved out of the log: which files hold them, and reading those.
 *
 * The log says it itself, on streams that stay: `archive` names each file once it is whole, before anything of it is
 * truncated, and `archive-<X>` names for `vehicle-<X>` the files with its events and their revisions. So who reads a
 * part of the log, and then looks here, knows of all that was moved away before it read.
 */
import { Effect, Schema, Stream } from "effect"
import { access } from "node:fs/promises"
import { openFile } from "./archive-file.ts"
import { EventUnreadable, type EventStoreError, type StreamDeleted } from "./errors.ts"
import type { EventStore, RecordedEvent } from "./event-store.ts"
import type { Position } from "./position.ts"

export const archiveStream = "archive"

/** Streams whose events are moved. */
export const archivedPrefix = "vehicle-"

/** A stream's archived events, one event a file, in the order of the files. */
const notesOf = (stream: string): string => `${archiveStream}-${stream.slice(archivedPrefix.length)}`

export const archiveWritten = "ArchiveWritten"
export const archiveCompleted = "ArchiveCompleted"

const PositionText = Schema.String.check(Schema.isPattern(/^[0-9a-f]{16}$/))

/** A file is whole and durable. What it holds is still in the log, and truncated from now on. */
export const ArchiveWritten = Schema.Struct({
  /** The file's name, below the archive's folder. */
  file: Schema.String,
  events: Schema.Int,
  bytes: Schema.Int,
  /** Of the file. */
  sha256: Schema.String,
  /** Of the first and the last of its events. */
  firstPosition: PositionText,
  lastPosition: PositionText,
  /** What was moved had been received by then. RFC 3339, UTC. */
  cutoff: Schema.String,
})
export type ArchiveWritten = typeof ArchiveWritten.Type

/** Until it has its name, a file is known by the id of the event that will tell of it. */
export const partialName = (file: string, id: string): string => `${file}.${id}.partial`

export interface Entry {
  readonly id: string
  readonly file: string
  readonly firstPosition: Position
  readonly lastPosition: Position
}

const Note = Schema.Struct({ file: Schema.String, fromRevision: Schema.Int, toRevision: Schema.Int })

type Direction = "forwards" | "backwards"

export type Archive = ReturnType<typeof make>

export const make = (store: EventStore["Service"], folder: string) => {
  let known: ReadonlyArray<Entry> = []
  /** The revision of `archive` up to which the entries are known. */
  let knownTo = -1

  /** The files that the log names now. The same array as before where there is none more. */
  const entries: Effect.Effect<ReadonlyArray<Entry>, EventStoreError> = Effect.gen(function*() {
    if ((yield* unlessDeleted(store.revision(archiveStream), -1)) <= knownTo) return known
    const from = knownTo + 1
    const found = yield* unlessDeleted(Stream.runCollect(store.read(archiveStream, { from })), [])
    const added: Array<Entry> = []
    for (const event of found) if (event.type === archiveWritten) added.push(yield* entryIn(event))
    // Two may have looked at the same time.
    if (knownTo + 1 === from) {
      known = [...known, ...added]
      knownTo = found.at(-1)?.revision ?? knownTo
    }
    return known
  })

  /** The file, until the scope closes. */
  const open = Effect.fnUntraced(function*({ file, id }: Entry) {
    const path = `${folder}/${file}`
    const partial = `${folder}/${partialName(file, id)}`
    // Who moved the events may have been stopped right before it gave the file its name.
    const nameless = yield* Effect.promise(async () => !(await exists(path)) && (await exists(partial)))
    return yield* openFile(nameless ? partial : path)
  })

  const streamIn = (entry: Entry, stream: string, low: number, high: number, direction: Direction) =>
    Stream.unwrap(Effect.map(open(entry), (file) =>
      Stream.fromIterable(inOrder(file.rowGroups, direction)).pipe(
        Stream.mapEffect(Effect.fnUntraced(function*(group) {
          yield* Effect.yieldNow
          if (!(yield* file.streams(group)).includes(stream)) return []
          const events = yield* file.events(group)
          return inOrder(
            events.filter((event) => event.stream === stream && event.revision >= low && event.revision <= high),
            direction,
          )
        })),
        Stream.flattenIterable,
        Stream.takeUntil(({ revision }) => revision === (direction === "forwards" ? high : low)),
      )))

  /** Those of a stream's events that were moved, from one revision to another, both inclusive. */
  const readStream = (
    stream: string,
    low: number,
    high: number,
    direction: Direction,
  ): Stream.Stream<RecordedEvent, EventStoreError> =>
    Stream.unwrap(Effect.gen(function*() {
      const notes = yield* unlessDeleted(Stream.runCollect(store.read(notesOf(stream))), [])
      if (notes.length === 0) return Stream.empty
      const files = yield* entries
      const wanted: Array<Stream.Stream<RecordedEvent, EventStoreError>> = []
      for (const { data, position } of inOrder(notes, direction)) {
        const note = yield* decoded(Note, position, data)
        const [from, to] = [Math.max(low, note.fromRevision), Math.min(high, note.toRevision)]
        const entry = files.find(({ file }) => file === note.file)
        if (entry !== undefined && from <= to) wanted.push(streamIn(entry, stream, from, to, direction))
      }
      return Stream.flatten(Stream.fromIterable(wanted))
    }))

  return { entries, open, readStream }
}

const exists = (path: string): Promise<boolean> => access(path).then(() => true, () => false)

const inOrder = <A>(items: ReadonlyArray<A>, direction: Direction): ReadonlyArray<A> =>
  direction === "forwards" ? items : items.toReversed()

/** Who deletes these streams has no archive. */
const unlessDeleted = <A>(read: Effect.Effect<A, StreamDeleted | EventStoreError>, otherwise: A) =>
  Effect.catchTag(read, "StreamDeleted", () => Effect.succeed(otherwise))

const entryIn = ({ data, id, position }: RecordedEvent) =>
  Effect.map(decoded(ArchiveWritten, position, data), ({ file, firstPosition, lastPosition }): Entry => ({
    id,
    file,
    firstPosition: firstPosition as Position,
    lastPosition: lastPosition as Position,
  }))

/** An event's data, as it ought to be. */
export const decoded = <A>(
  schema: Schema.Decoder<A>,
  position: string,
  data: RecordedEvent["data"],
): Effect.Effect<A, EventUnreadable> =>
  Effect.mapError(Schema.decodeUnknownEffect(schema)(data), (cause) => new EventUnreadable({ position, cause }))
