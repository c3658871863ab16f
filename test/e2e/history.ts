/** A fleet's history with something of everything in it, as one service has lived it, and what a service says of it. */
import { join } from "node:path"
import { assert } from "@effect/vitest"
import { Effect, Layer, Option, Stream } from "effect"
import { models } from "../../domain/maintenance/models.ts"
import { EventStore, type RecordedEvent } from "../../src/eventstore/event-store.ts"
import { beginning } from "../../src/eventstore/position.ts"
import * as Sqlite from "../../src/eventstore/sqlite.ts"
import * as LocalVehicles from "../../src/vehicles/local-vehicles.ts"
import { Vehicles } from "../../src/vehicles/vehicles.ts"
import { ask } from "../api/client.ts"
import { command } from "../support/command.ts"
import { freePort } from "../support/free-port.ts"
import { vin } from "../support/given.ts"
import { publishAll, publisher } from "../support/mqtt-publisher.ts"
import { serviceProcess } from "../support/service-process.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { writeEvents } from "../replay/event-lines.ts"

/** All that is in a folder's log, whether or not a service runs on it. */
export const logOf = (folder: string) =>
  EventStore.use(({ readAll }) => Stream.runCollect(readAll({ after: beginning }))).pipe(
    Effect.provide(Layer.fresh(Sqlite.layerReadOnly({ file: join(folder, "log.db") }))),
  )

export const isHistory = ({ stream }: RecordedEvent): boolean => /^(vehicle|maintenance)-/.test(stream)

/** What no import keeps. */
export const kept = (events: ReadonlyArray<RecordedEvent>) =>
  events.map(({ created: _, position: __, ...event }) => event)

/** A service on an empty folder, with its own broker. */
export const freshService = Effect.fnUntraced(function*(env: Readonly<Record<string, string>> = {}) {
  const folder = env["DATA_DIR"] ?? (yield* temporaryFolder)
  const port = yield* Effect.promise(freePort)
  const service = yield* serviceProcess({ DATA_DIR: folder, MQTT_PORT: String(port), LOG_LEVEL: "warn", ...env })
  yield* service.start
  return { folder, service, broker: `mqtt://127.0.0.1:${port}`, port: String(port) }
})

const everything = `{
  vehicles(first: 20) { edges { node {
    vin brand model year powertrain tags registeredAt revision online lastSeenAt clockOffsetMs
    signals { path value unit at receivedAt revision }
    troubleCodes { code severity ecu text at }
    trips(first: 50) { totalCount edges { node { startAt endAt distanceKm startSoc endSoc maxSpeed } } }
    events(last: 1) { totalCount edges { node { type revision at receivedAt data metadata } } }
  } } }
  riskList(first: 50, filter: { components: ${JSON.stringify(models.map(({ component }) => component))} }) {
    totalCount edges { node { vin component reason urgency risk expectedFailureAt } }
  }
  alerts(first: 50) { totalCount edges { node {
    alertId vehicle { vin } component state urgency score model summary recommendedAction revision raisedAt updatedAt
    acknowledgedAt acknowledgedBy note resolvedAt evidence { text eventIds } assignedTo snoozedUntil isEmergency
    confidence remainingUsefulLife { days low high } occurredAt situation { path value unit } position { latitude longitude at }
  } } }
}`

/** All that a service says of its vehicles. Of health what the list of risks has, since `health` is as of now. */
export const allOf = (url: string) => Effect.promise(() => ask<Everything>(url, everything))

interface Connection<Node> {
  readonly edges: ReadonlyArray<{ readonly node: Node }>
}

interface Everything {
  readonly vehicles: Connection<{ readonly vin: string; readonly revision: number }>
  readonly alerts: { readonly totalCount: number }
}

const twins = `{ vehicles(first: 20) { edges { node {
  vin online signals { path value at } troubleCodes { code severity ecu text at }
} } } }`

/** The twins by what was measured and when. */
export const twinsOf = (url: string) =>
  Effect.promise(async () => {
    interface Seen {
      readonly vin: string
      readonly signals: ReadonlyArray<{ readonly path: string }>
    }
    const { vehicles } = await ask<{ readonly vehicles: Connection<Seen> }>(url, twins)
    return vehicles.edges
      .map(({ node }) => ({ ...node, signals: node.signals.toSorted((a, b) => (a.path < b.path ? -1 : 1)) }))
      .toSorted((a, b) => (a.vin < b.vin ? -1 : 1))
  })

const register = `mutation ($input: RegisterVehicleInput!) {
  registerVehicle(input: $input) { __typename ... on Error { message } }
}`
const recordService = `mutation ($input: RecordServiceInput!) {
  recordService(input: $input) { __typename ... on Error { message } }
}`
const acknowledge = `mutation ($input: AcknowledgeAlertInput!) {
  acknowledgeAlert(input: $input) { __typename ... on Error { message } }
}`

const assign = `mutation ($input: AssignAlertInput!) {
  assignAlert(input: $input) { __typename ... on Error { message } }
}`
const snooze = `mutation ($input: SnoozeAlertInput!) {
  snoozeAlert(input: $input) { __typename ... on Error { message } }
}`

/** Every type of event, from a simulated fleet and its planners. The service is stopped; its history is in a file. */
export const livedHistory = Effect.fnUntraced(function*(samples: number, extension = "ndjson.gz") {
  const { broker, folder, service } = yield* freshService()
  const { url } = service
  const mutate = (document: string, input: Record<string, unknown>) =>
    Effect.promise(() => ask<Record<string, { __typename: string }>>(url, document, { input })).pipe(
      Effect.tap((answer) => Effect.sync(() => assert.notInclude(JSON.stringify(answer), "Error"))),
    )
  const { code, err } = yield* command([
    "simulate", "--mqtt", broker, "--vehicles", "12", "--faults", "some", "--seed", "7",
    "--rate", "1000", "--speed", "600", "--count", String(samples),
  ])
  assert.strictEqual(code, 0, err)

  // What the fleet may not happen to have in so short a time, in a vehicle beside it.
  yield* mutate(register, { vin, brand: "Roewe", model: "D7", year: 2026, powertrain: "BEV", tags: ["pilot"] })
  yield* mutate(register, { vin, tags: ["pilot", "south"] })
  const vehicle = yield* publisher(broker, { protocolVersion: 4 })
  const at = () => new Date().toISOString()
  const message = (kind: string, body: object): readonly [topic: string, payload: string] =>
    [`vehicles/${vin}/${kind}`, JSON.stringify(body)]
  const telemetry = (body: object) => message("telemetry", body)
  // A model believes the third reading in a row.
  const remaining = (km: number) =>
    [km, km - 1, km - 2].map((one) =>
      telemetry({
        at: at(),
        id: `remaining ${one}`,
        signals: { "Vehicle.Service.DistanceToService": one, "Vehicle.Service.TimeToService": 40_000_000 },
      })
    )
  yield* publishAll(vehicle, [
    message("status", { online: true, session: "boot-1", at: at() }),
    // Of a message without a name, and of a clock that has lost its battery.
    telemetry({
      at: at(),
      signals: { "Vehicle.Speed": 3, "Vehicle.CurrentLocation.Latitude": 31.2, "Vehicle.IsMoving": true },
    }),
    telemetry({ at: "2001-01-01T00:00:00Z", id: "lost", signals: { "Vehicle.Speed": 5 } }),
    ...remaining(1_200),
    ...remaining(-100),
    message("diagnostics", {
      id: "d-1",
      at: at(),
      codes: [
        { code: "P0A80", state: "raised", severity: "critical", ecu: "BMS", freezeFrame: { "Vehicle.Speed": 3 } },
        { code: "U0100", state: "raised" },
      ],
    }),
    message("diagnostics", { id: "d-2", at: at(), codes: [{ code: "U0100", state: "cleared" }] }),
    message("status", { online: false, session: "boot-1", at: at() }),
  ])
  interface Told {
    readonly id: string
    readonly component: string
    readonly state: string
    readonly vehicle: { readonly vin: string }
  }
  const alerts = "{ alerts(first: 100) { edges { node { id component state vehicle { vin } } } } }"
  const ownAlerts = Effect.promise(() => ask<{ readonly alerts: Connection<Told> }>(url, alerts)).pipe(
    Effect.map((answer) => answer.alerts.edges.map(({ node }) => node).filter(({ vehicle: of }) => of.vin === vin)),
  )
  const waitFor = <A>(look: Effect.Effect<A>, holds: (value: A) => boolean) =>
    Effect.repeat(Effect.delay(look, "50 millis"), { until: holds })
  // The service that is overdue, and the code that was raised.
  const raised = yield* waitFor(ownAlerts, ({ length }) => length >= 2)
  const alert = raised.find(({ component }) => component === "vehicle")
  yield* mutate(acknowledge, { id: alert?.id, by: "planner", note: "on Monday" })
  yield* mutate(assign, { id: alert?.id, to: "North" })
  yield* mutate(snooze, { id: alert?.id, until: new Date(Date.now() + 3_600_000).toISOString() })
  const work = { component: "vehicle", kind: "REPLACED", odometerKm: 60_000, clientMutationId: "w-1" }
  yield* mutate(recordService, { vin, ...work })
  yield* mutate(recordService, { vin, component: "diagnostics", kind: "REPAIRED", clientMutationId: "w-2" })
  yield* publishAll(vehicle, remaining(20_000))
  yield* waitFor(ownAlerts, (own) => own.every(({ state }) => state === "RESOLVED"))
  // Absence takes its time: its events are written by the actor, while nobody else is at the log.
  yield* service.stop
  yield* absent(folder)
  yield* service.start
  yield* settled(url, folder)
  const said = { all: yield* allOf(url), twins: yield* twinsOf(url) }
  yield* service.stop
  const events = (yield* logOf(folder)).filter(isHistory)
  const file = writeEvents(join(yield* temporaryFolder, `history.${extension}`), events)
  return { events, file, said, folder }
})

/** The vehicle has been missed, first a while and then for good. */
const absent = (folder: string) =>
  Effect.gen(function*() {
    const vehicles = yield* Vehicles
    for (const to of ["stale", "silent"] as const) {
      const { lastSeenAt = 0, revision } = Option.getOrThrow(yield* vehicles.current(vin))
      const now = Date.now()
      yield* vehicles.lapse(vin, { to, revision, lastSeenAt, rhythmMs: 10_000, limitMs: 60_000, now })
    }
  }).pipe(Effect.provide(
    Layer.fresh(LocalVehicles.layer({ admission: "open" })).pipe(
      Layer.provide(Layer.fresh(Sqlite.layer({ file: join(folder, "log.db") }))),
    ),
  ))

/** Waits until the read model has all vehicles as the log has them. */
export const settled = Effect.fnUntraced(function*(url: string, folder: string) {
  for (let tries = 0; tries < 600; tries++) {
    const last = new Map<string, number>()
    for (const { revision, stream } of yield* logOf(folder)) {
      if (stream.startsWith("vehicle-")) last.set(stream.slice("vehicle-".length), revision)
    }
    const { vehicles } = yield* allOf(url)
    const isUpToDate = vehicles.edges.every(({ node }) => last.get(node.vin) === node.revision)
    if (isUpToDate && vehicles.edges.length === last.size) {
      // Alerts and trips follow within the same moments.
      return yield* Effect.sleep("500 millis")
    }
    yield* Effect.sleep("100 millis")
  }
  assert.fail("the read model did not follow the log")
})
