/** `Streams.Read` where it ends: of a stream or of `$all`, in either direction. */
import type { ReadReq, ReadResp } from "@eventstore/db-client/generated/streams_pb.js"
import type { ServerWritableStream } from "@grpc/grpc-js"
import * as Errors from "./eventstoredb-server-errors.ts"
import { filterOf } from "./eventstoredb-server-filter.ts"
import type { EventStoreDbLog, LogRecord } from "./eventstoredb-server-log.ts"
import { deletedRevision } from "./eventstoredb-server-metadata.ts"
import { eventResponse, nameOf, streamNotFoundResponse } from "./eventstoredb-server-wire.ts"

export type ReadCall = ServerWritableStream<ReadReq, ReadResp>

/** Sends a response and waits while the client takes no more. False where the call is over. */
export const send = async (call: ReadCall, response: ReadResp): Promise<boolean> => {
  if (call.cancelled || call.destroyed) return false
  if (call.write(response)) return true
  await new Promise<void>((resolve) => {
    const done = () => {
      call.off("drain", done).off("cancelled", done).off("close", done).off("error", done)
      resolve()
    }
    call.on("drain", done).on("cancelled", done).on("close", done).on("error", done)
  })
  return !call.cancelled && !call.destroyed
}

/** A scan that sends nothing gives way to others after so many events. */
export const scanned = 1_000

export const pause = () => new Promise<void>((resolve) => setImmediate(resolve))

export const read = async (log: EventStoreDbLog, call: ReadCall, options: ReadReq.Options): Promise<void> => {
  const forwards = options.getReadDirection() === 0
  const count = BigInt(options.getCount())
  const stream = options.getStream()
  if (stream !== undefined) {
    const name = nameOf(stream.getStreamIdentifier())
    const view = log.view(name)
    if (view._tag === "Deleted") throw Errors.streamDeleted(name)
    if (view._tag === "NotFound") {
      await send(call, streamNotFoundResponse(name))
      return
    }
    const end = view.records.length
    const asked = stream.hasStart() ? 0n : stream.hasEnd() ? deletedRevision : BigInt(stream.getRevision())
    const from = Number(asked < BigInt(end) ? asked : BigInt(forwards ? end : end - 1))
    await (forwards
      ? sendForwards(call, view.records, Math.max(from, view.first), count, always)
      : sendBackwards(call, view.records, from, view.first, count, always))
    return
  }
  const all = options.getAll()
  if (all === undefined) throw Errors.invalid("A read reads a stream or all.")
  const matches = filterOf(options.getFilter())?.matches ?? always
  const position = all.getPosition()
  const at = position === undefined ? undefined : BigInt(position.getCommitPosition())
  // Forwards a read begins with the event at its position, backwards with the one before it.
  if (forwards) {
    const from = at === undefined ? (all.hasEnd() ? log.records.length : 0) : indexAt(log, at)
    await sendForwards(call, log.records, from, count, matches)
  } else {
    const from = at === undefined ? (all.hasEnd() ? log.records.length : 0) : indexAt(log, at)
    await sendBackwards(call, log.records, from - 1, 0, count, matches)
  }
}

/** A position is one that the server gave: in the midst of a record there is nothing to read. */
export const indexAt = (log: EventStoreDbLog, position: bigint): number => {
  if (position === 0n) return 0
  const after = log.indexAfter(position)
  if (log.records[after - 1]?.position === position) return after - 1
  if (after === log.records.length) return after
  throw Errors.unknown(`No record begins at position ${position}.`)
}

/** The index of the first event after such a position. */
export const indexPast = (log: EventStoreDbLog, position: bigint): number => {
  indexAt(log, position)
  return log.indexAfter(position)
}

const always = () => true

const sendForwards = async (
  call: ReadCall,
  records: ReadonlyArray<LogRecord>,
  from: number,
  count: bigint,
  matches: (record: LogRecord) => boolean,
): Promise<void> => {
  let sent = 0n
  // A record that comes while this goes on belongs to it, as it does with the server.
  for (let index = from; index < records.length && sent < count; index++) {
    const record = records[index]
    if (index % scanned === 0) await pause()
    if (record === undefined || !matches(record)) continue
    if (!(await send(call, eventResponse(record)))) return
    sent++
  }
}

const sendBackwards = async (
  call: ReadCall,
  records: ReadonlyArray<LogRecord>,
  from: number,
  first: number,
  count: bigint,
  matches: (record: LogRecord) => boolean,
): Promise<void> => {
  let sent = 0n
  for (let index = from; index >= first && sent < count; index--) {
    const record = records[index]
    if (index % scanned === 0) await pause()
    if (record === undefined || !matches(record)) continue
    if (!(await send(call, eventResponse(record)))) return
    sent++
  }
}
