/**
 * The main promise: what a vehicle was told is taken stands in its stream, once and in order, whatever befalls the
 * service. A numbered load goes on while the service is killed at random moments, and at the end the log, the read
 * model and a live subscriber are held against the vehicles' own ledger.
 *
 * `SEED=… vitest run test/e2e/kill.test.ts` repeats the moments of an earlier run.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Random from "../../src/simulator/random.ts"
import { fleetView, LiveView } from "../support/fleet-view.ts"
import { freePort } from "../support/free-port.ts"
import { account } from "../support/ledger.ts"
import { mosquitto, mosquittoIsThere } from "../support/mosquitto.ts"
import { type Message, type Publisher, publishing } from "../support/publisher.ts"
import { serviceProcess, type ServiceProcess } from "../support/service-process.ts"
import { expectedFleet, finished, settled } from "../support/settled.ts"
import { storedStreams, streamLengths } from "../support/stored-log.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { until } from "../support/until.ts"
import { say } from "../support/say.ts"

const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000)
/** Of a service at work; now and then another while it starts. */
const kills = 20
const timeout = 300_000

const vinOf = (i: number): string => `LSVAA4187E${String(i).padStart(7, "0")}`
/** By connection. */
const vins = Array.from({ length: 4 }, (_, connection) => Array.from({ length: 6 }, (_, i) => vinOf(connection * 6 + i)))
const streams = vins.flat().map((vin) => `vehicle-${vin}`)

/** Every 300 messages a new boot; now and then one that was measured 5 s before; changes larger than any deadband. */
const messagesFrom = (began: number) => (_: string, n: number): Message => ({
  session: `boot-${Math.floor(n / 300)}`,
  seq: n % 300,
  at: new Date(began + n * 20 - (n % 11 === 10 ? 5_000 : 0)).toISOString(),
  signals: {
    "Vehicle.Speed": n % 240,
    ...(n % 3 === 0 && { "Vehicle.TraveledDistance": n * 1000 }),
    ...(n % 5 === 0 && { "Vehicle.CurrentLocation.Latitude": 30 + n % 1000 / 100 }),
  },
})

interface World {
  readonly folder: string
  readonly service: ServiceProcess
  readonly publishers: ReadonlyArray<Publisher>
  readonly live: LiveView
}

/** A service that runs, under load. */
const underLoad = Effect.fnUntraced(function*(brokerUrl: string, env: Readonly<Record<string, string>>) {
  const folder = yield* temporaryFolder
  const service = yield* serviceProcess({ DATA_DIR: folder, LOG_LEVEL: "warn", ...env })
  yield* service.start
  const live = yield* Effect.acquireRelease(
    Effect.sync(() => new LiveView(service.url)),
    (view) => Effect.sync(() => view.close()),
  )
  const began = Date.now()
  const publishers = yield* Effect.forEach(vins, (ofConnection) =>
    publishing({ url: brokerUrl, vins: ofConnection, message: messagesFrom(began), window: 64, perSecond: 200 }))
  const world: World = { folder, service, publishers, live }
  return world
})

const withMosquitto = Effect.gen(function*() {
  const broker = yield* mosquitto()
  return { ...(yield* underLoad(broker.url, { MQTT_URL: broker.url })), broker }
})

const embedded = Effect.gen(function*() {
  const port = yield* Effect.promise(freePort)
  return yield* underLoad(`mqtt://127.0.0.1:${port}`, { MQTT_PORT: String(port) })
})

const ledgerOf = ({ publishers }: World) => publishers.flatMap(({ ledger }) => ledger)
const storedCount = ({ folder }: World) =>
  Effect.map(streamLengths(folder, streams), (lengths) => lengths.reduce((sum, length) => sum + length, 0))

/** Begins to follow the changes, and goes on with the test. */
const follow = ({ live }: World) => Effect.forkScoped(Effect.promise(() => live.follow()))

interface Kill {
  readonly whileStarting: boolean
  /** Messages that the vehicles had not been told are taken. */
  readonly unacknowledged: number
  /** Published by then, and not in the log. */
  readonly underWay: number
  /** In the log, and the vehicle not told. */
  readonly takenUntold: number
  /** Taken since the kill before. */
  readonly progress: number
}

/** Kills it and starts it again, and again; it runs at the end. */
const killAndRestart = Effect.fnUntraced(function*(world: World) {
  const { folder, publishers, service } = world
  const random = Random.make(seed, "kills")
  const done: Array<Kill> = []
  let stored = yield* storedCount(world)
  let running = Effect.void
  for (let atWork = 0; atWork < kills;) {
    const whileStarting = done.length > 0 && random.chance(0.15)
    if (!whileStarting) atWork++
    const starting = yield* Effect.forkScoped(running)
    if (whileStarting) yield* Effect.sleep(random.between(100, 1_500))
    else {
      yield* Fiber.join(starting)
      // Now and then the subscriber sleeps through it all.
      if (random.chance(0.6)) yield* follow(world)
      yield* Effect.sleep(random.between(0, 600))
      // A service that is quicker than the load has moments without any.
      yield* Effect.timeoutOption(until(() => publishers.some(({ isWaiting }) => isWaiting)), "200 millis")
    }
    const untold = publishers.flatMap(({ unacknowledged }) => unacknowledged)
    const published = publishers.reduce((sum, { ledger }) => sum + ledger.length, 0)
    yield* service.kill
    yield* Fiber.join(starting)
    const lengths = yield* streamLengths(folder, streams)
    const lengthOf = new Map(vins.flat().map((vin, at) => [vin, lengths[at] ?? 0]))
    const now = lengths.reduce((sum, length) => sum + length, 0)
    done.push({
      whileStarting,
      unacknowledged: untold.length,
      underWay: published - now,
      takenUntold: untold.filter(({ n, vin }) => n < (lengthOf.get(vin) ?? 0)).length,
      progress: now - stored,
    })
    stored = now
    running = service.start
  }
  assert.isTrue(publishers.every(({ isPublishing }) => isPublishing), "the load went on at the last kill")
  yield* running
  return done as ReadonlyArray<Kill>
})

/** The vehicles come to an end, and all that is still to come is in the log and the read model. */
const comeToAnEnd = Effect.fnUntraced(function*(world: World) {
  yield* finished(world.publishers, "60 seconds")
  yield* settled(world.service.url, ledgerOf(world).length)
})

/** Holds log, read model and live subscriber against the ledger. */
const check = Effect.fnUntraced(function*(title: string, world: World, told: string) {
  const { folder, live, service } = world
  const ledger = ledgerOf(world)
  const { lost, outOfOrder, repeated, strange } = account(ledger, yield* storedStreams(folder, "vehicle-"))
  say(
    `${title} (seed ${seed}): ${told}, ${ledger.length} messages of ${vins.flat().length} vehicles, `
      + `${lost} lost, ${repeated} repeated, ${outOfOrder} out of order, ${strange} that nobody sent`,
  )
  assert.isTrue(ledger.every(({ acknowledged }) => acknowledged))
  assert.deepStrictEqual({ lost, repeated, outOfOrder, strange }, { lost: 0, repeated: 0, outOfOrder: 0, strange: 0 })
  assert.strictEqual((yield* storedStreams(folder, "deadletter-")).size, 0)

  const expected = expectedFleet(ledger)
  assert.deepStrictEqual(yield* fleetView(service.url), expected)

  const latest = expected.flatMap(({ signals, vin }) => signals.map(({ path, value }) => [`${vin} ${path}`, value] as const))
  const missed = () => latest.filter(([name, value]) => live.values.get(name) !== value)
  for (let tries = 0; missed().length > 0 && tries < 100; tries++) yield* Effect.sleep("50 millis")
  assert.deepStrictEqual(missed(), [])
})

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((all, one) => all + one, 0)

const toldOf = (done: ReadonlyArray<Kill>, live: LiveView): string =>
  [
    `${done.length} kills`,
    `${done.filter(({ whileStarting }) => whileStarting).length} while it started`,
    `${done.filter(({ underWay }) => underWay > 0).length} with messages under way (${
      sum(done.map(({ underWay }) => underWay))
    })`,
    `${done.filter(({ progress }) => progress > 0).length} after progress`,
    `${sum(done.map(({ takenUntold }) => takenUntold))} taken of which the vehicle was not told`,
    `${live.sessions} connections of one live subscriber`,
  ].join(", ")

/** Kills that hit nothing prove nothing. */
const most = Math.ceil(kills * 0.7)

describe("the service, killed at random moments under load", () => {
  it.live.skipIf(!mosquittoIsThere)("takes each message once and in order from a broker that keeps its session", () =>
    Effect.gen(function*() {
      const world = yield* withMosquitto
      const done = yield* killAndRestart(world)
      yield* comeToAnEnd(world)
      // Only now: all that was told of the last messages is what the cursor brings.
      yield* follow(world)
      yield* check("Mosquitto", world, toldOf(done, world.live))
      assert.isAtLeast(done.filter(({ underWay }) => underWay > 0).length, most)
      assert.isAtLeast(done.filter(({ progress }) => progress > 0).length, kills / 2)
    }), timeout)

  it.live("takes each message once and in order from vehicles that its own broker has answered", () =>
    Effect.gen(function*() {
      const world = yield* embedded
      const done = yield* killAndRestart(world)
      yield* comeToAnEnd(world)
      // Only now: all that was told of the last messages is what the cursor brings.
      yield* follow(world)
      yield* check("Embedded broker", world, toldOf(done, world.live))
      assert.isAtLeast(done.filter(({ unacknowledged }) => unacknowledged > 0).length, most)
      assert.isAtLeast(done.filter(({ progress }) => progress > 0).length, kills / 2)
    }), timeout)
})

describe("the service, stopped in good order under load", () => {
  const stopAndRestart = Effect.fnUntraced(function*(world: World) {
    const random = Random.make(seed, "stops")
    for (let i = 0; i < 3; i++) {
      yield* follow(world)
      yield* Effect.sleep(random.between(300, 1_000))
      assert.strictEqual(yield* world.service.stop, 0)
      yield* world.service.start
    }
    yield* follow(world)
    assert.isTrue(world.publishers.every(({ isPublishing }) => isPublishing))
    yield* comeToAnEnd(world)
  })

  it.live.skipIf(!mosquittoIsThere)("says so by exit code 0, and goes on where it was with a broker elsewhere", () =>
    Effect.gen(function*() {
      const world = yield* withMosquitto
      yield* stopAndRestart(world)
      yield* check("Mosquitto", world, "3 stops")
    }), timeout)

  it.live("says so by exit code 0, and goes on where it was with its own broker", () =>
    Effect.gen(function*() {
      const world = yield* embedded
      yield* stopAndRestart(world)
      yield* check("Embedded broker", world, "3 stops")
    }), timeout)
})

describe("a broker that is restarted under load", () => {
  it.live.skipIf(!mosquittoIsThere)("takes nothing from what its vehicles were told is taken", () =>
    Effect.gen(function*() {
      const world = yield* withMosquitto
      const random = Random.make(seed, "broker")
      yield* follow(world)
      for (let i = 0; i < 3; i++) {
        yield* Effect.sleep(random.between(500, 1_500))
        yield* world.broker.stop
        yield* Effect.sleep(random.between(0, 500))
        yield* world.broker.start
      }
      assert.isTrue(world.publishers.every(({ isPublishing }) => isPublishing))
      // Until the service is back, what it is yet to get says nothing.
      while ((yield* storedCount(world)) < ledgerOf(world).length * 0.9) yield* Effect.sleep("100 millis")
      yield* comeToAnEnd(world)
      yield* check("Mosquitto", world, "3 restarts of the broker")
      assert.strictEqual(yield* world.service.stop, 0)
    }), timeout)
})
