/** Structured logs on standard error: standard output is for data. */
import { Layer, Logger, Option, References } from "effect"
import type { Settings } from "./settings.ts"

export const layer = ({ logFormat, logLevel }: Pick<Settings["Service"], "logFormat" | "logLevel">) => {
  const isPretty = Option.getOrElse(logFormat, () => (process.stderr.isTTY ? "pretty" : "json")) === "pretty"
  return Layer.mergeAll(
    Logger.layer([Logger.withConsoleError(isPretty ? Logger.formatLogFmt : Logger.formatJson)]),
    Layer.succeed(References.MinimumLogLevel, logLevel),
  )
}
