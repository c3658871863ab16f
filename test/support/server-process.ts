/** A server that a test starts as a process of its own, ends and starts again. */
import { type ChildProcess, spawn, type SpawnOptions, spawnSync } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync, readFileSync } from "node:fs"
import { Effect } from "effect"

export interface ServerProcess {
  readonly start: Effect.Effect<void>
  /** Asks it to end, and waits until it has. */
  readonly stop: Effect.Effect<void>
  /** SIGKILL, also of its children: no chance to finish anything. */
  readonly kill: Effect.Effect<void>
}

export interface ServerOptions {
  readonly name: string
  readonly command: readonly [program: string, ...args: ReadonlyArray<string>]
  /** What it writes is kept here. */
  readonly log: string
  readonly isUp: () => Promise<boolean>
  /** What asks it to end; SIGTERM where it is not said. */
  readonly stopSignal?: NodeJS.Signals
  /** Whose process it is; ours where it is not said. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
}

const patience = 60_000

const setpriv = ["--pdeathsig", "KILL"]
const setprivIsThere = spawnSync("setpriv", [...setpriv, "true"]).status === 0

/**
 * Killed when the scope closes, if it still runs; and, where there is `setpriv`, when we are killed, so that nothing is
 * left behind.
 */
export const serverProcess = Effect.fnUntraced(function*(options: ServerOptions) {
  const [program, ...args] = options.command
  let child: ChildProcess | undefined
  const start = Effect.promise(async () => {
    const log = openSync(options.log, "a")
    const how: SpawnOptions = { stdio: ["ignore", log, log], ...options.user }
    const starting = setprivIsThere
      ? spawn("setpriv", [...setpriv, program, ...args], how)
      : spawn(program, args, how)
    closeSync(log)
    child = starting
    const ended = new Promise<string>((resolve) => {
      starting.once("error", ({ message }) => resolve(message))
      starting.once("exit", (code, signal) => resolve(`it ended with ${code ?? signal}`))
    })
    let why: string | undefined
    void ended.then((text) => (why = text))
    const until = Date.now() + patience
    while (!(await options.isUp())) {
      // Killed while it started: whoever did so starts it again.
      if (child !== starting) return
      if (Date.now() > until) why ??= "it does not answer"
      if (why !== undefined) {
        throw new Error(`${options.name} did not start: ${why}\n${readFileSync(options.log, "utf8").slice(-4_000)}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  })
  const end = (signal: (pid: number) => void) =>
    Effect.promise(async () => {
      const ending = child
      child = undefined
      if (ending?.pid === undefined || ending.exitCode !== null || ending.signalCode !== null) return
      const ended = once(ending, "exit")
      const children = childrenOf(ending.pid)
      signal(ending.pid)
      await ended
      while (children.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 5))
    })
  const stop = end((pid) => void process.kill(pid, options.stopSignal ?? "SIGTERM"))
  const kill = end((pid) => {
    // Stopped first, so that it makes no more of them.
    process.kill(pid, "SIGSTOP")
    for (const one of [...childrenOf(pid), pid]) process.kill(one, "SIGKILL")
  })
  yield* Effect.addFinalizer(() => kill)
  const server: ServerProcess = { start, stop, kill }
  return server
})

const childrenOf = (pid: number): ReadonlyArray<number> => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** A zombie is not: it waits for nothing but its parent. */
const isAlive = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}
