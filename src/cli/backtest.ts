/** `vehicle-twin backtest`: what a model would have said of history, against what is known to have happened. */
import { access, constants, stat, writeFile } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { Clock, Console, Effect, Option, Result, Schema } from "effect"
import { Argument, CliError, Command, Flag } from "effect/cli"
import { chosen, nameOf } from "../../domain/maintenance/backtest/model-choice.ts"
import { reasonOf } from "../eventstore/errors.ts"
import * as Log from "../eventstore/location.ts"
import { Backtest, type Report } from "../replay/backtest.ts"
import { fromFiles, fromLog } from "../replay/backtest-history.ts"
import { readLabels } from "../replay/backtest-labels.ts"
import { textOf, whole } from "../replay/backtest-text.ts"
import { selectionOf } from "../replay/selection-input.ts"
import { Settings } from "../settings.ts"
import { existingLog } from "./existing-log.ts"
import { progress } from "./progress.ts"

class NotBacktested extends Schema.TaggedError<NotBacktested>()("NotBacktested", { message: Schema.String }) {}

const flags = {
  model: Flag.String("model").pipe(
    Flag.withDescription(
      "The model, by its name, or NAME@VERSION for another version than that in service; may be given several times, " +
        "to compare",
    ),
    Flag.atLeast(1),
  ),
  labels: Flag.Path("labels").pipe(
    Flag.withDescription(
      "The failures that are known, as CSV: vin,component,at[,from][,note]. at: when it was established; from: since " +
        "when it could have been known. Without it alerts are shown, and nothing is judged",
    ),
    Flag.optional,
  ),
  vin: Flag.String("vin").pipe(
    Flag.withDescription("Of this vehicle; may be given several times. Default: all"),
    Flag.atLeast(0),
  ),
  from: Flag.String("from").pipe(
    Flag.withDescription(
      "Judge from this receipt time on: 2026-11-22T08:15:30Z, or a date (UTC). The model is shown what came before too",
    ),
    Flag.optional,
  ),
  to: Flag.String("to").pipe(Flag.withDescription("History ends before this receipt time"), Flag.optional),
  json: Flag.Boolean("json").pipe(Flag.withDescription("JSON in place of the table"), Flag.withDefault(false)),
  html: Flag.Path("html").pipe(
    Flag.withDescription("Write a page with plots to this file too. One that is there is replaced"),
    Flag.optional,
  ),
  files: Argument.String("file").pipe(
    Argument.withDescription(
      "Exports and archive files: NDJSON (.gz: gzipped) or .parquet; - is standard input. " +
        "Default: the log that the settings name",
    ),
    Argument.atLeast(0),
  ),
}

const notBacktested = (message: string) => new NotBacktested({ message })

const cannot = (what: string) => (cause: unknown) => notBacktested(`${what}: ${reasonOf(cause)}`)

/** That a page can be written, before an hour of history is read for it; and that it is written over nothing of use. */
const writable = Effect.fnUntraced(function*(page: string, read: ReadonlyArray<string>) {
  if (read.some((file) => resolve(file) === resolve(page))) {
    return yield* notBacktested(`--html: ${page} is what is to be read; name another file`)
  }
  const there = yield* Effect.tryPromise(() => stat(page)).pipe(Effect.option)
  if (Option.exists(there, (found) => found.isDirectory())) {
    return yield* notBacktested(`--html: ${page} is a folder; name a file in it`)
  }
  yield* Effect.tryPromise({
    try: () => access(Option.isSome(there) ? page : dirname(page), constants.W_OK),
    catch: cannot(`Cannot write ${page}`),
  })
})

const replay = Effect.fnUntraced(function*(
  backtest: Backtest,
  files: ReadonlyArray<string>,
  vins: ReadonlyArray<string> | undefined,
) {
  const shown = yield* progress("events")
  const onRead = (fraction: number | undefined) => shown.update(backtest.events, fraction)
  if (files.length > 0) yield* fromFiles(backtest, files, onRead)
  else {
    const log = Log.layerReadOnly(yield* existingLog(yield* Settings))
    yield* fromLog(backtest, vins, onRead).pipe(Effect.provide(log))
  }
  shown.update(backtest.events, 1)
}, Effect.scoped)

/** What whoever reads the figures should know of them. */
const remarks = (report: Report): ReadonlyArray<string> => [
  ...(report.unheard.length === 0 ? [] : [`History has nothing of ${report.unheard.join(", ")}: not judged`]),
  ...(report.unwatched.length === 0
    ? []
    : [`No model that was asked for watches ${report.unwatched.join(", ")}: their labels are not judged`]),
  ...(report.unreadable === 0 ? [] : [`${whole(report.unreadable)} events could not be read and were passed over`]),
  ...report.versions.flatMap(({ firstThrown, model, threw }) =>
    firstThrown === undefined ? [] : [
      `${model} threw on ${whole(threw)} records; first at revision ${firstThrown.revision} of ${firstThrown.vin}: ` +
      reasonOf(firstThrown.cause),
    ]
  ),
]

const versionsOf = Effect.fnUntraced(function*(names: ReadonlyArray<string>) {
  const versions = yield* Effect.forEach(names, (name) =>
    Effect.fromResult(Result.mapError(chosen(name), (message) => notBacktested(`--model: ${message}`))))
  const all = versions.map(nameOf)
  const twice = all.find((name, index) => all.indexOf(name) < index)
  if (twice !== undefined) return yield* notBacktested(`--model: ${twice} is given twice`)
  return versions
})

export const backtest = Command.make(
  "backtest",
  flags,
  Effect.fnUntraced(
    function*({ files, from, html, json, labels, model, to, vin }) {
      const versions = yield* versionsOf(model)
      const selection = selectionOf({
        vin,
        type: [],
        clock: "received",
        from: Option.getOrUndefined(from),
        to: Option.getOrUndefined(to),
        after: undefined,
      })
      if (Result.isFailure(selection)) return yield* notBacktested(`--${selection.failure}`)
      const { from: earliest, to: end, vins } = selection.success
      if (Option.isSome(html)) yield* writable(html.value, [...Option.toArray(labels), ...files])
      const now = yield* Clock.currentTimeMillis
      const failures = Option.isSome(labels) ? yield* readLabels(labels.value, now) : undefined
      const started = performance.now()
      const backtest = new Backtest({ versions, failures, vins, from: earliest, to: end })
      yield* replay(backtest, files, vins)
      if (backtest.events === 0) return yield* notBacktested("History has no events of such vehicles and times")
      const report = backtest.report()
      const seconds = (performance.now() - started) / 1_000
      yield* Effect.forEach(remarks(report), (remark) => Console.error(remark))
      yield* Console.log(json ? JSON.stringify(report, null, 2) : textOf(report))
      if (Option.isSome(html)) {
        const { pageOf } = yield* Effect.promise(() => import("../replay/backtest-page.ts"))
        yield* Effect.tryPromise({
          try: () => writeFile(html.value, pageOf(report)),
          catch: cannot(`Cannot write ${html.value}`),
        })
      }
      const pace = whole(Math.round(report.events / Math.max(seconds, 0.001)))
      yield* Console.error(`${whole(report.events)} events, ${seconds.toFixed(1)} s, ${pace} events/s`)
    },
    Effect.provide(Settings.layer),
    Effect.mapError((cause) => new CliError.UserError({ cause })),
  ),
).pipe(
  Command.withDescription(
    "Replay history through a component model, as the service would have, and judge its alerts by the failures that " +
      "are known. Touches neither scores nor alerts; the service may run meanwhile",
  ),
  Command.withExamples([
    {
      command: "vehicle-twin backtest --model cell-fault --labels labels.csv --html report.html",
      description: "The version in service, over all of the log",
    },
    {
      command: "vehicle-twin backtest --model cell-fault@1 --model cell-fault@2 --labels labels.csv history.parquet",
      description: "Two versions side by side, over an export",
    },
    {
      command: "vehicle-twin backtest --model service-due --vin LSVAA4182E2184847",
      description: "The alerts that a vehicle would have had",
    },
  ]),
)
