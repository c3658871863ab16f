import { type Layer, Logger } from "effect"

/** Keeps what is logged, for tests of what an operator is told. */
export const logLines = (): { readonly lines: Array<string>; readonly layer: Layer.Layer<never> } => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => {
    lines.push(String(message))
  })
  return { lines, layer: Logger.layer([logger]) }
}
