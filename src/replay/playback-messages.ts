/**
 * From stored events back to what a vehicle, or a planner, would have sent to bring them about. Pure, and the same for
 * the same events and plan, byte for byte.
 *
 * As it was, a message is the same fact as before: it has the same identity, and into the log that it came from it
 * counts no second time. Moved in time it is another fact, and its session or id is another one too.
 */
import { hash } from "node:crypto"
import type { DataOf, EventOf, StoredReading, VehicleEvent } from "../../domain/vehicle/events.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import type { VehicleRecord } from "../../domain/vehicle/record.ts"
import type { Vin } from "../../domain/vehicle/vin.ts"

export interface Plan {
  /** Added to every time, ms. */
  readonly offset: number
  /**
   * Times are not of now. Then telemetry is marked as reissued, so that they are believed; and readings whose time was
   * not believed are left out, since now nothing would tell that it is wrong.
   */
  readonly asHistory: boolean
  /** Goes before sessions and ids: then these are other facts than those that were stored. */
  readonly prefix: string
}

export interface Published {
  readonly _tag: "Published"
  readonly vin: string
  readonly kind: "telemetry" | "status" | "diagnostics"
  readonly payload: string
  /** Readings whose time was not believed. */
  readonly withheld: number
}

/** What goes over GraphQL, with the input of the mutation. */
export interface Requested {
  readonly _tag: "Requested"
  readonly vin: string
  readonly mutation: "registerVehicle" | "recordService"
  readonly input: Readonly<Record<string, unknown>>
}

/** Whether two events that follow one another on a stream were brought about by one message. */
export const isOfOneMessage = (a: VehicleRecord, b: VehicleRecord): boolean =>
  isTroubleCode(a.event) && isTroubleCode(b.event) && a.vin === b.vin && b.revision === a.revision + 1 &&
  a.event.metadata.identity !== undefined && a.event.metadata.identity === b.event.metadata.identity

type TroubleCodeEvent = EventOf<"TroubleCodeRaised" | "TroubleCodeCleared">

const isTroubleCode = (event: VehicleEvent): event is TroubleCodeEvent =>
  event.type === "TroubleCodeRaised" || event.type === "TroubleCodeCleared"

/**
 * The message of these events, which are of one; undefined for what comes about by itself with the other messages.
 */
export const toMessage = (
  [first, ...others]: readonly [VehicleRecord, ...ReadonlyArray<VehicleRecord>],
  plan: Plan,
): Published | Requested | undefined => {
  const { event, vin } = first
  switch (event.type) {
    case "TelemetryReceived":
      return telemetry(vin, event, plan)
    case "VehicleConnected":
    case "VehicleDisconnected":
      return published(vin, "status", {
        online: event.type === "VehicleConnected",
        session: named(plan, event.data.session),
        ...(event.data.at !== undefined && { at: moved(plan, event.data.at) }),
      })
    case "TroubleCodeRaised":
    case "TroubleCodeCleared":
      return diagnostics(vin, [event, ...others.map((other) => other.event).filter(isTroubleCode)], plan)
    case "VehicleRegistered":
    case "VehicleDescribed":
      return { _tag: "Requested", vin, mutation: "registerVehicle", input: { vin, ...event.data } }
    case "ServiceRecorded":
      return serviceDone(vin, event, plan)
    // No messages: what the service itself found.
    case "ClockFaultDetected":
    case "VehicleWentStale":
    case "VehicleWentSilent":
      return undefined
  }
}

const telemetry = (vin: string, { data, metadata }: EventOf<"TelemetryReceived">, plan: Plan): Published => {
  const { seq, session } = data
  const common = readings(data.readings, data, plan)
  const personal = readings(data.personal ?? {}, data, plan)
  const signals = { ...common.sent, ...personal.sent }
  const at = moved(plan, data.at)
  const { content, id } = session !== undefined && seq !== undefined
    ? { id: { session: named(plan, session), seq }, content: undefined }
    : idOf(vin, data.at, metadata.identity, plan, [signals, { ...personal.sent, ...common.sent }])
  const reissued = data.reissued === true || plan.asHistory
  return published(
    vin,
    "telemetry",
    { ...id, at, ...(reissued && { reissued }), signals: content ?? signals },
    common.withheld + personal.withheld,
  )
}

const readings = (
  stored: Readonly<Record<string, StoredReading>>,
  { clockFault }: DataOf<"TelemetryReceived">,
  plan: Plan,
) => {
  const sent: Record<string, unknown> = {}
  let withheld = 0
  for (const [path, reading] of Object.entries(stored)) {
    const isBare = typeof reading !== "object" || !("value" in reading)
    const isFaulty = isBare || reading.at === undefined ? clockFault === true : reading.clockFault === true
    if (isFaulty && plan.asHistory) withheld++
    else if (isBare) sent[path] = reading
    else {
      const { at, quality, value } = reading
      sent[path] = {
        value,
        ...(at !== undefined && { at: moved(plan, at) }),
        ...(quality !== undefined && { quality }),
      }
    }
  }
  return { sent, withheld }
}

const diagnostics = (
  vin: string,
  events: readonly [TroubleCodeEvent, ...ReadonlyArray<TroubleCodeEvent>],
  plan: Plan,
): Published => {
  const [{ data: { at }, metadata: { identity } }] = events
  const codes = events.map(({ data, type }) => {
    const { code, ecu } = data
    const state = type === "TroubleCodeRaised" ? "raised" : "cleared"
    const { freezeFrame, severity, text } = "severity" in data ? data : {}
    return {
      code,
      state,
      ...(severity !== undefined && { severity }),
      ...(ecu !== undefined && { ecu }),
      ...(text !== undefined && { text }),
      ...(freezeFrame !== undefined && { freezeFrame }),
    }
  })
  // A code that says nothing of its severity is stored with the usual one.
  const usual = codes.map(({ severity, ...code }) => (severity === "warning" ? code : { severity, ...code }))
  const { content, id } = idOf(vin, at, identity, plan, [codes, usual])
  return published(vin, "diagnostics", { ...id, at: moved(plan, at), codes: content ?? codes })
}

const serviceDone = (vin: string, { data, id, metadata }: EventOf<"ServiceRecorded">, plan: Plan): Requested => {
  const { at, component, kind, odometerKm, parts, workshop } = data
  return {
    _tag: "Requested",
    vin,
    mutation: "recordService",
    input: {
      vin,
      component,
      kind: kind.toUpperCase(),
      at: moved(plan, at),
      ...(odometerKm !== undefined && { odometerKm }),
      ...(parts !== undefined && { parts }),
      ...(workshop !== undefined && { workshop }),
      clientMutationId: named(plan, (metadata.identity ?? id).replace(/^id:(api:)?/, "")),
    },
  }
}

const published = (vin: string, kind: Published["kind"], message: object, withheld = 0): Published => ({
  _tag: "Published",
  vin,
  kind,
  payload: JSON.stringify(message),
  withheld,
})

/** The longest session or id that is taken. */
const maxName = 256

const named = ({ prefix }: Plan, name: string): string => {
  const full = prefix + name
  return full.length <= maxName ? full : prefix + hash("sha256", name, "base64url").slice(0, 22)
}

const latest = Date.parse("9999-12-31T23:59:59.999Z")

/** Within the years that a message may name: a clock that said 1970 may be moved to before. */
const moved = ({ offset }: Plan, time: string): string =>
  offset === 0 ? time : toTime(Math.min(latest, Math.max(0, Date.parse(time) + offset)))

/**
 * A message that named itself in no way has the hash of its content for a name. Where what is stored still has that
 * hash, written in one of these ways, it goes out without an id again; else its old hash is its id.
 */
const idOf = <Content>(
  vin: string,
  at: string,
  identity: string | undefined,
  plan: Plan,
  contents: ReadonlyArray<Content>,
): { readonly id: { readonly id?: string }; readonly content: Content | undefined } => {
  if (plan.prefix === "" && identity?.startsWith("hash:") === true) {
    const content = contents.find((one) =>
      Identity.toText(Identity.byContent(vin as Vin, at, JSON.stringify(one))) === identity
    )
    if (content !== undefined) return { id: {}, content }
  }
  const name = identity?.startsWith("id:") === true ? identity.slice("id:".length) : identity ?? at
  return { id: { id: named(plan, name) }, content: undefined }
}
