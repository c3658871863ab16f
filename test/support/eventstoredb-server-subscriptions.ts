/** `Streams.Read` where it goes on: history, then what is appended. */
import { randomUUID } from "node:crypto"
import type { ReadReq } from "@eventstore/db-client/generated/streams_pb.js"
import * as Errors from "./eventstoredb-server-errors.ts"
import { filterOf, type ReadFilter } from "./eventstoredb-server-filter.ts"
import type { EventStoreDbLog, LogRecord } from "./eventstoredb-server-log.ts"
import { indexPast, pause, type ReadCall, scanned, send } from "./eventstoredb-server-reads.ts"
import {
  caughtUpResponse,
  checkpointResponse,
  confirmationResponse,
  eventResponse,
  fellBehindResponse,
  nameOf,
} from "./eventstoredb-server-wire.ts"

/** A live subscription that lags by more has fallen behind, and catches up again. */
const behind = 500

export interface Subscriptions {
  readonly subscribe: (call: ReadCall, options: ReadReq.Options) => Promise<void>
  readonly count: () => number
  /** How many were cut. */
  readonly cutAll: () => number
  /** The subscriptions open now say nothing, until told otherwise; those that come later speak. */
  readonly silence: (silent: boolean) => void
}

interface Subscription {
  readonly call: ReadCall
  silent: boolean
  ended: boolean
  /** Wakes it where it waits. */
  wake: () => void
}

/** What a subscription goes over: the whole log, or a stream. */
interface Source {
  readonly records: ReadonlyArray<LogRecord>
  readonly from: number
}

const noRecords: ReadonlyArray<LogRecord> = []

export const makeSubscriptions = (log: EventStoreDbLog): Subscriptions => {
  const open = new Set<Subscription>()

  const subscribe: Subscriptions["subscribe"] = async (call, options) => {
    const source = sourceOf(options)
    const filter = filterOf(options.getFilter())
    const subscription: Subscription = { call, silent: false, ended: false, wake: () => {} }
    const end = () => {
      subscription.ended = true
      subscription.wake()
    }
    const unsubscribe = log.onAppend(() => subscription.wake())
    call.on("cancelled", end).on("close", end).on("error", end)
    open.add(subscription)
    try {
      await run(subscription, source, filter)
    } finally {
      open.delete(subscription)
      unsubscribe()
    }
  }

  const sourceOf = (options: ReadReq.Options): () => Source => {
    const all = options.getAll()
    if (all !== undefined) {
      const position = all.getPosition()
      const at = position === undefined ? undefined : BigInt(position.getCommitPosition())
      const from = at === undefined
        ? (all.hasEnd() ? log.records.length : 0)
        : indexPast(log, at)
      return () => ({ records: log.records, from })
    }
    const stream = options.getStream()
    if (stream === undefined) throw Errors.invalid("A subscription is to a stream or to all.")
    const name = nameOf(stream.getStreamIdentifier())
    const after = stream.hasStart() ? -1 : stream.hasEnd() ? log.countOf(name) - 1 : Number(stream.getRevision())
    // A stream that is not there yet may come.
    return () => {
      const view = log.view(name)
      if (view._tag === "Deleted") throw Errors.streamDeleted(name)
      return view._tag === "NotFound"
        ? { records: noRecords, from: 0 }
        : { records: view.records, from: Math.max(after + 1, view.first) }
    }
  }

  const run = async (subscription: Subscription, source: () => Source, filter: ReadFilter | undefined) => {
    const { call } = subscription
    let { records, from } = source()
    let index = from
    let live = false
    let sinceCheckpoint = 0
    await send(call, confirmationResponse(randomUUID()))
    while (!subscription.ended) {
      if (records === noRecords) {
        ;({ records, from } = source())
        index = from
      }
      if (subscription.silent || (live && index >= records.length)) {
        await new Promise<void>((wake) => {
          subscription.wake = wake
        })
        continue
      }
      const record = records[index]
      if (record === undefined) {
        live = true
        const last = records.at(-1)
        if (filter !== undefined && last !== undefined) await send(call, checkpointResponse(last.position))
        sinceCheckpoint = 0
        await send(call, caughtUpResponse())
        continue
      }
      if (live && records.length - index > behind) {
        live = false
        await send(call, fellBehindResponse())
      }
      index++
      const due = filter !== undefined && ++sinceCheckpoint >= filter.checkpointInterval
      const matching = filter === undefined || filter.matches(record)
      // Live, a checkpoint may come before the event that stands at its position.
      if (due && live) await send(call, checkpointResponse(record.position))
      if (matching) await send(call, eventResponse(record))
      if (due && !live) await send(call, checkpointResponse(record.position))
      if (due) sinceCheckpoint = 0
      if (index % scanned === 0) await pause()
    }
  }

  return {
    subscribe,
    count: () => open.size,
    cutAll: () => {
      const cut = [...open]
      for (const { call } of cut) call.emit("error", Errors.unavailable("The subscription was dropped."))
      return cut.length
    },
    silence: (silent) => {
      for (const subscription of open) {
        subscription.silent = silent
        subscription.wake()
      }
    },
  }
}
