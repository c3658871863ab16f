/**
 * The client, as `EVENTSTORE_URL` says, and the two calls that it lacks or has not as they are needed here.
 *
 * - Batch append: the client's own keeps what is pending in one table of the whole process, where the end of one call
 *   rejects the appends of another whose answers then crash the process, as do writes that wait for room when a
 *   connection breaks.
 * - Reading: the client's own cannot filter, and tells checkpoints apart from the events they come between.
 *
 * So both speak the client's generated messages over the client's connection, which keeps to it: where the server is,
 * TLS, credentials, and connecting anew, to another node if need be. Nothing of that is given with a call.
 */
import { EventStoreDBClient } from "@eventstore/db-client"
import grpc from "@eventstore/db-client/generated/streams_grpc_pb.js"
import type {
  BatchAppendReq,
  BatchAppendResp,
  ReadReq,
  ReadResp,
} from "@eventstore/db-client/generated/streams_pb.js"
import type { ClientDuplexStream, ClientReadableStream } from "@grpc/grpc-js"
import { Effect } from "effect"
import { Refused } from "./eventstoredb-errors.ts"

type Channel = ReturnType<InstanceType<typeof grpc.StreamsClient>["getChannel"]>
export type AppendCall = ClientDuplexStream<BatchAppendReq, BatchAppendResp>
export type ReadCall = ClientReadableStream<ReadResp>

/** What the client knows, in lower case. Where it meets another option it prints the whole URL, password included. */
const knownOptions = new Set([
  "connectionname",
  "defaultdeadline",
  "discoveryinterval",
  "gossiptimeout",
  "keepaliveinterval",
  "keepalivetimeout",
  "maxdiscoverattempts",
  "nodepreference",
  "throwonappendfailure",
  "tls",
  "tlscafile",
  "usercertfile",
  "userkeyfile",
])

export class Connection {
  readonly client: EventStoreDBClient
  /** Where the server is: the URL without credentials and options. */
  readonly where: string
  #channel: Channel | undefined
  #closed = false

  /** Fails if the URL is not one; does not connect. */
  static readonly make = (url: string): Effect.Effect<Connection, Refused> =>
    Effect.try({
      try: () => new Connection(url),
      catch: (cause) => cause instanceof Refused ? cause : new Refused(`EVENTSTORE_URL cannot be used: ${safe(cause)}`),
    })

  private constructor(url: string) {
    this.where = check(url)
    this.client = EventStoreDBClient.connectionString(url)
    // When a call breaks while another looks for a node and finds none, the client leaves that rejection to nobody,
    // which ends the process. Who looked is told anyway.
    const handleError = this.client["handleError"]
    this.client["handleError"] = (client, error) => handleError(client, error).catch(() => {})
  }

  /** `listen` is called before anything can have come. */
  readonly openAppends = (listen: (call: AppendCall) => void): Promise<AppendCall> =>
    this.client["GRPCStreamCreator"](grpc.StreamsClient, "batchAppend", (client) => {
      this.#use(client.getChannel())
      const call = client.batchAppend(...this.client["callArguments"]({}, { deadline: Infinity }))
      listen(call)
      return call
    })()

  /** As `openAppends`. */
  readonly openRead = (request: ReadReq, listen: (call: ReadCall) => void): Promise<ReadCall> =>
    this.client["GRPCStreamCreator"](grpc.StreamsClient, "read", (client) => {
      this.#use(client.getChannel())
      const call = client.read(request, ...this.client["callArguments"]({}, { deadline: Infinity }))
      listen(call)
      return call
    })()

  /** Ends what is open, and what is still looking for a node. The client's own `dispose` leaves its sockets. */
  readonly close: Effect.Effect<void> = Effect.promise(async () => {
    this.#closed = true
    await this.client.dispose()
    this.#channel?.close()
  })

  #use(channel: Channel): void {
    if (this.#closed) {
      channel.close()
      throw new Refused("the event store is closed")
    }
    this.#channel = channel
  }
}

const connectionString =
  /^esdb(?:\+discover)?:\/\/(?:(?<credentials>.*)@)?(?<hosts>[^@/?]+)\/?(?:\?(?<options>.*))?$/s

/** Gives what of the URL may be shown. */
const check = (url: string): string => {
  const found = connectionString.exec(url.trim())
  if (found === null) {
    throw new Refused(
      "EVENTSTORE_URL is not a connection string: expected esdb://user:password@host:2113?tls=true, or "
        + "esdb+discover:// for a cluster, with what is special in the password percent-encoded",
    )
  }
  const { credentials, hosts = "", options = "" } = found.groups ?? {}
  if (credentials !== undefined && !/^[^:@]+:[^:@]+$/.test(credentials)) {
    throw new Refused(
      "EVENTSTORE_URL has credentials that are not user:password, with what is special in them percent-encoded",
    )
  }
  for (const option of options.split("&").filter((text) => text !== "")) {
    const name = option.split("=", 1)[0] ?? ""
    const flat = name.trim().toLowerCase().replace(/[_-]/g, "")
    if (flat === "tlsverifycert") {
      throw new Refused(`EVENTSTORE_URL has the option ${name}, which the client has not: name the CA with tlsCAFile`)
    }
    if (!knownOptions.has(flat)) {
      throw new Refused(`EVENTSTORE_URL has an option that the client does not know: ${name}`)
    }
  }
  return hosts.split(",").map((host) => host.includes(":") ? host : `${host}:2113`).join(", ")
}

/** The client's messages may quote the URL from anywhere in it; those that cannot are about files. */
const safe = (cause: unknown): string =>
  cause instanceof Error && !("connectionString" in cause)
    ? cause.message
    : "one of its hosts or options is not as the client expects it"
