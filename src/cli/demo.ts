/** `vehicle-twin demo`: broker, service and a simulated fleet in one process, on files that go with it. */
import { DateTime, Effect, FileSystem, Schedule } from "effect"
import { CliError, Command, Flag } from "effect/cli"
import { HttpServer } from "effect/http"
import { createServer } from "node:net"
import * as Logging from "../logging.ts"
import { Settings } from "../settings.ts"
import * as Fleet from "../simulator/fleet.ts"
import { member } from "../simulator/roster.ts"

const seed = 1

export const demo = Command.make(
  "demo",
  {
    vehicles: Flag.Int("vehicles").pipe(
      Flag.filter((count) => count >= 1 && count <= 1000, () => "a whole number from 1 to 1000"),
      Flag.withDescription("Vehicles on the road, each with a message a second"),
      Flag.withDefault(50),
    ),
  },
  Effect.fnUntraced(
    function*({ vehicles }) {
      const files = yield* FileSystem.FileSystem
      const folder = yield* files.makeTempDirectoryScoped({ prefix: "vehicle-twin-demo-" })
      const environment = {
        PORT: yield* freePort(4000),
        MQTT_PORT: yield* freePort(1883),
        LOG_LEVEL: "warn",
        ...process.env,
        DATA_DIR: folder,
      }
      yield* run(vehicles, `${folder}/labels.ndjson`).pipe(Effect.provide(Settings.layerFrom(environment)))
    },
    Effect.scoped,
    Effect.mapError((cause) => new CliError.UserError({ cause })),
  ),
).pipe(Command.withDescription("Everything embedded, with a simulated fleet: a look at what there is"))

/** The usual port, or any where that is taken. */
const freePort = (usual: number) =>
  Effect.callback<string>((resume) => {
    const probe = createServer()
    probe.once("error", () => resume(Effect.succeed("0")))
    probe.listen(usual, "127.0.0.1", () => probe.close(() => resume(Effect.succeed(String(usual)))))
  })

const run = Effect.fnUntraced(function*(vehicles: number, labels: string) {
  const settings = yield* Settings
  const { layer } = yield* Effect.promise(() => import("../main.ts"))
  const { Mqtt } = yield* Effect.promise(() => import("../ingest/mqtt.ts"))
  const { Vehicles } = yield* Effect.promise(() => import("../vehicles/vehicles.ts"))
  const { Overview } = yield* Effect.promise(() => import("./overview.ts"))
  yield* Effect.gen(function*() {
    const broker = (yield* Mqtt).address
    const server = yield* HttpServer.HttpServer
    const http = HttpServer.formatAddress(server.address).replace("0.0.0.0", "127.0.0.1")
    const mqtt = broker === undefined ? String(process.env["MQTT_URL"]) : `mqtt://${broker.host}:${broker.port}`
    const registry = yield* Vehicles
    for (let i = 0; i < vehicles; i++) {
      const { depot, origin, vin } = member(seed, i, true)
      const { brand, model } = origin.make
      const now = DateTime.toEpochMillis(yield* DateTime.now)
      const { name, region } = origin.city
      const description = { brand, model, year: 2026, powertrain: "BEV" as const, tags: [name], depot, region }
      yield* registry.register(vin, { description, now, source: { kind: "api" } })
    }
    process.stdout.write(welcome({ http, mqtt, vehicles, labels, vin: member(seed, 1, true).vin }))
    const overview = yield* Overview.make
    yield* overview.show.pipe(
      Effect.repeat(Schedule.spaced(process.stdout.isTTY ? "1 second" : "10 seconds")),
      Effect.forkScoped,
    )
    const fleet = { url: mqtt, vehicles, rate: vehicles, seed, faults: true, speed: 1, labels }
    yield* Fleet.run({ ...fleet, progress: () => Effect.void })
  }).pipe(Effect.scoped, Effect.provide(layer), Effect.provide(Logging.layer(settings)))
})

const welcome = (about: { http: string; mqtt: string; vehicles: number; labels: string; vin: string }): string => `
${about.vehicles} vehicles are on the road. Ctrl-C ends the demo and removes its files.

  GraphiQL    ${about.http}/graphql
  Metrics     ${about.http}/metrics
  Broker      ${about.mqtt}
  Faults      ${about.labels} (what went wrong on purpose)

Paste this into GraphiQL:

  {
    vehicle(vin: "${about.vin}") {
      brand model online lastSeenAt
      signals(paths: ["Vehicle.Speed", "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"]) { path value unit at quality }
      health { component score evidence { text } }
      trips(first: 1) { edges { node { startAt endAt distanceKm } } }
    }
    riskList(first: 5) { totalCount edges { node { vin component reason urgency risk expectedFailureAt } } }
    riskSummary(groupBy: DEPOT) { group vehicles atRisk { stop serviceSoon driveOn } openAlerts { stop serviceSoon driveOn } }
    alerts(first: 5) { totalCount edges { node { vin component urgency summary } } }
  }

`
