/** `Streams.Delete` and `Streams.Tombstone`. */
import streamsPb from "@eventstore/db-client/generated/streams_pb.js"
import type { IStreamsServer } from "@eventstore/db-client/generated/streams_grpc_pb.js"
import * as Errors from "./eventstoredb-server-errors.ts"
import type { EventStoreDbLog, ExpectedRevision } from "./eventstoredb-server-log.ts"
import { deletionPosition, expectedOf, nameOf } from "./eventstoredb-server-wire.ts"

export const makeDeletions = (log: EventStoreDbLog): Pick<IStreamsServer, "delete" | "tombstone"> => {
  const remove = (stream: string, expected: ExpectedRevision, tombstone: boolean): bigint => {
    const outcome = log.delete(stream, expected, tombstone)
    switch (outcome._tag) {
      case "Success":
        return outcome.position ?? 0n
      case "StreamDeleted":
        throw Errors.streamDeleted(stream)
      case "WrongExpectedVersion":
        throw Errors.wrongExpectedVersion(stream, expected, outcome.current)
    }
  }
  const errorOf = (error: unknown) => error instanceof Errors.CallError ? error : Errors.unknown(String(error))
  return {
    delete: (call, answer) => {
      try {
        const options = call.request.getOptions() ?? new streamsPb.DeleteReq.Options()
        const stream = nameOf(options.getStreamIdentifier())
        const at = remove(stream, expectedOf(options, options.getRevision()), false)
        answer(null, new streamsPb.DeleteResp().setPosition(deletionPosition(new streamsPb.DeleteResp.Position(), at)))
      } catch (error) {
        answer(errorOf(error))
      }
    },
    tombstone: (call, answer) => {
      try {
        const options = call.request.getOptions() ?? new streamsPb.TombstoneReq.Options()
        const stream = nameOf(options.getStreamIdentifier())
        const at = remove(stream, expectedOf(options, options.getRevision()), true)
        const position = deletionPosition(new streamsPb.TombstoneResp.Position(), at)
        answer(null, new streamsPb.TombstoneResp().setPosition(position))
      } catch (error) {
        answer(errorOf(error))
      }
    },
  }
}
