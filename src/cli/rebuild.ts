/** `vehicle-twin rebuild`: folds projections anew from the whole log, beside the service or without it. */
import { Console, Effect, Layer, Schema } from "effect"
import { Argument, CliError, Command, Flag } from "effect/cli"
import { SqlClient } from "effect/sql"
import * as Log from "../eventstore/location.ts"
import { EventStore } from "../eventstore/event-store.ts"
import { shareOf } from "../eventstore/position.ts"
import * as Logging from "../logging.ts"
import { UnknownProjection } from "../readmodel/errors.ts"
import { allProjected } from "../readmodel/projections.ts"
import * as Rebuild from "../readmodel/rebuild.ts"
import * as Tables from "../readmodel/tables.ts"
import { databaseOf, Settings } from "../settings.ts"
import * as Database from "../sql/database.ts"
import { existingLog } from "./existing-log.ts"
import { progress } from "./progress.ts"

class NotRebuilt extends Schema.TaggedError<NotRebuilt>()("NotRebuilt", { message: Schema.String }) {}

const flags = {
  names: Argument.String("projection").pipe(
    Argument.withDescription(`What to rebuild: ${allProjected().map(({ name }) => name).join(", ")}`),
    Argument.atLeast(0),
  ),
  all: Flag.Boolean("all").pipe(Flag.withDescription("All of them, in one pass over the log"), Flag.withDefault(false)),
  restart: Flag.Boolean("restart").pipe(
    Flag.withDescription("Begin again, instead of going on with a rebuild that was broken off"),
    Flag.withDefault(false),
  ),
}

const chosen = Effect.fnUntraced(function*(names: ReadonlyArray<string>, all: boolean) {
  const projections = allProjected()
  const known = projections.map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) return yield* new UnknownProjection({ name: unknown, known })
  if (all === names.length > 0) {
    return yield* new NotRebuilt({ message: `Give either projections, of ${known.join(", ")}, or --all` })
  }
  return all ? projections : projections.filter(({ name }) => names.includes(name))
})

export const rebuild = Command.make(
  "rebuild",
  flags,
  Effect.fnUntraced(
    function*({ all, names, restart }) {
      const projections = yield* chosen(names, all)
      const settings = yield* Settings
      // Before a database is made for the read model of a log that is not there.
      const log = yield* existingLog(settings)
      const started = performance.now()
      yield* Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const store = yield* EventStore
        yield* Tables.prepare(sql, allProjected())
        const events = yield* Effect.scoped(Effect.gen(function*() {
          const shown = yield* progress("events")
          return yield* Rebuild.run({
            sql,
            store,
            projections,
            restart,
            progress: ({ events, position, target }) => shown.update(events, shareOf(position, target)),
          })
        }))
        for (const { name } of projections) {
          const [row] = yield* sql`SELECT COUNT(*) FROM ${sql(name)}`.values
          yield* Console.error(`${name}: ${Number(row?.[0])} rows`)
        }
        yield* Console.error(`${events} events folded in ${((performance.now() - started) / 1_000).toFixed(1)} s`)
      }).pipe(
        Effect.onInterrupt(() => Console.error("Interrupted. What is served is as it was; the same command goes on from here")),
        Effect.provide(Layer.mergeAll(Log.layerReadOnly(log), Database.layer(databaseOf(settings, "readmodel")), Logging.layer(settings))),
      )
    },
    Effect.provide(Settings.layer),
    Effect.mapError((cause) => new CliError.UserError({ cause })),
  ),
).pipe(
  Command.withDescription(
    "Fold projections anew from the whole log, beside those that are served, and switch over without a gap; " +
      "the service may run meanwhile. Broken off, the same command goes on where it was",
  ),
  Command.withExamples([
    { command: "vehicle-twin rebuild trips", description: "One projection" },
    { command: "vehicle-twin rebuild --all --restart", description: "The whole read model, from the beginning" },
  ]),
)
