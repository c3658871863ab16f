/** The sockets that clients came in by. */
import { once } from "node:events"
import { createServer, type Server as SocketServer, type Socket } from "node:net"

export interface Connections {
  readonly port: () => number
  readonly listen: () => Promise<void>
  /** Cuts every connection, listens no more. */
  readonly close: () => Promise<void>
  readonly cutAll: () => void
  /** Cuts the connection of a client, by the address that a call gives for it. */
  readonly cut: (peer: string) => void
  readonly count: () => number
}

/** Listens on a free port of the loopback, and on the same one ever after. */
export const makeConnections = (onConnection: (socket: Socket) => void): Connections => {
  const sockets = new Map<string, Socket>()
  let server: SocketServer | undefined
  let port = 0

  const accept = (socket: Socket) => {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`
    sockets.set(peer, socket)
    socket.on("error", () => {})
    socket.once("close", () => {
      if (sockets.get(peer) === socket) sockets.delete(peer)
    })
    socket.setNoDelay(true)
    onConnection(socket)
  }
  const cut = (peer: string) => {
    sockets.get(peer)?.resetAndDestroy()
    sockets.delete(peer)
  }
  const cutAll = () => {
    for (const peer of sockets.keys()) cut(peer)
  }
  return {
    port: () => port,
    listen: async () => {
      if (server !== undefined) return
      server = createServer(accept)
      server.listen(port, "127.0.0.1")
      await once(server, "listening")
      const address = server.address()
      if (typeof address === "object" && address !== null) port = address.port
    },
    close: async () => {
      const closing = server
      if (closing === undefined) return
      server = undefined
      const closed = once(closing, "close")
      closing.close()
      cutAll()
      await closed
    },
    cutAll,
    cut,
    count: () => sockets.size,
  }
}
