/** The service under test, in a process of its own with fresh files, and its metrics. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { serviceProcess } from "../support/service-process.ts"

export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "vehicle-twin-bench-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
)

export const service = Effect.fnUntraced(function*(env: Readonly<Record<string, string>>) {
  const folder = yield* temporaryFolder
  return yield* serviceProcess({ DATA_DIR: folder, LOG_LEVEL: "warn", ...env })
})

/** The sum of a metric over its labels. */
export const metric = (url: string, name: string) =>
  Effect.promise(async () => {
    const text = await (await fetch(`${url}/metrics`)).text()
    let sum = 0
    for (const line of text.split("\n")) {
      if (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) sum += Number(line.slice(line.lastIndexOf(" ")))
    }
    return sum
  })

export interface Reached {
  /** `performance.now()` here. */
  readonly at: number
  readonly value: number
}

/** The first that is seen of a metric at `least` or more; looks every 20 ms, also while the service starts. */
export const reached = (url: string, name: string, least: number): Effect.Effect<Reached> =>
  Effect.gen(function*() {
    for (;;) {
      const value = yield* Effect.catchDefect(metric(url, name), () => Effect.succeed(-1))
      if (value >= least) return { at: performance.now(), value }
      yield* Effect.sleep("20 millis")
    }
  })
