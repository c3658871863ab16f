/**
 * Reading pages of the log on a connection of its own, beside the one that appends. Each page is one snapshot of the
 * file; no transaction stays open between pages. A connection that failed is opened anew at the next page.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { Effect } from "effect"
import { EventStoreUnavailable, EventUnreadable, StreamDeleted } from "./errors.ts"
import type { Filter, RecordedEvent } from "./event-store.ts"
import { condition } from "./filter.ts"
import { fromNumber } from "./position.ts"
import { blockSize, openReader } from "./sqlite-schema.ts"
import { type EventRow, type Head, Streams } from "./sqlite-streams.ts"
import { StoredEvent } from "./stored-event.ts"

/** A page of the whole log ends after so many events, positions looked at, or UTF-16 units of JSON. */
const maxEvents = 500
const maxPositions = 5_000
const maxUnits = 4 * 1024 * 1024
/** Rows in memory before their size is looked at; an event has 1 MiB at most. */
const rowsAtOnce = 64

type ReadError = EventStoreUnavailable | EventUnreadable

/** In the order of the columns. */
type LogRow = readonly [
  position: number,
  name: string,
  revision: number,
  created: number,
  id: string,
  type: string,
  metadata: string,
  data: string,
]

export interface LogPage {
  readonly events: ReadonlyArray<RecordedEvent>
  /** The position up to which the log has been seen. */
  readonly upTo: number
}

interface Connection {
  readonly db: DatabaseSync
  readonly streams: Streams
  readonly head: StatementSync
  /** Statements that read the log, by their filter's condition. */
  readonly log: Map<string, StatementSync>
}

export class Reader {
  readonly #file: string
  #connection: Connection | undefined

  constructor(file: string) {
    this.#file = file
  }

  /** The position of the newest event. */
  readonly head: Effect.Effect<number, ReadError> = Effect.suspend(() => this.#attempt(({ head }) => headOf(head)))

  /** The revision of a stream's last event, −1 where there is none. */
  revision(stream: string): Effect.Effect<number, ReadError | StreamDeleted> {
    return this.#ofStream(stream, -1, (head) => head.first > head.revision ? -1 : head.revision)
  }

  /** Events from a revision on upwards, at most `max`; empty at the end only. */
  forwards(stream: string, from: number, max: number) {
    return this.#ofStream<ReadonlyArray<RecordedEvent>>(stream, [], (head, streams) => {
      const low = Math.max(from, head.first)
      const blockEnd = (Math.floor(low / blockSize) + 1) * blockSize - 1
      const high = Math.min(blockEnd, low + max - 1, head.revision)
      return low > high ? [] : streams.rows(head, low, high).map((row) => toRecorded(stream, row)).toReversed()
    })
  }

  /** Events from a revision on downwards, at most `max`; empty at the end only. */
  backwards(stream: string, from: number, max: number) {
    return this.#ofStream<ReadonlyArray<RecordedEvent>>(stream, [], (head, streams) => {
      const high = Math.min(from, head.revision)
      const low = Math.max(head.first, high - Math.min(max, blockSize) + 1)
      return low > high ? [] : streams.rows(head, low, high).map((row) => toRecorded(stream, row))
    })
  }

  /** Matching events after a position, at most `max`, looking no further than `end`. */
  log(filter: Filter | undefined, after: number, end: number, max = maxEvents): Effect.Effect<LogPage, ReadError> {
    return this.#attempt((connection) => {
      const { sql, parameters } = condition(filter)
      let statement = connection.log.get(sql)
      if (statement === undefined) {
        statement = connection.db.prepare(`
          SELECT e.position, s.name, e.revision, e.created, e.id, e.type, e.metadata, e.data
          FROM events e CROSS JOIN streams s ON s.id = e.stream
          WHERE e.position > ?1 AND e.position <= ?2 AND ${sql} ORDER BY e.position LIMIT ?3`)
        // Rows as arrays, some at a time: it takes half as long as walking through them as objects.
        statement.setReturnArrays(true)
        connection.log.set(sql, statement)
      }
      const limit = Math.min(max, maxEvents)
      const upTo = Math.min(after + maxPositions, end)
      const events: Array<RecordedEvent> = []
      let units = 0
      let last = after
      while (events.length < limit && units < maxUnits) {
        const wanted = Math.min(rowsAtOnce, limit - events.length)
        const rows = statement.all(last, upTo, wanted, ...parameters) as ReadonlyArray<unknown> as ReadonlyArray<LogRow>
        for (const [position, name, revision, created, id, type, metadata, data] of rows) {
          events.push(toRecorded(name, { position, revision, created, id, type, metadata, data }))
          last = position
          units += data.length + metadata.length
        }
        if (rows.length < wanted) return { events, upTo }
      }
      return { events, upTo: last }
    })
  }

  close(): void {
    const connection = this.#connection
    this.#connection = undefined
    connection?.db.close()
  }

  #ofStream<A>(stream: string, absent: A, read: (head: Head, streams: Streams) => A) {
    return Effect.suspend((): Effect.Effect<A, ReadError | StreamDeleted> => {
      let deleted = false
      const page = this.#attempt(({ db, streams }) => {
        // One snapshot for the head and what hangs on it.
        db.exec("BEGIN")
        try {
          const head = streams.head(stream)
          deleted = head?.tombstone === true
          return head === undefined || deleted ? absent : read(head, streams)
        } finally {
          db.exec("COMMIT")
        }
      })
      return deleted ? Effect.fail(new StreamDeleted({ stream })) : page
    })
  }

  /** Runs at once. */
  #attempt<A>(read: (connection: Connection) => A): Effect.Effect<A, ReadError> {
    try {
      return Effect.succeed(read(this.#connection ??= connect(this.#file)))
    } catch (cause) {
      if (cause instanceof EventUnreadable) return Effect.fail(cause)
      try {
        this.close()
      } catch {
        // What counts is the first failure.
      }
      return Effect.fail(new EventStoreUnavailable({ operation: "read", cause }))
    }
  }
}

const connect = (file: string): Connection => {
  const db = openReader(file)
  return { db, streams: new Streams(db), head: db.prepare("SELECT head FROM log"), log: new Map() }
}

const headOf = (head: StatementSync): number => {
  const value = head.get()?.["head"]
  return typeof value === "number" ? value : 0
}

const toRecorded = (stream: string, row: EventRow): RecordedEvent => {
  const position = fromNumber(row.position)
  try {
    return new StoredEvent(stream, position, row)
  } catch (cause) {
    throw new EventUnreadable({ position, cause })
  }
}
