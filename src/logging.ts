/** Structured logs on standard error: standard output is for data. */
import { Effect, Layer, Logger, Option, References } from "effect"
import { Settings } from "./settings.ts"

export const layer = ({ logFormat, logLevel }: Pick<Settings["Service"], "logFormat" | "logLevel">) => {
  const format = Option.getOrElse(logFormat, () => (process.stderr.isTTY ? "pretty" : "json"))
  return Layer.mergeAll(
    Logger.layer([format === "json" ? Logger.withConsoleError(Logger.formatJson) : Logger.consolePretty()]),
    Layer.succeed(Logger.LogToStderr, true),
    Layer.succeed(References.MinimumLogLevel, logLevel),
  )
}

/** As the settings have it, for a thread, which is given none. */
export const layerFromSettings = Layer.unwrap(Effect.map(Settings, layer)).pipe(Layer.provide(Settings.layer))
