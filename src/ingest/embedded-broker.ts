/**
 * An MQTT broker (3.1.1) inside this process. A vehicle's own PUBACK waits until its message is durable; other clients
 * may subscribe to what vehicles publish, once it is. Topics that are not the vehicles' own pass as with any broker.
 */
import { createServer, type Socket } from "node:net"
import { Aedes, type AedesOptions, type Client } from "aedes"
import { Clock, Effect, Layer } from "effect"
import { InOrder } from "./in-order.ts"
import { type Connection, Intake } from "./intake.ts"
import { CannotListen, type EmbeddedBrokerOptions, Mqtt, stopWithin } from "./mqtt.ts"
import { Outstanding } from "./outstanding.ts"
import * as Topics from "./topics.ts"

export const layer = (options: EmbeddedBrokerOptions) => Layer.effect(Mqtt, make(options))

type AuthorizePublish = NonNullable<AedesOptions["authorizePublish"]>

interface VehicleConnection extends Connection {
  readonly order: InOrder
}

const make = Effect.fnUntraced(function*(options: EmbeddedBrokerOptions) {
  const intake = yield* Intake
  const clock = yield* Clock.Clock
  const log = Effect.runForkWith(yield* Effect.context())
  const topics = Topics.make(options.topicPrefix)
  const outstanding = new Outstanding()
  const connections = new WeakMap<Client, VehicleConnection>()
  let stopping = false

  const connectionOf = (client: Client): VehicleConnection => {
    const known = connections.get(client)
    if (known !== undefined) return known
    const connection = { failed: false, order: new InOrder() }
    connections.set(client, connection)
    return connection
  }

  const authorizePublish: AuthorizePublish = (client, packet, done) => {
    // The broker closes connections as it stops, and would take that for the vehicles' end: they get no last will.
    if (stopping) return done(new Error("the broker is stopping"))
    const { payload, qos, topic } = packet
    if (topic.startsWith("$SYS/")) return done(new Error("$SYS topics are the broker's own"))
    if (!topics.isUp(topic)) return done()
    // A will comes after its connection.
    const connection = client === null || client.closed ? undefined : connectionOf(client)
    if (connection?.failed === true) return done(new Error("a message before this one could not be taken"))
    // QoS 0 is answered by nothing that could be out of order.
    const inTurn = connection === undefined || qos === 0 ? done : connection.order.add(done)
    outstanding.taken()
    intake.offer({
      route: topics.route(topic),
      payload: typeof payload === "string" ? Buffer.from(payload) : payload,
      receivedAt: clock.currentTimeMillisUnsafe(),
      source: { kind: "mqtt", topic },
      connection,
      settled: (durable) => {
        if (durable) inTurn()
        // Closes the connection, upon which the vehicle sends again what was not acknowledged.
        else done(new Error("the message could not be taken"))
        outstanding.settled()
      },
    })
  }

  const broker = new Aedes({ authorizePublish })
  // Said of single connections, and handled: the broker closes them.
  broker.on("clientError", () => {})
  broker.on("connectionError", () => {})
  broker.addListener("error", (error: unknown) => log(Effect.logError("The MQTT broker failed", error)))
  yield* Effect.promise(() => broker.listen())

  const held = new Set<Socket>()
  /**
   * While the intake is full nothing is read from a connection, so that TCP slows its sender down. The broker reads
   * whatever is there each time a socket is readable, and knows no other way to be held back.
   */
  const holdable = (socket: Socket): Socket => {
    const read = socket.read.bind(socket)
    socket.read = (size?: number | null) => {
      // Node's own calls, which fill the buffer and stop there, give a size.
      if (size !== null || !(stopping || intake.isFull())) return read(size ?? undefined)
      // A broker that stops reads no more at all.
      if (!stopping && held.size === 0) intake.whenRoom(releaseHeld)
      held.add(socket)
      return null
    }
    socket.once("close", () => held.delete(socket))
    return socket
  }
  const releaseHeld = (): void => {
    const sockets = [...held]
    held.clear()
    for (const socket of sockets) socket.emit("readable")
  }

  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
    broker.handle(holdable(socket))
  })

  const stop = Effect.gen(function*() {
    stopping = true
    server.close()
    const finished = yield* Effect.timeoutOption(outstanding.none, stopWithin)
    if (finished._tag === "None") {
      yield* Effect.logWarning(`Stopped with ${outstanding.count} messages unfinished; their vehicles send them again`)
    }
    // The last PUBACKs leave within the next turns of the event loop.
    yield* Effect.sleep("20 millis")
    yield* Effect.callback<void>((resume) => broker.close(() => resume(Effect.void)))
    for (const socket of sockets) socket.destroy()
  })

  const { host } = options
  const port = yield* Effect.acquireRelease(
    Effect.callback<number, CannotListen>((resume) => {
      server.once("error", (cause) => resume(Effect.fail(new CannotListen({ host, port: options.port, cause }))))
      server.listen(options.port, host, () => {
        server.on("error", (error) => log(Effect.logError("The MQTT broker could not accept a connection", error)))
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : options.port))
      })
    }).pipe(Effect.tapError(() => Effect.callback<void>((resume) => broker.close(() => resume(Effect.void))))),
    () => stop,
  )
  yield* Effect.logInfo(`MQTT broker listens on ${host}:${port}`)

  return Mqtt.of({ ready: Effect.sync(() => server.listening), address: { host, port } })
})
