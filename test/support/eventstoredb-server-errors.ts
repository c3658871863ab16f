/** How EventStoreDB says that something failed: as a gRPC status with trailers, or inside a batch append's answer. */
import sharedPb from "@eventstore/db-client/generated/shared_pb.js"
import statusPb from "@eventstore/db-client/generated/status_pb.js"
import codePb from "@eventstore/db-client/generated/code_pb.js"
import type { Code } from "@eventstore/db-client/generated/code_pb.js"
import type { Status } from "@eventstore/db-client/generated/status_pb.js"
import { Metadata, status } from "@grpc/grpc-js"
import anyPb from "google-protobuf/google/protobuf/any_pb.js"
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js"
import type { ExpectedRevision } from "./eventstoredb-server-log.ts"

/** The most that one append may hold, in bytes of data, metadata and type: the server's `MaxAppendSize`. */
export const maxAppendSize = 1024 * 1024

/** What a call fails with. grpc-js reads the code, the details and the trailers off the error. */
export class CallError extends Error {
  readonly code: status
  readonly details: string
  readonly metadata: Metadata

  constructor(code: status, details: string, trailers: Readonly<Record<string, string>> = {}) {
    super(details)
    this.code = code
    this.details = details
    this.metadata = new Metadata()
    for (const [key, value] of Object.entries(trailers)) this.metadata.set(key, value)
  }
}

export const timeout = () => new CallError(status.ABORTED, "Operation timed out. Details: Commit phase timeout.")

export const unavailable = (details: string) => new CallError(status.UNAVAILABLE, details)

export const invalid = (details: string) => new CallError(status.INVALID_ARGUMENT, details)

export const unknown = (details: string) => new CallError(status.UNKNOWN, details)

export const notLeader = (host: string, port: number) =>
  new CallError(status.NOT_FOUND, "Leader info available", {
    "exception": "not-leader",
    "leader-endpoint-host": host,
    "leader-endpoint-port": String(port),
  })

export const streamDeleted = (stream: string) =>
  new CallError(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, {
    "exception": "stream-deleted",
    "stream-name": stream,
  })

export const appendTooLarge = () =>
  new CallError(status.INVALID_ARGUMENT, `Maximum Append Size of ${maxAppendSize} Exceeded.`, {
    "exception": "maximum-append-size-exceeded",
    "maximum-append-size": String(maxAppendSize),
  })

export const missingMetadata = (property: string) =>
  new CallError(status.INVALID_ARGUMENT, `Required Metadata Property '${property}' is missing`, {
    "exception": "missing-required-metadata-property",
    "required-metadata-properties": "type,content-type",
  })

/** Of a deletion; appends have an answer of their own for it. */
export const wrongExpectedVersion = (stream: string, expected: ExpectedRevision, current: bigint) =>
  new CallError(
    status.FAILED_PRECONDITION,
    `Append failed due to WrongExpectedVersion. Stream: ${stream}, ` +
      `Expected version: ${versionOf(expected)}, Actual version: ${current}`,
    {
      "exception": "wrong-expected-version",
      "stream-name": stream,
      "expected-version": String(versionOf(expected)),
      "actual-version": String(current),
    },
  )

const versionOf = (expected: ExpectedRevision): bigint => {
  switch (expected) {
    case "no_stream":
      return -1n
    case "any":
      return -2n
    case "stream_exists":
      return -4n
    default:
      return expected
  }
}

export const batchWrongExpectedVersion = (expected: ExpectedRevision, current: bigint): Status => {
  const details = new sharedPb.WrongExpectedVersion()
  if (current < 0n) details.setCurrentNoStream(new emptyPb.Empty())
  else details.setCurrentStreamRevision(String(current))
  if (expected === "any") details.setExpectedAny(new emptyPb.Empty())
  else if (expected === "no_stream") details.setExpectedNoStream(new emptyPb.Empty())
  else if (expected === "stream_exists") details.setExpectedStreamExists(new emptyPb.Empty())
  else details.setExpectedStreamPosition(String(expected))
  return batchStatus(codePb.Code.FAILED_PRECONDITION, "WrongExpectedVersion", details)
}

export const batchStreamDeleted = (stream: string): Status => {
  const details = new sharedPb.StreamDeleted()
  const identifier = new sharedPb.StreamIdentifier()
  identifier.setStreamName(Buffer.from(stream, "utf8"))
  details.setStreamIdentifier(identifier)
  return batchStatus(codePb.Code.FAILED_PRECONDITION, "StreamDeleted", details)
}

export const batchTimeout = (): Status => batchStatus(codePb.Code.DEADLINE_EXCEEDED, "Timeout", new sharedPb.Timeout())

export const batchTooLarge = (): Status => {
  const details = new sharedPb.MaximumAppendSizeExceeded()
  details.setMaxappendsize(maxAppendSize)
  return batchStatus(codePb.Code.INVALID_ARGUMENT, "MaximumAppendSizeExceeded", details)
}

export const batchBadRequest = (message: string): Status => {
  const details = new sharedPb.BadRequest()
  details.setMessage(message)
  return batchStatus(codePb.Code.INVALID_ARGUMENT, message, details, "BadRequest")
}

const batchStatus = (
  code: Code,
  message: string,
  details: { readonly serializeBinary: () => Uint8Array },
  type = message,
): Status => {
  const packed = new anyPb.Any()
  packed.pack(details.serializeBinary(), `event_store.client.${type}`)
  const answer = new statusPb.Status()
  answer.setCode(code)
  answer.setMessage(message)
  answer.setDetails(packed)
  return answer
}
