/** A real Mosquitto on a free port, with its files in a temporary folder; stopped when the scope closes. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect as connectSocket } from "node:net"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { freePort } from "./free-port.ts"
import { skipped } from "./say.ts"

const program = ["mosquitto", "/usr/sbin/mosquitto"].find((name) => spawnSync(name, ["-h"]).error === undefined)

/** Without Mosquitto its tests are skipped, but not where all of them must have run. */
export const mosquittoIsThere = program !== undefined || process.env["CI"] === "true"
if (!mosquittoIsThere) skipped("Mosquitto is not installed, so tests that need it are not run")

export interface Mosquitto {
  readonly port: number
  readonly url: string
  readonly directory: string
  /** Ends it; what it holds is saved and there again after `start`. */
  readonly stop: Effect.Effect<void>
  readonly start: Effect.Effect<void>
}

export interface MosquittoOptions {
  /** Configuration lines that follow the listener's. They may name files in `directory`. */
  readonly configuration?: (directory: string) => ReadonlyArray<string>
  readonly scheme?: "mqtt" | "mqtts"
  /** Started later, by `start`. */
  readonly stopped?: boolean
}

export const mosquitto = (options: MosquittoOptions = {}) =>
  Effect.gen(function*() {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "vehicle-twin-mosquitto-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
    )
    const port = yield* Effect.promise(freePort)
    const file = join(directory, "mosquitto.conf")
    writeFileSync(file, [
      `user ${userInfo().username}`,
      "persistence true",
      `persistence_location ${directory}/`,
      "autosave_interval 1",
      "max_inflight_messages 1000",
      "max_queued_messages 0",
      `listener ${port} 127.0.0.1`,
      ...(options.configuration?.(directory) ?? ["allow_anonymous true"]),
      "",
    ].join("\n"))

    let child: ChildProcess | undefined
    const start = Effect.promise(async () => {
      if (program === undefined) throw new Error("Mosquitto is not installed")
      child = spawn(program, ["-c", file], { stdio: "ignore" })
      for (let tries = 0; !(await answers(port)); tries++) {
        if (tries === 200 || child.exitCode !== null) throw new Error(`Mosquitto did not start: ${child.exitCode}`)
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
    })
    const end = (signal: "SIGTERM" | "SIGKILL") =>
      Effect.promise(async () => {
        const ending = child
        child = undefined
        if (ending === undefined || ending.exitCode !== null) return
        ending.kill(signal)
        await once(ending, "exit")
      })
    yield* Effect.acquireRelease(options.stopped === true ? Effect.void : start, () => end("SIGKILL"))
    const running: Mosquitto = {
      port,
      directory,
      url: `${options.scheme ?? "mqtt"}://localhost:${port}`,
      start,
      stop: end("SIGTERM"),
    }
    return running
  })

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connectSocket(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })
