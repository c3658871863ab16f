/** The service under test, in a process of its own with fresh files, and its metrics. */
import { Effect } from "effect"
import { metrics } from "../support/metrics.ts"
import { serviceProcess } from "../support/service-process.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

export const service = Effect.fnUntraced(function*(env: Readonly<Record<string, string>>) {
  const folder = yield* temporaryFolder
  return yield* serviceProcess({ DATA_DIR: folder, LOG_LEVEL: "warn", ...env })
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
      const value = yield* metrics(url).pipe(
        Effect.map((sum) => sum(name)),
        Effect.catchDefect(() => Effect.succeed(-1)),
      )
      if (value >= least) return { at: performance.now(), value }
      yield* Effect.sleep("20 millis")
    }
  })
