/**
 * The log as if nothing had been moved out of it: the events that are in it and those in the archive's files, in one
 * order, each once. Memory holds a page of the log and a row group of each file whose time it is.
 *
 * Events may be moved while this reads. They were in the log before, or are in a file that the log names by now: so
 * after each page of the log the files are looked up anew, before anything of that page is handed out.
 */
import { Cause, Effect, Exit, Pull, Scope, Stream } from "effect"
import { isReadonlyArrayNonEmpty } from "effect/Array"
import type { Archive, Entry } from "./archive.ts"
import type { EventStoreError } from "./errors.ts"
import type { EventStore, Filter, RecordedEvent } from "./event-store.ts"
import { matches } from "./filter.ts"
import type { Position } from "./position.ts"

/** Events handed out at a time. */
const maxEvents = 500

/** Events in the order of their positions, a page at a time. */
interface Source {
  page: ReadonlyArray<RecordedEvent>
  /** Of the next event on the page. */
  next: number
  ended: boolean
  readonly more: Pull.Pull<ReadonlyArray<RecordedEvent>, EventStoreError>
}

const sourceOf = (more: Source["more"]): Source => ({ page: [], next: 0, ended: false, more })

const nextOf = ({ next, page }: Source): RecordedEvent | undefined => page[next]

/** The one whose next event stands before those of the others. */
const firstOf = (sources: ReadonlyArray<Source>): Source | undefined => {
  let first: Source | undefined
  let least: Position | undefined
  for (const source of sources) {
    const position = nextOf(source)?.position
    if (position !== undefined && (least === undefined || position < least)) [first, least] = [source, position]
  }
  return first
}

const fill = Effect.fnUntraced(function*(source: Source) {
  source.next = 0
  source.page = yield* Pull.catchDone(source.more, () => {
    source.ended = true
    return Effect.succeed([])
  })
})

const isReady = (source: Source): boolean => source.ended || nextOf(source) !== undefined

/** The matching events after a position, up to and with another. */
export const merged = (
  store: EventStore["Service"],
  archive: Archive,
  { after, end, filter }: { readonly after: Position; readonly end: Position; readonly filter: Filter | undefined },
): Stream.Stream<RecordedEvent, EventStoreError> =>
  Stream.unwrap(Effect.gen(function*() {
    const scope = yield* Effect.scope
    const wanted = matches(filter)
    const log = sourceOf(yield* Stream.toPull(store.readAll(filter === undefined ? { after } : { after, filter })))
    let sources = [log]
    let known: ReadonlyArray<Entry> = []
    /** Files whose time has not come, by their first positions. */
    let waiting: ReadonlyArray<Entry> = []
    let handedOut = after

    const lookForFiles = Effect.gen(function*() {
      const entries = yield* archive.entries
      if (entries === known) return
      const added = entries.slice(known.length).filter((entry) =>
        entry.lastPosition > handedOut && entry.firstPosition <= end)
      waiting = [...waiting, ...added].toSorted((a, b) => a.firstPosition < b.firstPosition ? -1 : 1)
      known = entries
    })

    const openFile = Effect.fnUntraced(function*(entry: Entry) {
      const from = handedOut
      const opened = yield* Scope.fork(scope)
      const file = yield* Scope.provide(archive.open(entry), opened)
      const groups = file.rowGroups.filter(({ lastPosition }) => lastPosition > from).toReversed()
      const isWanted = (event: RecordedEvent) => event.position > from && event.position <= end && wanted(event)
      sources.push(sourceOf(Effect.suspend((): Source["more"] => {
        const group = groups.pop()
        return group === undefined
          ? Effect.andThen(Scope.close(opened, Exit.void), Cause.done())
          : Effect.map(file.events(group), (events) => events.filter(isWanted))
      })))
    })

    /** Until each source shows its next event, and no file's time has come that is not open. */
    const prepare = Effect.gen(function*() {
      while (true) {
        while (!isReady(log)) {
          yield* fill(log)
          yield* lookForFiles
        }
        for (const source of sources) while (!isReady(source)) yield* fill(source)
        sources = sources.filter((source) => !source.ended || source === log)
        const [entry, ...others] = waiting
        const first = firstOf(sources)
        if (entry === undefined || entry.firstPosition > (first && nextOf(first)?.position || end)) return
        waiting = others
        yield* openFile(entry)
      }
    })

    const take = (): ReadonlyArray<RecordedEvent> => {
      const events: Array<RecordedEvent> = []
      const limit = waiting[0]?.firstPosition
      while (events.length < maxEvents && sources.every(isReady)) {
        const source = firstOf(sources)
        const event = source && nextOf(source)
        if (source === undefined || event === undefined || event.position > end) break
        if (limit !== undefined && event.position >= limit) break
        source.next++
        // What is being moved stands in both for a while.
        if (event.position > handedOut) events.push(event)
        handedOut = event.position
      }
      return events
    }

    return Stream.fromPull(Effect.succeed(Effect.gen(function*() {
      while (true) {
        yield* prepare
        const first = firstOf(sources)
        if (first === undefined || (nextOf(first)?.position ?? end) > end) return yield* Cause.done()
        const events = take()
        if (isReadonlyArrayNonEmpty(events)) return events
      }
    })))
  }))
