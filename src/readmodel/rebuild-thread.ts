/** Builds in a worker thread, so that folding the whole log leaves the service's event loop alone. */
import type { LogLocation } from "../eventstore/location.ts"
import type { DatabaseLocation } from "../sql/database.ts"
import * as Thread from "../thread.ts"

/** What the thread is given: how to open the log and the read model's database, and the projections to build. */
export interface Task {
  readonly log: LogLocation
  readonly database: DatabaseLocation
  readonly names: ReadonlyArray<string>
}

/** See `Rebuild.run`. Interrupted, it ends the thread: what was open is rolled back, what was committed stays. */
export const run = (task: Task) => Thread.run(new URL("./rebuild-worker.ts", import.meta.url), { workerData: task })
