/** `vehicle-twin archive`: moves old events out of the log into Parquet files. */
import { stat } from "node:fs/promises"
import { Clock, Console, Effect, Schema } from "effect"
import { CliError, Command, Flag } from "effect/cli"
import { ageIn } from "../age.ts"
import { EventStore } from "../eventstore/event-store.ts"
import * as Log from "../eventstore/location.ts"
import type { Step } from "../replay/archive-draft.ts"
import type { Outcome } from "../replay/archiving.ts"
import { logOf, Settings } from "../settings.ts"
import { progress } from "./progress.ts"

class NotArchived extends Schema.TaggedError<NotArchived>()("NotArchived", { message: Schema.String }) {}

/** Epoch ms; undefined where it is neither a time nor an age. */
const timeIn = (text: string, now: number): number | undefined => {
  const age = ageIn(text)
  if (age !== undefined) return now - age
  const isTime = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/.test(text)
  const time = isTime ? Date.parse(text) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}

const cutoffOf = Effect.fnUntraced(function*(text: string) {
  const now = yield* Clock.currentTimeMillis
  const before = timeIn(text, now)
  if (before === undefined) {
    const expected = "a date (2026-01-31), a time (2026-01-31T00:00:00Z) or an age (90d)"
    return yield* new NotArchived({ message: `--before is ${JSON.stringify(text)}: expected ${expected}` })
  }
  if (before > now) return yield* new NotArchived({ message: `--before ${text} is in the future` })
  return before
})

const steps: Readonly<Record<Step, string>> = {
  checking: "vehicles checked",
  writing: "events written",
  verifying: "reading the file again",
  truncating: "vehicles truncated",
}

const summary = ({ bytes, earlier, events, file, vehicles }: Outcome, folder: string, dryRun: boolean): string => {
  const finished = earlier.files === 0 ? "" : `${earlier.events} events of a run that was stopped are moved. `
  if (events === 0) return `${finished}Nothing to archive: no vehicle has a snapshot of that time with events before it`
  const what = `${events} events of ${vehicles} vehicles`
  return dryRun ? `${what} would go to a file in ${folder}` : `${finished}${what} are in ${folder}/${file} (${bytes} bytes)`
}

export const archive = Command.make(
  "archive",
  {
    before: Flag.String("before").pipe(
      Flag.withDescription("Events received before this: a date, an RFC 3339 time, or an age such as 90d, 12w or 48h"),
    ),
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Say what would be moved, and move nothing"),
      Flag.withDefault(false),
    ),
  },
  Effect.fnUntraced(
    function*({ before, dryRun }) {
      const location = logOf(yield* Settings)
      const cutoff = yield* cutoffOf(before)
      if (location._tag === "Sqlite") {
        yield* Effect.tryPromise({
          try: () => stat(location.file),
          catch: () => new NotArchived({ message: `There is no log: ${location.file} (DATA_DIR says where it is)` }),
        })
      }
      const [{ run }, { workInThread }] = yield* Effect.promise(() =>
        Promise.all([import("../replay/archiving.ts"), import("../replay/archive-thread.ts")]))
      const outcome = yield* Effect.gen(function*() {
        const shown = yield* progress("done")
        const update = (step: Step, done: number, of: number) => shown.update(done, of === 0 ? 1 : done / of, steps[step])
        const work = workInThread(location, {
          left: ({ message }) => process.stderr.write(`${message}\n`),
          progress: update,
        })
        const options = { folder: location.archive, before: cutoff, dryRun, progress: update }
        return yield* run(yield* EventStore, work, options)
      }).pipe(Effect.scoped, Effect.provide(dryRun ? Log.layerReadOnlyAsStored(location) : Log.layerAsStored(location)))
      yield* Console.error(summary(outcome, location.archive, dryRun))
    },
    Effect.provide(Settings.layer),
    Effect.mapError((cause) => new CliError.UserError({ cause })),
  ),
).pipe(
  Command.withDescription(
    "Move old events of vehicles out of the log into Parquet files, each vehicle's up to a snapshot that stays. " +
      "Twins, projections and exports go on as before while the files stay where they are. With the embedded log the " +
      "service must be stopped, or do it itself (ARCHIVE_AFTER); with EventStoreDB, and for --dry-run, it may run. What " +
      "was stopped goes on when it is run again",
  ),
  Command.withExamples([
    { command: "vehicle-twin archive --before 90d", description: "All but the last 90 days, into ARCHIVE_DIR" },
    { command: "vehicle-twin archive --before 2026-01-01 --dry-run", description: "How much that would be" },
  ]),
)
