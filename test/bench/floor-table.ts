/**
 * Where the floors put messages: parsed, and inserted into SQLite in groups with `synchronous=FULL`, as large as the
 * service's own.
 */
import { DatabaseSync } from "node:sqlite"

export interface Message {
  readonly topic: string
  readonly payload: Buffer
  /** Called when it is durable. */
  readonly stored: () => void
}

/**
 * Prints the seconds that the messages after the first `skipped` took, up to `count`, and then calls `done`. Gives how
 * to add one.
 */
export const floorTable = (file: string, skipped: number, count: number, done: () => void) => {
  const db = new DatabaseSync(file)
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
  db.exec("CREATE TABLE messages (id INTEGER PRIMARY KEY, topic TEXT, at TEXT, body TEXT)")
  const insert = db.prepare("INSERT INTO messages (topic, at, body) VALUES (?, ?, ?)")
  const group: Array<Message> = []
  let stored = 0
  let started = 0
  let due = false

  const commit = () => {
    due = false
    const taken = group.splice(0)
    db.exec("BEGIN IMMEDIATE")
    for (const { payload, topic } of taken) {
      const message = JSON.parse(payload.toString()) as { at: string; signals: object }
      insert.run(topic, message.at, JSON.stringify(message.signals))
    }
    db.exec("COMMIT")
    for (const { stored: told } of taken) told()
    if (stored < skipped && stored + taken.length >= skipped) started = performance.now()
    stored += taken.length
    if (stored < count) return
    console.log((performance.now() - started) / 1000)
    done()
  }

  return (message: Message): void => {
    group.push(message)
    if (group.length >= 4_000) commit()
    else if (!due) {
      due = true
      setTimeout(() => {
        if (due) commit()
      }, 20)
    }
  }
}
