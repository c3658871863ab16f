/** Which events of the whole log a read or a subscription asks for. */
import type { ReadReq } from "@eventstore/db-client/generated/streams_pb.js"
import { invalid } from "./eventstoredb-server-errors.ts"
import type { LogRecord } from "./eventstoredb-server-log.ts"

/** The server looks at so many events at once where the client does not say. */
const defaultWindow = 32

export interface ReadFilter {
  readonly matches: (record: LogRecord) => boolean
  /** A checkpoint is due after so many events that were looked at. */
  readonly checkpointInterval: number
}

export const filterOf = (options: ReadReq.Options.FilterOptions | undefined): ReadFilter | undefined => {
  if (options === undefined) return undefined
  const onStream = options.getStreamIdentifier()
  const expression = onStream ?? options.getEventType()
  if (expression === undefined) throw invalid("A filter filters by stream or by type.")
  const multiplier = options.getCheckpointintervalmultiplier()
  if (multiplier === 0) throw invalid("The checkpoint interval multiplier must be greater than 0.")
  const passes = matcher(expression)
  return {
    matches: onStream === undefined ? ({ type }) => passes(type) : ({ stream }) => passes(stream),
    checkpointInterval: multiplier * (options.hasMax() ? options.getMax() : defaultWindow),
  }
}

const matcher = (expression: ReadReq.Options.FilterOptions.Expression): (name: string) => boolean => {
  const prefixes = expression.getPrefixList()
  if (prefixes.length > 0) return (name) => prefixes.some((prefix) => name.startsWith(prefix))
  const regex = new RegExp(expression.getRegex(), "u")
  return (name) => regex.test(name)
}
