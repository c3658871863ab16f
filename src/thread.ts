/** One job in a worker thread, whose end is the thread's. */
import { type ResourceLimits, Worker } from "node:worker_threads"
import { Effect, Schema } from "effect"

/** With what the thread's error said: it does not come whole out of there. */
export class ThreadFailed extends Schema.TaggedError<ThreadFailed>()("ThreadFailed", { message: Schema.String }) {}

export interface Job {
  /** What the thread is given. */
  readonly workerData: unknown
  readonly resourceLimits?: ResourceLimits
  /** Hears what the thread posts. */
  readonly onMessage?: (message: unknown) => void
}

/** Succeeds when the thread ends by itself. Interrupted, it ends the thread, wherever that is. */
export const run = (module: URL, { onMessage, ...options }: Job): Effect.Effect<void, ThreadFailed> =>
  Effect.callback((resume) => {
    const worker = new Worker(module, options)
    let message = "The thread ended before it was done"
    if (onMessage !== undefined) worker.on("message", onMessage)
    worker.once("error", (error) => {
      message = error instanceof Error ? error.message : String(error)
    })
    worker.once("exit", (code) => resume(code === 0 ? Effect.void : Effect.fail(new ThreadFailed({ message }))))
    return Effect.promise(() => worker.terminate())
  })
