/**
 * A service with its own broker, a vehicle that is connected to it, and a planner who is told of alerts: what tests of an
 * alert's life need. All that the planner was told is kept, over restarts of the service too.
 */
import { Effect } from "effect"
import { isMaintenanceStream } from "../../domain/maintenance/alerts/alert-record.ts"
import { ask, overWebSocket } from "../api/client.ts"
import { freePort } from "./free-port.ts"
import { vin } from "./given.ts"
import { publishAll, publisher } from "./mqtt-publisher.ts"
import { serviceProcess } from "./service-process.ts"
import { storedEvents } from "./stored-log.ts"
import { temporaryFolder } from "./temporary-folder.ts"

export interface ToldAlert {
  readonly id: string
  readonly alertId: string
  readonly vin: string
  readonly component: string
  readonly state: "OPEN" | "ACKNOWLEDGED" | "RESOLVED"
  readonly urgency: "DRIVE_ON" | "SERVICE_SOON" | "STOP"
  readonly score: number
  readonly summary: string
  readonly recommendedAction: string
  readonly evidence: ReadonlyArray<{ readonly text: string; readonly eventIds: ReadonlyArray<string> }>
  readonly confidence: number | null
  readonly isEmergency: boolean
  readonly occurredAt: string | null
  readonly position: { readonly latitude: number; readonly longitude: number; readonly at: string | null } | null
  readonly situation: ReadonlyArray<{ readonly path: string; readonly value: unknown; readonly unit: string | null }>
  readonly assignedTo: string | null
  readonly acknowledgedBy: string | null
  readonly snoozedUntil: string | null
  readonly isSnoozed: boolean
  readonly note: string | null
  readonly revision: number
}

export const alertFields = `id alertId vin component state urgency score summary recommendedAction
  evidence { text eventIds } confidence isEmergency occurredAt position { latitude longitude at }
  situation { path value unit } assignedTo acknowledgedBy snoozedUntil isSnoozed note revision`

interface Change {
  readonly alertChanged: { readonly cursor: string; readonly alert: ToldAlert }
}

interface Outcome {
  readonly outcome: { readonly alert?: ToldAlert; readonly message?: string; readonly __typename: string }
}

const subscription = `subscription ($after: Cursor) { alertChanged(after: $after) { cursor alert { ${alertFields} } } }`

/** `env` is the service's beside what this gives it. Started; ended when the scope closes. */
export const alertWorld = Effect.fnUntraced(function*(env: Readonly<Record<string, string>> = {}) {
  const folder = yield* temporaryFolder
  const port = env["MQTT_PORT"] ?? String(yield* Effect.promise(freePort))
  const service = yield* serviceProcess({ DATA_DIR: folder, MQTT_PORT: port, LOG_LEVEL: "warn", ...env })
  yield* service.start
  const vehicle = yield* publisher(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4 })

  const query = <Data>(document: string, variables?: Record<string, unknown>) =>
    Effect.promise(() => ask<Data>(service.url, document, variables))

  let seq = 0
  /** A message of the vehicle; done once the service has answered for it. `rest` is beside or instead of what it has. */
  const send = (signals: Readonly<Record<string, unknown>>, rest: Readonly<Record<string, unknown>> = {}) =>
    publishAll(vehicle, [[
      `vehicles/${vin}/telemetry`,
      JSON.stringify({ session: "boot-1", seq: seq++, at: new Date().toISOString(), signals, ...rest }),
    ]])
  /** Trouble codes of the vehicle, likewise. */
  const diagnose = (...codes: ReadonlyArray<Readonly<Record<string, unknown>>>) =>
    publishAll(vehicle, [[
      `vehicles/${vin}/diagnostics`,
      JSON.stringify({ id: `codes-${seq++}`, at: new Date().toISOString(), codes }),
    ]])

  /** All that the planner was told, as it came, and when, epoch ms. */
  const told: Array<{ readonly alert: ToldAlert; readonly at: number }> = []
  let after: string | undefined
  let wake = () => {}
  /** Subscribes from where the planner was told last, or from now on; to be done again after a restart. */
  const follow = Effect.gen(function*() {
    after ??= (yield* query<{ readonly cursor: string }>("{ cursor }")).cursor
    const { close, next } = overWebSocket<Change>(service.url, subscription, { after })
    yield* Effect.addFinalizer(() => Effect.sync(close))
    const read = async () => {
      for (let answer = await next(); answer?.data !== undefined; answer = await next()) {
        const { alert, cursor } = answer.data.alertChanged
        after = cursor
        told.push({ alert, at: Date.now() })
        wake()
      }
    }
    // The connection ends with the service.
    read().catch(() => undefined)
  })

  /** Of what the planner is told, the first that is like this and was not waited for before. */
  let seen = 0
  const next = (isIt: (alert: ToldAlert) => boolean) =>
    Effect.promise(async () => {
      for (;;) {
        for (; seen < told.length; seen++) {
          const one = told[seen]
          if (one !== undefined && isIt(one.alert)) {
            seen++
            return one
          }
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    })

  /** A mutation of an alert: `acknowledge`, `assign`, `snooze`. */
  const plan = (what: "acknowledge" | "assign" | "snooze", input: Readonly<Record<string, unknown>>) => {
    const name = `${what[0]?.toUpperCase()}${what.slice(1)}Alert`
    return Effect.map(
      query<Outcome>(
        `mutation ($input: ${name}Input!) {
          outcome: ${what}Alert(input: $input) {
            __typename ... on ${name}Payload { alert { ${alertFields} } } ... on Error { message }
          }
        }`,
        { input },
      ),
      ({ outcome }) => outcome,
    )
  }
  const record = (input: Readonly<Record<string, unknown>>) =>
    query(
      `mutation ($input: RecordServiceInput!) {
        recordService(input: $input) { ... on RecordServicePayload { vehicle { revision } } ... on Error { message } }
      }`,
      { input: { vin, ...input } },
    )

  const health = (component: string) =>
    Effect.map(
      query<{ readonly vehicle: { readonly health: ReadonlyArray<{ readonly component: string; readonly score: number }> } }>(
        `query ($vin: String!) { vehicle(vin: $vin) { health { component score } } }`,
        { vin },
      ),
      ({ vehicle }) => vehicle.health.find((one) => one.component === component)?.score,
    )

  /** What stands on the vehicle's maintenance stream. */
  const stored = Effect.map(
    storedEvents(folder, ["maintenance-"]),
    (events) => events.filter(({ stream }) => isMaintenanceStream(stream)),
  )

  return { diagnose, folder, follow, health, next, plan, query, record, send, service, stored, told, vehicle }
})

export type AlertWorld = Effect.Success<ReturnType<typeof alertWorld>>
