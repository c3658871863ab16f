/**
 * What a vehicle makes of what it is told: events, or none. Pure; time comes in with the observation or the command.
 */
import { Result, Schema } from "effect"
import * as Clock from "./clock.ts"
import * as Connections from "./connections.ts"
import type { Description, Metadata, Origin, Source, VehicleEvent, VehicleEventType } from "./events.ts"
import { versions } from "./events.ts"
import * as Identity from "./identity.ts"
import type { Diagnostics, Observation, Presence, ServiceDone, Telemetry } from "./observation.ts"
import * as Readings from "./readings.ts"
import * as Seen from "./seen.ts"
import type { State } from "./state.ts"
import { troubleCodeKey } from "./twin.ts"

/** Who may have a twin: any vehicle that sends, or only those registered. */
export type Admission = "open" | "registered"

export type Decision =
  | { readonly _tag: "Accepted"; readonly events: ReadonlyArray<VehicleEvent> }
  /** The stream holds this message already, or it says what the twin knows. */
  | { readonly _tag: "Repeated" }
  /** The vehicle is not registered, and only registered ones may have a twin. */
  | { readonly _tag: "Refused" }

const repeated: Decision = { _tag: "Repeated" }
const refused: Decision = { _tag: "Refused" }

export const observe = (state: State, observation: Observation, admission: Admission): Decision => {
  if (admission === "registered" && state.twin.registeredAt === undefined) return refused
  if (observation._tag === "Presence") return presence(state, observation)
  if (Seen.has(state.seen, observation.identity)) return repeated
  switch (observation._tag) {
    case "Telemetry":
      return telemetry(state, observation)
    case "Diagnostics":
      return diagnostics(state, observation)
    case "ServiceDone":
      return accepted(eventsOf(state, observation)("ServiceRecorded", serviceData(observation)))
  }
}

const telemetry = (state: State, observation: Telemetry): Decision => {
  const event = eventsOf(state, observation)
  const { receivedAt, reissued } = observation
  const furthest = Clock.furthestFault(observation)
  const received = event(
    "TelemetryReceived",
    Readings.store(observation, (at) => Clock.isFaulty(at, receivedAt, reissued)),
  )
  if (furthest === undefined) return accepted(received)
  const offsetMs = furthest - receivedAt
  // The message is marked by itself; the fault is told once, and again when the clock jumps.
  const known = state.twin.clockOffsetMs
  if (known !== undefined && Math.abs(offsetMs - known) <= Clock.maxAheadMs) return accepted(received)
  return accepted(received, event("ClockFaultDetected", { at: Readings.toTime(furthest), offsetMs }))
}

/**
 * A session not known of late is new, whatever its clock says; a vehicle that comes back within a session, or to an
 * earlier one, says so with a later time. An end counts only for the session that is online, and not if it is older
 * than what is known. (A will without a time may be an old one come again; then what followed it comes again too, and
 * an equal time is enough to be back online.) Connections that a broker tells of are in order by their names.
 */
const presence = (state: State, observation: Presence): Decision => {
  const { twin } = state
  const { online, at } = observation
  const session = Connections.meant(observation.session, twin.session)
  const isCurrent = twin.online && twin.session === session
  const time = Clock.believed(at, receipt(state, observation))
  // Without a time to believe, arrival decides: within a session the later is newer, and a session left behind is old.
  const isOlder = time !== undefined && twin.presenceAt !== undefined && time < twin.presenceAt
  const isNewer = time !== undefined && twin.presenceAt !== undefined && time > twin.presenceAt
  const isBegun = Connections.connectedAt(session) === undefined
    ? !state.sessions.includes(session) || (twin.session === session ? !isOlder : isNewer)
    : isNextConnection(state, session, isOlder)
  const isNews = online ? !isCurrent && isBegun : isCurrent && !isOlder
  if (!isNews) return repeated
  const type = online ? "VehicleConnected" : "VehicleDisconnected"
  return accepted(eventsOf(state, observation)(type, { session, ...(at !== undefined && { at: Readings.toTime(at) }) }))
}

/** A connection follows another by their order alone; a session of the vehicle's own, where its time is no earlier. */
const isNextConnection = ({ sessions, twin }: State, session: string, isOlder: boolean): boolean => {
  const at = Connections.connectedAt(session) ?? Infinity
  if (sessions.some((known) => at < (Connections.connectedAt(known) ?? -Infinity))) return false
  const isAfterOther = twin.session !== session && Connections.connectedAt(twin.session) !== undefined
  return isAfterOther || !isOlder
}

/**
 * Only changes are facts: a code raised again while active is none, and leaves no trace. Should that message come again
 * after the code was cleared, its time tells that it is late.
 */
const diagnostics = (state: State, observation: Diagnostics): Decision => {
  const event = eventsOf(state, observation)
  const active = new Set(Object.keys(state.twin.troubleCodes))
  const events: Array<VehicleEvent> = []
  const at = Readings.toTime(observation.at)
  const time = Clock.believed(observation.at, receipt(state, observation))
  for (const { state: told, severity, text, freezeFrame, ...name } of observation.codes) {
    const key = troubleCodeKey(name)
    if (time !== undefined && time < (state.codeChanges.get(key) ?? -Infinity)) continue
    if (told === "raised" && !active.has(key)) {
      active.add(key)
      events.push(event("TroubleCodeRaised", {
        at,
        ...name,
        severity,
        ...(text !== undefined && { text }),
        ...(freezeFrame !== undefined && { freezeFrame }),
      }))
    } else if (told === "cleared" && active.delete(key)) events.push(event("TroubleCodeCleared", { at, ...name }))
  }
  return events.length === 0 ? repeated : accepted(...events)
}

const serviceData = ({ at, component, kind, odometerKm, parts, workshop }: ServiceDone) => ({
  at: Readings.toTime(at),
  component,
  kind,
  ...(odometerKm !== undefined && { odometerKm }),
  ...(parts.length > 0 && { parts }),
  ...(workshop !== undefined && { workshop }),
})

/** Work recorded by a planner, for a vehicle that is known. */
export const recordService = (
  state: State,
  done: ServiceDone,
  ifRevision: number | undefined,
): Result.Result<ReadonlyArray<VehicleEvent>, RevisionConflict | VehicleNotFound> => {
  if (state.twin.revision < 0) return Result.fail(new VehicleNotFound({ vin: state.twin.vin }))
  const decision = observe(state, done, "open")
  // A repeat of the same request has its answer, whatever has happened since.
  if (decision._tag !== "Accepted") return Result.succeed([])
  return Result.map(expectRevision(state, ifRevision), () => decision.events)
}

/** A registration, or a change of what was registered. Fields left out stay as they are. */
export interface RegisterVehicle {
  readonly description: Description
  /** Only if the twin is at this revision. */
  readonly ifRevision?: number | undefined
  /** Epoch ms. */
  readonly now: number
  readonly source: Source
}

export class RevisionConflict extends Schema.TaggedError<RevisionConflict>()("RevisionConflict", {
  vin: Schema.String,
  expected: Schema.Int,
  actual: Schema.Int,
}) {
  override get message() {
    return `Vehicle ${this.vin} is at revision ${this.actual}, not at ${this.expected}; read it again and decide anew`
  }
}

export class VehicleNotFound extends Schema.TaggedError<VehicleNotFound>()("VehicleNotFound", {
  vin: Schema.String,
}) {
  override get message() {
    return `No vehicle has the VIN ${this.vin}`
  }
}

const expectRevision = ({ twin }: State, expected: number | undefined): Result.Result<void, RevisionConflict> =>
  expected === undefined || expected === twin.revision
    ? Result.succeed(undefined)
    : Result.fail(new RevisionConflict({ vin: twin.vin, expected, actual: twin.revision }))

/** The events of a registration; none where it says what is known. */
export const register = (
  state: State,
  command: RegisterVehicle,
): Result.Result<ReadonlyArray<VehicleEvent>, RevisionConflict> => {
  const { twin } = state
  const expected = expectRevision(state, command.ifRevision)
  if (Result.isFailure(expected)) return Result.fail(expected.failure)
  const event = eventsOf(state, {
    receivedAt: command.now,
    source: command.source,
    brand: command.description.brand,
  })
  if (twin.registeredAt === undefined) return Result.succeed([event("VehicleRegistered", command.description)])
  const known = twin.description
  const changed = Object.entries(command.description).filter(([field, value]) =>
    JSON.stringify(value) !== JSON.stringify(known[field as keyof Description])
  )
  return Result.succeed(
    changed.length === 0 ? [] : [event("VehicleDescribed", Object.fromEntries(changed))],
  )
}

/** A vehicle may have been quiet for too long, as far as who asks can tell. */
export interface Lapse {
  readonly to: "stale" | "silent"
  /** Of the newest event that this is judged by: what has come since is for another time. */
  readonly revision: number
  /** Receipt of the last that was heard of it, epoch ms. */
  readonly lastSeenAt: number
  readonly rhythmMs: number | undefined
  readonly limitMs: number
  /** Epoch ms. */
  readonly now: number
}

/** The event of a vehicle's absence; none where something has happened since, or this is known. */
export const lapse = (state: State, { lastSeenAt, limitMs, now, revision, rhythmMs, to }: Lapse) => {
  const { twin } = state
  if (twin.revision !== revision || twin.lastSeenAt === undefined || twin.silence === "silent") return []
  if (to === "stale" && twin.silence === "stale") return []
  const since = Readings.toTime(lastSeenAt)
  // Whoever else asks, whenever that is, would tell of the same absence.
  const origin = `${to} since ${since}`
  const event = eventsOf(state, { receivedAt: now, source: { kind: "deadline" }, origin })
  return [event(to === "stale" ? "VehicleWentStale" : "VehicleWentSilent", {
    lastSeenAt: since,
    ...(rhythmMs !== undefined && { rhythmMs }),
    limitMs,
  })]
}

const accepted = (...events: ReadonlyArray<VehicleEvent>): Decision => ({ _tag: "Accepted", events })

/** Receipt, epoch ms, as it is stored: monotone within a stream. */
const receipt = ({ twin }: State, { receivedAt }: { readonly receivedAt: number }): number =>
  Math.max(receivedAt, twin.updatedAt)

/**
 * Makes the events of one message or command. Their ids derive from the message's identity, or else from what they say
 * and the revision that they are decided at: a retry of the same append is the same append, and another one decided at
 * the same revision, by a second process that has this vehicle too, is not taken for it.
 */
const eventsOf = (
  state: State,
  from: {
    readonly identity?: Identity.Identity
    readonly receivedAt: number
    readonly source: Origin
    readonly brand?: string | undefined
    /** What there can be but one of, where there is no message. */
    readonly origin?: string
  },
) => {
  const identity = from.identity === undefined ? undefined : Identity.toText(from.identity)
  const { twin } = state
  const brand = from.brand ?? twin.description.brand
  const receivedAt = Readings.toTime(receipt(state, from))
  let count = 0
  return <T extends VehicleEventType>(type: T, data: Extract<VehicleEvent, { type: T }>["data"]) => {
    const metadata: Metadata = {
      schema: versions[type],
      receivedAt,
      source: from.source,
      ...(identity !== undefined && { identity }),
      ...(brand !== undefined && { brand }),
    }
    const origin = from.origin ?? identity ?? `revision:${twin.revision} ${JSON.stringify([type, data, metadata])}`
    const id = Identity.uuid(`${twin.vin} ${origin} ${count++}`)
    return { id, type, data, metadata } as VehicleEvent
  }
}
