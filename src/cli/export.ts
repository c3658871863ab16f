/** `vehicle-twin export`: any part of history, for data science, to a file or standard output. */
import { setFlagsFromString } from "node:v8"
import { Console, Context, Effect, Layer, Option, Result, Schema, Stream } from "effect"
import { CliError, Command, Flag } from "effect/cli"
import { FetchHttpClient } from "effect/http"
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import { loadCatalogue } from "../catalogue-file.ts"
import { EventStore, type RecordedEvent } from "../eventstore/event-store.ts"
import * as Log from "../eventstore/location.ts"
import { beginning, type Position, shareOf } from "../eventstore/position.ts"
import { forReadings, type Shape, signalsIn, tally, type Tally, toParquet, toText } from "../replay/export.ts"
import { BrokenPipe, checkTarget, toFile, toStandardOutput } from "../replay/export-file.ts"
import { pathsOf } from "../replay/readings.ts"
import * as Remote from "../replay/remote.ts"
import { select, unknownVehicles } from "../replay/select.ts"
import type { Selection } from "../replay/selection.ts"
import { clocks, selectionOf } from "../replay/selection-input.ts"
import { signalColumn } from "../replay/wide-readings.ts"
import { Settings } from "../settings.ts"
import { existingLog } from "./existing-log.ts"
import { progress } from "./progress.ts"

class NotExported extends Schema.TaggedError<NotExported>()("NotExported", { message: Schema.String }) {}

const formats = ["ndjson", "parquet"] as const
type Format = (typeof formats)[number]

const flags = {
  vin: Flag.String("vin").pipe(
    Flag.withDescription("Of this vehicle; may be given several times. Default: all"),
    Flag.atLeast(0),
  ),
  type: Flag.String("type").pipe(
    Flag.withDescription("Events of this type; may be given several times. Default: all"),
    Flag.atLeast(0),
  ),
  from: Flag.String("from").pipe(
    Flag.withDescription("From this time on: 2026-11-22T08:15:30Z, or a date (UTC)"),
    Flag.optional,
  ),
  to: Flag.String("to").pipe(Flag.withDescription("Before this time"), Flag.optional),
  clock: Flag.Literals("clock", clocks).pipe(
    Flag.withDescription("Whose time --from and --to mean: of receipt by the service, or the vehicle's own"),
    Flag.withDefault("received"),
  ),
  after: Flag.String("after").pipe(
    Flag.withDescription("Only what stands in the log after this position: of an export's last line"),
    Flag.optional,
  ),
  signals: Flag.Literals("signals", ["long", "wide"]).pipe(
    Flag.withDescription(
      "Readings in place of events. long: a row a reading, with all that is known of it. wide: a row a message and " +
        "device time, a column a signal; only good readings whose time can be believed",
    ),
    Flag.optional,
  ),
  path: Flag.String("path").pipe(
    Flag.withDescription(
      "With --signals, only this signal, or all of this branch; may be given several times. Default: all there are, " +
        "for which --signals wide reads the log twice",
    ),
    Flag.atLeast(0),
  ),
  format: Flag.Literals("format", formats).pipe(
    Flag.withDescription("Default: parquet where the file's name ends so, else ndjson"),
    Flag.optional,
  ),
  output: Flag.Path("output").pipe(
    Flag.withAlias("o"),
    Flag.withDescription("The file. Until it is whole its name ends with .partial. Default: standard output"),
    Flag.optional,
  ),
  force: Flag.Boolean("force").pipe(Flag.withDescription("Replace the file if it is there"), Flag.withDefault(false)),
  url: Flag.String("url").pipe(
    Flag.filter((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ""), () => "a URL like http://127.0.0.1:4000"),
    Flag.map((text) => text.replace(/\/+$/, "")),
    Flag.withDescription("Take it from a running service. Default: from the log that the settings name"),
    Flag.optional,
  ),
}

const whole = (n: number) => n.toLocaleString("en")

/**
 * By itself V8 lets garbage grow to some hundred MB before it looks: events that live as long as their page are moved to
 * where it seldom looks, and the place for the young grows with what survives. Neither pays here.
 */
const keepHeapSmall = () => {
  setFlagsFromString("--no-allocation-site-pretenuring")
  setFlagsFromString("--semi-space-growth-factor=1")
  setFlagsFromString("--heap-growing-percent=50")
}

/** Where events come from. */
interface Source {
  readonly events: (selection: Selection) => Stream.Stream<RecordedEvent, { readonly message: string }>
  /** Where the log ends, as far as is known yet. */
  readonly head: () => Position | undefined
}

const fromLog = Effect.fnUntraced(function*(settings: Settings["Service"], vins: ReadonlyArray<string>) {
  const store = Context.get(yield* Layer.build(Log.layerReadOnly(yield* existingLog(settings))), EventStore)
  const unknown = yield* unknownVehicles(store, vins)
  const named = `${unknown.join(", ")}: the log has no events of ${unknown.length === 1 ? "this vehicle" : "these vehicles"}`
  if (vins.length > 0 && unknown.length === vins.length) return yield* new NotExported({ message: named })
  if (unknown.length > 0) yield* Console.error(named)
  const head = yield* store.head
  return { events: (selection) => select(store, selection), head: () => head } satisfies Source
})

const fromService = (url: string) => {
  let head: Position | undefined
  const source: Source = {
    events: (selection) =>
      Remote.select(url, selection, (told) => {
        head ??= told
      }).pipe(Stream.provide(FetchHttpClient.layer)),
    head: () => head,
  }
  return source
}

const shapeOf = Effect.fnUntraced(function*(
  source: Source,
  asked: Selection,
  signals: "long" | "wide" | undefined,
  names: ReadonlyArray<string>,
  catalogue: Catalogue,
) {
  if (signals === undefined) {
    if (names.length > 0) return yield* new NotExported({ message: "--path goes with --signals" })
    return { selection: asked, shape: { _tag: "Events" } satisfies Shape as Shape }
  }
  if (asked.types !== undefined) {
    return yield* new NotExported({ message: "--type does not go with --signals: readings are of one type" })
  }
  const paths = pathsOf(names, catalogue)
  if (Result.isFailure(paths)) return yield* new NotExported({ message: `--path: ${paths.failure}` })
  const { filter, selection } = forReadings(asked, names.length === 0 ? undefined : paths.success)
  if (signals === "long") return { selection, shape: { _tag: "Long", filter } satisfies Shape as Shape }
  if (names.length > 0) {
    const columns = paths.success.map((path) => signalColumn(path, catalogue))
    return { selection, shape: { _tag: "Wide", filter, signals: columns } satisfies Shape as Shape }
  }
  yield* Console.error("Looking for the signals that there are")
  const looked = tally()
  const found = yield* shown(source, selection, looked, signalsIn(source.events(selection), filter, catalogue, looked))
  // What has come since may have signals that have no column.
  const upTo = looked.position
  return { selection, shape: { _tag: "Wide", filter, signals: found } satisfies Shape as Shape, upTo }
})

/** Shows how far it has come, unless standard output goes to the same terminal. */
const shown = <A, E, R>(
  { head }: Source,
  { after = beginning }: Selection,
  counted: Tally,
  run: Effect.Effect<A, E, R>,
  hidden = false,
) =>
  Effect.scoped(Effect.gen(function*() {
    const bar = hidden ? undefined : yield* progress("events")
    const update = Effect.sync(() => bar?.update(counted.events, fractionOf(after, counted.position, head())))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(update, Effect.sleep("200 millis"))))
    const done = yield* run
    bar?.update(counted.events, 1)
    return done
  }))

const fractionOf = (after: Position, position: string | undefined, head: Position | undefined): number | undefined => {
  if (head === undefined || head <= after) return undefined
  const begun = shareOf(after, head)
  return (shareOf((position ?? after) as Position, head) - begun) / (1 - begun)
}

const formatOf = (format: Option.Option<Format>, output: string | undefined): Format =>
  Option.getOrElse(format, () => output?.toLowerCase().endsWith(".parquet") ? "parquet" : "ndjson")

export const exportCommand = Command.make(
  "export",
  flags,
  Effect.fnUntraced(
    function*({ after, clock, force, format, from, output, path, signals, to, type, url, vin }) {
      const input = selectionOf({
        vin,
        type,
        clock,
        from: Option.getOrUndefined(from),
        to: Option.getOrUndefined(to),
        after: Option.getOrUndefined(after),
      })
      if (Result.isFailure(input)) return yield* new NotExported({ message: `--${input.failure}` })
      const file = Option.getOrUndefined(output)
      const form = formatOf(format, file)
      const onTerminal = file === undefined && process.stdout.isTTY
      if (form === "parquet" && onTerminal) {
        return yield* new NotExported({ message: "Parquet is not for a terminal: give --output, or a pipe" })
      }
      if (file !== undefined) yield* checkTarget(file, force)
      const settings = yield* Settings
      const catalogue = yield* loadCatalogue(settings.vssFile)
      const started = performance.now()
      keepHeapSmall()
      const source = Option.isSome(url) ? fromService(url.value) : yield* fromLog(settings, vin)
      const { selection, shape, upTo } = yield* shapeOf(source, input.success, Option.getOrUndefined(signals), path, catalogue)
      const counted = tally()
      const events = source.events(selection).pipe(
        (all) => upTo === undefined ? all : Stream.takeWhile(all, ({ position }) => position <= upTo),
      )
      const bytes = form === "parquet"
        ? toParquet(events, shape, catalogue, counted)
        : toText(events, shape, catalogue, counted)
      const write = file === undefined ? toStandardOutput(bytes) : toFile(file, bytes)
      const size = yield* shown(source, selection, counted, write, onTerminal)
      yield* Console.error(summary(counted, shape, size, file, (performance.now() - started) / 1_000))
    },
    Effect.scoped,
    Effect.catchIf((error) => error instanceof BrokenPipe, () =>
      // As of a program that the signal ended.
      Effect.sync(() => {
        process.exitCode = 141
      })),
    Effect.provide(Settings.layer),
    Effect.mapError((cause) => new CliError.UserError({ cause })),
  ),
).pipe(
  Command.withDescription(
    "Export events of vehicles and of their maintenance, or the readings in them, in the order of the log; the " +
      "service may run meanwhile",
  ),
  Command.withExamples([
    { command: "vehicle-twin export -o history.ndjson", description: "Everything, as `vehicle-twin import` takes it" },
    {
      command: "vehicle-twin export --vin LSVAA4182E2184847 --from 2026-11-01 --to 2026-12-01 -o november.parquet",
      description: "A vehicle's month, for DuckDB, pandas or Polars",
    },
    {
      command: "vehicle-twin export --signals wide --path Vehicle.Speed --path Vehicle.CurrentLocation -o trips.parquet",
      description: "Readings, a column a signal",
    },
    {
      command: "vehicle-twin export --url http://127.0.0.1:4000 --type TroubleCodeRaised | head",
      description: "From a running service to a pipe",
    },
  ]),
)

const summary = (counted: Tally, shape: Shape, size: number, file: string | undefined, seconds: number): string => {
  const { events, misfits, position, rows } = counted
  const what = shape._tag === "Events" ? `${whole(events)} events` : `${whole(rows)} rows of ${whole(events)} events`
  const where = file === undefined ? "" : ` in ${file}`
  const pace = `${whole(Math.round(events / Math.max(seconds, 0.001)))} events/s`
  return [
    `${what}${where}: ${(size / 1e6).toFixed(1)} MB, ${seconds.toFixed(1)} s, ${pace}`,
    ...(position === undefined ? [] : [`What comes later: --after ${position}`]),
    ...(misfits === 0 ? [] : [`${whole(misfits)} values left out: of another type than the catalogue gives their signals`]),
  ].join("\n")
}
