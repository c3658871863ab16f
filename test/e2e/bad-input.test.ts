/** Whatever is published on the vehicles' topics: it is taken, or it is a dead letter; and nobody else is worse off. */
import { hash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as fc from "fast-check"
import { catalogue } from "../../domain/signals/catalogue.ts"
import { decode } from "../../src/ingest/decode.ts"
import * as Topics from "../../src/ingest/topics.ts"
import { fleetView } from "../support/fleet-view.ts"
import { freePort } from "../support/free-port.ts"
import { account, expectedSignals } from "../support/ledger.ts"
import { metrics } from "../support/metrics.ts"
import { mosquitto, mosquittoIsThere } from "../support/mosquitto.ts"
import { publisher } from "../support/mqtt-publisher.ts"
import { anyJson, mutated, noise } from "../support/payloads.ts"
import type { LedgerEntry } from "../support/publisher.ts"
import { serviceProcess } from "../support/service-process.ts"
import { storedStreams } from "../support/stored-log.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { say } from "../support/say.ts"

const seed = 20_261_122
const strangers = 2_000
/** A good message after so many others. */
const goodEvery = 4
/** What the intake keeps of one message that has more to complain of. */
const maxLetters = 16

interface Published {
  readonly topic: string
  readonly payload: Buffer
}

const kind = fc.constantFrom(...Topics.kinds)
const strangeVin = fc.constantFrom("LSVAA4187E0000101", "LSVAA4187E0000102", "LSVAA4187E0000103")
/** One level of a topic, in characters that brokers let pass. */
const level = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 })
  .filter((text) => text.isWellFormed() && !/[+#/\p{C}]/u.test(text))

const vinLevel = fc.oneof({ weight: 5, arbitrary: strangeVin }, { weight: 1, arbitrary: level })
const known = fc.tuple(vinLevel, kind).map(([vin, name]) => `vehicles/${vin}/${name}`)
/** A broker elsewhere is only asked for topics of the right form; our own sees what is below `vehicles/`. */
const unknown = fc.array(fc.oneof(level, strangeVin, kind), { minLength: 1, maxLength: 4 })
  .map((levels) => ["vehicles", ...levels].join("/"))
  .filter((topic) => !topic.endsWith("/commands"))
const topics = {
  elsewhere: known,
  embedded: fc.oneof({ weight: 5, arbitrary: known }, { weight: 1, arbitrary: unknown }),
} as const

const payload = fc.oneof({ weight: 1, arbitrary: noise }, { weight: 2, arbitrary: anyJson }, { weight: 3, arbitrary: mutated })
  .map((bytes) => Buffer.from(bytes))

const goodVins = ["LSVAA4187E0000001", "LSVAA4187E0000002", "LSVAA4187E0000003"]

/** Good messages among the others. */
const makeAll = (topic: fc.Arbitrary<string>, began: number) => {
  const all: Array<Published> = []
  const ledger: Array<LedgerEntry> = []
  for (const [i, one] of fc.sample(fc.record({ topic, payload }), { seed, numRuns: strangers }).entries()) {
    all.push(one)
    if (i % goodEvery !== 0) continue
    const vin = goodVins[ledger.length % goodVins.length] ?? ""
    const n = Math.floor(ledger.length / goodVins.length)
    const message = { session: "boot-1", seq: n, at: new Date(began + n * 1000).toISOString(), signals: { "Vehicle.Speed": n } }
    ledger.push({ vin, n, message, acknowledged: true })
    all.push({ topic: `vehicles/${vin}/telemetry`, payload: Buffer.from(JSON.stringify(message)) })
  }
  return { all, ledger }
}

/** What must come of a message, by the codecs alone. */
const expectedOf = ({ payload, topic }: Published) => {
  const route = Topics.make("").route(topic)
  const { observations, rejections } = decode(
    { route, payload, receivedAt: Date.now(), source: { kind: "mqtt", topic } },
    catalogue,
  )
  const stream = Result.isSuccess(route) ? `vehicle-${route.success.vin}` : ""
  return { stream, observations: observations.length, reasons: rejections.slice(0, maxLetters).map(({ reason }) => reason) }
}

const nameOf = ({ payload, topic }: Published) => `${topic} ${hash("sha256", payload, "hex")}`

const embedded = Effect.gen(function*() {
  const port = yield* Effect.promise(freePort)
  return { url: `mqtt://127.0.0.1:${port}`, env: { MQTT_PORT: String(port) } }
})
const elsewhere = Effect.map(mosquitto(), ({ url }) => ({ url, env: { MQTT_URL: url } }))

describe.each([
  { name: "Mosquitto", isThere: mosquittoIsThere, broker: elsewhere, topic: topics.elsewhere },
  { name: "its own broker", isThere: true, broker: embedded, topic: topics.embedded },
])("bad input over $name", ({ broker, isThere, name, topic }) => {
  it.live.skipIf(!isThere)("becomes dead letters or twins, and good messages among it fare as ever", () =>
    Effect.gen(function*() {
      const { env, url } = yield* broker
      const folder = yield* temporaryFolder
      const service = yield* serviceProcess({ DATA_DIR: folder, LOG_LEVEL: "warn", ...env })
      yield* service.start
      const { all, ledger } = makeAll(topic, Date.now() - 3_600_000)

      const client = yield* publisher(url, { protocolVersion: 4 })
      let ready = 0
      let looks = 0
      for (let at = 0; at < all.length; at += 100) {
        yield* Effect.promise(() =>
          Promise.all(all.slice(at, at + 100).map(({ payload, topic }) => client.publishAsync(topic, payload, { qos: 1 })))
        )
        looks++
        if ((yield* Effect.promise(() => fetch(`${service.url}/readyz`))).ok) ready++
      }
      let counted = yield* metrics(service.url)
      while (
        counted("vehicle_twin_ingest_messages_total") < all.length || counted("vehicle_twin_ingest_pending") > 0
      ) {
        yield* Effect.sleep("20 millis")
        counted = yield* metrics(service.url)
      }
      assert.strictEqual(ready, looks)

      const expected = all.map((message) => ({ message, ...expectedOf(message) }))
      const sum = (of: (one: typeof expected[number]) => number) => expected.reduce((total, one) => total + of(one), 0)

      // Each message, by its own topic and content.
      const letters = [...(yield* storedStreams(folder, "deadletter-")).entries()]
      assert.deepStrictEqual(letters.map(([stream]) => stream), ["deadletter-mqtt"])
      // One that was sent again may stand there again, under the id it had.
      const distinct = new Map(letters.flatMap(([, events]) => events).map((event) => [event.id, event]))
      const storedOf = Map.groupBy(distinct.values(), ({ data, metadata }) => {
        const { topic } = metadata["source"] as { readonly topic: string }
        return `${topic} ${(data["payload"] as { readonly sha256: string }).sha256}`
      })
      const wrong = expected.filter(({ message, reasons }) => {
        const stored = (storedOf.get(nameOf(message)) ?? []).map(({ data }) => String(data["reason"]))
        return stored.toSorted().join() !== reasons.toSorted().join()
      })
      assert.deepStrictEqual(wrong.map(({ message }) => `${message.topic} ${message.payload.toString()}`), [])

      // Whatever the codecs say: what was taken is JSON of a vehicle, or takes back a retained status.
      for (const { message: { payload: taken, topic: on }, reasons } of expected) {
        if (reasons.length > 0) continue
        assert.match(on, /^vehicles\/[A-HJ-NPR-Z0-9]{17}\/(telemetry|status|diagnostics)$/)
        if (taken.length > 0 || !on.endsWith("/status")) assert.strictEqual(typeof JSON.parse(taken.toString()), "object")
      }

      // Good ones, among those that came of a mutation and are good all the same.
      const streams = yield* storedStreams(folder, "vehicle-")
      const good = new Map(goodVins.map((vin) => [`vehicle-${vin}`, streams.get(`vehicle-${vin}`) ?? []]))
      assert.deepStrictEqual(account(ledger, good), { lost: 0, repeated: 0, outOfOrder: 0, strange: 0 })
      const valid = new Set(expected.filter(({ observations }) => observations > 0).map(({ stream }) => stream))
      assert.isTrue([...streams.keys()].every((stream) => valid.has(stream)))
      const views = yield* fleetView(service.url)
      for (const vin of goodVins) {
        const sent = ledger.filter((entry) => entry.vin === vin).map(({ message }) => message)
        assert.deepStrictEqual(views.find((view) => view.vin === vin)?.signals, expectedSignals(sent))
      }

      // One process from the first message to the last, and its counts add up.
      const outcomes = ["accepted", "repeated", "refused"].map((outcome) =>
        counted("vehicle_twin_ingest_observations_total", `outcome="${outcome}"`)
      )
      const [accepted = 0, repeated = 0, refused = 0] = outcomes
      assert.strictEqual(counted("vehicle_twin_ingest_messages_total"), all.length)
      assert.strictEqual(accepted + repeated + refused, sum(({ observations }) => observations))
      assert.strictEqual(refused, 0)
      assert.strictEqual(counted("vehicle_twin_ingest_dead_letters_total"), sum(({ reasons }) => reasons.length))
      for (const reason of new Set(expected.flatMap(({ reasons }) => reasons))) {
        const count = sum(({ reasons }) => reasons.filter((one) => one === reason).length)
        assert.strictEqual(counted("vehicle_twin_ingest_dead_letters_total", `reason="${reason}"`), count)
      }
      const telemetry = [...streams.values()].flat().filter(({ type }) => type === "TelemetryReceived")
      assert.isAtLeast(accepted, telemetry.length)
      assert.strictEqual(yield* service.stop, 0)
      say(
        `${name}: ${all.length} messages, ${sum(({ reasons }) => reasons.length)} dead letters of ${
          expected.filter(({ reasons }) => reasons.length > 0).length
        } messages, ${accepted} observations accepted, ${repeated} repeated, ${ledger.length} good messages`,
      )
    }), 120_000)
})
