/**
 * EventStoreDB's gRPC services over a real socket, for tests: what the real client meets in production, and faults at
 * will. The data is in memory, in `eventstoredb-server-log.ts`, which also holds what an append does with ids and
 * revisions; what comes over the wire is in `-appends`, `-reads` and `-subscriptions`.
 */
import gossipGrpc from "@eventstore/db-client/generated/gossip_grpc_pb.js"
import gossipPb from "@eventstore/db-client/generated/gossip_pb.js"
import serverFeaturesGrpc from "@eventstore/db-client/generated/serverfeatures_grpc_pb.js"
import serverFeaturesPb from "@eventstore/db-client/generated/serverfeatures_pb.js"
import streamsGrpc from "@eventstore/db-client/generated/streams_grpc_pb.js"
import type { IGossipServer } from "@eventstore/db-client/generated/gossip_grpc_pb.js"
import type { IServerFeaturesServer } from "@eventstore/db-client/generated/serverfeatures_grpc_pb.js"
import type { IStreamsServer } from "@eventstore/db-client/generated/streams_grpc_pb.js"
import { Server, ServerCredentials, type ServerInterceptor } from "@grpc/grpc-js"
import { Effect, type Scope } from "effect"
import { makeAppends } from "./eventstoredb-server-appends.ts"
import { makeCertificate } from "./eventstoredb-server-certificate.ts"
import { makeConnections } from "./eventstoredb-server-connections.ts"
import { makeDeletions } from "./eventstoredb-server-deletions.ts"
import { CallError, invalid, unknown } from "./eventstoredb-server-errors.ts"
import { type Fault, makeFaults } from "./eventstoredb-server-faults.ts"
import { EventStoreDbLog } from "./eventstoredb-server-log.ts"
import { read } from "./eventstoredb-server-reads.ts"
import { makeSubscriptions } from "./eventstoredb-server-subscriptions.ts"
import { credentials, onlyUsers } from "./eventstoredb-server-users.ts"

export type { Fault } from "./eventstoredb-server-faults.ts"

export interface EventStoreDbServer {
  readonly url: string
  /** Cuts every connection and listens no more. What was written stays; the recent ids are forgotten. */
  readonly stop: Effect.Effect<void>
  /** On the same port again. */
  readonly start: Effect.Effect<void>
  /** Resets every connection, and goes on listening. */
  readonly cutConnections: Effect.Effect<void>
  /** Befalls one of the appends that follow; several wait in a queue. */
  readonly inject: (fault: Fault) => Effect.Effect<void>
  /** Ends every open subscription with UNAVAILABLE; how many there were. */
  readonly cutSubscriptions: Effect.Effect<number>
  /** The subscriptions that are open now stay open and say nothing, until told otherwise. Later ones speak. */
  readonly silence: (silent: boolean) => Effect.Effect<void>
  /** How many appends came in, those that failed included. */
  readonly appendsSeen: Effect.Effect<number>
  /** How many events were ever written to a stream. */
  readonly countOf: (stream: string) => number
  /** How many connections are open. */
  readonly connections: Effect.Effect<number>
  /** How many subscriptions are open. */
  readonly subscriptions: Effect.Effect<number>
}

/** Without TLS, as a single node is started for development: there credentials are not asked for. */
export const startEventStoreDb: Effect.Effect<EventStoreDbServer, never, Scope.Scope> = Effect.suspend(() =>
  start(ServerCredentials.createInsecure(), [], (port) => `esdb://127.0.0.1:${port}?tls=false`)
)

/** With TLS and the user of `eventstoredb-server-users.ts`, both in the URL. */
export const startSecureEventStoreDb: Effect.Effect<EventStoreDbServer, never, Scope.Scope> = Effect.flatMap(
  makeCertificate,
  ({ file, private_key, cert_chain }) =>
    start(
      ServerCredentials.createSsl(null, [{ private_key, cert_chain }]),
      [onlyUsers],
      (port) => `esdb://${credentials}@localhost:${port}?tls=true&tlsCAFile=${encodeURIComponent(file)}`,
    ),
)

const start = Effect.fnUntraced(function*(
  transport: ServerCredentials,
  interceptors: Array<ServerInterceptor>,
  urlOf: (port: number) => string,
) {
  const log = new EventStoreDbLog()
  const faults = makeFaults()
  const server = new Server({
    interceptors,
    // As the server has it: an event may be of 16 MiB, an append as a whole is bounded elsewhere.
    "grpc.max_receive_message_length": 17 * 1024 * 1024,
  })
  const injector = server.createConnectionInjector(transport)
  const connections = makeConnections((socket) => injector.injectConnection(socket))
  const appends = makeAppends(log, faults, connections)
  const subscriptions = makeSubscriptions(log)

  const streams: IStreamsServer = {
    append: appends.append,
    batchAppend: appends.batchAppend,
    ...makeDeletions(log),
    read: (call) => {
      const options = call.request.getOptions()
      const reading = options === undefined
        ? Promise.reject(invalid("A read without options."))
        : options.hasSubscription()
        ? subscriptions.subscribe(call, options)
        : read(log, call, options)
      reading.then(
        () => call.end(),
        (error) => call.emit("error", error instanceof CallError ? error : unknown(String(error))),
      )
    },
  }
  const features: IServerFeaturesServer = {
    getSupportedMethods: (_call, answer) => {
      const supported = new serverFeaturesPb.SupportedMethods()
      supported.setEventStoreServerVersion("23.10.0.0")
      for (const name of ["append", "batchappend", "delete", "read", "tombstone"]) {
        const method = new serverFeaturesPb.SupportedMethod()
        method.setServiceName("event_store.client.streams.streams")
        method.setMethodName(name)
        supported.addMethods(method)
      }
      answer(null, supported)
    },
  }
  const gossip: IGossipServer = {
    read: (_call, answer) => {
      const endPoint = new gossipPb.EndPoint()
      endPoint.setAddress("127.0.0.1")
      endPoint.setPort(connections.port())
      const member = new gossipPb.MemberInfo()
      member.setState(gossipPb.MemberInfo.VNodeState.LEADER)
      member.setIsAlive(true)
      member.setHttpEndPoint(endPoint)
      const cluster = new gossipPb.ClusterInfo()
      cluster.addMembers(member)
      answer(null, cluster)
    },
  }
  server.addService(streamsGrpc.StreamsService, streams)
  server.addService(serverFeaturesGrpc.ServerFeaturesService, features)
  server.addService(gossipGrpc.GossipService, gossip)

  yield* Effect.acquireRelease(
    Effect.promise(connections.listen),
    () => Effect.andThen(Effect.promise(connections.close), Effect.sync(() => server.forceShutdown())),
  )
  const running: EventStoreDbServer = {
    url: urlOf(connections.port()),
    stop: Effect.promise(connections.close),
    start: Effect.andThen(Effect.sync(() => log.startAnew()), Effect.promise(connections.listen)),
    cutConnections: Effect.sync(connections.cutAll),
    inject: (fault) => Effect.sync(() => faults.add(fault)),
    cutSubscriptions: Effect.sync(subscriptions.cutAll),
    silence: (silent) => Effect.sync(() => subscriptions.silence(silent)),
    appendsSeen: Effect.sync(appends.seen),
    countOf: (stream) => log.countOf(stream),
    connections: Effect.sync(connections.count),
    subscriptions: Effect.sync(subscriptions.count),
  }
  return running
})
