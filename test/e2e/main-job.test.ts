/** The whole way, as those who use it go it: a vehicle, an app, a maintenance planner. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, overWebSocket } from "../api/client.ts"
import { freePort } from "../support/free-port.ts"
import { publishAll, publisher } from "../support/mqtt-publisher.ts"
import { serviceProcess } from "../support/service-process.ts"
import { storedStreams } from "../support/stored-log.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"

const vin = "LSVAA4187E0000001"
const timeout = 60_000

/** A service with its own broker, and a vehicle's connection to it. */
const world = Effect.fnUntraced(function*(env: Readonly<Record<string, string>> = {}) {
  const folder = yield* temporaryFolder
  const port = yield* Effect.promise(freePort)
  const service = yield* serviceProcess({ DATA_DIR: folder, MQTT_PORT: String(port), LOG_LEVEL: "warn", ...env })
  yield* service.start
  const vehicle = yield* publisher(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4 })
  let seq = 0
  /** Done once the service has answered for it. */
  const send = (signals: Readonly<Record<string, unknown>>) =>
    publishAll(vehicle, [[
      `vehicles/${vin}/telemetry`,
      JSON.stringify({ session: "boot-1", seq: seq++, at: new Date().toISOString(), signals }),
    ]])
  const query = <Data>(document: string, variables?: Record<string, unknown>) =>
    Effect.promise(() => ask<Data>(service.url, document, variables))
  const subscribe = <Data>(document: string, variables: Record<string, unknown>) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => overWebSocket<Data>(service.url, document, variables)),
        (subscription) => Effect.sync(() => subscription.close()),
      ),
      ({ next }) =>
        Effect.promise(async () => {
          const answer = await next()
          if (answer?.data === undefined) throw new Error(JSON.stringify(answer))
          return answer.data
        }),
    )
  return { folder, query, send, service, subscribe }
})

interface Twin {
  readonly vehicle: {
    readonly revision: number
    readonly brand: string | null
    readonly tags: ReadonlyArray<string>
    readonly signals: ReadonlyArray<{ readonly path: string; readonly value: unknown; readonly unit: string; readonly quality: string }>
  } | null
}

const twin = `query ($vin: String!) {
  vehicle(vin: $vin) { revision brand tags signals { path value unit quality } }
}`

/** The read model follows the log within moments. */
const twinAt = Effect.fnUntraced(function*(query: Effect.Effect<Twin>, revision: number) {
  for (;;) {
    const { vehicle } = yield* query
    if (vehicle !== null && vehicle.revision >= revision) return vehicle
    yield* Effect.sleep("10 millis")
  }
})

interface AlertTold {
  readonly alertChanged: { readonly cursor: string; readonly alert: Alert }
}

interface Alert {
  readonly id: string
  readonly vin: string
  readonly component: string
  readonly state: string
  readonly revision: number
  readonly summary: string
  readonly acknowledgedBy: string | null
  readonly evidence: ReadonlyArray<{ readonly text: string; readonly eventIds: ReadonlyArray<string> }>
}

const alertFields = "id vin component state revision summary acknowledgedBy evidence { text eventIds }"

const remaining = (km: number) => ({ "Vehicle.Service.DistanceToService": km, "Vehicle.Service.TimeToService": 40_000_000 })

describe("from a vehicle's message to a planner's desk", () => {
  it.live("a service falls due, is told, taken on, done, and over", () =>
    Effect.gen(function*() {
      const { query, send, service, subscribe } = yield* world()

      // A message makes a twin.
      yield* send({ "Vehicle.Speed": 88.5, ...remaining(12_000) })
      const vehicle = yield* twinAt(query<Twin>(twin, { vin }), 0)
      assert.deepStrictEqual(vehicle.signals, [
        { path: "Vehicle.Service.DistanceToService", value: 12_000, unit: "km", quality: "GOOD" },
        { path: "Vehicle.Service.TimeToService", value: 40_000_000, unit: "s", quality: "GOOD" },
        { path: "Vehicle.Speed", value: 88.5, unit: "km/h", quality: "GOOD" },
      ])

      // An app follows it, from what it has just read.
      const { cursor } = yield* query<{ readonly cursor: string }>("{ cursor }")
      const nextChange = yield* subscribe<{ readonly vehicleChanged: { readonly signals: ReadonlyArray<unknown> } }>(
        `subscription ($vins: [String!], $after: Cursor) {
          vehicleChanged(vins: $vins, paths: ["Vehicle.Speed"], after: $after) { signals { path value unit } }
        }`,
        { vins: [vin], after: cursor },
      )
      yield* send({ "Vehicle.Speed": 91 })
      assert.deepStrictEqual((yield* nextChange).vehicleChanged.signals, [{ path: "Vehicle.Speed", value: 91, unit: "km/h" }])

      // The car says that its service is near. One reading may be noise; three are not.
      const nextAlert = yield* subscribe<AlertTold>(
        `subscription ($after: Cursor) { alertChanged(after: $after) { cursor alert { ${alertFields} } } }`,
        { after: cursor },
      )
      for (const km of [1_200, 1_190, 1_180]) yield* send(remaining(km))
      const { alert } = (yield* nextAlert).alertChanged
      assert.deepInclude(alert, { vin, component: "vehicle", state: "OPEN", summary: "Regular service is due soon" })

      // The alert rests on events that anyone may look at.
      const { vehicle: { events } } = yield* query<
        { readonly vehicle: { readonly events: { readonly edges: ReadonlyArray<{ readonly node: { readonly eventId: string } }> } } }
      >(`query ($vin: String!) { vehicle(vin: $vin) { events(first: 50) { edges { node { eventId } } } } }`, { vin })
      const known = new Set(events.edges.map(({ node }) => node.eventId))
      assert.isNotEmpty(alert.evidence)
      for (const { eventIds } of alert.evidence) for (const id of eventIds) assert.isTrue(known.has(id))

      // A planner takes it on,
      const { acknowledgeAlert } = yield* query<{ readonly acknowledgeAlert: { readonly alert: Alert } }>(
        `mutation ($input: AcknowledgeAlertInput!) {
          acknowledgeAlert(input: $input) { ... on AcknowledgeAlertPayload { alert { ${alertFields} } } ... on Error { message } }
        }`,
        { input: { id: alert.id, by: "Ada", note: "Monday", ifRevision: alert.revision } },
      )
      assert.deepInclude(acknowledgeAlert.alert, { state: "ACKNOWLEDGED", acknowledgedBy: "Ada" })
      const taken = (yield* nextAlert).alertChanged.alert
      assert.deepInclude(taken, { id: alert.id, state: "ACKNOWLEDGED", acknowledgedBy: "Ada" })

      // and the workshop's word ends it.
      const { recordService } = yield* query<{ readonly recordService: { readonly vehicle: { readonly revision: number } } }>(
        `mutation ($input: RecordServiceInput!) {
          recordService(input: $input) { ... on RecordServicePayload { vehicle { revision } } ... on Error { message } }
        }`,
        { input: { vin, component: "vehicle", kind: "REPAIRED", odometerKm: 29_000.5, workshop: "North" } },
      )
      assert.strictEqual(recordService.vehicle.revision, 5)
      const over = (yield* nextAlert).alertChanged.alert
      assert.deepInclude(over, { id: alert.id, state: "RESOLVED", acknowledgedBy: "Ada" })
      const { alerts, vehicle: well } = yield* query<
        { readonly alerts: { readonly totalCount: number }; readonly vehicle: { readonly alerts: ReadonlyArray<unknown> } }
      >(`query ($vin: String!) {
        alerts(filter: { states: [OPEN, ACKNOWLEDGED] }) { totalCount }
        vehicle(vin: $vin) { alerts { id } }
      }`, { vin })
      assert.deepStrictEqual({ alerts, well }, { alerts: { totalCount: 0 }, well: { alerts: [] } })
      assert.strictEqual(yield* service.stop, 0)
    }), timeout)

  it.live("a fleet of registered vehicles lets no others in, until they are registered", () =>
    Effect.gen(function*() {
      const { folder, query, send, service } = yield* world({ VEHICLES: "registered" })
      yield* send({ "Vehicle.Speed": 10 })
      const [letters] = (yield* storedStreams(folder, "deadletter-")).values()
      assert.deepStrictEqual(letters?.map(({ data }) => data["reason"]), ["not_registered"])
      assert.isNull((yield* query<Twin>(twin, { vin })).vehicle)

      const { code, out } = yield* register("--url", service.url, "--vin", vin, "--brand", "Roewe", "--year", "2026", "--tag", "pilot")
      assert.deepStrictEqual({ code, out: JSON.parse(out) }, { code: 0, out: { vin, revision: 0 } })
      yield* send({ "Vehicle.Speed": 20 })
      const vehicle = yield* twinAt(query<Twin>(twin, { vin }), 1)
      assert.deepStrictEqual(vehicle, {
        revision: 1,
        brand: "Roewe",
        tags: ["pilot"],
        signals: [{ path: "Vehicle.Speed", value: 20, unit: "km/h", quality: "GOOD" }],
      })

      const refused = yield* register("--url", service.url, "--vin", "NO-VIN")
      assert.strictEqual(refused.code, 1)
      assert.match(refused.err, /NO-VIN/)
      assert.strictEqual(yield* service.stop, 0)
    }), timeout)
})

const register = (...flags: ReadonlyArray<string>) =>
  Effect.promise(() =>
    new Promise<{ readonly code: number; readonly out: string; readonly err: string }>((resolve) => {
      const launcher = join(import.meta.dirname, "../../src/cli/vehicle-twin.js")
      const child = execFile(process.execPath, [launcher, "register", ...flags], { timeout: 20_000 }, (_, out, err) =>
        resolve({ code: child.exitCode ?? 1, out, err }))
    })
  )
