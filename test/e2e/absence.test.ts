/** Vehicles that stop, sleep and come back, as the service's users see them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { ask } from "../api/client.ts"
import { freePort } from "../support/free-port.ts"
import { publishAll, publisher } from "../support/mqtt-publisher.ts"
import { serviceProcess } from "../support/service-process.ts"
import { storedStreams } from "../support/stored-log.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

const [driving, stopping, sleeping] = ["LSVAA4187E0000001", "LSVAA4187E0000002", "LSVAA4187E0000003"] as const

interface Vehicle {
  readonly vin: string
  readonly reporting: { readonly state: string }
}

interface Fleet {
  readonly vehicles: { readonly edges: ReadonlyArray<{ readonly node: Vehicle }> }
}

const fleet = "{ vehicles { edges { node { vin reporting { state } } } } }"

describe("a fleet in which one vehicle stops and one goes to sleep", () => {
  it.live("has the one stale, then silent, then back, and the others as they are", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const port = yield* Effect.promise(freePort)
      const service = yield* serviceProcess({ DATA_DIR: folder, MQTT_PORT: String(port), LOG_LEVEL: "warn" })
      yield* service.start
      const client = yield* publisher(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4 })
      const seqs = new Map<string, number>()
      const report = (vin: string, skipped = 0) => {
        const seq = (seqs.get(vin) ?? 0) + skipped
        seqs.set(vin, seq + 1)
        const message = { session: "boot-1", seq, at: new Date().toISOString(), signals: { "Vehicle.Speed": seq } }
        return publishAll(client, [[`vehicles/${vin}/telemetry`, JSON.stringify(message)]])
      }
      const say = (vin: string, online: boolean) =>
        publishAll(client, [[
          `vehicles/${vin}/status`,
          JSON.stringify({ online, session: "boot-1", at: new Date().toISOString() }),
        ]])
      const states = Effect.promise(async () => {
        const { vehicles } = await ask<Fleet>(service.url, fleet)
        return Object.fromEntries(vehicles.edges.map(({ node }) => [node.vin, node.reporting.state]))
      })
      const until = (state: string) =>
        states.pipe(
          Effect.repeat({ until: (all) => all[stopping] === state, schedule: Schedule.spaced("250 millis") }),
          Effect.timeout("100 seconds"),
        )

      yield* Effect.forEach([driving, stopping, sleeping], (vin) => say(vin, true))
      for (let i = 0; i < 13; i++) {
        yield* Effect.forEach([driving, stopping, sleeping], (vin) => report(vin))
        yield* Effect.sleep("1 second")
      }
      yield* say(sleeping, false)
      yield* Effect.forkScoped(Effect.repeat(Effect.suspend(() => report(driving)), Schedule.spaced("1 second")))
      const others = { [driving]: "REPORTING", [sleeping]: "OFFLINE" }
      assert.deepStrictEqual(yield* until("STALE"), { ...others, [stopping]: "STALE" })
      assert.deepStrictEqual(yield* until("SILENT"), { ...others, [stopping]: "SILENT" })
      const silent = yield* Effect.promise(() =>
        ask(service.url, `{ vehicles(filter: { reporting: [SILENT] }) { edges { node { vin } } } }`))
      assert.deepStrictEqual(silent, { vehicles: { edges: [{ node: { vin: stopping } }] } })

      yield* report(stopping, 2)
      assert.deepStrictEqual(yield* until("REPORTING"), { ...others, [stopping]: "REPORTING" })
      const gaps = yield* Effect.promise(() =>
        ask(service.url, `{ vehicle(vin: "${stopping}") { gaps { session from to missing } } }`))
      assert.deepStrictEqual(gaps, { vehicle: { gaps: [{ session: "boot-1", from: 13, to: 14, missing: 2 }] } })

      yield* service.stop
      const streams = yield* storedStreams(folder, "vehicle-")
      const absences = (vin: string) =>
        (streams.get(`vehicle-${vin}`) ?? []).flatMap(({ type }) => type.startsWith("VehicleWent") ? [type] : [])
      assert.deepStrictEqual(absences(stopping), ["VehicleWentStale", "VehicleWentSilent"])
      assert.deepStrictEqual(absences(driving), [])
      assert.deepStrictEqual(absences(sleeping), [])
    }), 180_000)
})
