/** Who may call a server that knows users, as EventStoreDB has it: anyone sees the cluster, only users the streams. */
import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
  ResponderBuilder,
  status,
} from "@grpc/grpc-js"

/** The one user, in the form that a connection string has it. */
export const credentials = "admin:changeit"

const expected = `Basic ${Buffer.from(credentials).toString("base64")}`

export const onlyUsers: ServerInterceptor = (method, call) => {
  const listener = new ServerListenerBuilder().withOnReceiveMetadata((metadata, next) => {
    const given = metadata.get("authorization")[0]
    if (given === expected || (given === undefined && !method.path.includes(".streams."))) return next(metadata)
    // What the server answers with HTTP, and what it finds out later.
    if (given !== undefined) return call.sendStatus({ code: status.UNAUTHENTICATED, details: "Unauthorized" })
    const trailers = new Metadata()
    trailers.set("exception", "access-denied")
    call.sendStatus({ code: status.PERMISSION_DENIED, details: "Access Denied", metadata: trailers })
  }).build()
  return new ServerInterceptingCall(
    call,
    new ResponderBuilder().withStart((next) => next(listener)).build(),
  )
}
