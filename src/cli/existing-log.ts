/** The log that the settings name, for commands that make none. */
import { existsSync } from "node:fs"
import { Effect, Schema } from "effect"
import { logOf, type Settings } from "../settings.ts"

class NoLog extends Schema.TaggedError<NoLog>()("NoLog", { message: Schema.String }) {}

export const existingLog = Effect.fnUntraced(function*(settings: Settings["Service"]) {
  const location = logOf(settings)
  if (location._tag === "Sqlite" && !existsSync(location.file)) {
    return yield* new NoLog({ message: `There is no log in ${settings.dataDir}: is DATA_DIR right?` })
  }
  return location
})
