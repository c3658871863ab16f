/**
 * The way in from any MQTT broker. One connection after another, each with a client of its own, so that packet ids and
 * what waits to be acknowledged never outlive the connection they belong to.
 *
 * The client library hands out packets one by one and sends a PUBACK when it is told to go on. Waiting there for the
 * log would make every message pay a whole commit, so it is told to go on without one, and the PUBACK is sent by us
 * when the message is durable, in the order of receipt. After a reconnect the broker sends again what had none.
 */
import { readFile } from "node:fs/promises"
import { connect, type IClientOptions, type MqttClient } from "mqtt"
import { Clock, Effect, Layer, Random, Redacted } from "effect"
import { InOrder } from "./in-order.ts"
import { type Connection, Intake } from "./intake.ts"
import { Mqtt, type MqttClientOptions, stopWithin } from "./mqtt.ts"
import { explain, explainDisconnect, type MqttProblem } from "./mqtt-problem.ts"
import { Outstanding } from "./outstanding.ts"
import * as Topics from "./topics.ts"

/** Long, since an answer to our ping waits behind the messages that came before it. */
const keepaliveSeconds = 60
/** The broker keeps for us what comes while we are away. */
const sessionExpirySeconds = 7 * 24 * 3600
/** A window, not a bound: Mosquitto 2.0 sends more than this once PUBACKs flow. The bound is the intake's. */
const receiveMaximum = 10_000
const connectMillis = 10_000
/** Waits between attempts double from the first to the last, less a random part of up to half. */
const backoffMillis = { first: 250, last: 5_000 }
/** A connection that was open so long was a good one: the next wait is the shortest again. */
const goodAfterMillis = 10_000

type Version = 4 | 5
const versionName = (version: Version) => (version === 5 ? "MQTT 5" : "MQTT 3.1.1")

interface Ended {
  readonly problem: MqttProblem
  /** How long it was open, ms; nothing where it never was. */
  readonly openMillis: number | undefined
}

export const layer = (options: MqttClientOptions) => Layer.effect(Mqtt, make(options))

const make = Effect.fnUntraced(function*(options: MqttClientOptions) {
  const intake = yield* Intake
  const clock = yield* Clock.Clock
  const log = Effect.runForkWith(yield* Effect.context())
  const topics = Topics.make(options.topicPrefix)
  const filters = options.shareGroup === undefined
    ? [...topics.filters]
    : topics.filters.map((filter) => `$share/${options.shareGroup}/${filter}`)
  const address = shownUrl(options.url)
  const outstanding = new Outstanding()
  let current: MqttClient | undefined
  let open = false
  let stopping = false

  /** Takes what a connection brings. `drop` ends it, upon which the broker sends again what was not acknowledged. */
  const listen = (client: MqttClient, drop: () => void): void => {
    const order = new InOrder()
    const connection: Connection = { failed: false }
    client.handleMessage = (packet, proceed) => {
      // An error sends no PUBACK and lets the next packet in.
      const next = () => (packet.qos === 0 ? proceed() : proceed(unacknowledged))
      if (stopping || connection.failed) return next()
      const { messageId, payload, topic } = packet
      const acknowledge = packet.qos === 0 ? nothing : order.add(() => {
        // A client that is not connected would only pile it up.
        if (client.connected && !connection.failed) client["_sendPacket"]({ cmd: "puback", messageId, reasonCode: 0 })
      })
      outstanding.taken()
      const room = intake.offer({
        route: topics.route(topic),
        payload: typeof payload === "string" ? Buffer.from(payload) : payload,
        receivedAt: clock.currentTimeMillisUnsafe(),
        source: { kind: "mqtt", topic },
        connection,
        settled: (durable) => {
          if (durable) acknowledge()
          else drop()
          // Last, since who waits for it goes on at once, and nothing may follow a DISCONNECT.
          outstanding.settled()
        },
      })
      if (room) next()
      else hold(client, next)
    }
  }

  /** Reads nothing more until there is room. The answers to pings wait too, so nobody may count on them meanwhile. */
  const hold = (client: MqttClient, next: () => void): void => {
    const ping = setInterval(() => {
      if (!client.connected) return clearInterval(ping)
      client.sendPing()
      client.reschedulePing(true)
    }, keepaliveSeconds * 500)
    ping.unref()
    intake.whenRoom(() => {
      clearInterval(ping)
      next()
    })
  }

  const session = (version: Version, tls: IClientOptions) =>
    Effect.callback<Ended>((resume) => {
      let problem: MqttProblem | undefined
      let openedAt: number | undefined
      let client: MqttClient
      try {
        client = connect(options.url, { ...connectOptions(options, version), ...tls })
      } catch (error) {
        const message = `MQTT_URL ${address} cannot be used: ${String(error)}`
        resume(Effect.succeed({ problem: { message }, openMillis: undefined }))
        return
      }
      current = client
      listen(client, () => {
        problem ??= { message: `messages could not be taken, so the connection to ${address} was dropped` }
        client.stream.destroy()
      })
      client.on("connect", () => {
        // Retained messages come with a new subscription, not again with each connection.
        client.subscribe(filters, { qos: 1, ...(version === 5 ? { rh: 1 } : undefined) }, (error, granted) => {
          if (error !== null) {
            const hint = "see its access rules, MQTT_TOPIC_PREFIX and MQTT_SHARE_GROUP"
            const refused = `the broker at ${address} refused the subscription to ${filters.join(", ")}`
            problem ??= { message: `${refused}: ${error.message}; ${hint}` }
            client.end(true)
            return
          }
          openedAt = clock.currentTimeMillisUnsafe()
          open = true
          const subscribed = `subscribed to ${filters.join(", ")}`
          log(Effect.logInfo(`Connected to ${address} with ${versionName(version)}, ${subscribed}`))
          if (granted?.some(({ qos }) => qos === 0)) {
            log(Effect.logWarning(`The broker at ${address} grants QoS 0 only: what is lost on the way is lost`))
          }
        })
      })
      client.on("error", (error) => {
        problem ??= explain(error, address)
      })
      client.on("disconnect", ({ reasonCode }) => {
        problem ??= explainDisconnect(reasonCode, address)
      })
      client.on("close", () => {
        open = false
        current = undefined
        const openMillis = openedAt === undefined ? undefined : clock.currentTimeMillisUnsafe() - openedAt
        resume(Effect.succeed({ problem: problem ?? explain(undefined, address), openMillis }))
      })
      return Effect.sync(() => client.end(true))
    })

  const connections = Effect.gen(function*() {
    let version: Version = 5
    let failures = 0
    for (;;) {
      const { openMillis, problem }: Ended = yield* Effect.matchEffect(prepared(options), {
        onFailure: (unreadable) => Effect.succeed({ problem: unreadable, openMillis: undefined }),
        onSuccess: (tls) => session(version, tls),
      })
      if (stopping) return
      failures = openMillis !== undefined && openMillis >= goodAfterMillis ? 0 : failures + 1
      if (openMillis === undefined && problem.version === true) {
        version = version === 5 ? 4 : 5
        yield* Effect.logInfo(`No MQTT connection: ${problem.message}; trying ${versionName(version)}`)
        // The two versions are one attempt.
        if (version === 4) continue
      }
      const wait = Math.min(backoffMillis.last, backoffMillis.first * 2 ** Math.min(failures, 10)) *
        (1 - (yield* Random.next) / 2)
      yield* Effect.logWarning(`No MQTT connection: ${problem.message}. Trying again in ${(wait / 1000).toFixed(1)} s`)
      yield* Effect.sleep(wait)
    }
  })

  yield* Effect.forkScoped(connections)
  yield* Effect.addFinalizer(() =>
    Effect.gen(function*() {
      stopping = true
      open = false
      const client = current
      if (client === undefined) return
      const finished = yield* Effect.timeoutOption(outstanding.none, stopWithin)
      if (finished._tag === "None") {
        yield* Effect.logWarning(`Stopped with ${outstanding.count} messages unfinished; the broker sends them again`)
      }
      // An orderly DISCONNECT; the session and what is still in it stay with the broker.
      yield* Effect.callback<void>((resume) => {
        client.end(false, () => resume(Effect.void))
      }).pipe(Effect.timeoutOption("1 second"))
      client.stream.destroy()
    }))

  return Mqtt.of({ ready: Effect.sync(() => open), address: undefined })
})

const nothing = () => {}
const unacknowledged = new Error("PUBACK follows when the message is durable")

const connectOptions = (options: MqttClientOptions, version: Version): IClientOptions => ({
  protocolVersion: version,
  clientId: options.clientId,
  clean: false,
  keepalive: keepaliveSeconds,
  connectTimeout: connectMillis,
  // Each connection has a client of its own.
  reconnectPeriod: 0,
  resubscribe: false,
  ...(options.username === undefined ? undefined : { username: options.username }),
  ...(options.password === undefined ? undefined : { password: Redacted.value(options.password) }),
  ...(version === 5 ? { properties: { sessionExpiryInterval: sessionExpirySeconds, receiveMaximum } } : undefined),
})

/** What may change between two attempts: the files of keys and certificates. */
const prepared = (options: MqttClientOptions): Effect.Effect<IClientOptions, MqttProblem> =>
  Effect.gen(function*() {
    const ca = yield* fileOf("MQTT_TLS_CA", options.tlsCa)
    const cert = yield* fileOf("MQTT_TLS_CERT", options.tlsCert)
    const key = yield* fileOf("MQTT_TLS_KEY", options.tlsKey)
    return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
  })

const fileOf = (setting: string, file: string | undefined): Effect.Effect<Buffer | undefined, MqttProblem> =>
  file === undefined ? Effect.undefined : Effect.tryPromise({
    try: () => readFile(file),
    catch: (cause) => ({ message: `${setting} ${file} cannot be read: ${String(cause)}` }),
  })

/** Without the password that may be in it. */
const shownUrl = (url: string): string => {
  const parsed = URL.parse(url)
  return parsed === null ? "(not a URL)" : `${parsed.protocol}//${parsed.host}`
}
