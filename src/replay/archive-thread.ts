/** The long part of a run of the archive, in a worker thread, so that whoever appends is not held up. */
import { Effect } from "effect"
import type { LogLocation } from "../eventstore/location.ts"
import * as Thread from "../thread.ts"
import { NoBoundary } from "./archive-boundary.ts"
import type { Draft, Step, Task, Told } from "./archive-draft.ts"
import type { Inspected } from "./archive-move.ts"
import type { Work } from "./archiving.ts"

export type Job = { readonly _tag: "Draft"; readonly task: Task } | { readonly _tag: "Inspect"; readonly file: string }

/** What the thread is given. */
export interface Given {
  readonly log: LogLocation
  readonly job: Job
}

/** What the thread says: one of the last two once it is done. */
export type Message =
  | { readonly _tag: "Progress"; readonly step: Step; readonly done: number; readonly of: number }
  | { readonly _tag: "Left"; readonly vin: string; readonly reason: string }
  | { readonly _tag: "Drafted"; readonly draft: Draft }
  | { readonly _tag: "Inspected"; readonly inspected: Inspected }

/** Young garbage is bounded, which the collector would else let grow to hundreds of MB; what is kept is not. */
const resourceLimits = { maxYoungGenerationSizeMb: 8 }

/** A thread for each job. Interrupted, it ends the thread, which may leave its file. */
export const workInThread = (log: LogLocation, told: Told): Work<Thread.ThreadFailed> => ({
  draft: (task) =>
    inThread({ log, job: { _tag: "Draft", task } }, told, (message) =>
      message._tag === "Drafted" ? message.draft : undefined),
  inspect: (file) =>
    inThread({ log, job: { _tag: "Inspect", file } }, told, (message) =>
      message._tag === "Inspected" ? message.inspected : undefined),
})

const inThread = Effect.fnUntraced(function*<A>(
  given: Given,
  told: Told,
  resultIn: (message: Message) => A | undefined,
) {
  let result: A | undefined
  const hear = (message: Message) => {
    if (message._tag === "Progress") told.progress(message.step, message.done, message.of)
    else if (message._tag === "Left") told.left(new NoBoundary({ vin: message.vin, reason: message.reason }))
    else result = resultIn(message)
  }
  yield* Thread.run(new URL("./archive-worker.ts", import.meta.url), {
    workerData: given,
    resourceLimits,
    onMessage: (message) => hear(message as Message),
  })
  return result ?? (yield* new Thread.ThreadFailed({ message: "The thread ended before it was done" }))
})
