/** The thread that `publisher-thread.ts` starts: a batch comes in, an answer goes out. */
import { setPriority } from "node:os"
import { parentPort, workerData } from "node:worker_threads"
import { Effect, Redacted } from "effect"
import * as Logging from "../logging.ts"
import type { Outgoing } from "./cloud-event.ts"
import * as Publisher from "./publisher.ts"
import type { Given } from "./publisher-thread.ts"

const { options, password }: Given = workerData
const { connection } = options
const { sasl } = connection

// What comes in goes before what goes out. On Linux this is the thread's own, elsewhere it would be the process's.
if (process.platform === "linux") setPriority(10)

// The client library begins each header with 512 zeros, and writes over them: half of what a message costs it. A thread
// has a `Buffer` of its own. Small ones stay zeros: Node's own decoder of texts is one that relies on them.
const { alloc } = Buffer
const libraryBytes = 512
Buffer.alloc = (size, fill, encoding) =>
  fill === undefined && size >= libraryBytes ? Buffer.allocUnsafe(size) : alloc.call(Buffer, size, fill, encoding)

await Effect.gen(function*() {
  const publisher = yield* Publisher.make({
    ...options,
    connection: sasl === undefined || password === undefined
      ? connection
      : { ...connection, sasl: { ...sasl, password: Redacted.make(password) } },
  })
  const run = Effect.runForkWith(yield* Effect.context())
  parentPort?.on("message", (batch: ReadonlyArray<Outgoing>) => {
    run(Effect.map(publisher.publish(batch), (answer) => parentPort?.postMessage(answer, [])))
  })
  return yield* Effect.never
}).pipe(Effect.scoped, Effect.provide(Logging.layerFromSettings), Effect.runPromise)
