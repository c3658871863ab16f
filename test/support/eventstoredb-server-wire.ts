/** The protocol's messages from what the log holds, and back. */
import sharedPb from "@eventstore/db-client/generated/shared_pb.js"
import type { Empty, StreamIdentifier, UUID } from "@eventstore/db-client/generated/shared_pb.js"
import streamsPb from "@eventstore/db-client/generated/streams_pb.js"
import type { AppendReq, AppendResp, BatchAppendResp, ReadResp } from "@eventstore/db-client/generated/streams_pb.js"
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js"
import { invalid, missingMetadata } from "./eventstoredb-server-errors.ts"
import type { ExpectedRevision, LogRecord, ProposedEvent } from "./eventstoredb-server-log.ts"

export const nameOf = (identifier: StreamIdentifier | undefined): string => {
  if (identifier === undefined) throw invalid("Required field StreamIdentifier not set.")
  return Buffer.from(identifier.getStreamName_asU8()).toString("utf8")
}

export const identifierOf = (stream: string): StreamIdentifier => {
  const identifier = new sharedPb.StreamIdentifier()
  identifier.setStreamName(Buffer.from(stream, "utf8"))
  return identifier
}

export const idOf = (id: UUID | undefined): string => {
  if (id === undefined) throw invalid("Required field Id not set.")
  const structured = id.getStructured()
  if (structured === undefined) return id.getString().toLowerCase()
  const half = (bits: string) => BigInt.asUintN(64, BigInt(bits)).toString(16).padStart(16, "0")
  const digits = half(structured.getMostSignificantBits()) + half(structured.getLeastSignificantBits())
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
}

/** Both append requests, deletions and tombstones say it in the same way, but for the name of the revision. */
interface Expecting {
  readonly hasNoStream: () => boolean
  readonly hasStreamExists: () => boolean
  readonly hasAny: () => boolean
}

export const expectedOf = (options: Expecting, revision: string): ExpectedRevision =>
  options.hasNoStream()
    ? "no_stream"
    : options.hasStreamExists()
    ? "stream_exists"
    : options.hasAny()
    ? "any"
    : BigInt(revision)

type Proposed = Pick<AppendReq.ProposedMessage, "getId" | "getMetadataMap" | "getData_asU8" | "getCustomMetadata_asU8">

export const proposedOf = (message: Proposed): ProposedEvent => {
  const properties = message.getMetadataMap()
  const type = properties.get("type")
  const contentType = properties.get("content-type")
  if (type === undefined) throw missingMetadata("type")
  if (contentType === undefined) throw missingMetadata("content-type")
  return {
    id: idOf(message.getId()),
    type,
    json: contentType === "application/json",
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  }
}

export const sizeOf = (event: ProposedEvent): number =>
  event.data.length + event.metadata.length + 2 * event.type.length

export const eventResponse = (record: LogRecord): ReadResp => {
  const recorded = new streamsPb.ReadResp.ReadEvent.RecordedEvent()
  const id = new sharedPb.UUID()
  id.setString(record.id)
  recorded.setId(id)
  recorded.setStreamIdentifier(identifierOf(record.stream))
  recorded.setStreamRevision(String(record.revision))
  recorded.setCommitPosition(String(record.position))
  recorded.setPreparePosition(String(record.position))
  recorded.getMetadataMap()
    .set("type", record.type)
    .set("created", String(record.created))
    .set("content-type", record.json ? "application/json" : "application/octet-stream")
  recorded.setCustomMetadata(record.metadata)
  recorded.setData(record.data)
  const event = new streamsPb.ReadResp.ReadEvent()
  event.setEvent(recorded)
  event.setCommitPosition(String(record.position))
  const response = new streamsPb.ReadResp()
  response.setEvent(event)
  return response
}

export const confirmationResponse = (id: string): ReadResp => {
  const confirmation = new streamsPb.ReadResp.SubscriptionConfirmation()
  confirmation.setSubscriptionId(id)
  const response = new streamsPb.ReadResp()
  response.setConfirmation(confirmation)
  return response
}

export const checkpointResponse = (position: bigint): ReadResp => {
  const checkpoint = new streamsPb.ReadResp.Checkpoint()
  checkpoint.setCommitPosition(String(position))
  checkpoint.setPreparePosition(String(position))
  const response = new streamsPb.ReadResp()
  response.setCheckpoint(checkpoint)
  return response
}

export const caughtUpResponse = (): ReadResp => {
  const response = new streamsPb.ReadResp()
  response.setCaughtUp(new streamsPb.ReadResp.CaughtUp())
  return response
}

export const fellBehindResponse = (): ReadResp => {
  const response = new streamsPb.ReadResp()
  response.setFellBehind(new streamsPb.ReadResp.FellBehind())
  return response
}

export const streamNotFoundResponse = (stream: string): ReadResp => {
  const notFound = new streamsPb.ReadResp.StreamNotFound()
  notFound.setStreamIdentifier(identifierOf(stream))
  const response = new streamsPb.ReadResp()
  response.setStreamNotFound(notFound)
  return response
}

export const appendSuccess = (revision: bigint, position: bigint | undefined): AppendResp => {
  const success = new streamsPb.AppendResp.Success()
  success.setCurrentRevision(String(revision))
  if (position === undefined) {
    success.setNoPosition(empty())
  } else {
    const at = new streamsPb.AppendResp.Position()
    at.setCommitPosition(String(position))
    at.setPreparePosition(String(position))
    success.setPosition(at)
  }
  const response = new streamsPb.AppendResp()
  response.setSuccess(success)
  return response
}

export const appendConflict = (expected: ExpectedRevision, current: bigint): AppendResp => {
  const conflict = new streamsPb.AppendResp.WrongExpectedVersion()
  if (current < 0n) conflict.setCurrentNoStream(empty())
  else conflict.setCurrentRevision(String(current))
  if (expected === "any") conflict.setExpectedAny(empty())
  else if (expected === "no_stream") conflict.setExpectedNoStream(empty())
  else if (expected === "stream_exists") conflict.setExpectedStreamExists(empty())
  else conflict.setExpectedRevision(String(expected))
  const response = new streamsPb.AppendResp()
  response.setWrongExpectedVersion(conflict)
  return response
}

export const batchSuccess = (revision: bigint, position: bigint | undefined): BatchAppendResp => {
  const success = new streamsPb.BatchAppendResp.Success()
  success.setCurrentRevision(String(revision))
  if (position === undefined) {
    success.setNoPosition(new emptyPb.Empty())
  } else {
    const at = new sharedPb.AllStreamPosition()
    at.setCommitPosition(String(position))
    at.setPreparePosition(String(position))
    success.setPosition(at)
  }
  const response = new streamsPb.BatchAppendResp()
  response.setSuccess(success)
  return response
}

interface PositionMessage<P> {
  readonly setCommitPosition: (value: string) => P
  readonly setPreparePosition: (value: string) => P
}

export const deletionPosition = <P extends PositionMessage<P>>(position: P, at: bigint): P =>
  position.setCommitPosition(String(at)).setPreparePosition(String(at))

const empty = (): Empty => new sharedPb.Empty()
