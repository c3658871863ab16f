/** Structured logs on standard error: standard output is for data. */
import { Layer, Logger, Option, References } from "effect"
import type { Settings } from "./settings.ts"

export const layer = ({ logFormat, logLevel }: Pick<Settings["Service"], "logFormat" | "logLevel">) => {
  const format = Option.getOrElse(logFormat, () => (process.stderr.isTTY ? "pretty" : "json"))
  return Layer.mergeAll(
    Logger.layer([format === "json" ? Logger.withConsoleError(Logger.formatJson) : Logger.consolePretty()]),
    Layer.succeed(Logger.LogToStderr, true),
    Layer.succeed(References.MinimumLogLevel, logLevel),
  )
}
