/**
 * Events from the files of an export and of the archive, as one sequence. Each file is in the log's order, and several
 * are merged by their positions, since events that were archived late lie between those that stayed in the log. Only
 * files whose positions overlap are open at the same time.
 */
import { Effect, Exit, Option, Pull, Scope, Stream } from "effect"
import { type FileEvent, type Page, pages, type SourceError } from "./event-file.ts"
import { sizeOf } from "./input-file.ts"

export interface EventSource {
  /** The next events; undefined at the end, and after a page with a problem. */
  readonly next: Effect.Effect<Page | undefined, SourceError>
  /** How much of all the files was read, from 0 to 1; undefined where nobody can know, as with standard input. */
  readonly fraction: () => number | undefined
}

const pageEvents = 512

/** Files that are open when the scope closes are closed with it. */
export const open = Effect.fnUntraced(function*(names: ReadonlyArray<string>) {
  const scope = yield* Effect.scope
  const cursors: Array<Cursor> = []
  for (const name of names) {
    const size = yield* sizeOf(name)
    const first = names.length > 1 && size !== undefined ? yield* firstPosition(name) : ""
    cursors.push(new Cursor(name, size, first, scope))
  }
  const source: EventSource = {
    next: merge(cursors),
    fraction: () => {
      let size = 0
      let read = 0
      for (const cursor of cursors) {
        if (cursor.size === undefined) return undefined
        size += cursor.size
        read += cursor.size * cursor.read
      }
      return size === 0 ? 1 : read / size
    },
  }
  return source
})

/** Where a file begins with what is no event, it is read first, and says so. */
const firstPosition = (name: string) =>
  pages(name, undefined, () => {}).pipe(
    Stream.filter(({ events, problem }) => events.length > 0 || problem !== undefined),
    Stream.runHead,
    Effect.map((page) => Option.getOrUndefined(page)?.events[0]?.position ?? ""),
  )

const merge = (cursors: ReadonlyArray<Cursor>): EventSource["next"] =>
  Effect.gen(function*() {
    const events: Array<FileEvent> = []
    while (events.length < pageEvents) {
      let first: Cursor | undefined
      for (const cursor of cursors) {
        const { position } = cursor
        if (position !== undefined && (first?.position === undefined || position < first.position)) first = cursor
      }
      if (first === undefined) break
      const event = first.take()
      if (event !== undefined) events.push(event)
      else if (first.problem !== undefined) {
        const { problem } = first
        for (const cursor of cursors) cursor.position = undefined
        return { events, problem }
      } else yield* first.load
    }
    return events.length === 0 ? undefined : { events }
  })

type Pages = Pull.Pull<ReadonlyArray<Page>, SourceError>

/** How far one file was read. */
class Cursor {
  /** Bytes. */
  readonly size: number | undefined
  /** From 0 to 1. */
  read = 0
  /** No event that is yet to come from it has a lower one; undefined at its end. */
  position: string | undefined
  problem: Page["problem"]
  readonly #name: string
  readonly #scope: Scope.Scope
  #opened: { readonly pages: Pages; readonly scope: Scope.Closeable } | undefined
  #waiting: ReadonlyArray<Page> = []
  #events: Page["events"] = []
  #next = 0

  constructor(name: string, size: number | undefined, position: string, scope: Scope.Scope) {
    this.#name = name
    this.size = size
    this.position = position
    this.#scope = scope
  }

  /** The next event, where it is at hand. */
  take(): FileEvent | undefined {
    const event = this.#events[this.#next]
    if (event !== undefined) this.position = this.#events[++this.#next]?.position ?? event.position
    return event
  }

  /** Reads the next page. */
  get load(): Effect.Effect<void, SourceError> {
    return Effect.gen({ self: this }, function*() {
      const { pages, scope } = this.#opened ??= yield* this.#open
      if (this.#waiting.length === 0) {
        this.#waiting = yield* pages.pipe(Pull.catchDone(() => Effect.succeed([])))
      }
      const [page, ...rest] = this.#waiting
      this.#waiting = rest
      this.#events = page?.events ?? []
      this.#next = 0
      this.problem = page?.problem
      this.position = page === undefined ? undefined : this.#events[0]?.position ?? this.position
      if (page === undefined) yield* Scope.close(scope, Exit.void)
    })
  }

  get #open() {
    return Effect.gen({ self: this }, function*() {
      const scope = yield* Scope.fork(this.#scope)
      const read = pages(this.#name, this.size, (fraction) => {
        this.read = fraction
      })
      return { scope, pages: yield* Stream.toPull(read).pipe(Scope.provide(scope)) }
    })
  }
}
