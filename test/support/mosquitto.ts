/** A real Mosquitto on a free port, with its files in a temporary folder; stopped when the scope closes. */
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { connect as connectSocket } from "node:net"
import { userInfo } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { freePort } from "./free-port.ts"
import { skipped } from "./say.ts"
import { type ServerProcess, serverProcess } from "./server-process.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const program = ["mosquitto", "/usr/sbin/mosquitto"].find((name) => spawnSync(name, ["-h"]).error === undefined)

/** Without Mosquitto its tests are skipped, but not where all of them must have run. */
export const mosquittoIsThere = program !== undefined || process.env["CI"] === "true"
if (!mosquittoIsThere) skipped("Mosquitto is not installed, so tests that need it are not run")

/** After an orderly `stop`, what it holds is saved and there again after `start`. */
export interface Mosquitto extends Pick<ServerProcess, "start" | "stop"> {
  readonly port: number
  readonly url: string
  readonly directory: string
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
    const directory = yield* temporaryFolder
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

    const { start, stop } = yield* serverProcess({
      name: "Mosquitto",
      command: [program ?? "mosquitto", "-c", file],
      log: join(directory, "mosquitto.log"),
      isUp: () => answers(port),
    })
    if (options.stopped !== true) yield* start
    const running: Mosquitto = { port, directory, url: `${options.scheme ?? "mqtt"}://localhost:${port}`, start, stop }
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
