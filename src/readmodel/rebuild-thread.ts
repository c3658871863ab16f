/** Builds in a worker thread, so that folding the whole log leaves the service's event loop alone. */
import { Worker } from "node:worker_threads"
import { Effect, Schema } from "effect"
import type { LogLocation } from "../eventstore/location.ts"
import type { SqliteOptions } from "../sql/sqlite-client.ts"

/** What the thread is given: how to open the log and the read model's database, and the projections to build. */
export interface Task {
  readonly log: LogLocation
  readonly database: SqliteOptions
  readonly names: ReadonlyArray<string>
}

/** What the thread said, with the stack it had there. */
class RebuildFailed extends Schema.TaggedError<RebuildFailed>()("RebuildFailed", { message: Schema.String }) {}

/** See `Rebuild.run`. Interrupted, it ends the thread: SQLite rolls back what was open, what was committed stays. */
export const run = (task: Task): Effect.Effect<void, RebuildFailed> =>
  Effect.callback((resume) => {
    const worker = new Worker(new URL("./rebuild-worker.ts", import.meta.url), { workerData: task })
    let message = "The thread ended before it was done"
    worker.once("error", (error) => {
      message = error instanceof Error ? error.message : String(error)
    })
    worker.once("exit", (code) => resume(code === 0 ? Effect.void : Effect.fail(new RebuildFailed({ message }))))
    return Effect.promise(() => worker.terminate())
  })
