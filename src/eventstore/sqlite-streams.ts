/** Finding a stream and its events on one connection. Throws what SQLite throws. */
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { blockSize } from "./sqlite-schema.ts"

/** What is known of a stream at one moment. */
export interface Head {
  readonly id: number
  /** The last revision; it stays when the stream is softly deleted. */
  readonly revision: number
  /** The position of the event with that revision. */
  readonly position: number
  /** The first revision that is not deleted; past `revision` if none is left. */
  readonly first: number
  readonly tombstone: boolean
}

export type EventRow = {
  readonly position: number
  readonly revision: number
  readonly created: number
  readonly id: string
  readonly type: string
  readonly metadata: string
  readonly data: string
}

const chain = (columns: string) => `
  WITH RECURSIVE chain(position, previous, revision) AS (
    SELECT position, previous, revision FROM events WHERE position = ?1
    UNION ALL
    SELECT e.position, e.previous, e.revision
    FROM chain c JOIN events e ON e.position = c.previous WHERE c.revision > ?2
  )
  SELECT ${columns} FROM chain c CROSS JOIN events e ON e.position = c.position WHERE c.revision <= ?3`

export class Streams {
  readonly #head: StatementSync
  readonly #mark: StatementSync
  readonly #rows: StatementSync
  readonly #ids: StatementSync

  constructor(db: DatabaseSync) {
    this.#head = db.prepare(`
      SELECT s.id, s.first, s.tombstone, ifnull(h.revision, -1) AS revision, ifnull(h.position, 0) AS position
      FROM streams s LEFT JOIN heads h ON h.stream = s.id WHERE s.name = ?`)
    this.#mark = db.prepare("SELECT position FROM marks WHERE stream = ? AND block = ?")
    this.#rows = db.prepare(chain("e.position, e.revision, e.created, e.id, e.type, e.metadata, e.data"))
    this.#ids = db.prepare(chain("e.id, e.position"))
  }

  head(name: string): Head | undefined {
    const row = this.#head.get(name) as
      | { id: number; first: number; tombstone: number; revision: number; position: number }
      | undefined
    return row === undefined ? undefined : { ...row, tombstone: row.tombstone === 1 }
  }

  /** The events with revisions from `low` to `high`, newest first. Both must be there. */
  rows(head: Head, low: number, high: number): ReadonlyArray<EventRow> {
    return this.#rows.all(this.#startAt(head, high), low, high) as Array<EventRow>
  }

  /** The ids and positions of the events with revisions from `low` to `high`, newest first. */
  ids(head: Head, low: number, high: number): ReadonlyArray<{ readonly id: string; readonly position: number }> {
    const rows = this.#ids.all(this.#startAt(head, high), low, high)
    return rows as Array<{ id: string; position: number }>
  }

  /** The position of an event at or after this revision, from which few links lead back to it. */
  #startAt(head: Head, revision: number): number {
    const block = Math.floor(revision / blockSize)
    if (block === Math.floor(head.revision / blockSize)) return head.position
    const mark = this.#mark.get(head.id, block)?.["position"]
    return typeof mark === "number" ? mark : head.position
  }
}
