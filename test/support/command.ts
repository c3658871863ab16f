/** `vehicle-twin` as a shell starts it; killed when the scope closes, if it still runs. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { Effect } from "effect"

const main = join(import.meta.dirname, "../../src/cli/main.ts")

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export const startCommand = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [main, ...args], {
        env: { PATH: process.env["PATH"], ...env },
        stdio: "pipe",
      })
      const told = { out: "", err: "" }
      child.stdout.on("data", (chunk: Buffer) => (told.out += chunk.toString()))
      child.stderr.on("data", (chunk: Buffer) => (told.err += chunk.toString()))
      // It may end before it has read all that it is given.
      child.stdin.on("error", () => {})
      const ended = once(child, "close").then((): Ended => {
        const { exitCode: code, signalCode: signal } = child
        return { code, signal, ...told }
      })
      return { child, told, ended: Effect.promise(() => ended) }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL")),
  )

/** Run to its end, with nothing on standard input. */
export const command = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  Effect.scoped(Effect.flatMap(startCommand(args, env), ({ child, ended }) => {
    child.stdin.end()
    return ended
  }))
