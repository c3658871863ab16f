/** A proxy before a broker that writes down the MQTT 5 packets of both sides, and can cut the connection. */
import { createServer, connect, type AddressInfo, type Socket } from "node:net"
import { Effect, type Scope } from "effect"
import { type Packet, parser } from "mqtt-packet"

export interface Wire {
  readonly url: string
  readonly fromBroker: Array<Packet>
  readonly toBroker: Array<Packet>
  /** Ends the connections that are open, without a word. */
  readonly cut: Effect.Effect<void>
}

export const wire = (brokerPort: number): Effect.Effect<Wire, never, Scope.Scope> =>
  Effect.gen(function*() {
    const fromBroker: Array<Packet> = []
    const toBroker: Array<Packet> = []
    const sockets = new Set<Socket>()
    const note = (from: Socket, to: Socket, packets: Array<Packet>) => {
      const parse = parser({ protocolVersion: 5 })
      parse.on("packet", (packet) => packets.push(packet))
      from.on("data", (data) => {
        parse.parse(data)
        to.write(data)
      })
      from.on("close", () => {
        sockets.delete(from)
        to.destroy()
      })
      from.on("error", () => {})
      sockets.add(from)
    }
    const server = createServer((client) => {
      const broker = connect(brokerPort, "127.0.0.1")
      note(client, broker, toBroker)
      note(broker, client, fromBroker)
    })
    const cut = Effect.sync(() => {
      for (const socket of sockets) socket.destroy()
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () => Effect.andThen(cut, Effect.sync(() => server.close())),
    )
    const { port } = server.address() as AddressInfo
    return { url: `mqtt://127.0.0.1:${port}`, fromBroker, toBroker, cut }
  })
