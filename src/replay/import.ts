/**
 * Brings the events of an export back into a log that is empty: ids, types, data, metadata and revisions as they were,
 * in the order of the files. Only the log's own time of writing is a new one.
 *
 * Windows of events are written one after the other, with all appends of a window under way at the same time: so what
 * an interrupted import left behind is the beginning of the same import, and the next run goes on after it.
 */
import { Effect, Exit, Pull, Schema, Stream } from "effect"
import { EventStore, type EventToAppend, type RecordedEvent } from "../eventstore/event-store.ts"
import { beginning } from "../eventstore/position.ts"
import { BadLine, type FileEvent } from "./event-file.ts"
import * as EventSource from "./event-source.ts"

/** A window ends after so many events, or characters of their JSON. */
const windowEvents = 4_000
const windowSize = 16 * 1024 * 1024
/** Characters of JSON in one append: of three bytes each they are still under the 1 MiB that a store takes. */
const appendSize = 256 * 1024

/** Streams that the service writes. Others, in a log that is shared, are none of our business. */
const ours = ["vehicle-", "maintenance-", "snapshot-", "deadletter-", "archive"]

export interface Imported {
  readonly written: number
  /** In the log already, from an import that was interrupted. */
  readonly found: number
  readonly streams: number
}

export interface ImportOptions {
  readonly files: ReadonlyArray<string>
  /** Hears after each window what is in the log, and how much of the files was read, where that is known. */
  readonly progress: (done: Imported, fraction: number | undefined) => void
}

/** The log has events that are not the beginning of this import. */
export class LogNotEmpty extends Schema.TaggedError<LogNotEmpty>()("LogNotEmpty", {
  stream: Schema.String,
  revision: Schema.Int,
}) {
  override get message() {
    return `The log is not empty: event ${this.revision} of ${this.stream} in it is not of this import. `
      + "Import into an empty log; an import that was interrupted goes on with the same files"
  }
}

/** Somebody else writes to the log, or a stream was there before and was deleted. */
export class LogInUse extends Schema.TaggedError<LogInUse>()("LogInUse", {
  stream: Schema.String,
  expected: Schema.Int,
  actual: Schema.Int,
}) {
  override get message() {
    return `Stream ${this.stream} is at revision ${this.actual} where the import has it at ${this.expected}: `
      + "something else writes to this log, or had written to it before. Stop it, and import into an empty log"
  }
}

export const importEvents = Effect.fnUntraced(function*({ files, progress }: ImportOptions) {
  const store = yield* EventStore
  const source = yield* EventSource.open(files)
  const log = yield* writtenBefore(store)
  const revisions = new Map<string, number>()
  let done: Imported = { written: 0, found: 0, streams: 0 }
  while (true) {
    const { ended, events, problem } = yield* nextWindow(source, revisions)
    const missing = yield* notIn(log, events)
    yield* write(store, missing)
    done = {
      written: done.written + missing.length,
      found: done.found + events.length - missing.length,
      streams: revisions.size,
    }
    progress(done, source.fraction())
    if (problem !== undefined) return yield* problem
    if (!ended) continue
    const [more] = yield* log(1)
    return more === undefined ? done : yield* new LogNotEmpty(more)
  }
}, Effect.scoped)

interface Window {
  readonly events: ReadonlyArray<FileEvent>
  readonly problem: BadLine | undefined
  readonly ended: boolean
}

/** The next events, each in its turn on its stream, up to one that cannot be taken. */
const nextWindow = Effect.fnUntraced(function*(source: EventSource.EventSource, revisions: Map<string, number>) {
  const events: Array<FileEvent> = []
  let size = 0
  while (events.length < windowEvents && size < windowSize) {
    const page = yield* source.next
    if (page === undefined) return { events, problem: undefined, ended: true } satisfies Window
    for (const event of page.events) {
      const last = revisions.get(event.stream) ?? -1
      if (event.revision !== last + 1) {
        return { events, problem: outOfTurn(event, last), ended: false } satisfies Window
      }
      revisions.set(event.stream, event.revision)
      size += event.size
      events.push(event)
    }
    if (page.problem !== undefined) return { events, problem: page.problem, ended: false } satisfies Window
  }
  return { events, problem: undefined, ended: false } satisfies Window
})

const outOfTurn = ({ file, line, revision, stream }: FileEvent, last: number): BadLine => {
  const before = last < 0 ? `begins with its event ${revision}` : `goes on with event ${revision} after ${last}`
  const advice = revision <= last
    ? "an event comes twice in these files, and they are not of one log"
    : last < 0
    ? "the events before it were archived, or left out of the export. Import the archive's files together with it"
    : "events between them are missing. Import an export of whole vehicles, without --type, --from or --to"
  return new BadLine({ file, line, reason: `${stream} ${before}: ${advice}` })
}

/** Hands out what is in the log, so many events at a time; fewer at its end. */
const writtenBefore = Effect.fnUntraced(function*(store: EventStore["Service"]) {
  const pull = yield* Stream.toPull(store.readAll({ after: beginning, filter: { streams: ours } }))
  let rest: ReadonlyArray<RecordedEvent> = []
  let ended = false
  return Effect.fnUntraced(function*(count: number) {
    const taken: Array<RecordedEvent> = []
    while (taken.length < count) {
      if (rest.length > 0) {
        const wanted = count - taken.length
        taken.push(...rest.slice(0, wanted))
        rest = rest.slice(wanted)
        continue
      }
      const read = ended ? [] : yield* pull.pipe(Pull.catchDone(() => Effect.succeed([])))
      ended = read.length === 0
      if (ended) break
      rest = read
    }
    return taken
  })
})

/** The events of a window that the log does not have. What it has at this place must be of this window. */
const notIn = Effect.fnUntraced(function*(
  log: Effect.Success<ReturnType<typeof writtenBefore>>,
  events: ReadonlyArray<FileEvent>,
) {
  const there = new Map<string, RecordedEvent>()
  for (const event of yield* log(events.length)) there.set(placeOf(event), event)
  if (there.size === 0) return events
  const missing: Array<FileEvent> = []
  for (const event of events) {
    const place = placeOf(event)
    const known = there.get(place)
    if (known === undefined) missing.push(event)
    else if (!isSame(known, event)) return yield* new LogNotEmpty(known)
    else there.delete(place)
  }
  for (const foreign of there.values()) return yield* new LogNotEmpty(foreign)
  return missing
})

const placeOf = ({ revision, stream }: { readonly stream: string; readonly revision: number }): string =>
  `${revision} ${stream}`

const isSame = (a: EventToAppend, b: EventToAppend): boolean =>
  a.id === b.id && a.type === b.type && JSON.stringify(a.data) === JSON.stringify(b.data) &&
  JSON.stringify(a.metadata) === JSON.stringify(b.metadata)

/**
 * All are sent out in order and at once. What did not pass is tried again by itself, in order: another, that it builds
 * on, may have failed before it.
 */
const write = Effect.fnUntraced(function*(store: EventStore["Service"], events: ReadonlyArray<FileEvent>) {
  const runs = toRuns(events)
  const exits = yield* Effect.forEach(runs, (run) => Effect.exit(append(store, run)), { concurrency: "unbounded" })
  for (const [index, exit] of exits.entries()) {
    const run = runs[index]
    if (Exit.isFailure(exit) && run !== undefined) yield* append(store, run)
  }
})

/** Events of one stream that follow one another, for one append each. Never empty. */
const toRuns = (events: ReadonlyArray<FileEvent>): ReadonlyArray<ReadonlyArray<FileEvent>> => {
  const runs: Array<Array<FileEvent>> = []
  let run: Array<FileEvent> = []
  let size = 0
  for (const event of events) {
    if (run[0]?.stream !== event.stream || size + event.size > appendSize) {
      runs.push(run = [])
      size = 0
    }
    run.push(event)
    size += event.size
  }
  return runs
}

const append = Effect.fnUntraced(function*(store: EventStore["Service"], run: ReadonlyArray<FileEvent>) {
  const [first] = run
  const last = run.at(-1)
  if (first === undefined || last === undefined) return
  const events = run.map(({ data, id, metadata, type }) => ({ id, type, data, metadata }))
  const { revision } = yield* store.append(
    first.stream,
    first.revision === 0 ? "no_stream" : first.revision - 1,
    events,
  ).pipe(
    Effect.catchTag("WrongExpectedRevision", ({ actual, stream }) =>
      Effect.fail(new LogInUse({ stream, expected: first.revision - 1, actual }))),
  )
  if (revision !== last.revision) {
    return yield* new LogInUse({ stream: first.stream, expected: last.revision, actual: revision })
  }
})
