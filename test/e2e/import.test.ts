/** What one service has lived, brought into another's empty log. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { schemas as alertSchemas } from "../../domain/maintenance/alerts/alert-events.ts"
import { schemas as vehicleSchemas } from "../../domain/vehicle/events.ts"
import { command, startCommand } from "../support/command.ts"
import { fleetEvents, writeEvents } from "../replay/event-lines.ts"
import { say } from "../support/say.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { allOf, freshService, kept, livedHistory, logOf, settled } from "./history.ts"

const timeout = 180_000

describe("vehicle-twin import", () => {
  it.live("makes the same twins, alerts, trips and health, and the service adds nothing by itself", () =>
    Effect.gen(function*() {
      const lived = yield* livedHistory(4_000)
      const types = new Set(lived.events.map(({ type }) => type))
      const known = [...Object.keys(vehicleSchemas), ...Object.keys(alertSchemas)]
      assert.deepStrictEqual([...types].toSorted(), known.toSorted())

      const folder = yield* temporaryFolder
      const { code, err, out } = yield* command(["import", lived.file], { DATA_DIR: folder })
      assert.strictEqual(code, 0, err)
      assert.strictEqual(out, "")
      assert.include(err, `${lived.events.length} events written`)
      assert.deepStrictEqual(kept(yield* logOf(folder)), kept(lived.events))

      const { service } = yield* freshService({ DATA_DIR: folder })
      yield* settled(service.url, folder)
      assert.deepStrictEqual(yield* allOf(service.url), lived.said.all)

      // The reactor has read it all, and its deadlines have come round.
      yield* Effect.sleep("11 seconds")
      assert.deepStrictEqual(kept(yield* logOf(folder)), kept(lived.events))
      const { alerts, vehicles } = lived.said.all
      say(
        `Import: ${lived.events.length} events of ${types.size} types, ${vehicles.edges.length} vehicles and `
          + `${alerts.totalCount} alerts as they were, 0 events added by the service`,
      )

      // In use, and not empty afterwards.
      const inUse = yield* command(["import", lived.file], { DATA_DIR: folder })
      assert.strictEqual(inUse.code, 1)
      assert.include(inUse.err, "is in use")
      assert.strictEqual(yield* service.stop, 0)
      const again = yield* command(["import", lived.file], { DATA_DIR: folder })
      assert.strictEqual(again.code, 0)
      assert.include(again.err, "0 events written")
    }), timeout)

  it.live("goes on where it was killed, from a file and from standard input", () =>
    Effect.gen(function*() {
      const events = fleetEvents(20_000)
      const file = writeEvents(join(yield* temporaryFolder, "history.ndjson"), events)
      const folder = yield* temporaryFolder
      const importing = yield* startCommand(["import", "-"], { DATA_DIR: folder })
      importing.child.stdin.write(readFileSync(file).subarray(0, -1_000))
      const there = Effect.map(Effect.orElseSucceed(logOf(folder), () => []), ({ length }) => length)
      while ((yield* there) === 0) yield* Effect.sleep("50 millis")
      importing.child.kill("SIGKILL")
      yield* importing.ended
      const done = yield* command(["import", file], { DATA_DIR: folder })
      assert.strictEqual(done.code, 0, done.err)
      assert.match(done.err, /[1-9]\d* were there/)
      assert.deepStrictEqual(kept(yield* logOf(folder)), kept(events))
    }), timeout)

  it.live("says what is wrong, and how much was written, and fails", () =>
    Effect.gen(function*() {
      const missing = yield* command(["import", "/nowhere/history.ndjson"], { DATA_DIR: yield* temporaryFolder })
      assert.strictEqual(missing.code, 1)
      assert.include(missing.err, "Cannot read /nowhere/history.ndjson")
      const none = yield* command(["import"])
      assert.strictEqual(none.code, 1)
      const noJson = yield* command(["import", import.meta.filename], { DATA_DIR: yield* temporaryFolder })
      assert.strictEqual(noJson.code, 1)
      assert.include(noJson.err, "import.test.ts, line 1: not JSON")
      assert.include(noJson.err, "0 events written")
    }))
})
