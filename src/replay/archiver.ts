/**
 * Archives in the service, so that its log does not grow for ever: once it has caught up after its start, and then
 * daily. Reading and writing of files is done in a thread of its own; here are the appends and truncations, a few at a
 * time. What is stopped, however, goes on with the next run.
 */
import { Cause, Clock, Effect, Layer, Metric, Schedule } from "effect"
import { EventStore } from "../eventstore/event-store.ts"
import type { LogLocation } from "../eventstore/location.ts"
import { Projector } from "../readmodel/projector.ts"
import { workInThread } from "./archive-thread.ts"
import { type Outcome, run } from "./archiving.ts"

const files = Metric.counter("vehicle_twin_archive_files_total", {
  description: "Files that old events were moved to",
  incremental: true,
})
const events = Metric.counter("vehicle_twin_archive_events_total", {
  description: "Events moved from the log to files",
  incremental: true,
})
const failures = Metric.counter("vehicle_twin_archive_failures_total", {
  description: "Runs of the archive that failed; the next one goes on",
  incremental: true,
})
const lastRun = Metric.gauge("vehicle_twin_archive_last_run_timestamp_seconds", {
  description: "When the last run of the archive ended that did not fail, Unix time",
})

const lookEvery = Schedule.spaced("5 seconds")

export const layer = (options: {
  readonly log: LogLocation
  /** What was received so long ago is archived, ms. */
  readonly after: number
}): Layer.Layer<never, never, EventStore | Projector> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const store = yield* EventStore
    const projector = yield* Projector
    const { after, log } = options

    const archive = Effect.gen(function*() {
      const began = yield* Clock.currentTimeMillis
      const left: Array<string> = []
      const work = workInThread(log, { left: ({ message }) => left.push(message), progress: () => {} })
      const outcome = yield* run(store, work, {
        folder: log.archive,
        before: began - after,
        dryRun: false,
        progress: () => {},
      })
      const ended = yield* Clock.currentTimeMillis
      yield* Metric.update(files, outcome.earlier.files + (outcome.file === undefined ? 0 : 1))
      yield* Metric.update(events, outcome.earlier.events + outcome.events)
      yield* Metric.update(lastRun, ended / 1_000)
      yield* Effect.logInfo(summary(outcome, ended - began, left))
    }).pipe(
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.interrupt
          : Effect.andThen(
            Metric.update(failures, 1),
            Effect.logWarning("The archive goes on with its next run", Cause.squash(cause)),
          )
      ),
    )

    /** What the service has to do first is to follow the log. */
    const caughtUp = Effect.gen(function*() {
      const head = yield* Effect.retry(store.head, lookEvery)
      yield* projector.status.pipe(
        Effect.delay("5 seconds"),
        Effect.repeat({ until: ({ position }) => position >= head }),
      )
    })

    yield* caughtUp.pipe(
      Effect.andThen(Effect.repeat(archive, Schedule.spaced("1 day"))),
      Effect.forkScoped,
    )
  }))

/** One line of the log. */
const summary = (outcome: Outcome, millis: number, left: ReadonlyArray<string>): string => {
  const { bytes, earlier, file, vehicles } = outcome
  const finished = earlier.files === 0 ? "" : `Finished what an earlier run had begun: ${earlier.events} events. `
  const archived = file === undefined
    ? "There is nothing to archive"
    : `Archived ${outcome.events} events of ${vehicles} vehicles to ${file}, ${bytes} bytes, in ${millis} ms`
  const stay = left.length === 0 ? "" : `. Events of ${left.length} vehicles stay, the first because: ${left[0]}`
  return `${finished}${archived}${stay}`
}
