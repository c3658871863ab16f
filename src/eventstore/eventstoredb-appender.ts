/**
 * Appends on their way to the server. They go out together on one call, as many as the bounds let, and are answered
 * each by itself, in any order.
 *
 * What waits costs no more than its fiber, since it is serialised only when its turn comes. Where the call breaks, or
 * an answer does not come, nobody knows what of that which was sent has been written: each such append fails with
 * `EventStoreUnavailable`, and the next one that goes out opens a new call.
 */
import shared from "@eventstore/db-client/generated/shared_pb.js"
import type { Status } from "@eventstore/db-client/generated/status_pb.js"
import type { BatchAppendResp } from "@eventstore/db-client/generated/streams_pb.js"
import { type Context, Effect, Metric } from "effect"
import { randomUUID } from "node:crypto"
import { AppendTooLarge, type EventStoreUnavailable, StreamDeleted, WrongExpectedRevision } from "./errors.ts"
import type { EventToAppend, ExpectedRevision } from "./event-store.ts"
import { type Append, serialise } from "./eventstoredb-append-request.ts"
import type { AppendCall, Connection } from "./eventstoredb-connection.ts"
import { Refused, unavailable } from "./eventstoredb-errors.ts"
import { textOf, toPosition } from "./eventstoredb-messages.ts"
import type { Position } from "./position.ts"

/**
 * Sent and not answered at most. With a commit in 5 ms that is 50,000 appends a second, more than a node takes, and
 * few enough to settle one by one after a break.
 */
const maxUnanswered = 256
/** As much of their events: what memory and socket hold, and what is sent again after a break. */
const maxUnansweredBytes = 8 * 1024 * 1024
/** The server gives up on a write after about 2 s. Who has not heard by now waits for an answer that was lost. */
const answerMillis = 10_000
/** No server takes an append of more, and would end the call for it, and all that is on it. */
const maxBytes = 16 * 1024 * 1024

const seconds = Metric.histogram("vehicle_twin_eventstore_append_seconds", {
  description: "Time of an append to EventStoreDB from when it is sent until it is answered",
  boundaries: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
})
const appended = Metric.counter("vehicle_twin_eventstore_appended_events_total", {
  description: "Events that EventStoreDB has made durable",
  incremental: true,
})
const unanswered = Metric.counter("vehicle_twin_eventstore_unanswered_appends_total", {
  description: "Appends to EventStoreDB that were sent and not answered, whose outcome had to be settled",
  incremental: true,
})

export interface Appended {
  readonly revision: number
  /** Undefined where the server did not say. */
  readonly position: Position | undefined
}

export type Answer = Effect.Effect<
  Appended,
  WrongExpectedRevision | StreamDeleted | AppendTooLarge | EventStoreUnavailable
>

interface Waiting extends Append {
  readonly answer: (answer: Answer) => void
  /** Its caller was interrupted before its turn. */
  abandoned: boolean
}

interface Sent extends Waiting {
  readonly bytes: number
  readonly sentAt: number
}

/** One batch append, in which appends are told apart by their correlation ids. */
interface Batch {
  readonly call: AppendCall
  readonly unanswered: Map<string, Sent>
  readonly watch: NodeJS.Timeout
}

export class Appender {
  readonly #connection: Connection
  readonly #context: Context.Context<never>
  #waiting: Array<Waiting> = []
  #batch: Batch | "opening" | undefined
  #unanswered = 0
  #unansweredBytes = 0
  #onClosed: (() => void) | undefined

  constructor(connection: Connection, context: Context.Context<never>) {
    this.#connection = connection
    this.#context = context
  }

  /** If the caller is interrupted before its turn, nothing is sent; after it, the append goes on without it. */
  submit(stream: string, expected: ExpectedRevision, events: ReadonlyArray<EventToAppend>): Answer {
    return Effect.callback((resume) => {
      if (this.#onClosed !== undefined) return resume(this.#lost(new Refused("the event store is closed")))
      const waiting: Waiting = { stream, expected, events, answer: resume, abandoned: false }
      this.#waiting.push(waiting)
      this.#send()
      return Effect.sync(() => {
        waiting.abandoned = true
      })
    })
  }

  /** Waits for the answers to what was accepted. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#onClosed = resolve
      this.#closeWhenDone()
    })
  }

  /** As much of what waits as there is room for. */
  #send(): void {
    if (this.#waiting.length === 0 || this.#batch === "opening") return
    if (this.#batch === undefined) return this.#open()
    while (
      this.#unanswered < maxUnanswered && this.#unansweredBytes < maxUnansweredBytes &&
      !this.#batch.call.writableNeedDrain
    ) {
      // Out of the queue first: who is answered may append again before this goes on.
      const next = this.#waiting.shift()
      if (next === undefined) break
      if (!next.abandoned) this.#write(this.#batch, next)
    }
    this.#closeWhenDone()
  }

  #open(): void {
    this.#batch = "opening"
    const listen = (call: AppendCall) => {
      const batch: Batch = { call, unanswered: new Map(), watch: setInterval(() => watch(batch), 1_000).unref() }
      call
        .on("data", (answer: BatchAppendResp) => this.#answered(batch, answer))
        .on("drain", () => this.#send())
        .on("error", (error) => this.#ended(batch, error))
        .on("end", () => this.#ended(batch, new Error("the server ended the call")))
      this.#batch = batch
      // Once the client has it in its hands, too.
      setImmediate(() => this.#send())
    }
    this.#connection.openAppends(listen).catch((error: unknown) => {
      this.#batch = undefined
      // Everything that waits would meet the same failure; whoever wants to can try again.
      for (const waiting of this.#waiting.splice(0)) waiting.answer(this.#lost(error))
      this.#closeWhenDone()
    })
  }

  #write(batch: Batch, waiting: Waiting): void {
    const correlation = randomUUID()
    let request
    try {
      request = serialise(waiting, correlation)
    } catch (cause) {
      // Not JSON at all: a mistake in the program.
      return waiting.answer(Effect.die(cause))
    }
    const { bytes, messages } = request
    if (bytes > maxBytes) {
      return waiting.answer(Effect.fail(new AppendTooLarge({ stream: waiting.stream, bytes, limit: maxBytes })))
    }
    batch.unanswered.set(correlation, { ...waiting, bytes, sentAt: performance.now() })
    this.#unanswered++
    this.#unansweredBytes += bytes
    for (const message of messages) batch.call.write(message)
  }

  #answered(batch: Batch, response: BatchAppendResp): void {
    const correlation = textOf(response.getCorrelationId())
    const sent = batch.unanswered.get(correlation)
    if (sent === undefined) return
    batch.unanswered.delete(correlation)
    const success = response.getSuccess()
    if (success !== undefined) {
      seconds.updateUnsafe((performance.now() - sent.sentAt) / 1_000, this.#context)
      appended.updateUnsafe(sent.events.length, this.#context)
    }
    this.#settle(sent, success === undefined ? this.#failure(sent, response.getError()) : Effect.succeed({
      revision: Number(success.getCurrentRevision()),
      position: success.hasPosition() ? toPosition(success.getPosition()?.getCommitPosition() ?? "0") : undefined,
    }))
    this.#send()
    this.#closeWhenDone()
  }

  #failure({ bytes, expected, stream }: Sent, status: Status | undefined): Answer {
    const details = status?.getDetails()
    const type = details?.getTypeName() ?? ""
    switch (type) {
      case "event_store.client.WrongExpectedVersion": {
        const wrong = details?.unpack((packed) => shared.WrongExpectedVersion.deserializeBinary(packed), type)
        const current = wrong?.hasCurrentStreamRevision() === true ? Number(wrong.getCurrentStreamRevision()) : -1
        // Some servers say −1 in 64 bits where there is no stream.
        const actual = Number.isSafeInteger(current) ? current : -1
        return Effect.fail(new WrongExpectedRevision({ stream, expected, actual }))
      }
      case "event_store.client.StreamDeleted":
        return Effect.fail(new StreamDeleted({ stream }))
      case "event_store.client.MaximumAppendSizeExceeded": {
        const limit = details?.unpack((packed) => shared.MaximumAppendSizeExceeded.deserializeBinary(packed), type)
        return Effect.fail(new AppendTooLarge({ stream, bytes, limit: limit?.getMaxappendsize() ?? 0 }))
      }
      case "event_store.client.AccessDenied":
        return this.#lost(
          new Refused(`access denied by ${this.#connection.where}: give EVENTSTORE_URL a user who may append`),
        )
      case "event_store.client.BadRequest":
        // A mistake in the program, which as "unavailable" would be tried again for ever.
        return Effect.die(new Error(`${this.#connection.where} refused the append: ${status?.getMessage()}`))
      default:
        return this.#lost(new Error(status?.getMessage() || `the server answered ${type || "nothing"}`))
    }
  }

  #ended(batch: Batch, thrown: Error): void {
    clearInterval(batch.watch)
    if (this.#batch === batch) this.#reopenLater()
    const lost = [...batch.unanswered.values()]
    batch.unanswered.clear()
    if (lost.length > 0) unanswered.updateUnsafe(lost.length, this.#context)
    for (const sent of lost) this.#settle(sent, this.#lost(thrown))
  }

  /** The client hears of a broken connection after us, and until then would open the next call on it. */
  #reopenLater(): void {
    this.#batch = "opening"
    setImmediate(() => {
      this.#batch = undefined
      this.#send()
      this.#closeWhenDone()
    })
  }

  #settle(sent: Sent, answer: Answer): void {
    this.#unanswered--
    this.#unansweredBytes -= sent.bytes
    sent.answer(answer)
  }

  #lost(thrown: unknown): Effect.Effect<never, EventStoreUnavailable> {
    return Effect.fail(unavailable("append", thrown, this.#connection.where))
  }

  #closeWhenDone(): void {
    if (this.#onClosed === undefined || this.#unanswered > 0 || this.#waiting.length > 0) return
    if (this.#batch !== undefined && this.#batch !== "opening") {
      clearInterval(this.#batch.watch)
      this.#batch.call.end()
    }
    this.#onClosed()
  }
}

/** Ends a call on which an answer is missing. */
const watch = ({ call, unanswered }: Batch): void => {
  const [oldest] = unanswered.values()
  if (oldest !== undefined && performance.now() - oldest.sentAt > answerMillis) call.cancel()
}
