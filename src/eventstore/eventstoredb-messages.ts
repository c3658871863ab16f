/** Requests to the server in its own terms, and the events it sends in ours. */
import streams, { type ReadResp } from "@eventstore/db-client/generated/streams_pb.js"
import shared, { type UUID } from "@eventstore/db-client/generated/shared_pb.js"
import { EventUnreadable } from "./errors.ts"
import type { Filter, JsonObject, RecordedEvent } from "./event-store.ts"
import { beginning, type Position } from "./position.ts"

const { FilterOptions, Position: AllPosition } = streams.ReadReq.Options
const empty = new shared.Empty()

/** Sixteen hexadecimal digits of 64 bits, which a number does not hold. */
export const toPosition = (commit: string): Position => hex(commit) as Position
const toCommit = (position: Position): string => BigInt(`0x${position}`).toString()

export const streamIdentifier = (stream: string) => {
  const identifier = new shared.StreamIdentifier()
  identifier.setStreamName(Buffer.from(stream))
  return identifier
}

export const uuid = (id: string) => {
  const message = new shared.UUID()
  message.setString(id)
  return message
}

/** Servers send some back as two numbers. */
export const textOf = (id: UUID | undefined): string => {
  const structured = id?.getStructured()
  if (structured === undefined) return id?.getString() ?? ""
  const digits = hex(structured.getMostSignificantBits()) + hex(structured.getLeastSignificantBits())
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
}

const hex = (bits: string): string => BigInt.asUintN(64, BigInt(bits)).toString(16).padStart(16, "0")

const request = (fill: (options: InstanceType<typeof streams.ReadReq.Options>) => void) => {
  const options = new streams.ReadReq.Options()
  const ids = new streams.ReadReq.Options.UUIDOption()
  ids.setString(empty)
  options.setUuidOption(ids)
  // A link is an event of somebody's projection, and left out like everything that the system writes.
  options.setResolveLinks(false)
  options.setNoFilter(empty)
  fill(options)
  const read = new streams.ReadReq()
  read.setOptions(options)
  return read
}

const forwards = 0
const backwards = 1

export const readStream = (
  stream: string,
  direction: "forwards" | "backwards",
  from: number | undefined,
  limit: number,
) =>
  request((options) => {
    const of = new streams.ReadReq.Options.StreamOptions()
    of.setStreamIdentifier(streamIdentifier(stream))
    if (from !== undefined) of.setRevision(String(from))
    else if (direction === "forwards") of.setStart(empty)
    else of.setEnd(empty)
    options.setStream(of)
    options.setReadDirection(direction === "forwards" ? forwards : backwards)
    options.setCount(String(limit))
  })

/** The newest event of all. */
export const readNewest = () =>
  request((options) => {
    const all = new streams.ReadReq.Options.AllOptions()
    all.setEnd(empty)
    options.setAll(all)
    options.setReadDirection(backwards)
    options.setCount("1")
  })

const allFrom = (position: Position) => {
  const all = new streams.ReadReq.Options.AllOptions()
  if (position === beginning) {
    all.setStart(empty)
  } else {
    const at = new AllPosition()
    at.setCommitPosition(toCommit(position))
    at.setPreparePosition(toCommit(position))
    all.setPosition(at)
  }
  return all
}

/** The server looks at so many events for each page, whether they match or not, and between two checkpoints. */
const searchWindow = 500

const filterOptions = (filter: Filter | undefined) => {
  const expression = new FilterOptions.Expression()
  const prefixes = filter === undefined ? [] : "streams" in filter ? filter.streams : filter.types
  // Without prefixes it is everything but the system's own, or, where a filter has none, nothing at all.
  if (prefixes.length > 0) expression.setPrefixList([...prefixes])
  else expression.setRegex(filter === undefined ? "^[^$]" : "^$")
  const options = new FilterOptions()
  if (filter !== undefined && "types" in filter) options.setEventType(expression)
  else options.setStreamIdentifier(expression)
  options.setMax(searchWindow)
  options.setCheckpointintervalmultiplier(1)
  return options
}

/** Begins with the event that stands at the position, if one does. */
export const readAll = (from: Position, filter: Filter | undefined) =>
  request((options) => {
    options.setAll(allFrom(from))
    options.setFilter(filterOptions(filter))
    options.setReadDirection(forwards)
    options.setCount(String(Number.MAX_SAFE_INTEGER))
  })

/** As `readAll`, of everything, also what the system wrote. */
export const readAllThereIs = (from: Position, limit: number) =>
  request((options) => {
    options.setAll(allFrom(from))
    options.setReadDirection(forwards)
    options.setCount(String(limit))
  })

/** Begins after the position. */
export const subscribeAll = (after: Position, filter: Filter | undefined) =>
  request((options) => {
    options.setAll(allFrom(after))
    options.setFilter(filterOptions(filter))
    options.setReadDirection(forwards)
    options.setSubscription(new streams.ReadReq.Options.SubscriptionOptions())
  })

/** An event as the server sends it. */
export type Sent = NonNullable<ReturnType<NonNullable<ReturnType<ReadResp["getEvent"]>>["getEvent"]>>

/** The event in an answer, if there is one. */
export const sentIn = (answer: ReadResp): Sent | undefined => answer.getEvent()?.getEvent()

export const positionOf = (sent: Sent): Position => toPosition(sent.getCommitPosition())

/** Bytes, about. */
export const sizeOf = (answer: ReadResp): number => {
  const sent = sentIn(answer)
  return sent === undefined ? 0 : sent.getData_asU8().length + sent.getCustomMetadata_asU8().length
}

/** What a filter looks at; undefined where the system wrote it, or a projection, which is for nobody to see. */
export const kindOf = (sent: Sent): { readonly stream: string; readonly type: string } | undefined => {
  const type = sent.getMetadataMap().get("type") ?? ""
  const stream = Buffer.from(sent.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString()
  return type.startsWith("$") || stream.startsWith("$") ? undefined : { stream, type }
}

/** In our terms; undefined as in `kindOf`. */
export const toRecorded = (sent: Sent): RecordedEvent | undefined => {
  const kind = kindOf(sent)
  if (kind === undefined) return undefined
  const { stream, type } = kind
  const metadata = sent.getMetadataMap()
  const position = positionOf(sent)
  try {
    if (metadata.get("content-type") !== "application/json") throw new Error("it is not JSON")
    return {
      id: textOf(sent.getId()),
      type,
      data: object(sent.getData_asU8()),
      metadata: sent.getCustomMetadata_asU8().length === 0 ? {} : object(sent.getCustomMetadata_asU8()),
      stream,
      revision: Number(sent.getStreamRevision()),
      position,
      // Ticks of 100 ns.
      created: Number(metadata.get("created")?.slice(0, -4) ?? 0),
    }
  } catch (cause) {
    throw new EventUnreadable({ position, cause })
  }
}

/** Throws where the bytes are no JSON object. */
export const object = (bytes: Uint8Array): JsonObject => {
  const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
  if (!isObject(value)) throw new Error("it is not a JSON object")
  return value
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)
