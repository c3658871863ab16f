import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { mosquitto, mosquittoIsThere } from "../support/mosquitto.ts"
import { subscriber } from "../support/subscriber.ts"
import { until } from "../support/until.ts"

const launcher = join(import.meta.dirname, "../../src/cli/vehicle-twin.js")

/** The command as npm starts it; killed when the scope closes, if it still runs. */
const start = (...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [launcher, ...args], { stdio: ["ignore", "pipe", "pipe"] })
      const told = { out: "", err: "" }
      child.stdout.on("data", (chunk: Buffer) => (told.out += chunk.toString()))
      child.stderr.on("data", (chunk: Buffer) => (told.err += chunk.toString()))
      const ended = once(child, "close").then(() => ({ code: child.exitCode, signal: child.signalCode, ...told }))
      return { child, ended: Effect.promise(() => ended) }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL")),
  )

const run = (...args: ReadonlyArray<string>) => Effect.flatMap(start(...args), ({ ended }) => ended)

describe("vehicle-twin simulate", () => {
  it.live("tells its flags and examples", () =>
    Effect.gen(function*() {
      const { code, out } = yield* run("simulate", "--help")
      assert.strictEqual(code, 0)
      for (const flag of ["vehicles", "rate", "seed", "mqtt", "duration", "count", "start", "speed", "labels", "ledger"]) {
        assert.match(out, new RegExp(`--${flag} .*[A-Z]`))
      }
      assert.include(out, "EXAMPLES")
    }))

  it.live.each([
    ["--rate", "0", "above 0"],
    ["--mqtt", "localhost:1883", "mqtt://host:1883"],
    ["--duration", "60", "60s"],
    ["--start", "yesterday", "2026-11-22T08:15:30Z"],
  ])("refuses %s %s, says why on standard error, and fails", ([flag = "", value = "", reason = ""]) =>
    Effect.gen(function*() {
      const { code, err } = yield* run("simulate", flag, value)
      assert.strictEqual(code, 1)
      assert.include(err, flag)
      assert.include(err, reason)
    }))

  it.live.skipIf(!mosquittoIsThere)("says goodbye for its vehicles when it is told to stop", () =>
    Effect.gen(function*() {
      const { url } = yield* mosquitto()
      const received = yield* subscriber(url)
      const { child, ended } = yield* start("simulate", "--mqtt", url, "--vehicles", "3", "--rate", "30")
      yield* until(() => received.length > 20)
      child.kill("SIGTERM")
      const { code, err, out } = yield* ended
      assert.strictEqual(code, 130)
      assert.match(err, /\d+ acknowledged/)
      assert.strictEqual(out, "")
      const goodbyes = received.filter(({ topic, payload }) => topic.endsWith("/status") && payload.includes('"online":false'))
      assert.strictEqual(goodbyes.length, 3)
    }))
})
