/** `Streams.Append` and `Streams.BatchAppend`, with the faults that are to befall them. */
import streamsPb from "@eventstore/db-client/generated/streams_pb.js"
import type {
  AppendReq,
  AppendResp,
  BatchAppendReq,
  BatchAppendResp,
} from "@eventstore/db-client/generated/streams_pb.js"
import type { sendUnaryData, ServerDuplexStream, ServerReadableStream } from "@grpc/grpc-js"
import type { Connections } from "./eventstoredb-server-connections.ts"
import * as Errors from "./eventstoredb-server-errors.ts"
import type { Fault, Faults } from "./eventstoredb-server-faults.ts"
import type { AppendOutcome, EventStoreDbLog, ExpectedRevision, ProposedEvent } from "./eventstoredb-server-log.ts"
import {
  appendConflict,
  appendSuccess,
  batchSuccess,
  expectedOf,
  identifierOf,
  nameOf,
  proposedOf,
  sizeOf,
} from "./eventstoredb-server-wire.ts"

interface Append {
  readonly stream: string
  readonly expected: ExpectedRevision
  readonly fault: Fault | undefined
  /** Epoch milliseconds, by the client's clock. */
  readonly deadline: number
  readonly events: Array<ProposedEvent>
  size: number
}

type Answer = AppendOutcome | { readonly _tag: "NotLeader" } | { readonly _tag: "Timeout" }

export interface Appends {
  readonly append: (call: ServerReadableStream<AppendReq, AppendResp>, answer: sendUnaryData<AppendResp>) => void
  readonly batchAppend: (call: ServerDuplexStream<BatchAppendReq, BatchAppendResp>) => void
  readonly seen: () => number
}

export const makeAppends = (log: EventStoreDbLog, faults: Faults, connections: Connections): Appends => {
  let seen = 0
  let timedOutOnesAreWritten = false

  const begin = (stream: string, expected: ExpectedRevision, deadline: number): Append => {
    seen++
    return { stream, expected, deadline, fault: faults.take(expected), events: [], size: 0 }
  }
  const add = (append: Append, event: ProposedEvent): boolean => {
    append.events.push(event)
    append.size += sizeOf(event)
    return append.size <= Errors.maxAppendSize
  }
  const write = ({ stream, expected, events }: Append) => log.append(stream, expected, events)

  /** Answers at once where no fault says otherwise, so that appends of one call are written in the order they came. */
  const settle = (append: Append, peer: string, answer: (answer: Answer) => void): void => {
    switch (append.fault?._tag) {
      case undefined:
        return answer(write(append))
      case "DropBeforeAppend":
      case "DropDuringAppend":
        return connections.cut(peer)
      case "LoseAnswer":
        write(append)
        return connections.cut(peer)
      case "Conflict":
        return answer({ _tag: "WrongExpectedVersion", current: log.lastRevision(append.stream) + 1n })
      case "NotLeader":
        return answer({ _tag: "NotLeader" })
      case "Timeout":
        timedOutOnesAreWritten = !timedOutOnesAreWritten
        if (timedOutOnesAreWritten) write(append)
        return answer({ _tag: "Timeout" })
      case "Delay": {
        const { millis } = append.fault
        const remaining = append.deadline - Date.now()
        // Who gave up is told so at the deadline; the write itself goes on.
        if (remaining < millis) setTimeout(() => answer({ _tag: "Timeout" }), remaining)
        setTimeout(() => {
          const outcome = write(append)
          if (remaining >= millis) answer(outcome)
        }, millis)
      }
    }
  }

  const append: Appends["append"] = (call, respond) => {
    let current: Append | undefined
    let failed = false
    const fail = (error: unknown) => {
      if (failed) return
      failed = true
      respond(error instanceof Errors.CallError ? error : Errors.unknown(String(error)))
    }
    call.on("data", (request: AppendReq) => {
      if (failed) return
      try {
        const options = request.getOptions()
        if (current === undefined) {
          if (options === undefined) throw Errors.invalid("The first message of an append must be its options.")
          const stream = nameOf(options.getStreamIdentifier())
          current = begin(stream, expectedOf(options, options.getRevision()), Number.POSITIVE_INFINITY)
          if (current.fault?._tag === "DropBeforeAppend") connections.cut(call.getPeer())
          return
        }
        const message = request.getProposedMessage()
        if (message === undefined) throw Errors.invalid("An append has one set of options.")
        if (!add(current, proposedOf(message))) throw Errors.appendTooLarge()
        if (current.fault?._tag === "DropDuringAppend") connections.cut(call.getPeer())
      } catch (error) {
        fail(error)
      }
    })
    call.on("error", () => {})
    call.on("end", () => {
      if (failed || call.cancelled) return
      if (current === undefined) return fail(Errors.invalid("An append without options."))
      const { stream, expected } = current
      settle(current, call.getPeer(), (answer) => {
        switch (answer._tag) {
          case "Success":
            return respond(null, appendSuccess(answer.revision, answer.position))
          case "WrongExpectedVersion":
            return respond(null, appendConflict(expected, answer.current))
          case "StreamDeleted":
            return fail(Errors.streamDeleted(stream))
          case "NotLeader":
            return fail(Errors.notLeader("127.0.0.1", connections.port()))
          case "Timeout":
            return fail(Errors.timeout())
        }
      })
    })
  }

  const batchAppend: Appends["batchAppend"] = (call) => {
    const pending = new Map<string, Append>()
    let answers: Array<BatchAppendResp> = []
    let unanswered = 0
    let halfClosed = false
    let over = false

    const fail = (error: unknown) => {
      over = true
      call.emit("error", error)
    }
    const flush = () => {
      const ready = answers
      answers = []
      if (over || call.cancelled) return
      // Nothing says that answers come in the order of the questions, so a client must not count on it.
      for (const answer of ready.toReversed()) call.write(answer)
      if (halfClosed && unanswered === 0) call.end()
    }
    const send = (request: BatchAppendReq, stream: string, response: BatchAppendResp) => {
      response.setCorrelationId(request.getCorrelationId())
      response.setStreamIdentifier(identifierOf(stream))
      answers.push(response)
      if (answers.length === 1) setImmediate(flush)
    }
    const receive = (request: BatchAppendReq) => {
      const correlation = request.getCorrelationId()?.getString() ?? ""
      const options = request.getOptions()
      if (options !== undefined) {
        const stream = nameOf(options.getStreamIdentifier())
        const deadline = options.getDeadline()?.toDate().getTime() ?? Number.POSITIVE_INFINITY
        const append = begin(stream, expectedOf(options, options.getStreamPosition()), deadline)
        if (deadline <= Date.now()) return send(request, stream, failed(Errors.batchTimeout()))
        if (append.fault?._tag === "DropBeforeAppend") return connections.cut(call.getPeer())
        pending.set(correlation, append)
      }
      const append = pending.get(correlation)
      if (append === undefined) return
      const { stream, expected } = append
      try {
        for (const message of request.getProposedMessagesList()) {
          if (add(append, proposedOf(message))) continue
          pending.delete(correlation)
          return send(request, stream, failed(Errors.batchTooLarge()))
        }
      } catch (error) {
        pending.delete(correlation)
        return send(request, stream, failed(Errors.batchBadRequest(error instanceof Error ? error.message : "")))
      }
      if (append.fault?._tag === "DropDuringAppend") return connections.cut(call.getPeer())
      if (!request.getIsFinal()) return
      pending.delete(correlation)
      unanswered++
      settle(append, call.getPeer(), (answer) => {
        unanswered--
        switch (answer._tag) {
          case "Success":
            return send(request, stream, batchSuccess(answer.revision, answer.position))
          case "WrongExpectedVersion":
            return send(request, stream, failed(Errors.batchWrongExpectedVersion(expected, answer.current)))
          case "StreamDeleted":
            return send(request, stream, failed(Errors.batchStreamDeleted(stream)))
          case "Timeout":
            return send(request, stream, failed(Errors.batchTimeout()))
          case "NotLeader":
            // The whole call fails, and with it all that was under way on it.
            fail(Errors.notLeader("127.0.0.1", connections.port()))
        }
      })
    }
    call.on("data", (request: BatchAppendReq) => {
      if (over || call.cancelled) return
      try {
        receive(request)
      } catch (error) {
        fail(error)
      }
    })
    call.on("end", () => {
      halfClosed = true
      if (unanswered === 0 && answers.length === 0) call.end()
    })
  }

  return { append, batchAppend, seen: () => seen }
}

const failed = (status: ReturnType<typeof Errors.batchTimeout>): BatchAppendResp =>
  new streamsPb.BatchAppendResp().setError(status)
