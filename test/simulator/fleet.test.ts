import { assert, describe, it } from "@effect/vitest"
import { Aedes } from "aedes"
import { Duration, Effect, Fiber } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Fleet from "../../src/simulator/fleet.ts"
import { freePort } from "../support/free-port.ts"
import { mosquitto, mosquittoIsThere } from "../support/mosquitto.ts"
import { type Received, subscriber } from "../support/subscriber.ts"
import { until } from "../support/until.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "vehicle-twin-fleet-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true })),
)

interface Entry {
  readonly vehicle: string
  readonly session: string
  readonly seq?: number
  readonly id?: string
  readonly flaw?: string
  readonly acknowledged: boolean
}
const readLines = (file: string): ReadonlyArray<Entry> =>
  readFileSync(file, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line))

const base = {
  vehicles: 10,
  rate: 1_000,
  seed: 4,
  speed: 1,
  faults: false,
  start: Date.parse("2026-03-02T06:00:00Z"),
  progress: () => Effect.void,
}

const isStatus = ({ topic }: Received) => topic.endsWith("/status")
const telemetry = (received: ReadonlyArray<Received>) => received.filter(({ topic }) => topic.endsWith("/telemetry"))

/** What each vehicle sent, in order. */
const byVehicle = (received: ReadonlyArray<Received>) => Map.groupBy(telemetry(received), ({ topic }) => topic)

/** The ledger's name of what a payload is. */
const nameOf = (vehicle: string, { session, seq, id }: { session?: string; seq?: number; id?: string }) =>
  id === undefined ? `${vehicle} ${session} ${seq}` : `${vehicle} ${id}`
const namesOf = (received: ReadonlyArray<Received>) =>
  received.filter((one) => !isStatus(one)).flatMap(({ topic, payload }) => {
    try {
      return [nameOf(topic.split("/")[1] ?? "", JSON.parse(payload))]
    } catch {
      return []
    }
  })
const ledgerNames = (entries: ReadonlyArray<Entry>) =>
  entries.filter(({ flaw }) => flaw !== "not-json").map((entry) => nameOf(entry.vehicle, entry))

const whole = (names: ReadonlyArray<string>) => [...new Set(names)].toSorted()

describe.skipIf(!mosquittoIsThere)("a simulated fleet on a broker", () => {
  it.live("delivers each sample to the broker, in the vehicle's order, and writes it to the ledger as acknowledged", () =>
    Effect.gen(function*() {
      const { url } = yield* mosquitto()
      const received = yield* subscriber(url)
      const ledger = join(yield* folder, "ledger.ndjson")
      const summary = yield* Fleet.run({ ...base, url, count: 2_000, ledger })
      yield* until(() => telemetry(received).length >= 2_000)

      assert.strictEqual(summary.samples, 2_000)
      assert.strictEqual(summary.acknowledged, 2_000)
      for (const messages of byVehicle(received).values()) {
        assert.deepStrictEqual(messages.map(({ payload }) => JSON.parse(payload).seq), Array.from({ length: 200 }, (_, n) => n))
      }
      const entries = readLines(ledger)
      assert.isTrue(entries.every(({ acknowledged }) => acknowledged))
      assert.deepStrictEqual(ledgerNames(entries).toSorted(), namesOf(received).toSorted())
    }))

  it.live("sends the same again for the same seed and start, vehicle by vehicle", () =>
    Effect.gen(function*() {
      const { url } = yield* mosquitto()
      const received = yield* subscriber(url)
      const runs = []
      for (const seed of [4, 4, 5]) {
        const from = received.length
        const { published } = yield* Fleet.run({ ...base, url, seed, count: 1_500, faults: true })
        yield* until(() => received.slice(from).filter((one) => !isStatus(one)).length >= published)
        runs.push(byVehicle(received.slice(from)))
      }
      const [first, second, other] = runs
      assert.deepStrictEqual(second, first)
      assert.notDeepEqual(other, first)
    }))

  it.live("leaves the broker knowing of every vehicle whether it is online", () =>
    Effect.gen(function*() {
      const { url } = yield* mosquitto()
      const received = yield* subscriber(url)
      const run = yield* Effect.forkChild(Fleet.run({ ...base, url }))
      yield* until(() => telemetry(received).length >= 100)
      const online = received.filter(isStatus).map(({ payload }) => JSON.parse(payload))
      assert.strictEqual(online.length, base.vehicles)
      assert.isTrue(online.every((status) => status.online === true && typeof status.at === "string"))

      yield* Fiber.interrupt(run)
      yield* until(() => received.filter(isStatus).length === 2 * base.vehicles)
      const goodbyes = received.filter(isStatus).slice(base.vehicles).map(({ payload }) => JSON.parse(payload))
      assert.isTrue(goodbyes.every((status) => status.online === false && typeof status.at === "string"))
    }))

  it.live("has a vehicle's last will said when it goes offline, and its status when it is back", () =>
    Effect.gen(function*() {
      const { url } = yield* mosquitto()
      const received = yield* subscriber(url)
      const labels = join(yield* folder, "labels.ndjson")
      yield* Fleet.run({ ...base, url, count: 4_000, faults: true, labels })
      const offline = readFileSync(labels, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line))
        .filter(({ kind }) => kind === "offline")
      assert.isAbove(offline.length, 3)
      for (const { vehicle, details: { session } } of offline) {
        const statuses = received.filter(({ topic }) => topic === `vehicles/${vehicle}/status`)
          .map(({ payload }) => JSON.parse(payload))
        const will = statuses.findIndex(({ online, session: of, at }) => !online && of === session && at === undefined)
        assert.isAtLeast(will, 0)
        assert.isTrue(statuses.slice(will).some(({ online, session: of }) => online && of === session))
      }
    }))

  it.live("speaks for vehicles that share connections as their own wills would", () =>
    Effect.gen(function*() {
      const { url } = yield* mosquitto()
      const received = yield* subscriber(url)
      const vehicles = Fleet.mostOwnConnections + 200
      const { published, acknowledged } = yield* Fleet.run({
        ...base, url, vehicles, rate: 12_000, count: 12_000, faults: true,
      })
      assert.strictEqual(acknowledged, published)
      yield* until(() => received.filter((one) => !isStatus(one)).length >= published)
      const last = new Map(received.filter(isStatus).map(({ topic, payload }) => [topic, JSON.parse(payload)]))
      assert.strictEqual(last.size, vehicles)
      assert.isTrue([...last.values()].every(({ online }) => online === false))
      const lost = received.filter(isStatus).map(({ payload }) => JSON.parse(payload))
        .filter(({ online, at }) => !online && at === undefined)
      assert.isAbove(lost.length, 10)
    }))

  it.live("comes back to a broker that was away, and sends again what was not acknowledged", () =>
    Effect.gen(function*() {
      const broker = yield* mosquitto()
      const received = yield* subscriber(broker.url)
      const ledger = join(yield* folder, "ledger.ndjson")
      const run = yield* Effect.forkChild(Fleet.run({ ...base, url: broker.url, count: 3_000, faults: true, ledger }))
      yield* until(() => telemetry(received).length >= 500)
      yield* broker.stop
      yield* Effect.sleep(500)
      yield* broker.start
      const { connectionsLost, published, acknowledged } = yield* Fiber.join(run)

      assert.isAbove(connectionsLost, 0)
      assert.strictEqual(acknowledged, published)
      const entries = readLines(ledger)
      assert.isTrue(entries.every(({ acknowledged }) => acknowledged))
      const expected = whole(ledgerNames(entries))
      yield* until(() => whole(namesOf(received)).length >= expected.length)
      assert.deepStrictEqual(whole(namesOf(received)), expected)
    }))

  it.live("ends when its time is over", () =>
    Effect.gen(function*() {
      const { url } = yield* mosquitto()
      const { samples, behind } = yield* Fleet.run({ ...base, url, rate: 100, duration: Duration.seconds(1) })
      assert.strictEqual(samples + behind, 101)
    }))

  it.live("dates nothing in the future when the simulated clock is fast: one that has caught up goes on at its pace", () =>
    Effect.gen(function*() {
      const { url } = yield* mosquitto()
      const received = yield* subscriber(url)
      const { start: _, ...rest } = base
      // A sample every 1,000 simulated seconds: nine days are 777 of them.
      const run = yield* Effect.forkChild(Fleet.run({ ...rest, url, speed: 1_000_000 }))
      yield* until(() => telemetry(received).length >= 770)
      yield* Effect.sleep(300)
      yield* Fiber.interrupt(run)
      const times = telemetry(received).map(({ payload }) => Date.parse(JSON.parse(payload).at))
      assert.isAtMost(Math.max(...times), Date.now())
      assert.isAbove(Math.max(...times), Date.now() - 10_000_000)
    }))
})

/** A broker in this process that can keep its acknowledgements to itself, and drop its connections. */
const unwilling = Effect.acquireRelease(
  Effect.promise(async () => {
    const broker = await Aedes.createBroker()
    const state = { acknowledges: true, withheld: 0 }
    const delivered: Array<Received> = []
    broker.authorizePublish = (_client, { topic, payload, retain }, done) => {
      if (!state.acknowledges) return void state.withheld++
      delivered.push({ topic, payload: payload.toString(), retain })
      done()
    }
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.once("close", () => sockets.delete(socket))
      broker.handle(socket)
    })
    const port = await freePort()
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
    const drop = () => {
      for (const socket of sockets) socket.destroy()
    }
    return { broker, server, state, delivered, drop, url: `mqtt://127.0.0.1:${port}` }
  }),
  ({ broker, server, drop }) =>
    Effect.promise(async () => {
      drop()
      server.close()
      await new Promise<void>((resolve) => broker.close(resolve))
    }),
)

describe("a simulated fleet whose connections break", () => {
  it.live("sends again all that was not acknowledged, each vehicle's in order", () =>
    Effect.gen(function*() {
      const { delivered, drop, state, url } = yield* unwilling
      const ledger = join(yield* folder, "ledger.ndjson")
      const run = yield* Effect.forkChild(Fleet.run({ ...base, url, count: 2_000, ledger }))
      yield* until(() => telemetry(delivered).length >= 500)
      state.acknowledges = false
      yield* until(() => state.withheld >= 100)
      state.acknowledges = true
      drop()
      const summary = yield* Fiber.join(run)

      assert.isAtLeast(summary.resent, 100)
      assert.strictEqual(summary.connectionsLost, base.vehicles)
      for (const messages of byVehicle(delivered).values()) {
        const seqs = messages.map(({ payload }) => JSON.parse(payload).seq)
        assert.deepStrictEqual(seqs, Array.from({ length: 200 }, (_, seq) => seq))
      }
      const entries = readLines(ledger)
      assert.strictEqual(entries.length, 2_000)
      assert.isTrue(entries.every(({ acknowledged }) => acknowledged))
    }))

  it.live("fails when acknowledgements are missing at the end, and says in the ledger which", () =>
    Effect.gen(function*() {
      const { delivered, state, url } = yield* unwilling
      const ledger = join(yield* folder, "ledger.ndjson")
      const run = yield* Effect.forkChild(Effect.flip(Fleet.run({ ...base, url, count: 700, ledger })))
      yield* until(() => telemetry(delivered).length >= 500)
      state.acknowledges = false
      const error = yield* Fiber.join(run)

      assert.strictEqual(error._tag, "NotAcknowledged")
      const missing = readLines(ledger).filter(({ acknowledged }) => !acknowledged)
      assert.strictEqual(missing.length, 700 - telemetry(delivered).length)
      const known = new Set(namesOf(delivered))
      assert.isTrue(ledgerNames(missing).every((name) => !known.has(name)))
    }))
})

describe("a simulated fleet without a broker", () => {
  it.live("gives up with the broker's address and the reason, and without the password", () =>
    Effect.gen(function*() {
      const url = `mqtt://user:secret@127.0.0.1:${yield* Effect.promise(freePort)}`
      const error = yield* Effect.flip(Fleet.run({ ...base, url }))
      assert.strictEqual(error._tag, "BrokerUnreachable")
      assert.include(error.message, new URL(url).host)
      assert.include(error.message, "ECONNREFUSED")
      assert.notInclude(error.message, "secret")
    }))

  it.live("says which file it cannot write", () =>
    Effect.gen(function*() {
      const ledger = join(yield* folder, "missing", "ledger.ndjson")
      const error = yield* Effect.flip(Fleet.run({ ...base, url: "mqtt://127.0.0.1:1", ledger }))
      assert.strictEqual(error._tag, "FileNotWritable")
      assert.include(error.message, ledger)
    }))
})
