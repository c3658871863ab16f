/** A network between two processes, which a test may cut or stop. */
import { connect, createServer, type Socket } from "node:net"
import { Effect } from "effect"

export interface TcpProxy {
  /** On the loopback. */
  readonly port: number
  /** Both ends learn that their connections are gone, and new ones are refused as soon as they are made. */
  readonly cut: Effect.Effect<void>
  /** Connections stay, new ones are made, and nothing passes. */
  readonly stall: Effect.Effect<void>
  /** Everything passes again; what was held up first. */
  readonly restore: Effect.Effect<void>
  /** Open just now. */
  readonly connections: () => number
}

/** To a port of the loopback. */
export const tcpProxy = (target: number) =>
  Effect.gen(function*() {
    const pairs = new Set<readonly [Socket, Socket]>()
    let state: "open" | "cut" | "stalled" = "open"

    const join = (near: Socket): void => {
      if (state === "cut") return void near.resetAndDestroy()
      const far = connect(target, "127.0.0.1")
      const pair = [near, far] as const
      pairs.add(pair)
      const end = () => {
        pairs.delete(pair)
        near.destroy()
        far.destroy()
      }
      for (const socket of pair) {
        socket.setNoDelay(true)
        socket.on("error", end)
        socket.on("close", end)
      }
      if (state === "open") flow(pair)
    }
    const flow = ([near, far]: readonly [Socket, Socket]): void => {
      near.pipe(far)
      far.pipe(near)
    }

    const server = createServer(join)
    const port = yield* Effect.acquireRelease(
      Effect.promise(() =>
        new Promise<number>((resolve) => {
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            resolve(typeof address === "object" && address !== null ? address.port : 0)
          })
        })
      ),
      () =>
        Effect.sync(() => {
          server.close()
          for (const [near, far] of pairs) {
            near.destroy()
            far.destroy()
          }
        }),
    )
    const proxy: TcpProxy = {
      port,
      cut: Effect.sync(() => {
        state = "cut"
        for (const [near, far] of pairs) {
          near.resetAndDestroy()
          far.destroy()
        }
      }),
      stall: Effect.sync(() => {
        state = "stalled"
        for (const [near, far] of pairs) {
          near.unpipe(far)
          far.unpipe(near)
          near.pause()
          far.pause()
        }
      }),
      restore: Effect.sync(() => {
        const wasStalled = state === "stalled"
        state = "open"
        if (wasStalled) for (const pair of pairs) flow(pair)
      }),
      connections: () => pairs.size,
    }
    return proxy
  })
