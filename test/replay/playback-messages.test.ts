import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeDiagnostics, decodeStatus, decodeTelemetry } from "../../domain/codecs/json.ts"
import { catalogue } from "../../domain/signals/catalogue.ts"
import type { VehicleEvent } from "../../domain/vehicle/events.ts"
import type { Observation } from "../../domain/vehicle/observation.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import type { VehicleRecord } from "../../domain/vehicle/record.ts"
import * as State from "../../domain/vehicle/state.ts"
import {
  isOfOneMessage,
  type Plan,
  type Published,
  type Requested,
  toMessage,
} from "../../src/replay/playback-messages.ts"
import { wholeHistory } from "../support/arbitraries.ts"
import {
  code,
  day,
  diagnostics,
  given,
  minute,
  now,
  observeAll,
  reading,
  recorded,
  second,
  source,
  speed,
  telemetry,
  vin,
} from "../support/given.ts"

const asItWas: Plan = { offset: 0, asHistory: true, prefix: "" }
const again: Plan = { offset: 0, asHistory: false, prefix: "" }

const recordsOf = (events: ReadonlyArray<VehicleEvent>): ReadonlyArray<VehicleRecord> =>
  events.map((event, revision) => ({ _tag: "Vehicle", vin, revision, position: String(revision), event }))

/** What a replay of these events sends. */
const messagesOf = (events: ReadonlyArray<VehicleEvent>, plan: Plan): ReadonlyArray<Published | Requested> => {
  const groups: Array<[VehicleRecord, ...Array<VehicleRecord>]> = []
  for (const record of recordsOf(events)) {
    const group = groups.at(-1)
    const last = group?.at(-1)
    if (group !== undefined && last !== undefined && isOfOneMessage(last, record)) group.push(record)
    else groups.push([record])
  }
  return groups.flatMap((group) => toMessage(group, plan) ?? [])
}

/** What a service makes of them that receives them at this time. */
const observed = (messages: ReadonlyArray<Published | Requested>, receivedAt: number): ReadonlyArray<Observation> =>
  messages.flatMap((sent) => {
    if (sent._tag === "Requested") return []
    const message = { vin, payload: Buffer.from(sent.payload), receivedAt, source }
    const { observations, rejections } = sent.kind === "telemetry"
      ? decodeTelemetry(message, catalogue)
      : sent.kind === "status"
      ? decodeStatus(message)
      : decodeDiagnostics(message)
    expect(rejections).toEqual([])
    return observations
  })

/** The twin as its signals and codes are, without what tells when they came and by which event. */
const shown = ({ twin }: State.State, offset = 0) => ({
  online: twin.online,
  signals: Object.entries(twin.signals)
    .map(([path, { at, quality, value }]) => ({ path, value, quality, at: at + offset }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  codes: Object.entries(twin.troubleCodes)
    .map(([key, troubleCode]) => ({ key, ...troubleCode, at: troubleCode.at + offset }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1)),
})

const initial = State.initial(vin)

describe("a history that is played as it was", () => {
  it("makes the same twin long after", () => {
    fc.assert(fc.property(wholeHistory, (history) => {
      const before = observeAll(initial, history)
      const after = observeAll(initial, observed(messagesOf(before.events, asItWas), now + 400 * day))
      expect(shown(after.state)).toEqual(shown(before.state))
      expect(after.events.filter(({ type }) => type === "TelemetryReceived")).toHaveLength(
        before.events.filter(({ type }) => type === "TelemetryReceived").length,
      )
    }), { numRuns: 500 })
  })

  it("is made of the same facts: nothing is stored a second time", () => {
    fc.assert(fc.property(wholeHistory, (history) => {
      const before = observeAll(initial, history)
      const after = observeAll(before.state, observed(messagesOf(before.events, asItWas), now + day))
      expect(after.events.filter(({ type }) => type === "TelemetryReceived")).toEqual([])
    }), { numRuns: 500 })
  })

  it("makes the same events, byte for byte, where they are received when they were", () => {
    fc.assert(fc.property(wholeHistory, (history) => {
      const before = observeAll(initial, history)
      const after = observeAll(initial, observed(messagesOf(before.events, again), now))
      expect(after.events).toEqual(before.events)
    }), { numRuns: 500 })
  })
})

describe("a history that is moved in time", () => {
  const prefix = "replay-1-"

  it("makes the same twin at the other time, faults of the clock and all", () => {
    fc.assert(fc.property(wholeHistory, fc.integer({ min: 0, max: 1000 * day }), (history, offset) => {
      const before = observeAll(initial, history)
      const plan = { offset, asHistory: false, prefix }
      const after = observeAll(initial, observed(messagesOf(before.events, plan), now + offset))
      expect(shown(after.state)).toEqual(shown(before.state, offset))
      expect(after.state.twin.clockOffsetMs === undefined).toBe(before.state.twin.clockOffsetMs === undefined)
      expect(after.events).toHaveLength(before.events.length)
    }), { numRuns: 500 })
  })

  it("is made of other facts: the messages count beside those that were moved", () => {
    const before = observeAll(initial, [speed(1), speed(2)])
    const plan = { offset: minute, asHistory: false, prefix }
    const after = observeAll(before.state, observed(messagesOf(before.events, plan), now + minute))
    expect(after.tags).toEqual(["Accepted", "Accepted"])
  })

  it("names the same events the same, and others otherwise", () => {
    const { events } = observeAll(initial, [speed(1), diagnostics([code("P0A80", "raised")])])
    const sent = (name: string) => messagesOf(events, { offset: day, asHistory: true, prefix: name })
    expect(sent("a-")).toEqual(sent("a-"))
    expect(sent("a-")).not.toEqual(sent("b-"))
  })

  it("keeps to names that are short enough, and to years that can be written", () => {
    const { events } = observeAll(initial, [
      telemetry({ at: 0, identity: { _tag: "Unique", key: `id:${"x".repeat(256)}` } }),
    ])
    const messages = messagesOf(events, { offset: -day, asHistory: false, prefix })
    expect(observed(messages, now)).toHaveLength(1)
  })
})

describe("a message", () => {
  const payloads = (events: ReadonlyArray<VehicleEvent>, plan = asItWas) =>
    messagesOf(events, plan).map((sent) => sent._tag === "Published" ? JSON.parse(sent.payload) : sent)

  it("has the times, qualities and identity of what is stored", () => {
    const { events } = given().when(telemetry({
      identity: { _tag: "Sequenced", session: "boot-1", seq: 7 },
      readings: [
        reading("Vehicle.Speed", 80),
        reading("Vehicle.IsMoving", null, { quality: "INVALID", at: now - 5 * second }),
        reading("Vehicle.CurrentLocation.Latitude", 31.2),
      ],
    }))
    expect(payloads(events)).toEqual([{
      session: "boot-1",
      seq: 7,
      at: toTime(now - second),
      reissued: true,
      signals: {
        "Vehicle.Speed": 80,
        "Vehicle.IsMoving": { value: null, at: toTime(now - 5 * second), quality: "INVALID" },
        "Vehicle.CurrentLocation.Latitude": 31.2,
      },
    }])
  })

  it("is without the readings whose time was not believed, and says how many", () => {
    const { events } = given().when(telemetry({
      readings: [reading("Vehicle.Speed", 80), reading("Vehicle.IsMoving", true, { at: now + day })],
    }))
    const [sent] = messagesOf(events, asItWas)
    expect(sent).toMatchObject({ withheld: 1 })
    expect(payloads(events)[0].signals).toEqual({ "Vehicle.Speed": 80 })
    expect(Object.keys(payloads(events, again)[0].signals)).toEqual(["Vehicle.Speed", "Vehicle.IsMoving"])
  })

  it("that raised and cleared several codes is one again", () => {
    const freezeFrame = { "Vehicle.Speed": 4 }
    const raised = given().when(diagnostics([
      code("P0A80", "raised", { severity: "critical", ecu: "BMS", text: "hot", freezeFrame }),
      code("U0100", "raised"),
    ]), diagnostics([code("U0100", "cleared")]))
    const messages = payloads(raised.events)
    expect(messages.map(({ codes }) => codes.length)).toEqual([2, 1])
    expect(messages[0].codes[0]).toEqual({
      code: "P0A80",
      state: "raised",
      severity: "critical",
      ecu: "BMS",
      text: "hot",
      freezeFrame,
    })
  })

  it("that named itself in no way goes out without a name again, where it is still the same", () => {
    const decoded = decodeTelemetry({
      vin,
      payload: Buffer.from(JSON.stringify({
        at: toTime(now),
        signals: { "Vehicle.CurrentLocation.Latitude": 31.2, "Vehicle.Speed": 80 },
      })),
      receivedAt: now,
      source,
    }, catalogue)
    const { events, state } = observeAll(initial, decoded.observations)
    expect(payloads(events)[0]).not.toHaveProperty("id")
    expect(observeAll(state, observed(messagesOf(events, asItWas), now)).tags).toEqual(["Repeated"])
  })

  it("that named itself in no way and is no longer the same is the same fact each time it is played", () => {
    const mixed = { "Vehicle.Speed": 80, "Vehicle.CurrentLocation.Latitude": 31.2, "Vehicle.IsMoving": true }
    const payload = Buffer.from(JSON.stringify({ at: toTime(now), signals: mixed }))
    const { observations } = decodeTelemetry({ vin, payload, receivedAt: now, source }, catalogue)
    const { events } = observeAll(initial, observations)
    const played = observeAll(initial, observed([...messagesOf(events, asItWas), ...messagesOf(events, asItWas)], now))
    expect(played.tags).toEqual(["Accepted", "Repeated"])
  })

  it("is a mutation for what no vehicle sends, and none for what a service finds out by itself", () => {
    const at = toTime(now)
    const messages = messagesOf([
      recorded({ type: "VehicleRegistered", data: { brand: "Roewe", powertrain: "BEV", tags: ["pilot"] } }),
      recorded(
        { type: "ServiceRecorded", data: { at, component: "brakes.front", kind: "replaced", parts: ["pads"] } },
        { identity: "id:api:w-1" },
      ),
      recorded({ type: "ClockFaultDetected", data: { at, offsetMs: 5 } }),
    ], asItWas)
    expect(messages).toEqual([
      {
        _tag: "Requested",
        vin,
        mutation: "registerVehicle",
        input: { vin, brand: "Roewe", powertrain: "BEV", tags: ["pilot"] },
      },
      {
        _tag: "Requested",
        vin,
        mutation: "recordService",
        input: { vin, component: "brakes.front", kind: "REPLACED", at, parts: ["pads"], clientMutationId: "w-1" },
      },
    ])
  })
})
