/**
 * A real Apache Kafka, one node without ZooKeeper, on free ports, with its files in a temporary folder.
 *
 * `node test/support/kafka.ts` fetches it, and has Java keep its classes as it wants them.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { dirname, join } from "node:path"
import { Effect } from "effect"
import { makeCertificate } from "./eventstoredb-server-certificate.ts"
import { freePort } from "./free-port.ts"
import { classArchive, classPath, jarsAreThere, version } from "./kafka-jars.ts"
import { skipped } from "./say.ts"
import { type ServerProcess, serverProcess } from "./server-process.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const java = process.env["JAVA_HOME"] === undefined ? "java" : join(process.env["JAVA_HOME"], "bin/java")

/** Without Java or the jars its tests are skipped, but not where all of them must have run: there the jars are fetched. */
export const kafkaIsThere = process.env["CI"] === "true" ||
  (jarsAreThere && spawnSync(java, ["-version"]).error === undefined)
if (!kafkaIsThere) {
  const how = "install Java 17 and run node test/support/kafka.ts"
  skipped(`Kafka is not here, so tests that need it are not run; to have it, ${how}`)
}

export interface Kafka extends ServerProcess {
  readonly port: number
  /** `127.0.0.1:port`, without TLS or authentication. It and the data stay over a restart. */
  readonly brokers: string
  /** The second listener, where `secured` asks for one. */
  readonly secured: { readonly brokers: string; readonly certificateAuthority: string } | undefined
  readonly directory: string
}

export interface KafkaOptions {
  /** A second listener; `users` holds passwords by name, good for PLAIN and SCRAM. */
  readonly secured?: {
    readonly protocol: "SSL" | "SASL_PLAINTEXT" | "SASL_SSL"
    readonly users?: Readonly<Record<string, string>>
    /** TLS clients must show a certificate that this authority (a PEM file) has signed. */
    readonly clientAuthority?: string
  }
  /** Of `server.properties`, besides or instead of those here. */
  readonly properties?: Readonly<Record<string, string>>
  /** Started later, by `start`. */
  readonly stopped?: boolean
}

/** It is up sooner so, and is content with less. */
const flags = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
if (existsSync(classArchive)) flags.push(`-XX:SharedArchiveFile=${classArchive}`)
const logging = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"]

const oneNode = {
  "process.roles": "broker,controller",
  "node.id": "1",
  // Who needs a topic makes it.
  "auto.create.topics.enable": "false",
  "offsets.topic.replication.factor": "1",
  "offsets.topic.num.partitions": "1",
  "transaction.state.log.replication.factor": "1",
  "transaction.state.log.min.isr": "1",
  "transaction.state.log.num.partitions": "1",
  "share.coordinator.state.topic.replication.factor": "1",
  "share.coordinator.state.topic.min.isr": "1",
  "group.initial.rebalance.delay.ms": "0",
  // Started again after a SIGKILL, it is not let in before its earlier self has timed out.
  "broker.session.timeout.ms": "1500",
  "broker.heartbeat.interval.ms": "300",
  // It takes 128 MB otherwise.
  "log.cleaner.dedupe.buffer.size": "4194304",
}

const pemOf = (file: string) => readFileSync(file, "utf8").trim().replaceAll("\n", " \\\n")

const securedProperties = ({ clientAuthority, protocol, users = {} }: NonNullable<KafkaOptions["secured"]>, pem: {
  readonly private_key: Buffer
  readonly cert_chain: Buffer
}, folder: string) => {
  const properties: Record<string, string> = {}
  if (protocol !== "SASL_PLAINTEXT") {
    const keys = join(folder, "server.pem")
    writeFileSync(keys, Buffer.concat([pem.private_key, pem.cert_chain]))
    properties["ssl.keystore.type"] = "PEM"
    properties["ssl.keystore.location"] = keys
  }
  if (clientAuthority !== undefined) {
    properties["ssl.client.auth"] = "required"
    properties["ssl.truststore.type"] = "PEM"
    properties["ssl.truststore.certificates"] = pemOf(clientAuthority)
  }
  if (protocol !== "SSL") {
    const prefix = "listener.name.secured"
    const known = Object.entries(users).map(([name, password]) => ` user_${name}="${password}"`).join("")
    properties["sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
    properties[`${prefix}.plain.sasl.jaas.config`] =
      `org.apache.kafka.common.security.plain.PlainLoginModule required${known};`
    for (const mechanism of ["scram-sha-256", "scram-sha-512"]) {
      properties[`${prefix}.${mechanism}.sasl.jaas.config`] =
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    }
  }
  return properties
}

export const kafka = Effect.fnUntraced(function*(options: KafkaOptions = {}) {
  const classes = yield* Effect.promise(classPath)
  const directory = yield* temporaryFolder
  const { secured } = options
  const [port, controller, securedPort] = yield* Effect.promise(() => Promise.all([freePort(), freePort(), freePort()]))
  const certificate = secured === undefined ? undefined : yield* makeCertificate
  const client = [`PLAINTEXT://127.0.0.1:${port}`]
  if (secured !== undefined) client.push(`SECURED://127.0.0.1:${securedPort}`)
  const protocols = `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:${secured?.protocol ?? "PLAINTEXT"}`
  const properties: Readonly<Record<string, string>> = {
    ...oneNode,
    "controller.quorum.voters": `1@127.0.0.1:${controller}`,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": protocols,
    listeners: [...client, `CONTROLLER://127.0.0.1:${controller}`].join(","),
    "advertised.listeners": client.join(","),
    "log.dirs": join(directory, "data"),
    ...(secured !== undefined && certificate !== undefined && securedProperties(secured, certificate, directory)),
    ...options.properties,
  }
  const file = join(directory, "server.properties")
  writeFileSync(file, Object.entries(properties).map(([name, value]) => `${name}=${value}\n`).join(""))

  const base = [...flags, ...logging, "-cp", classes]
  const scram = Object.entries(secured?.users ?? {}).flatMap(([name, password]) =>
    ["SCRAM-SHA-256", "SCRAM-SHA-512"].map((mechanism) => `--add-scram=${mechanism}=[name=${name},password=${password}]`)
  )
  const cluster = `--cluster-id=${randomBytes(16).toString("base64url")}`
  execFileSync(java, [...base, "kafka.tools.StorageTool", "format", cluster, "--config", file, ...scram], { stdio: "pipe" })

  const server = yield* serverProcess({
    name: "Kafka",
    command: [java, ...base, "kafka.Kafka", file],
    log: join(directory, "kafka.log"),
    isUp: () => hasBrokers(port),
  })
  if (options.stopped !== true) yield* server.start
  const running: Kafka = {
    ...server,
    port,
    brokers: `127.0.0.1:${port}`,
    secured: certificate && { brokers: `127.0.0.1:${securedPort}`, certificateAuthority: certificate.file },
    directory,
  }
  return running
})

/** Of the cluster that `TEST_KAFKA_BROKERS` names, or of our own: for tests that neither end nor configure it. */
export const kafkaBrokers = Effect.suspend(() => {
  const named = process.env["TEST_KAFKA_BROKERS"]
  return named ? Effect.succeed(named) : Effect.map(kafka(), ({ brokers }) => brokers)
})

/** A request for the cluster's metadata, of no topics, in version 1 of that request. */
const metadataRequest = Buffer.from("0000000e 0003 0001 00000001 ffff 00000000".replaceAll(" ", ""), "hex")
const brokersAt = 8

/** Whether the answer lists a broker: it listens before it counts itself as one. */
const hasBrokers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(metadataRequest))
    let answer = Buffer.alloc(0)
    const done = (isUp: boolean) => {
      socket.destroy()
      resolve(isUp)
    }
    socket.setTimeout(2_000, () => done(false))
    socket.on("error", () => done(false))
    socket.on("close", () => resolve(false))
    socket.on("data", (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk])
      if (answer.length >= brokersAt + 4) done(answer.readInt32BE(brokersAt) > 0)
    })
  })

/** What a server has loaded when it ends. */
const archiveClasses = Effect.gen(function*() {
  const { start, stop } = yield* kafka({ stopped: true })
  const part = `${classArchive}.${process.pid}`
  process.env["JDK_JAVA_OPTIONS"] = `-XX:ArchiveClassesAtExit=${part}`
  yield* start
  yield* stop
  renameSync(part, classArchive)
}).pipe(Effect.scoped)

if (import.meta.main) {
  if (!existsSync(classArchive)) await Effect.runPromise(archiveClasses)
  console.log(`Apache Kafka ${version} is in ${dirname(classArchive)}`)
}
