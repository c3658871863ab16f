/** Any events that fit their schemas, and any history that a vehicle may tell. */
import * as fc from "fast-check"
import type { Description, StoredReading, VehicleEvent } from "../../domain/vehicle/events.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import type { Observation, ReadingQuality, Telemetry } from "../../domain/vehicle/observation.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import { code, day, diagnostics, minute, now, reading, recorded, second, source, status, telemetry, type Told } from "./given.ts"

const lastTime = Date.parse("9999-12-31T23:59:59.999Z")
/** Mostly near the present, where things meet. */
const time = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -20, max: 20 }).map((seconds) => now + seconds * second) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: lastTime }) },
).map(toTime)
const text = fc.oneof(fc.constantFrom("a", "b", ""), fc.string({ unit: "binary", maxLength: 8 }))
// Stored values come from JSON, which has no −0.
const scalar = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0), text, fc.boolean())
const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }))
const path = fc.constantFrom("Vehicle.Speed", "Vehicle.IsMoving", "Vehicle.CurrentLocation.Latitude")
const quality = fc.constantFrom<ReadingQuality>("GOOD", "ABNORMAL", "INVALID")
const yes = fc.constant(true as const)

const storedReading: fc.Arbitrary<StoredReading> = fc.oneof(
  value,
  fc.record({ value: fc.option(value), at: time, quality, clockFault: yes }, { requiredKeys: ["value"] }),
)
const readings = fc.dictionary(path, storedReading, { maxKeys: 4, noNullPrototype: true })
const description: fc.Arbitrary<Description> = fc.record({
  brand: text,
  model: text,
  year: fc.integer(),
  powertrain: fc.constantFrom("BEV", "PHEV", "HEV", "ICE", "FCEV"),
  tags: fc.array(text, { maxLength: 2 }),
}, { requiredKeys: [], noNullPrototype: true })
const session = fc.constantFrom("a", "b", "c")
const codeName = fc.constantFrom("P0A80", "U0100")

const told: fc.Arbitrary<Told> = fc.oneof(
  fc.record({
    type: fc.constant("TelemetryReceived" as const),
    data: fc.record({
      at: time,
      session,
      seq: fc.nat({ max: 99 }),
      reissued: yes,
      clockFault: yes,
      readings,
      personal: readings,
    }, { requiredKeys: ["at", "readings"], noNullPrototype: true }),
  }),
  fc.record({ type: fc.constantFrom("VehicleRegistered" as const, "VehicleDescribed" as const), data: description }),
  fc.record({
    type: fc.constant("ClockFaultDetected" as const),
    data: fc.record({ at: time, offsetMs: fc.maxSafeInteger() }),
  }),
  fc.record({
    type: fc.constantFrom("VehicleConnected" as const, "VehicleDisconnected" as const),
    data: fc.record({ session, at: time }, { requiredKeys: ["session"] }),
  }),
  fc.record({
    type: fc.constantFrom("VehicleWentStale" as const, "VehicleWentSilent" as const),
    data: fc.record({ lastSeenAt: time, rhythmMs: fc.nat(), limitMs: fc.nat() }, {
      requiredKeys: ["lastSeenAt", "limitMs"],
      noNullPrototype: true,
    }),
  }),
  fc.record({
    type: fc.constant("TroubleCodeRaised" as const),
    data: fc.record({
      at: time,
      code: codeName,
      severity: fc.constantFrom("info" as const, "warning" as const, "critical" as const),
      ecu: text,
      text,
      freezeFrame: fc.dictionary(path, value, { maxKeys: 2 }),
    }, { requiredKeys: ["at", "code", "severity"] }),
  }),
  fc.record({
    type: fc.constant("TroubleCodeCleared" as const),
    data: fc.record({ at: time, code: codeName, ecu: text }, { requiredKeys: ["at", "code"] }),
  }),
  fc.record({
    type: fc.constant("ServiceRecorded" as const),
    data: fc.record({
      at: time,
      component: text,
      kind: fc.constantFrom("inspected" as const, "repaired" as const, "replaced" as const, "updated" as const),
      odometerKm: fc.double({ noNaN: true, noDefaultInfinity: true }),
      parts: fc.array(text, { maxLength: 2 }),
      workshop: text,
    }, { requiredKeys: ["at", "component", "kind"] }),
  }),
)

const identity = fc.oneof(
  fc.tuple(session, fc.nat({ max: 20 })).map(([boot, seq]) => Identity.sequenced(boot, seq)),
  text.map(Identity.byId),
).map(Identity.toText)

/** Any event that fits its schema, whatever the events before it. */
export const anyEvent: fc.Arbitrary<VehicleEvent> = fc
  .tuple(told, fc.option(identity, { nil: undefined }), time)
  .map(([one, message, receivedAt]) =>
    recorded(one, { receivedAt: Date.parse(receivedAt), ...(message !== undefined && { identity: message }) })
  )

/** What a vehicle does next, in seconds after what it did last. */
type Step =
  | { readonly _tag: "Telemetry"; readonly offset: number; readonly speed: number; readonly form: number }
  | { readonly _tag: "Diagnostics"; readonly code: string; readonly raised: boolean }
  | { readonly _tag: "Boot"; readonly clock: number }
  | { readonly _tag: "Presence"; readonly form: "online" | "offline" | "will" }

const messageStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    _tag: fc.constant("Telemetry" as const),
    // Late, on time, and by a clock that cannot be believed.
    offset: fc.constantFrom(0, 0, 0, 0, -30 * second, -minute, 10 * minute, -20 * day),
    speed: fc.nat({ max: 250 }),
    form: fc.nat({ max: 3 }),
  }),
  fc.record({ _tag: fc.constant("Diagnostics" as const), code: codeName, raised: fc.boolean() }),
)

const presenceStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({
      _tag: fc.constant("Boot" as const),
      clock: fc.constantFrom(0, 0, 0, -now, 400 * day),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      _tag: fc.constant("Presence" as const),
      form: fc.constantFrom("online" as const, "offline" as const, "will" as const),
    }),
  },
)

/** A history as the vehicle lived it, received all at one time. */
const historyOfSteps = (steps: ReadonlyArray<Step>): ReadonlyArray<Observation> => {
  let boot = 0
  let clock = 0
  let seq = 0
  return steps.map((step, index): Observation => {
    const at = now - 5 * minute + index * second
    switch (step._tag) {
      case "Telemetry":
        return telemetryOf(step, at + step.offset, index, { session: `boot-${boot}`, seq: seq++ })
      case "Diagnostics":
        return diagnostics([code(step.code, step.raised ? "raised" : "cleared")], { at, identity: Identity.byId(`d${index}`) })
      case "Boot":
        boot++
        seq = 0
        clock = step.clock
        return status(true, `boot-${boot}`, Math.max(0, at + clock))
      case "Presence":
        return status(step.form === "online", `boot-${boot}`, step.form === "will" ? undefined : Math.max(0, at + clock))
    }
  })
}

const telemetryOf = (
  { form, speed }: Extract<Step, { _tag: "Telemetry" }>,
  at: number,
  index: number,
  { seq, session: boot }: { readonly session: string; readonly seq: number },
): Telemetry =>
  telemetry({
    at,
    identity: form === 0 ? Identity.byId(`t${index}`) : Identity.sequenced(boot, seq),
    reissued: form === 1,
    source,
    readings: [
      reading("Vehicle.Speed", speed, { at }),
      reading("Vehicle.CurrentLocation.Latitude", speed / 10, { at: form === 2 ? at - 5 * second : at }),
    ],
  })

const historyOf = (step: fc.Arbitrary<Step>) => fc.array(step, { minLength: 1, maxLength: 30, size: "max" }).map(historyOfSteps)

/** Telemetry and diagnostics: messages that name themselves. */
export const messageHistory = historyOf(messageStep)
export const presenceHistory = historyOf(presenceStep)
export const wholeHistory = historyOf(fc.oneof(messageStep, messageStep, presenceStep))

/** The places in a history of `length` that a broker delivers, one after another: it may go back, never skip. */
export const deliveryOf = (length: number): fc.Arbitrary<ReadonlyArray<number>> =>
  fc.array(fc.tuple(fc.nat({ max: length }), fc.nat({ max: length })), { maxLength: 6 }).map((backs) => {
    const order: Array<number> = []
    let next = 0
    for (const [reached, back] of backs) {
      const upTo = Math.max(next, Math.min(length, reached))
      while (next < upTo) order.push(next++)
      next = Math.min(next, back)
    }
    while (next < length) order.push(next++)
    return order
  })
