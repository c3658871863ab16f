/** A server that says what a test wants, where that is nothing that a log would say: lagging, silent, or at odds. */
import streamsGrpc from "@eventstore/db-client/generated/streams_grpc_pb.js"
import streams, { type ReadReq, type ReadResp } from "@eventstore/db-client/generated/streams_pb.js"
import { Server, ServerCredentials, type ServerWritableStream } from "@grpc/grpc-js"
import { Effect } from "effect"

export const answers = {
  event: (position: number, type = "Tested") => {
    const recorded = new streams.ReadResp.ReadEvent.RecordedEvent()
    recorded.getMetadataMap()
      .set("type", type)
      .set("content-type", "application/json")
      .set("created", "17000000000000000")
    recorded.setData(Buffer.from("{}"))
    recorded.setCommitPosition(String(position))
    recorded.setPreparePosition(String(position))
    recorded.setStreamRevision(String(position))
    return new streams.ReadResp().setEvent(new streams.ReadResp.ReadEvent().setEvent(recorded))
  },
  checkpoint: (position: number) =>
    new streams.ReadResp().setCheckpoint(
      new streams.ReadResp.Checkpoint().setCommitPosition(String(position)).setPreparePosition(String(position)),
    ),
  caughtUp: () => new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp()),
  fellBehind: () => new streams.ReadResp().setFellBehind(new streams.ReadResp.FellBehind()),
  confirmation: () => new streams.ReadResp().setConfirmation(new streams.ReadResp.SubscriptionConfirmation()),
}

/** What a read is of. */
export const kindOf = (request: ReadReq): "subscription" | "head" | "log" | "stream" => {
  const options = request.getOptions()
  if (options?.hasSubscription() === true) return "subscription"
  if (options?.hasStream() === true) return "stream"
  return options?.getReadDirection() === 1 ? "head" : "log"
}

/** Answers every read so; gives its port. */
export const reading = (
  read: (call: ServerWritableStream<ReadReq, ReadResp>) => void,
  credentials = ServerCredentials.createInsecure(),
) =>
  Effect.gen(function*() {
    const server = new Server()
    server.addService(streamsGrpc.StreamsService, { read })
    return yield* Effect.acquireRelease(
      Effect.promise(() =>
        new Promise<number>((resolve, reject) => {
          server.bindAsync("127.0.0.1:0", credentials, (error, port) => error === null ? resolve(port) : reject(error))
        })
      ),
      () => Effect.sync(() => server.forceShutdown()),
    )
  })
