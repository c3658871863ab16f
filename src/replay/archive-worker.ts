/** The thread that `archive-thread.ts` starts: it reads the log as it is stored, beside whoever appends to it. */
import "effect/schema/SchemaJITCompiler/enable"
import { constants, setPriority } from "node:os"
import { parentPort, workerData } from "node:worker_threads"
import { Cause, Effect, Exit } from "effect"
import { EventStore } from "../eventstore/event-store.ts"
import * as Log from "../eventstore/location.ts"
import * as Logging from "../logging.ts"
import { draft, type Step } from "./archive-draft.ts"
import { inspect } from "./archive-move.ts"
import type { Given, Message } from "./archive-thread.ts"

const { job, log }: Given = workerData

// Whoever appends comes first where there are few cores. Elsewhere this would be said of the whole process.
if (process.platform === "linux") setPriority(constants.priority.PRIORITY_LOW)

const tell = (message: Message) => parentPort?.postMessage(message, [])

/** Between two words on progress within a step, ms. */
const tellEvery = 100
let told: { readonly step: Step; readonly at: number } | undefined
const progress = (step: Step, done: number, of: number) => {
  const at = performance.now()
  if (told?.step === step && at - told.at < tellEvery) return
  told = { step, at }
  tell({ _tag: "Progress", step, done, of })
}

const drafted = Effect.gen(function*() {
  if (job._tag === "Inspect") return tell({ _tag: "Inspected", inspected: yield* inspect(job.file) })
  const left = ({ reason, vin }: { readonly reason: string; readonly vin: string }) =>
    tell({ _tag: "Left", vin, reason })
  tell({ _tag: "Drafted", draft: yield* draft(yield* EventStore, job.task, { left, progress }) })
})

const exit = await drafted.pipe(Effect.provide([Log.layerReadOnlyAsStored(log), Logging.layerFromSettings]), Effect.runPromiseExit)
if (Exit.isFailure(exit)) {
  // A tagged error would not come whole into the other thread. One that is expected says enough by its message.
  const { cause } = exit
  const error = Cause.squash(cause)
  throw new Error(Cause.hasDies(cause) || !(error instanceof Error) ? Cause.pretty(cause) : error.message)
}
