/** The signal catalogue: the built-in one, widened by the VSS release that `VSS_FILE` names. */
import { Effect, FileSystem, Option, Result } from "effect"
import { type Catalogue, catalogue, withRelease } from "../domain/signals/catalogue.ts"
import { fromVss } from "../domain/signals/vss.ts"
import { SettingsError } from "./settings.ts"

export const loadCatalogue = Effect.fnUntraced(function*(file: Option.Option<string>) {
  if (Option.isNone(file)) return catalogue
  const wrong = (what: string) => new SettingsError({ message: `VSS_FILE ${file.value} ${what}` })
  const files = yield* FileSystem.FileSystem
  const text = yield* files.readFileString(file.value).pipe(
    Effect.mapError((error) => wrong(`cannot be read: ${error.message}`)),
  )
  const release = yield* Effect.try({
    try: (): unknown => JSON.parse(text),
    catch: (error) => wrong(`is not JSON: ${String(error)}`),
  })
  const signals = fromVss(release)
  if (Result.isFailure(signals)) {
    return yield* wrong(`is not a VSS release: at ${signals.failure.place}: ${signals.failure.message}`)
  }
  const widened: Catalogue = withRelease(signals.success)
  yield* Effect.logInfo(`${widened.size} signals, with the VSS release in ${file.value}`)
  return widened
})
