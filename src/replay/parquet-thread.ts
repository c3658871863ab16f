/** `parquet.ts`'s encoder in a thread of its own, so that reading the log and encoding what was read overlap. */
import { Worker } from "node:worker_threads"
import { Effect, Schema } from "effect"
import { reasonOf } from "../eventstore/errors.ts"
import type { Column, Values } from "./parquet.ts"

export class EncodingFailed extends Schema.TaggedError<EncodingFailed>()("EncodingFailed", {
  cause: Schema.Defect(),
}) {
  override get message() {
    return `Parquet could not be encoded: ${reasonOf(this.cause)}`
  }
}

/** A group of rows to encode, or, without one, the end of the file. */
export interface Job {
  readonly rows?: ReadonlyArray<Values>
}

/** A group of rows takes a quarter of it; without a limit the collector lets garbage grow to several times that. */
const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 }

/** Bytes come in the order of the jobs. */
export const encoder = Effect.fnUntraced(function*(columns: ReadonlyArray<Column>) {
  const waiting: Array<(result: Effect.Effect<Uint8Array<ArrayBuffer>, EncodingFailed>) => void> = []
  let broken: EncodingFailed | undefined
  const breakDown = (cause: unknown) => {
    broken ??= new EncodingFailed({ cause })
    for (const resume of waiting.splice(0)) resume(Effect.fail(broken))
  }
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() =>
      new Worker(new URL("./parquet-worker.ts", import.meta.url), { workerData: columns, resourceLimits })
    ),
    (started) => Effect.promise(() => started.terminate()),
  )
  worker.on("message", (bytes: Uint8Array<ArrayBuffer>) => waiting.shift()?.(Effect.succeed(bytes)))
  worker.on("error", breakDown)
  worker.on("exit", () => breakDown(new Error("the thread ended")))

  const run = (job: Job, transfer: ReadonlyArray<ArrayBuffer>) =>
    Effect.callback<Uint8Array<ArrayBuffer>, EncodingFailed>((resume) => {
      if (broken !== undefined) return resume(Effect.fail(broken))
      waiting.push(resume)
      worker.postMessage(job, [...transfer])
    })
  return {
    rows: (rows: ReadonlyArray<Values>) => run({ rows }, rows.flatMap(buffersOf)),
    end: run({}, []),
  }
})

const buffersOf = (values: Values): ReadonlyArray<ArrayBuffer> => {
  const array = values instanceof Float64Array ? values : "codes" in values ? values.codes : undefined
  return array?.buffer instanceof ArrayBuffer ? [array.buffer] : []
}
