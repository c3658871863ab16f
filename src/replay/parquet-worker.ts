/** The thread that `parquet-thread.ts` starts. */
import { parentPort, workerData } from "node:worker_threads"
import { Encoder } from "./parquet.ts"
import type { Job } from "./parquet-thread.ts"

const encoder = new Encoder(workerData)

parentPort?.on("message", ({ rows }: Job) => {
  const bytes = rows === undefined ? encoder.end() : encoder.rows(rows)
  parentPort?.postMessage(bytes, [bytes.buffer])
})
