/** The service as its users run it: a process of its own, on free ports of loopback, which a test may kill. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { Effect } from "effect"
import { freePort } from "./free-port.ts"

const root = join(import.meta.dirname, "../..")

export interface ServiceProcess {
  readonly url: string
  readonly start: Effect.Effect<void>
  /** SIGKILL: no chance to finish anything. */
  readonly kill: Effect.Effect<void>
  /** SIGTERM; the exit code. */
  readonly stop: Effect.Effect<number | null>
  /** What it has written so far. */
  readonly log: () => string
  /** Lines among it, in all its lives, that are warnings or worse. */
  readonly warnings: () => number
  /** While it runs. */
  readonly pid: () => number | undefined
}

/** Not started yet; ended when the scope closes. */
export const serviceProcess = (env: Readonly<Record<string, string>>) =>
  Effect.gen(function*() {
    const port = yield* Effect.promise(freePort)
    const url = `http://127.0.0.1:${port}`
    let child: ChildProcess | undefined
    let log = ""
    let warnings = 0

    const start = Effect.promise(async () => {
      const starting = spawn(process.execPath, [join(root, "src/cli/main.ts"), "serve"], {
        cwd: root,
        env: { PATH: process.env["PATH"], LOG_FORMAT: "json", PORT: String(port), ...env },
        stdio: ["ignore", "pipe", "pipe"],
      })
      child = starting
      const note = (chunk: Buffer) => {
        const text = chunk.toString()
        log = (log + text).slice(-100_000)
        warnings += text.match(/"level":"(?:WARN|ERROR|FATAL)"/g)?.length ?? 0
      }
      starting.stdout.on("data", note)
      starting.stderr.on("data", note)
      for (let tries = 0; !(await isReady(url)); tries++) {
        // Killed while it started: whoever did so starts it again.
        if (starting.signalCode !== null) return
        if (starting.exitCode !== null || tries > 600) throw new Error(`The service did not start:\n${log}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    })

    const end = (signal: "SIGKILL" | "SIGTERM") =>
      Effect.promise(async () => {
        const ending = child
        child = undefined
        if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return ending?.exitCode ?? null
        const ended = once(ending, "exit")
        ending.kill(signal)
        await ended
        return ending.exitCode
      })

    yield* Effect.addFinalizer(() => end("SIGKILL"))
    const running: ServiceProcess = {
      url,
      start,
      kill: Effect.asVoid(end("SIGKILL")),
      stop: end("SIGTERM"),
      log: () => log,
      warnings: () => warnings,
      pid: () => child?.pid,
    }
    return running
  })

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/readyz`).then(({ ok }) => ok, () => false)

export const query = <Data>(url: string, document: string, variables: Readonly<Record<string, unknown>> = {}) =>
  Effect.promise(async (): Promise<Data> => {
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: document, variables }),
    })
    const { data, errors } = await response.json() as { data: Data; errors?: unknown }
    if (errors !== undefined) throw new Error(JSON.stringify(errors))
    return data
  })
