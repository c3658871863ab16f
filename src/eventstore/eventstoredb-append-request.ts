/** An append as the messages of a batch append: several where its events would not go into one. */
import streams from "@eventstore/db-client/generated/streams_pb.js"
import type { BatchAppendReq } from "@eventstore/db-client/generated/streams_pb.js"
import google from "google-protobuf/google/protobuf/empty_pb.js"
import timestamp from "google-protobuf/google/protobuf/timestamp_pb.js"
import type { EventToAppend, ExpectedRevision } from "./event-store.ts"
import { streamIdentifier, uuid } from "./eventstoredb-messages.ts"

/**
 * The deadline that goes with an append is a time by our clock, which the server compares with its own, beside a limit
 * that it has itself. So far ahead a clock that is minutes off does no harm.
 */
const deadlineMillis = 60 * 60 * 1000
/** Events of so many bytes share a message; the server takes messages of up to 17 MiB. */
const maxMessageBytes = 3 * 1024 * 1024
/** What comes with an event, beside its data and the length of its type: id, names, lengths. */
const overheadBytes = 128

export interface Append {
  readonly stream: string
  readonly expected: ExpectedRevision
  readonly events: ReadonlyArray<EventToAppend>
}

const empty = new google.Empty()

/** The messages of an append, and the bytes of data and metadata in them. Throws where an event is not JSON. */
export const serialise = ({ events, expected, stream }: Append, correlation: string) => {
  const messages: Array<BatchAppendReq> = []
  let message = newMessage(correlation)
  message.setOptions(optionsOf(stream, expected))
  let bytes = 0
  let messageBytes = 0
  for (const event of events) {
    const data = Buffer.from(JSON.stringify(event.data))
    const metadata = Buffer.from(JSON.stringify(event.metadata))
    const size = data.length + metadata.length
    // Of so little data that it takes a message of several times its size, there may be much.
    const sent = size + event.type.length * 3 + overheadBytes
    if (messageBytes > 0 && messageBytes + sent > maxMessageBytes) {
      messages.push(message)
      message = newMessage(correlation)
      messageBytes = 0
    }
    const proposed = new streams.BatchAppendReq.ProposedMessage()
    proposed.setId(uuid(event.id))
    proposed.getMetadataMap().set("type", event.type).set("content-type", "application/json")
    proposed.setData(data)
    proposed.setCustomMetadata(metadata)
    message.addProposedMessages(proposed)
    messageBytes += sent
    bytes += size
  }
  message.setIsFinal(true)
  messages.push(message)
  return { messages, bytes }
}

const newMessage = (correlation: string) => {
  const message = new streams.BatchAppendReq()
  message.setCorrelationId(uuid(correlation))
  return message
}

const optionsOf = (stream: string, expected: ExpectedRevision) => {
  const options = new streams.BatchAppendReq.Options()
  options.setStreamIdentifier(streamIdentifier(stream))
  options.setDeadline(timestamp.Timestamp.fromDate(new Date(Date.now() + deadlineMillis)))
  if (expected === "any") options.setAny(empty)
  else if (expected === "no_stream") options.setNoStream(empty)
  else if (expected === "stream_exists") options.setStreamExists(empty)
  else options.setStreamPosition(String(expected))
  return options
}
