/**
 * The floor of the throughput: what a bare subscriber does on the same machine with the same messages. It parses each,
 * inserts it into SQLite in groups with `synchronous=FULL`, as large as the service's own, and then sends the PUBACKs; no
 * twin, no state, no checks.
 *
 * Run as a process of its own: `floor.ts <url> <prefix> <file> <skipped> <count>`; prints seconds for the messages
 * after the first `skipped`, up to `count`.
 */
import { DatabaseSync } from "node:sqlite"
import { connect, type IClientOptions } from "mqtt"

export const floorClient: IClientOptions = {
  protocolVersion: 5,
  clientId: "floor",
  clean: false,
  keepalive: 60,
  properties: { sessionExpiryInterval: 3600, receiveMaximum: 10_000 },
}

const run = (url: string, prefix: string, file: string, skipped: number, count: number) => {
  const db = new DatabaseSync(file)
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE messages (id INTEGER PRIMARY KEY, topic TEXT, at TEXT, body TEXT)")
  const insert = db.prepare("INSERT INTO messages (topic, at, body) VALUES (?, ?, ?)")
  const client = connect(url, floorClient)
  const group: Array<{ topic: string; payload: Buffer; messageId: number | undefined }> = []
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
    for (const { messageId } of taken) client["_sendPacket"]({ cmd: "puback", messageId, reasonCode: 0 })
    if (stored < skipped && stored + taken.length >= skipped) started = performance.now()
    stored += taken.length
    if (stored < count) return
    console.log((performance.now() - started) / 1000)
    client.end(false, () => process.exit(0))
  }

  client.handleMessage = ({ messageId, payload, topic }, proceed) => {
    group.push({ topic, payload: Buffer.from(payload), messageId })
    if (group.length >= 4_000) commit()
    else if (!due) {
      due = true
      setTimeout(() => {
        if (due) commit()
      }, 20)
    }
    proceed(new Error("PUBACK follows"))
  }
  client.on("connect", () => client.subscribe(`${prefix}/vehicles/+/telemetry`, { qos: 1 }))
}

if (import.meta.main) {
  const [url = "", prefix = "", file = "", skipped = "", count = ""] = process.argv.slice(2)
  run(url, prefix, file, Number(skipped), Number(count))
}
