/** What could not be taken in, worked off as somebody does who runs the service: seen, mended, retried. */
import { writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask } from "../api/client.ts"
import { command } from "../support/command.ts"
import { vssOf } from "../support/dead-letters.ts"
import { freePort } from "../support/free-port.ts"
import { vinOf } from "../support/messages.ts"
import { publishAll, publisher } from "../support/mqtt-publisher.ts"
import { serviceProcess } from "../support/service-process.ts"
import { storedStreams } from "../support/stored-log.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

const timeout = 90_000
const vin = vinOf(1)
const topic = `vehicles/${vin}/telemetry`

/** A service in a folder, as the settings want it; stopped afterwards. */
const running = <A, E, R>(
  folder: string,
  env: Readonly<Record<string, string>>,
  use: (service: {
    readonly url: string
    readonly publish: (...messages: ReadonlyArray<readonly [string, string]>) => Effect.Effect<void>
    readonly run: (...args: ReadonlyArray<string>) => ReturnType<typeof command>
  }) => Effect.Effect<A, E, R>,
) =>
  Effect.scoped(Effect.gen(function*() {
    const port = yield* Effect.promise(freePort)
    const service = yield* serviceProcess({ DATA_DIR: folder, MQTT_PORT: String(port), LOG_LEVEL: "warn", ...env })
    yield* service.start
    const { url } = service
    const done = yield* use({
      url,
      publish: (...messages) =>
        Effect.scoped(Effect.flatMap(publisher(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4 }), (client) =>
          publishAll(client, messages))),
      run: (...args) => command(["dead-letters", ...args, "--url", url]),
    })
    assert.strictEqual(yield* service.stop, 0)
    return done
  }))

const message = (seq: number, signals: object) =>
  JSON.stringify({ session: "boot-1", seq, at: new Date().toISOString(), signals })

const lines = (out: string) => out.split("\n").filter((line) => line !== "").map((line): unknown => JSON.parse(line))

const readings = Effect.fnUntraced(function*(folder: string) {
  const events = (yield* storedStreams(folder, "vehicle-")).get(`vehicle-${vin}`) ?? []
  return events.flatMap(({ data, type }) => type === "TelemetryReceived" ? Object.entries(data["readings"] as object) : [])
})

/** The read model follows the log within moments. */
const valueOf = Effect.fnUntraced(function*(url: string, path: string) {
  for (;;) {
    const { vehicle } = yield* Effect.promise(() =>
      ask<{ readonly vehicle: { readonly signals: ReadonlyArray<{ readonly value: unknown }> } | null }>(
        url,
        "query ($vin: String!, $path: String!) { vehicle(vin: $vin) { signals(paths: [$path]) { value } } }",
        { vin, path },
      )
    )
    if (vehicle?.signals[0] !== undefined) return vehicle.signals[0].value
    yield* Effect.sleep("20 millis")
  }
})

describe("dead letters", () => {
  it.live("of signals nobody knew are taken in once the catalogue is widened, once", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      yield* running(folder, {}, ({ publish, run }) =>
        Effect.gen(function*() {
          yield* publish([topic, message(1, { "Vehicle.Speed": 50, "Vehicle.Test.A": 7 })], [topic, "{ not JSON"])

          const listed = yield* run("list", "--reason", "path", "--vin", vin)
          assert.strictEqual(listed.code, 0)
          const [letter] = lines(listed.out)
          assert.deepInclude(letter, { id: "mqtt-0", state: "OPEN", path: "Vehicle.Test.A", vin, topic })

          const shown = yield* run("show", "mqtt-0")
          const { payload } = JSON.parse(shown.out) as { readonly payload: { readonly content: string } }
          assert.deepInclude(JSON.parse(payload.content), { signals: { "Vehicle.Speed": 50, "Vehicle.Test.A": 7 } })

          const failed = yield* run("retry", "--all")
          assert.strictEqual(failed.code, 1)
          assert.match(failed.err, /2 of 2 were rejected again/)
          assert.deepInclude(lines(failed.out)[0], { id: "mqtt-0", state: "OPEN", outcome: "REJECTED", reason: "path" })

          const unknown = yield* run("show", "mqtt-99")
          assert.deepStrictEqual([unknown.code, unknown.out], [1, ""])
          assert.match(unknown.err, /There is no dead letter mqtt-99/)
          const strange = yield* run("list", "--reason", "nope")
          assert.strictEqual(strange.code, 1)
          assert.match(strange.err, /"nope" is no reason for a dead letter; there are topic, vin/)
        }))

      writeFileSync(`${folder}/vss.json`, JSON.stringify(vssOf(["A"])))
      writeFileSync(`${folder}/mended.json`, message(2, { "Vehicle.Speed": 60 }))
      yield* running(folder, { VSS_FILE: `${folder}/vss.json` }, ({ run, url }) =>
        Effect.gen(function*() {
          const retried = yield* run("retry", "--all", "--reason", "path", "--by", "Ada")
          assert.deepStrictEqual([retried.code, lines(retried.out)], [
            0,
            [{ id: "mqtt-0", state: "RETRIED", outcome: "TAKEN_IN", reason: null, message: null }],
          ])
          assert.strictEqual(yield* valueOf(url, "Vehicle.Test.A"), 7)

          const mended = yield* run("retry", "mqtt-1", "--payload", `${folder}/mended.json`)
          assert.strictEqual(mended.code, 0, mended.err)
          const again = yield* run("retry", "mqtt-0", "mqtt-1")
          assert.deepStrictEqual([again.code, lines(again.out).map((one) => (one as { readonly outcome: string }).outcome)], [
            0,
            ["KNOWN", "KNOWN"],
          ])
          const listed = yield* run("list", "--state", "retried")
          assert.deepStrictEqual(lines(listed.out).map((one) => (one as { readonly settledBy: string | null }).settledBy), [null, "Ada"])
        }))
      assert.deepStrictEqual(yield* readings(folder), [["Vehicle.Speed", 50], ["Vehicle.Test.A", 7], ["Vehicle.Speed", 60]])
    }), timeout)

  it.live("of a vehicle that was not registered are taken in after it is, and no more are kept than wanted", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const env = { VEHICLES: "registered", DEAD_LETTERS_MAX: "30" }
      yield* running(folder, env, ({ publish, run, url }) =>
        Effect.gen(function*() {
          yield* publish(...Array.from({ length: 5 }, (_, n) => [topic, message(n, { "Vehicle.Speed": n })] as const))
          const registered = yield* command(["register", "--url", url, "--vin", vin])
          assert.strictEqual(registered.code, 0, registered.err)
          // The vehicle brings one of them again by itself.
          yield* publish([topic, message(2, { "Vehicle.Speed": 2 })])
          const retried = yield* run("retry", "--all", "--reason", "not_registered")
          assert.strictEqual(retried.code, 0, retried.err)
          assert.deepStrictEqual(lines(retried.out).map((one) => (one as { readonly outcome: string }).outcome), [
            "TAKEN_IN",
            "TAKEN_IN",
            "KNOWN",
            "TAKEN_IN",
            "TAKEN_IN",
          ])
          yield* publish(...Array.from({ length: 50 }, (_, n) => [topic, `{ ${n}`] as const))
          const discarded = yield* run("discard", "--all", "--reason", "json", "--by", "Ada")
          assert.strictEqual(lines(discarded.out).length, 50)
        }))
      assert.deepStrictEqual((yield* readings(folder)).map(([, value]) => value).toSorted(), [0, 1, 2, 3, 4])

      yield* running(folder, env, ({ run }) =>
        Effect.gen(function*() {
          // The letters of before went first, and what became of them stands.
          let held = lines((yield* run("list", "--limit", "1000")).out)
          while (held.length > 30) held = lines((yield* run("list", "--limit", "1000")).out)
          assert.deepStrictEqual(held, [])
        }))
      const [stream] = (yield* storedStreams(folder, "deadletter-")).values()
      assert.isAtMost(stream?.length ?? 0, 30)
    }), timeout)
})
