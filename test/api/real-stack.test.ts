/** The API over the real log, actors, projector and read model, in a folder of its own. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { HttpServer } from "effect/http"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { catalogue } from "../../domain/signals/catalogue.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import * as Api from "../../src/api/http.ts"
import * as EventStore from "../../src/eventstore/sqlite.ts"
import * as Changes from "../../src/live/changes-in-process.ts"
import * as LiveUpdates from "../../src/live/live-updates.ts"
import * as Alerts from "../../src/maintenance/alerts.ts"
import { Readiness } from "../../src/readiness.ts"
import { readModels } from "../../src/readmodel/projections.ts"
import * as Projector from "../../src/readmodel/projector.ts"
import * as ReadModel from "../../src/readmodel/sql-read-model.ts"
import * as SqliteClient from "../../src/sql/sqlite-client.ts"
import * as LocalVehicles from "../../src/vehicles/local-vehicles.ts"
import { Vehicles } from "../../src/vehicles/vehicles.ts"
import { officeAlone } from "../support/dead-letters.ts"
import { notificationsAlone } from "../support/notifications.ts"
import { encodeId } from "../../src/api/builder.ts"
import { ask, overSse } from "./client.ts"
import { vinOf } from "./world.ts"

const directory = mkdtempSync(join(tmpdir(), "vehicle-twin-api-"))
const log = { _tag: "Sqlite" as const, file: join(directory, "log.db"), archive: join(directory, "archive") }
const stack = Api.layer({ host: "127.0.0.1", port: 0, catalogue, log }).pipe(
  Layer.provide(Layer.succeed(Readiness, { checks: [] })),
  Layer.provide(Layer.mergeAll(Projector.layer({ ...readModels, build: () => Effect.void }), LiveUpdates.layer({ catalogue }))),
  Layer.provide(officeAlone),
  Layer.provide(notificationsAlone),
  Layer.provideMerge(Layer.mergeAll(LocalVehicles.layer({ admission: "open" }), Alerts.layer, ReadModel.layer, Changes.layer)),
  Layer.provide(Layer.mergeAll(
    EventStore.layer({ file: join(directory, "log.db") }),
    SqliteClient.layer({ file: join(directory, "readmodel.db"), synchronous: "NORMAL" }),
  )),
)

describe("the API over the real services", () => {
  const scope = Scope.makeUnsafe()
  let url: string
  let observe: (vin: ReturnType<typeof vinOf>, seq: number, speed: number) => Promise<unknown>
  let raise: (vin: string) => Promise<unknown>
  beforeAll(async () => {
    const context = await Effect.runPromise(Layer.buildWithScope(stack, scope))
    url = HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)
    observe = (vin, seq, speed) => {
      const at = Date.now()
      return Effect.runPromise(Context.get(context, Vehicles).observe(vin, [{
        _tag: "Telemetry",
        identity: Identity.sequenced("boot-1", seq),
        at,
        receivedAt: at,
        source: { kind: "mqtt" },
        reissued: false,
        readings: [{ path: "Vehicle.Speed", value: speed, at, quality: "GOOD", personal: false }],
      }]))
    }
    raise = (vin) =>
      Effect.runPromise(Context.get(context, Alerts.Alerts).tell(vin, [{
        _tag: "Assess",
        model: { component: "brakes.front", name: "wear", version: "1", raiseAt: 30, recoverAt: 50 },
        assessment: {
          score: 5,
          confidence: 0.9,
          evidence: [{ text: "worn", events: [] }],
          urgency: "stop",
          summary: "worn",
          recommendedAction: "replace",
        },
        cause: { eventId: Identity.uuid("cause"), revision: 0, at: Date.now(), deadline: false, brand: undefined },
      }]))
  })
  afterAll(async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    rmSync(directory, { recursive: true })
  })

  it("a vehicle that is registered and drives is told, found, listed and has its history", async () => {
    const vin = vinOf(1)
    const { cursor } = await ask<{ cursor: string }>(url, "{ cursor }")
    interface Told {
      readonly vehicleChanged: {
        readonly vehicle: { readonly vin: string; readonly brand: string; readonly revision: number }
        readonly signals: ReadonlyArray<{ readonly value: number }>
      }
    }
    const subscription = await overSse<Told>(
      url,
      "subscription ($after: Cursor) { vehicleChanged(after: $after) { vehicle { vin brand revision } signals { value } } }",
      { after: cursor },
    )
    const register = `mutation { registerVehicle(input: { vin: "${vin}", brand: "Wuling", ifRevision: -1 }) {
      ... on RegisterVehiclePayload { vehicle { revision } } ... on Error { code message }
    } }`
    expect(await ask(url, register)).toEqual({ registerVehicle: { vehicle: { revision: 0 } } })
    expect(await ask(url, register)).toMatchObject({ registerVehicle: { code: "CONFLICT" } })
    const told = async () => (await subscription.next())?.data?.vehicleChanged
    expect(await told()).toEqual({ vehicle: { vin, brand: "Wuling", revision: 0 }, signals: [] })
    await observe(vin, 1, 50)
    expect(await told()).toEqual({ vehicle: { vin, brand: "Wuling", revision: 1 }, signals: [{ value: 50 }] })

    // Told only once the read model has it.
    const found = await ask(url, `{
      vehicle(vin: "${vin}") { revision events { totalCount edges { node { type } } } trips { totalCount } }
      vehicles(filter: { brands: ["Wuling"] }, orderBy: { field: LAST_SEEN_AT, direction: DESC }) { totalCount edges { node { vin } } }
    }`)
    expect(found).toEqual({
      vehicle: {
        revision: 1,
        events: { totalCount: 2, edges: [{ node: { type: "VehicleRegistered" } }, { node: { type: "TelemetryReceived" } }] },
        trips: { totalCount: 1 },
      },
      vehicles: { totalCount: 1, edges: [{ node: { vin } }] },
    })
    subscription.close()
  })

  it("a vehicle is shown as it was known before", async () => {
    const vin = vinOf(3)
    await observe(vin, 1, 50)
    const between = Date.now()
    while (Date.now() === between) await new Promise((resolve) => setTimeout(resolve, 1))
    await observe(vin, 2, 60)
    const speedAsOf = async (time: number) => {
      const query = `query ($asOf: DateTime!) { vehicle(vin: "${vin}", asOf: $asOf) { revision signals { value } } }`
      return ask(url, query, { asOf: new Date(time).toISOString() })
    }
    expect(await speedAsOf(between)).toEqual({ vehicle: { revision: 0, signals: [{ value: 50 }] } })
    expect(await speedAsOf(Date.now())).toEqual({ vehicle: { revision: 1, signals: [{ value: 60 }] } })
  })

  it("an alert is told and acknowledged", async () => {
    const vin = vinOf(2)
    const { cursor } = await ask<{ cursor: string }>(url, "{ cursor }")
    interface Told {
      readonly alertChanged: { readonly alert: { readonly id: string; readonly alertId: string; readonly revision: number } }
    }
    const subscription = await overSse<Told>(
      url,
      "subscription ($after: Cursor) { alertChanged(after: $after) { alert { id alertId revision } } }",
      { after: cursor },
    )
    await raise(vin)
    const alert = (await subscription.next())?.data?.alertChanged.alert
    expect(alert?.id).toBe(encodeId("Alert", `${vin}:${alert?.alertId}`))
    const acknowledge = (input: object) =>
      ask(url, `mutation ($input: AcknowledgeAlertInput!) { acknowledgeAlert(input: $input) {
        ... on AcknowledgeAlertPayload { alert { state acknowledgedBy } } ... on Error { code }
      } }`, { input })
    expect(await acknowledge({ id: alert?.id, by: "Li", ifRevision: 99 })).toEqual({ acknowledgeAlert: { code: "CONFLICT" } })
    expect(await acknowledge({ id: alert?.id, by: "Li", ifRevision: alert?.revision })).toEqual({
      acknowledgeAlert: { alert: { state: "ACKNOWLEDGED", acknowledgedBy: "Li" } },
    })
    await subscription.next()
    expect(await ask(url, `{ alerts(filter: { states: [ACKNOWLEDGED] }) { totalCount } }`)).toEqual({ alerts: { totalCount: 1 } })
    subscription.close()
  })
})
