/** `vehicle-twin import`: brings an export back into an empty log, or CSV files into any. */
import { Console, Effect, FileSystem, Schema } from "effect"
import { Argument, CliError, Command } from "effect/cli"
import * as Log from "../eventstore/location.ts"
import type { Imported } from "../replay/import.ts"
import { logOf, Settings } from "../settings.ts"
import { csvFlags, importedCsv } from "./import-csv.ts"
import { progress } from "./progress.ts"

class NotImported extends Schema.TaggedError<NotImported>()("NotImported", { message: Schema.String }) {}

const files = Argument.String("file").pipe(
  Argument.withDescription(
    "Exports and archive files: NDJSON (.gz: gzipped) or .parquet; with --csv, CSV (.gz). - is standard input",
  ),
  Argument.atLeast(1),
)

const told = ({ found, streams, written }: Imported): string =>
  `${written} events written${found > 0 ? `, ${found} were there` : ""}; ${streams} streams`

export const importCommand = Command.make(
  "import",
  { files, ...csvFlags },
  Effect.fnUntraced(
    function*(asked) {
      if (yield* importedCsv(asked)) return
      const { files } = asked
      const settings = yield* Settings
      const location = logOf(settings)
      if (location._tag === "Sqlite") {
        yield* FileSystem.FileSystem.use((system) => system.makeDirectory(settings.dataDir, { recursive: true }))
      }
      const started = performance.now()
      let sofar: Imported = { written: 0, found: 0, streams: 0 }
      const { importEvents } = yield* Effect.promise(() => import("../replay/import.ts"))
      yield* Effect.gen(function*() {
        const shown = yield* progress("events")
        yield* importEvents({
          files,
          progress: (done, fraction) => {
            sofar = done
            shown.update(done.written + done.found, fraction)
          },
        })
      }).pipe(
        Effect.scoped,
        Effect.provide(Log.layer(location)),
        Effect.mapError(({ message }) => new NotImported({ message: `${message}\nUp to there: ${told(sofar)}` })),
        Effect.onInterrupt(() => Console.error(`Interrupted: ${told(sofar)}. The same command goes on from there`)),
      )
      yield* Console.error(`${told(sofar)}; ${((performance.now() - started) / 1_000).toFixed(1)} s`)
    },
    Effect.provide(Settings.layer),
    Effect.mapError((cause) => new CliError.UserError({ cause })),
  ),
).pipe(
  Command.withDescription(
    "Bring an export back into an empty log, as it was but for the log's own time of writing (`created`). " +
      "With the embedded log the service must be stopped. Several files are merged by their positions. " +
      "With --csv: telemetry from CSV files, by a mapping of their columns, into a log that need not be empty",
  ),
  Command.withExamples([
    { command: "vehicle-twin import history.ndjson.gz", description: "Into the log in DATA_DIR" },
    { command: "vehicle-twin import archive/*.parquet", description: "Only what was archived" },
    {
      command: "vehicle-twin export --url http://old:4000 | EVENTSTORE_URL=esdb://new:2113 vehicle-twin import -",
      description: "From one service's log into another's",
    },
    {
      command: "xz -dc car1.csv.xz | vehicle-twin import --csv --mapping car1.mapping.json -",
      description: "Telemetry from a CSV file",
    },
  ]),
)
