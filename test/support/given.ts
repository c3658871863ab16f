/**
 * Given these events, when this is observed, then those events follow:
 *
 *     given(connected).when(status(false)).then(disconnected)
 */
import { expect } from "vitest"
import * as Decide from "../../domain/vehicle/decide.ts"
import { type DataOf, type Source, type VehicleEvent, type VehicleEventType, versions } from "../../domain/vehicle/events.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import type { Diagnostics, Observation, Presence, Reading, Telemetry, TroubleCode } from "../../domain/vehicle/observation.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import * as State from "../../domain/vehicle/state.ts"
import type { Vin } from "../../domain/vehicle/vin.ts"

export const vin = "LSVAA4187E0000001" as Vin
export const source: Source = { kind: "mqtt", topic: `vehicles/${vin}/telemetry` }

/** Receipt of whatever says nothing else. */
export const now = Date.parse("2026-11-22T08:15:31.000Z")
export const second = 1000
export const minute = 60 * second
export const day = 24 * 60 * minute

/** What an event says, without its envelope. */
export type Told = { readonly [T in VehicleEventType]: { readonly type: T; readonly data: DataOf<T> } }[VehicleEventType]

/** A told event in its envelope, as one of a log. */
export const recorded = (
  told: Told,
  { identity, receivedAt = now }: { readonly identity?: string; readonly receivedAt?: number } = {},
) => ({
  id: Identity.uuid(JSON.stringify(told)),
  ...told,
  metadata: {
    schema: versions[told.type],
    receivedAt: toTime(receivedAt),
    source,
    ...(identity !== undefined && { identity }),
  },
}) satisfies VehicleEvent as VehicleEvent

export const fold = (events: ReadonlyArray<VehicleEvent>, from = State.initial(vin)): State.State =>
  events.reduce((state, event) => State.evolve(state, event, state.twin.revision + 1), from)

/** A vehicle that is told one thing after another. */
export const observeAll = (
  from: State.State,
  observations: ReadonlyArray<Observation>,
  admission: Decide.Admission = "open",
) => {
  let state = from
  const events: Array<VehicleEvent> = []
  const tags: Array<Decide.Decision["_tag"]> = []
  for (const observation of observations) {
    const decision = Decide.observe(state, observation, admission)
    tags.push(decision._tag)
    if (decision._tag !== "Accepted") continue
    state = fold(decision.events, state)
    events.push(...decision.events)
  }
  return { state, events, tags }
}

export const said = (events: ReadonlyArray<VehicleEvent>) => events.map(({ data, type }) => ({ type, data }))

/** What happened before: told events, or whatever observations led to. */
export const given = (...before: ReadonlyArray<Told | Observation>) => {
  let state = State.initial(vin)
  for (const one of before) {
    state = "_tag" in one ? observeAll(state, [one]).state : fold([recorded(one)], state)
  }
  return {
    state,
    when: (...observations: ReadonlyArray<Observation>) => {
      const outcome = observeAll(state, observations)
      return {
        ...outcome,
        twin: outcome.state.twin,
        // oxlint-disable-next-line unicorn/no-thenable -- nobody awaits it
        then: (...expected: ReadonlyArray<Told>) => {
          expect(said(outcome.events)).toEqual(expected)
          return outcome.state.twin
        },
      }
    },
  }
}

export const reading = (path: string, value: Reading["value"], rest: Partial<Reading> = {}): Reading => ({
  path,
  value,
  at: now - second,
  quality: "GOOD",
  personal: path.startsWith("Vehicle.CurrentLocation."),
  ...rest,
})

let messages = 0

/** A message with an identity of its own, made a second before it was received. Readings have its time. */
export const telemetry = (
  { at = now - second, readings = [], ...rest }: Partial<Omit<Telemetry, "readings">> & {
    readonly readings?: ReadonlyArray<Reading>
  },
): Telemetry => ({
  _tag: "Telemetry",
  identity: Identity.byId(`telemetry-${messages++}`),
  at,
  receivedAt: now,
  source,
  reissued: false,
  readings: readings.map((one) => one.at === now - second ? { ...one, at } : one),
  ...rest,
})

export const speed = (value: number, rest: Partial<Telemetry> = {}): Telemetry =>
  telemetry({ ...rest, readings: [reading("Vehicle.Speed", value)] })

export const status = (online: boolean, session: string, at: number | undefined, receivedAt = now): Presence => ({
  _tag: "Presence",
  online,
  session,
  at,
  receivedAt,
  source,
})

export const diagnostics = (codes: ReadonlyArray<TroubleCode>, rest: Partial<Diagnostics> = {}): Diagnostics => ({
  _tag: "Diagnostics",
  identity: Identity.byId(`diagnostics-${messages++}`),
  at: now - second,
  receivedAt: now,
  source,
  codes,
  ...rest,
})

export const code = (name: string, state: TroubleCode["state"], rest: Partial<TroubleCode> = {}): TroubleCode => ({
  code: name,
  state,
  severity: "warning",
  ...rest,
})
