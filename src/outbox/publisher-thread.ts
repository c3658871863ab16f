/**
 * The publisher in a worker thread. To put messages together for Kafka costs the client library some 40 µs each, which
 * would come out of what the event loop has for vehicles; to hand one over to a thread costs below 1 µs.
 */
import { Worker } from "node:worker_threads"
import { Effect, Redacted } from "effect"
import type { Outgoing } from "./cloud-event.ts"
import type { Answer, PublisherOptions } from "./publisher.ts"

/** What the thread is given. A redacted password would not come whole into it. */
export interface Given {
  readonly options: PublisherOptions
  readonly password: string | undefined
}

/** Young garbage is bounded, which the collector would else let grow to hundreds of MB; what is kept is not. */
const resourceLimits = { maxYoungGenerationSizeMb: 16 }

const start = (options: PublisherOptions): Worker => {
  const { sasl } = options.connection
  const connection = { ...options.connection, ...(sasl && { sasl: { ...sasl, password: undefined } }) }
  return new Worker(new URL("./publisher-worker.ts", import.meta.url), {
    workerData: { options: { ...options, connection }, password: sasl && Redacted.value(sasl.password) },
    resourceLimits,
    // The library sets timers into the past, which do no harm and are warned of.
    execArgv: ["--disable-warning=TimeoutNegativeWarning"],
  })
}

/** One batch at a time. The thread is started with the first, and anew should it ever end. */
export const make = Effect.fnUntraced(function*(options: PublisherOptions) {
  let worker: Worker | undefined
  let answered: ((answer: Answer) => void) | undefined

  const started = (): Worker => {
    const thread = start(options)
    const gone = (why: string) => {
      if (worker !== thread) return
      worker = undefined
      answered?.({ published: 0, failure: `The thread that publishes has ended: ${why}` })
    }
    thread.on("message", (answer: Answer) => answered?.(answer))
    thread.on("error", (error) => gone(String(error)))
    thread.on("exit", (code) => gone(`with code ${code}`))
    return thread
  }

  const end = Effect.promise(async () => {
    const ending = worker
    worker = answered = undefined
    await ending?.terminate()
  })
  yield* Effect.addFinalizer(() => end)

  const publish = (batch: ReadonlyArray<Outgoing>): Effect.Effect<Answer> =>
    Effect.callback((resume) => {
      answered = (answer) => resume(Effect.succeed(answer))
      worker ??= started()
      worker.postMessage(batch, [])
      // An answer that nobody waits for would be taken for that to the next batch.
      return end
    })
  return { publish }
})
