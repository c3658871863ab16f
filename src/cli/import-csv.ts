/** `vehicle-twin import --csv`: brings CSV files of telemetry into the log, by a mapping. */
import { Console, Effect, FileSystem, Layer, Option, Schema } from "effect"
import { Flag } from "effect/cli"
import { loadCatalogue } from "../catalogue-file.ts"
import * as Log from "../eventstore/location.ts"
import * as Logging from "../logging.ts"
import type { Imported } from "../replay/csv-import.ts"
import { logOf, Settings } from "../settings.ts"
import * as Vehicles from "../vehicles/local-vehicles.ts"
import { progress } from "./progress.ts"

class CsvNotImported extends Schema.TaggedError<CsvNotImported>()("CsvNotImported", { message: Schema.String }) {}

export const csvFlags = {
  csv: Flag.Boolean("csv").pipe(
    Flag.withDescription("The files are telemetry as CSV (.gz: gzipped), a row a message"),
    Flag.withDefault(false),
  ),
  mapping: Flag.Path("mapping").pipe(
    Flag.withDescription("With --csv: which column is which signal; JSON as in src/replay/csv-mapping.schema.json"),
    Flag.optional,
  ),
  onError: Flag.Literals("on-error", ["stop", "skip"]).pipe(
    Flag.withDescription("With --csv: stop at the first bad row, the default, or pass over them"),
    Flag.optional,
  ),
  rejects: Flag.Path("rejects").pipe(
    Flag.withDescription("With --on-error skip: a file that bad rows go to, to be mended and imported"),
    Flag.optional,
  ),
}

interface Asked {
  readonly files: ReadonlyArray<string>
  readonly csv: boolean
  readonly mapping: Option.Option<string>
  readonly onError: Option.Option<"stop" | "skip">
  readonly rejects: Option.Option<string>
}

const number = (count: number): string => count.toLocaleString("en-US")

const told = ({ empty, found, rejected, rows, vehicles, written }: Imported): string =>
  [
    `${number(rows)} rows: ${number(written)} new`,
    found > 0 && `${number(found)} there already`,
    empty > 0 && `${number(empty)} without a reading`,
    rejected > 0 && `${number(rejected)} bad`,
  ].filter((part) => part !== false).join(", ") + `; ${number(vehicles)} vehicle${vehicles === 1 ? "" : "s"}`

/** Bad rows that are passed over are told one by one up to so many. */
const maxTold = 20

const compressed = /\.(xz|zst|bz2|zip)$/

const fail = (message: string) => new CsvNotImported({ message })

/** Flags that say nothing together, before anything is opened. */
const checked = Effect.fnUntraced(function*({ csv, files, mapping, onError, rejects }: Asked) {
  if (!csv) {
    const flag = Option.isSome(mapping) ? "--mapping" : Option.isSome(onError) ? "--on-error" : "--rejects"
    const isGiven = Option.isSome(mapping) || Option.isSome(onError) || Option.isSome(rejects)
    return isGiven ? yield* fail(`${flag} is for CSV files: give --csv too`) : undefined
  }
  if (Option.isNone(mapping)) return yield* fail("--csv needs --mapping, a file that says which column is which signal")
  if (Option.isSome(rejects) && !Option.contains(onError, "skip")) {
    return yield* fail("--rejects goes with --on-error skip: nothing is passed over otherwise")
  }
  const packed = files.find((file) => compressed.test(file))
  if (packed !== undefined) {
    return yield* fail(`${packed}: of compressed files .gz alone is read; unpack it into a pipe, and give - for the file`)
  }
  return { mapping: mapping.value, onError: Option.getOrElse(onError, () => "stop" as const), rejects }
})

/** Whether CSV was asked for, and has been imported. */
export const importedCsv = Effect.fnUntraced(function*(asked: Asked) {
  const options = yield* checked(asked)
  if (options === undefined) return false
  const settings = yield* Settings
  const location = logOf(settings)
  if (location._tag === "Sqlite") {
    yield* FileSystem.FileSystem.use((system) => system.makeDirectory(settings.dataDir, { recursive: true }))
  }
  const started = performance.now()
  let badRows = 0
  let sofar: Imported = { rows: 0, written: 0, found: 0, empty: 0, rejected: 0, vehicles: 0 }
  const log = Log.layer(location)
  const vehicles = Vehicles.layer({ admission: settings.vehicles, snapshotEvery: settings.snapshotEvery })
  const { importCsv } = yield* Effect.promise(() => import("../replay/csv-import.ts"))
  yield* Effect.gen(function*() {
    const catalogue = yield* loadCatalogue(settings.vssFile)
    const shown = yield* progress("rows")
    sofar = yield* importCsv({
      files: asked.files,
      mapping: options.mapping,
      catalogue,
      onError: options.onError,
      rejects: Option.getOrUndefined(options.rejects),
      rejected: ({ message }) => {
        if (++badRows <= maxTold) process.stderr.write(`${message}\n`)
        else if (badRows === maxTold + 1) process.stderr.write("More bad rows are counted and not told one by one\n")
      },
      progress: (done, fraction) => {
        sofar = done
        shown.update(done.rows, fraction)
      },
    })
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.mergeAll(Layer.provideMerge(vehicles, log), Logging.layer(settings))),
    Effect.mapError(({ message }) => new CsvNotImported({ message: `${message}\nUp to there: ${told(sofar)}` })),
    Effect.onInterrupt(() => Console.error(`Interrupted: ${told(sofar)}. The same command goes on from there`)),
  )
  yield* Console.error(`${told(sofar)}; ${((performance.now() - started) / 1_000).toFixed(1)} s`)
  return true
})
