/**
 * The floor of the throughput: what a bare subscriber does on the same machine with the same messages. It parses each,
 * stores it (`floor-table.ts`), and then sends the PUBACK; no twin, no state, no checks.
 *
 * Run as a process of its own: `floor.ts <url> <prefix> <file> <skipped> <count>`; prints seconds for the messages
 * after the first `skipped`, up to `count`.
 */
import { connect, type IClientOptions } from "mqtt"
import { floorTable } from "./floor-table.ts"

export const floorClient: IClientOptions = {
  protocolVersion: 5,
  clientId: "floor",
  clean: false,
  keepalive: 60,
  properties: { sessionExpiryInterval: 3600, receiveMaximum: 10_000 },
}

const run = (url: string, prefix: string, file: string, skipped: number, count: number) => {
  const client = connect(url, floorClient)
  const add = floorTable(file, skipped, count, () => client.end(false, () => process.exit(0)))
  client.handleMessage = ({ messageId, payload, topic }, proceed) => {
    const stored = () => client["_sendPacket"]({ cmd: "puback", messageId, reasonCode: 0 })
    add({ topic, payload: Buffer.from(payload), stored })
    proceed(new Error("PUBACK follows"))
  }
  client.on("connect", () => client.subscribe(`${prefix}/vehicles/+/telemetry`, { qos: 1 }))
}

if (import.meta.main) {
  const [url = "", prefix = "", file = "", skipped = "", count = ""] = process.argv.slice(2)
  run(url, prefix, file, Number(skipped), Number(count))
}
