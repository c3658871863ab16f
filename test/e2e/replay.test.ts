/** What one service has lived, played back into others that know nothing of it. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { RecordedEvent } from "../../src/eventstore/event-store.ts"
import { command, startCommand } from "../support/command.ts"
import { mosquitto, mosquittoIsThere } from "../support/mosquitto.ts"
import { vinOf } from "../support/messages.ts"
import { say } from "../support/say.ts"
import { subscriber } from "../support/subscriber.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { until } from "../support/until.ts"
import { fleetEvents, toLine, writeEvents, writeLines } from "../replay/event-lines.ts"
import { freshService, livedHistory, logOf, settled, twinsOf } from "./history.ts"

const timeout = 180_000

const countsOf = (events: ReadonlyArray<RecordedEvent>): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(events, ({ type }) => type)].map(([type, ofType]) => [type, ofType.length]))

/** What is worked out by each service for itself, in its own time. */
const played = (events: ReadonlyArray<RecordedEvent>) => {
  const { ClockFaultDetected: _, VehicleWentSilent: __, VehicleWentStale: ___, ...counts } = countsOf(
    events.filter(({ stream }) => stream.startsWith("vehicle-")),
  )
  return counts
}

const telemetryIn = (events: ReadonlyArray<RecordedEvent>): number => played(events)["TelemetryReceived"] ?? 0

/** The end of what a replay that was interrupted says. */
const goOn = (err: string): ReadonlyArray<string> => {
  const told = /Go on with: (--after .*)/.exec(err)?.[1]
  assert.isDefined(told, err)
  return told.trim().split(" ")
}

describe("vehicle-twin replay, as it was and as fast as it is taken", () => {
  it.live("makes twins equal in values and device times, over the service's own broker", () =>
    Effect.gen(function*() {
      const lived = yield* livedHistory(4_000, "parquet")
      const { broker, folder, service } = yield* freshService()
      const args = ["replay", lived.file, "--speed", "max", "--mqtt", broker, "--url", service.url]
      const { code, err, out } = yield* command(args)
      assert.strictEqual(code, 0, err)
      assert.strictEqual(out, "")
      yield* settled(service.url, folder)
      assert.deepStrictEqual(yield* twinsOf(service.url), lived.said.twins)
      const counts = played(yield* logOf(folder))
      assert.deepStrictEqual(counts, played(lived.events))
      say(`Replay: ${JSON.stringify(counts)}, ${lived.said.twins.length} twins with the values and times that they had`)

      // The same facts: none is stored again. What a service cannot tell from news are presence and codes.
      const again = yield* command(args)
      assert.strictEqual(again.code, 0, again.err)
      yield* settled(service.url, folder)
      const after = played(yield* logOf(folder))
      for (const type of ["TelemetryReceived", "ServiceRecorded", "VehicleRegistered"]) {
        assert.strictEqual(after[type], counts[type])
      }
      assert.deepStrictEqual(yield* twinsOf(service.url), lived.said.twins)
    }), timeout)

  it.live.skipIf(!mosquittoIsThere)("goes on where it was interrupted or killed, over a broker of its own", () =>
    Effect.gen(function*() {
      const lived = yield* livedHistory(4_000)
      const elsewhere = yield* mosquitto()
      const { folder, service } = yield* freshService({ MQTT_URL: elsewhere.url })
      const received = yield* subscriber(elsewhere.url)
      // Slow enough to be caught at it: the history is of several hours.
      const args = ["replay", lived.file, "--mqtt", elsewhere.url, "--url", service.url]
      const told: Array<string> = []
      let after: ReadonlyArray<string> = []
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        const replaying = yield* startCommand([...args, "--speed", "2000", ...after])
        const before = received.length
        yield* until(() => received.length > before + 300)
        replaying.child.kill(signal)
        const { code, err } = yield* replaying.ended
        assert.strictEqual(code, 130, err)
        after = goOn(err)
        told.push(after.join(" "))
      }
      assert.notStrictEqual(told[0], told[1])
      // The broker goes away for a while, and the rest is played at once; then killed, which says nothing.
      const killed = yield* startCommand([...args, "--speed", "2000", ...after])
      const before = received.length
      yield* until(() => received.length > before + 100)
      yield* elsewhere.stop
      yield* Effect.sleep("1 second")
      yield* elsewhere.start
      yield* Effect.sleep("2 seconds")
      killed.child.kill("SIGKILL")
      const last = yield* command([...args, "--speed", "max", ...after])
      assert.strictEqual(last.code, 0, last.err)
      yield* settledAt(service.url, folder, lived.events)
      assert.deepStrictEqual(yield* twinsOf(service.url), lived.said.twins)
      const telemetry = telemetryIn(yield* logOf(folder))
      assert.strictEqual(telemetry, telemetryIn(lived.events))
      say(`Replay, interrupted twice, killed once and once without its broker: ${telemetry} messages, each once`)
    }), timeout)
})

/** Waits until all telemetry has come from a broker that has it. */
const settledAt = Effect.fnUntraced(function*(url: string, folder: string, events: ReadonlyArray<RecordedEvent>) {
  const wanted = telemetryIn(events)
  for (let tries = 0; tries < 300 && telemetryIn(yield* logOf(folder)) < wanted; tries++) {
    yield* Effect.sleep("100 millis")
  }
  yield* settled(url, folder)
})

describe("vehicle-twin replay", () => {
  const events = fleetEvents(400, { vehicles: 3 })
  const file = Effect.map(temporaryFolder, (folder) => writeEvents(join(folder, "history.ndjson"), events))

  it.live.skipIf(!mosquittoIsThere)("sends the same bytes in the same order on each topic, each time", () =>
    Effect.gen(function*() {
      const { url } = yield* mosquitto()
      const received = yield* subscriber(url)
      const history = yield* file
      const runs: Array<ReadonlyMap<string, ReadonlyArray<string>>> = []
      for (const shift of [["--shift", "2026-11-20T12:00:00Z"], ["--shift", "2026-11-20T12:00:00Z"], [], []]) {
        const from = received.length
        const { code, err } = yield* command(["replay", history, "--mqtt", url, "--speed", "max", ...shift])
        assert.strictEqual(code, 0, err)
        while (received.length < from + events.length) yield* Effect.sleep("20 millis")
        const byTopic = Map.groupBy(received.slice(from), ({ topic }) => topic)
        runs.push(new Map([...byTopic].map(([topic, messages]) => [topic, messages.map(({ payload }) => payload)])))
      }
      const [moved, movedAgain, asItWas, asItWasAgain] = runs
      assert.deepStrictEqual(moved, movedAgain)
      assert.deepStrictEqual(asItWas, asItWasAgain)
      assert.notDeepEqual(moved, asItWas)
      const first = JSON.parse(moved?.get(`vehicles/${vinOf(0)}/telemetry`)?.[0] ?? "{}")
      assert.match(first.session, /^replay-.{10}-boot-1$/)
    }), timeout)

  it.live.skipIf(!mosquittoIsThere)("plays the chosen vehicles, at the pace at which it was, as if it were now", () =>
    Effect.gen(function*() {
      const { url } = yield* mosquitto()
      const received = yield* subscriber(url)
      const vin = vinOf(1)
      const own = events.filter(({ stream }) => stream === `vehicle-${vin}`).slice(0, 3)
      const history = writeLines(join(yield* temporaryFolder, "history.ndjson"), own.map(toLine))
      const began = Date.now()
      const { code, err } = yield* command(["replay", history, "--mqtt", url, "--vin", vin, "--shift", "now"])
      assert.strictEqual(code, 0, err)
      const receipts = own.map(({ metadata }) => Date.parse(String(metadata["receivedAt"])))
      const span = Math.max(...receipts) - Math.min(...receipts)
      assert.isAtLeast(Date.now() - began, span)
      const times = received.map(({ payload }) => Date.parse(JSON.parse(payload).at))
      assert.lengthOf(times, 3)
      const [firstAt = 0] = times
      assert.isAtLeast(firstAt, began - 1_000)
      assert.strictEqual((times.at(-1) ?? 0) - firstAt, span)
    }), timeout)

  it.live.skipIf(!mosquittoIsThere)("says what was wrong with the file, what was played before, and fails", () =>
    Effect.gen(function*() {
      const { url } = yield* mosquitto()
      const folder = yield* temporaryFolder
      const lines = events.slice(0, 20).map(toLine)
      const bad = writeLines(join(folder, "bad.ndjson"), lines.map((line, i) => i === 9 ? { ...line, id: "7" } : line))
      const cases: ReadonlyArray<readonly [args: ReadonlyArray<string>, ...said: ReadonlyArray<string>]> = [
        [[bad], "bad.ndjson, line 10: ", "UUID", `9 messages, all taken up to ${lines[8]?.position}`],
        [[join(folder, "missing.ndjson")], "Cannot read", "Nothing was taken"],
        [[yield* file, "--vin", vinOf(99)], vinOf(99)],
        [[yield* file, "--vin", "short"], "a VIN"],
        [[yield* file, "--speed", "0"], "above 0"],
        [[yield* file, "--shift", "yesterday"], "a time like"],
        [[yield* file, "--shift", "now", "--speed", "max"], "minutes from now"],
        [[yield* file, "--shift", "now", "--after", "0000000000000001"], "--after goes with"],
      ]
      for (const [args, ...said] of cases) {
        const speed = args.includes("--speed") ? [] : ["--speed", "max"]
        const { code, err } = yield* command(["replay", "--mqtt", url, ...speed, ...args])
        assert.strictEqual(code, 1, args.join(" "))
        for (const text of said) assert.include(err, text)
      }
    }), timeout)

  it.live("says that no broker is there, without its password, and fails", () =>
    Effect.gen(function*() {
      const { code, err } = yield* command(["replay", yield* file, "--mqtt", "mqtt://fleet:secret@127.0.0.1:1"])
      assert.strictEqual(code, 1)
      assert.include(err, "The MQTT broker at mqtt://fleet:***@127.0.0.1:1 was not reached")
      assert.notInclude(err, "secret")
    }), timeout)
})
