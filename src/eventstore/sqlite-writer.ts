/**
 * What one append, truncation or deletion does to the log, inside a transaction that its caller opens and commits.
 *
 * All checks are made before the first insert, so an append that is refused leaves nothing behind and its neighbours
 * in the transaction unharmed. After any failure of SQLite the writer is thrown away and a new one opened: then memory
 * never knows more than the file.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { Effect } from "effect"
import { AppendTooLarge, StreamDeleted, WrongExpectedRevision } from "./errors.ts"
import type { AppendResult, EventToAppend, ExpectedRevision } from "./event-store.ts"
import { fromNumber } from "./position.ts"
import { type Head, Streams } from "./sqlite-streams.ts"
import { blockSize, openWriter } from "./sqlite-schema.ts"
import type { TailEvent } from "./tail.ts"

/** The largest append, in bytes of data and metadata as JSON: EventStoreDB's default. */
export const maxAppendBytes = 1024 * 1024
/** Streams whose heads are kept in memory. */
const maxHeads = 100_000
/** Event ids remembered for appends that expect no revision: between this many and twice as many. */
const maxIds = 32_768
/** Deleted events removed from the file at a time. */
const sweepSize = 500

/** Where an event stands, by its id. */
interface Standing {
  readonly stream: string
  readonly revision: number
  readonly position: number
}

/** What to tell the caller once the transaction is durable; nothing was staged if it is a failure. */
type Staged = Effect.Effect<AppendResult, WrongExpectedRevision | StreamDeleted | AppendTooLarge>

export class Writer {
  readonly #db: DatabaseSync
  readonly #streams: Streams
  readonly #insertStream: StatementSync
  readonly #insertEvent: StatementSync
  readonly #insertMark: StatementSync
  readonly #setHead: StatementSync
  readonly #setLog: StatementSync
  readonly #setFirst: StatementSync
  readonly #insertSweep: StatementSync

  /** In order of use, the longest unused first. */
  readonly #heads = new Map<string, Head>()
  /** Those that the open transaction changed. */
  readonly #changed = new Map<string, Head>()
  #written: Array<TailEvent> = []
  #ids = new Map<string, Standing>()
  #olderIds = new Map<string, Standing>()
  #position: number
  #nextStream: number
  #sweeping: boolean

  constructor(file: string) {
    const db = openWriter(file)
    this.#db = db
    this.#streams = new Streams(db)
    this.#insertStream = db.prepare("INSERT INTO streams (id, name, first, tombstone) VALUES (?, ?, 0, 0)")
    this.#insertEvent = db.prepare(`
      INSERT INTO events (position, stream, revision, previous, created, id, type, metadata, data)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    this.#insertMark = db.prepare("INSERT INTO marks (stream, block, position) VALUES (?, ?, ?)")
    this.#setHead = db.prepare("INSERT OR REPLACE INTO heads (stream, revision, position) VALUES (?, ?, ?)")
    this.#setLog = db.prepare("UPDATE log SET head = ?")
    this.#setFirst = db.prepare("UPDATE streams SET first = ?, tombstone = ? WHERE id = ?")
    this.#insertSweep = db.prepare("INSERT OR IGNORE INTO sweeps (position) VALUES (?)")
    this.#position = this.#number("SELECT head FROM log")
    this.#nextStream = this.#number("SELECT ifnull(max(id), 0) + 1 FROM streams")
    this.#sweeping = this.#number("SELECT EXISTS (SELECT 1 FROM sweeps)") === 1
  }

  /** The newest position, staged events included. */
  get position(): number {
    return this.#position
  }

  /** Whether deleted events wait to be removed. */
  get sweeping(): boolean {
    return this.#sweeping
  }

  begin(): void {
    this.#db.exec("BEGIN IMMEDIATE")
  }

  /** Ends the transaction; what it wrote is durable when this returns. Hands out the events in log order. */
  commit(): ReadonlyArray<TailEvent> {
    for (const head of this.#changed.values()) this.#setHead.run(head.id, head.revision, head.position)
    if (this.#written.length > 0) this.#setLog.run(this.#position)
    this.#db.exec("COMMIT")
    this.#changed.clear()
    const written = this.#written
    this.#written = []
    if (this.#ids.size >= maxIds) {
      this.#olderIds = this.#ids
      this.#ids = new Map()
    }
    return written
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close()
  }

  /** Copies everything into the main file, so that the one beside it can go. */
  checkpoint(): void {
    this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)")
  }

  /** Stages an append. Throws what SQLite throws. */
  append(
    name: string,
    expected: ExpectedRevision,
    events: ReadonlyArray<EventToAppend>,
    created: number,
  ): Staged {
    // As SQLite would store it, so that memory and file agree on which streams are the same.
    const stream = name.toWellFormed()
    const known = this.#head(stream)
    if (known?.tombstone === true) return Effect.fail(new StreamDeleted({ stream }))
    const standing = this.#check(stream, known, expected, events)
    if (standing !== undefined) return standing

    const serialised: Array<{ event: EventToAppend; data: string; metadata: string; bytes: number }> = []
    let bytes = 0
    try {
      for (const event of events) {
        const data = JSON.stringify(event.data)
        const metadata = JSON.stringify(event.metadata)
        const size = Buffer.byteLength(data) + Buffer.byteLength(metadata)
        serialised.push({ event, data, metadata, bytes: size })
        bytes += size
      }
    } catch (cause) {
      // Not JSON at all: a mistake in the program, and no reason to fail its neighbours.
      return Effect.die(cause)
    }
    if (bytes > maxAppendBytes) return Effect.fail(new AppendTooLarge({ stream, bytes, limit: maxAppendBytes }))

    const head = known ?? this.#create(stream)
    let { revision, position: previous } = head
    for (const json of serialised) {
      const { id, type, data, metadata } = json.event
      const position = ++this.#position
      revision++
      this.#insertEvent.run(position, head.id, revision, previous, created, id, type, json.metadata, json.data)
      if (revision % blockSize === blockSize - 1) {
        this.#insertMark.run(head.id, Math.floor(revision / blockSize), position)
      }
      this.#written.push({
        event: { id, type, data, metadata, stream, revision, position: fromNumber(position), created },
        position,
        bytes: json.bytes,
      })
      this.#ids.set(id, { stream, revision, position })
      previous = position
    }
    this.#change(stream, { id: head.id, revision, position: previous, first: head.first, tombstone: false })
    return Effect.succeed({ revision, position: fromNumber(previous) })
  }

  /** Stages a deletion: the events are out of reach at once, and removed from the file bit by bit by `sweep`. */
  delete(name: string, tombstone: boolean): Effect.Effect<void, StreamDeleted> {
    const stream = name.toWellFormed()
    const known = this.#head(stream)
    if (known?.tombstone === true) return Effect.fail(new StreamDeleted({ stream }))
    if (known === undefined && !tombstone) return Effect.void
    const head = known ?? this.#create(stream)
    const newest = head.first <= head.revision ? head.position : undefined
    this.#drop(stream, { ...head, first: head.revision + 1, tombstone }, newest)
    return Effect.void
  }

  /** Stages a truncation, which is a deletion that leaves the newest events. */
  truncate(name: string, before: number): Effect.Effect<void, StreamDeleted> {
    const stream = name.toWellFormed()
    const head = this.#head(stream)
    if (head?.tombstone === true) return Effect.fail(new StreamDeleted({ stream }))
    if (head === undefined || before <= head.first || before > head.revision) return Effect.void
    const [newest] = this.#streams.ids(head, before - 1, before - 1)
    this.#drop(stream, { ...head, first: before }, newest?.position)
    return Effect.void
  }

  /**
   * Removes some of the deleted events, within the open transaction: the newest of all of them first, whatever their
   * streams, since neighbours in the log share pages.
   */
  sweep(): void {
    const newest = this.#db.prepare(
      "DELETE FROM sweeps WHERE position = (SELECT max(position) FROM sweeps) RETURNING position",
    )
    const remove = this.#db.prepare("DELETE FROM events WHERE position = ? RETURNING stream, revision, previous")
    const unmark = this.#db.prepare("DELETE FROM marks WHERE stream = ? AND block = ?")
    for (let i = 0; i < sweepSize; i++) {
      const next = newest.get() as { position: number } | undefined
      if (next === undefined) break
      const row = remove.get(next.position) as { stream: number; revision: number; previous: number } | undefined
      // A link into what an earlier deletion removed ends the chain.
      if (row === undefined) continue
      if (row.revision % blockSize === blockSize - 1) unmark.run(row.stream, Math.floor(row.revision / blockSize))
      if (row.previous > 0) this.#insertSweep.run(row.previous)
    }
    this.#sweeping = this.#number("SELECT EXISTS (SELECT 1 FROM sweeps)") === 1
  }

  /** EventStoreDB's rules: undefined where the events are to be written. */
  #check(
    stream: string,
    head: Head | undefined,
    expected: ExpectedRevision,
    events: ReadonlyArray<EventToAppend>,
  ): Staged | undefined {
    const current = head?.revision ?? -1
    const emptied = head !== undefined && head.first > head.revision && head.revision >= 0
    const wrong = () => Effect.fail(new WrongExpectedRevision({ stream, expected, actual: current }))

    if (expected === "any" || expected === "stream_exists") {
      if (expected === "stream_exists" && emptied) return Effect.fail(new StreamDeleted({ stream }))
      if (expected === "stream_exists" && current < 0) return wrong()
      let last: Standing | undefined
      for (const event of events) {
        const standing = this.#ids.get(event.id) ?? this.#olderIds.get(event.id)
        if (standing?.stream !== stream) return last === undefined ? undefined : wrong()
        last = standing
      }
      return last && Effect.succeed({ revision: last.revision, position: fromNumber(last.position) })
    }

    const number = expected === "no_stream" ? -1 : expected
    if (number === current) return undefined
    if (expected === "no_stream" && emptied) return undefined
    const last = number + events.length
    if (head === undefined || number > current || last > current || number + 1 < head.first) return wrong()
    const standing = this.#streams.ids(head, number + 1, last)
    for (const [i, event] of events.entries()) {
      if (standing[events.length - 1 - i]?.id !== event.id) return wrong()
    }
    return Effect.succeed({ revision: last, position: fromNumber(standing[0]?.position ?? 0) })
  }

  #head(stream: string): Head | undefined {
    const known = this.#heads.get(stream)
    if (known !== undefined) return known
    const head = this.#streams.head(stream)
    if (head !== undefined) this.#remember(stream, head)
    return head
  }

  /** Takes a stream's events before `first` out of reach, and leaves them to be swept from the newest of them down. */
  #drop(stream: string, head: Head, newest: number | undefined) {
    this.#setFirst.run(head.first, head.tombstone ? 1 : 0, head.id)
    if (newest !== undefined) {
      this.#insertSweep.run(newest)
      this.#sweeping = true
    }
    this.#change(stream, head)
  }

  #change(stream: string, head: Head) {
    this.#changed.set(stream, head)
    this.#remember(stream, head)
  }

  #remember(stream: string, head: Head) {
    this.#heads.delete(stream)
    this.#heads.set(stream, head)
    if (this.#heads.size > maxHeads) {
      const oldest = this.#heads.keys().next()
      if (oldest.done !== true) this.#heads.delete(oldest.value)
    }
  }

  #create(stream: string): Head {
    const id = this.#nextStream++
    this.#insertStream.run(id, stream)
    return { id, revision: -1, position: 0, first: 0, tombstone: false }
  }

  #number(sql: string): number {
    const [value] = Object.values(this.#db.prepare(sql).get() ?? {})
    if (typeof value !== "number") throw new Error(`no number from: ${sql}`)
    return value
  }
}
