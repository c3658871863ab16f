/**
 * The file of the embedded log, and how a connection to it is opened.
 *
 * Nothing that is written with every event grows in a random order, so that the ten-millionth append costs what the
 * first did. An index on (stream, revision) would: with 20,000 streams each insert lands on a page of its own, and
 * the rate falls to a quarter within a million events. Instead each event links back to the one before it in its
 * stream, `heads` knows each stream's newest, and every 256th event of a stream leaves a mark, from which a reader
 * walks back at most 255 links to any revision.
 */
import { DatabaseSync } from "node:sqlite"

/** Events between two marks of a stream. A power of two. */
export const blockSize = 256

/** "VTES": says that the file is an event log of ours. */
const applicationId = 0x56544553
const format = 1

const schema = `
  CREATE TABLE log (
    head INTEGER NOT NULL                -- the newest position ever given; none is given twice
  ) STRICT;
  INSERT INTO log VALUES (0);

  CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    first INTEGER NOT NULL,              -- the first revision that is not deleted
    tombstone INTEGER NOT NULL           -- 1: never usable again
  ) STRICT;

  CREATE TABLE heads (                   -- beside streams, since it is written with every append: narrow
    stream INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    position INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    previous INTEGER NOT NULL,           -- the position of the stream's event before this one, 0 for none
    created INTEGER NOT NULL,            -- epoch milliseconds
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    metadata TEXT NOT NULL,
    data TEXT NOT NULL
  ) STRICT;

  CREATE TABLE marks (                   -- where the last event of each full block of a stream stands
    stream INTEGER NOT NULL,
    block INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (stream, block)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE sweeps (                  -- deleted events still to be removed: this one, and those it links back to
    position INTEGER PRIMARY KEY
  ) STRICT;

  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${format};
`

/** SQLite's primary result code, if node:sqlite threw this. */
const codeOf = (cause: unknown): number | undefined =>
  typeof cause === "object" && cause !== null && "errcode" in cause && typeof cause.errcode === "number"
    ? cause.errcode & 0xff
    : undefined

/** Whether the file is locked by another process. */
export const isBusy = (cause: unknown): boolean => codeOf(cause) === 5

/**
 * Whether it was thrown for what was to be written, not for the state of the storage: by node:sqlite, or by SQLite as
 * too big (18), against a constraint (19) or of the wrong type (20).
 */
export const isRejection = (cause: unknown): boolean => {
  const code = codeOf(cause)
  return code === undefined || (code >= 18 && code <= 20)
}

const pragma = (db: DatabaseSync, name: string): unknown => db.prepare(`PRAGMA ${name}`).get()?.[name]

const checkFormat = (db: DatabaseSync, file: string) => {
  if (pragma(db, "application_id") !== applicationId) throw new Error(`${file} is not an event log`)
  const version = pragma(db, "user_version")
  if (version !== format) {
    throw new Error(`${file} has format ${String(version)}, and this version reads ${format}: use the one that wrote it`)
  }
}

/** A connection that appends. Creates the file if there is none. Throws what SQLite throws. */
export const openWriter = (file: string): DatabaseSync => {
  // The timeout is short because it blocks the event loop; the committer waits longer, between attempts.
  const db = new DatabaseSync(file, { timeout: 50 })
  try {
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536")
    db.exec("BEGIN IMMEDIATE")
    const empty = db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"] === 0
    if (empty) db.exec(schema)
    db.exec("COMMIT")
    checkFormat(db, file)
    // The write-ahead file is copied over at SQLite's default of 1,000 pages: larger steps are not faster, and each
    // holds up the event loop for longer. Should a slow reader let it grow, it is cut back afterwards.
    db.exec("PRAGMA journal_size_limit = 67108864")
    return db
  } catch (cause) {
    db.close()
    throw cause
  }
}

/** A connection that only reads, beside any writer. The file must be there. Throws what SQLite throws. */
export const openReader = (file: string): DatabaseSync => {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 1_000 })
  try {
    checkFormat(db, file)
    db.exec("PRAGMA cache_size = -16384")
    return db
  } catch (cause) {
    db.close()
    throw cause
  }
}

/**
 * Holds the right to append to a file until it is closed or the process ends, however it ends: an open exclusive
 * transaction on a small file beside it. Readers of the log itself are not kept out.
 */
export const lock = (file: string): DatabaseSync => {
  const db = new DatabaseSync(`${file}.lock`, { timeout: 0 })
  try {
    db.exec("BEGIN EXCLUSIVE")
    return db
  } catch (cause) {
    db.close()
    throw isBusy(cause)
      ? new Error(`${file} is in use: another process appends to it, and only one may; stop that one, or use another folder`, { cause })
      : cause
  }
}
