import { describe, expect, it } from "vitest"
import * as Identity from "../../../domain/vehicle/identity.ts"
import { toTime } from "../../../domain/vehicle/readings.ts"
import * as Readings from "../../../domain/vehicle/readings.ts"
import { day, given, minute, now, observeAll, reading, second, source, speed, telemetry, vin } from "../../support/given.ts"

const sent = toTime(now - second)
const speedOf = (twin: { readonly signals: Readonly<Record<string, { readonly value: unknown }>> }) =>
  twin.signals["Vehicle.Speed"]?.value

describe("a message of a vehicle", () => {
  it("is one event with all its readings, and they are the twin's", () => {
    const message = telemetry({
      identity: Identity.sequenced("boot-1", 7),
      readings: [reading("Vehicle.Speed", 88.5), reading("Vehicle.IsMoving", true)],
    })
    const twin = given().when(message).then({
      type: "TelemetryReceived",
      data: { at: sent, session: "boot-1", seq: 7, readings: { "Vehicle.Speed": 88.5, "Vehicle.IsMoving": true } },
    })
    expect(twin).toMatchObject({ revision: 0, lastSeenAt: now, updatedAt: now, clockOffsetMs: undefined })
    expect(twin.signals["Vehicle.Speed"]).toEqual({
      value: 88.5,
      at: now - second,
      receivedAt: now,
      revision: 0,
      quality: "GOOD",
    })
  })

  it("carries receipt, source, identity and brand in the event's metadata", () => {
    const { events } = given({ type: "VehicleRegistered", data: { brand: "Ningbo" } }).when(
      telemetry({ identity: Identity.byId("x") }),
    )
    expect(events[0]?.metadata).toEqual({ schema: 1, receivedAt: toTime(now), source, identity: "id:x", brand: "Ningbo" })
  })

  it("is one fact however often and over whatever broker it comes", () => {
    const message = speed(50, { identity: Identity.sequenced("boot-1", 7) })
    const overKafka = { ...message, receivedAt: now + minute, source: { kind: "kafka", topic: "vehicle-telemetry" } as const }
    const { events, tags, twin } = given().when(message, message, overKafka)
    expect(tags).toEqual(["Accepted", "Repeated", "Repeated"])
    expect(events).toHaveLength(1)
    expect(twin.updatedAt).toBe(now)
  })

  it("keeps position apart from the rest", () => {
    given().when(telemetry({ readings: [reading("Vehicle.Speed", 1), reading("Vehicle.CurrentLocation.Latitude", 31.2)] }))
      .then({
        type: "TelemetryReceived",
        data: { at: sent, readings: { "Vehicle.Speed": 1 }, personal: { "Vehicle.CurrentLocation.Latitude": 31.2 } },
      })
  })

  it("keeps each reading's own time and quality", () => {
    const message = telemetry({
      readings: [
        reading("Vehicle.Speed", 1, { at: now - minute }),
        reading("Vehicle.IsMoving", null, { quality: "INVALID" }),
        reading("Vehicle.Twin.ElectricMotors.Speed", [900, 910]),
        reading("Vehicle.CurrentLocation.Altitude", 4, { quality: "ABNORMAL", at: now - minute }),
      ],
    })
    const twin = given().when(message).then({
      type: "TelemetryReceived",
      data: {
        at: sent,
        readings: {
          "Vehicle.Speed": { value: 1, at: toTime(now - minute) },
          "Vehicle.IsMoving": { value: null, quality: "INVALID" },
          "Vehicle.Twin.ElectricMotors.Speed": [900, 910],
        },
        personal: { "Vehicle.CurrentLocation.Altitude": { value: 4, at: toTime(now - minute), quality: "ABNORMAL" } },
      },
    })
    expect(twin.signals["Vehicle.Speed"]).toMatchObject({ at: now - minute, quality: "GOOD" })
    expect(twin.signals["Vehicle.IsMoving"]).toMatchObject({ value: null, at: now - second, quality: "INVALID" })
    expect(twin.signals["Vehicle.CurrentLocation.Altitude"]).toMatchObject({ quality: "ABNORMAL", at: now - minute })
  })

  it("can be asked for one signal, wherever it was put", () => {
    const { events } = given().when(telemetry({
      readings: [reading("Vehicle.Speed", 1), reading("Vehicle.CurrentLocation.Altitude", 4, { at: now - minute })],
    }))
    const [event] = events
    if (event?.type !== "TelemetryReceived") throw new Error("no telemetry")
    expect(Readings.get(event.data, "Vehicle.Speed")).toEqual({ value: 1, at: now - second })
    expect(Readings.get(event.data, "Vehicle.CurrentLocation.Altitude")).toEqual({ value: 4, at: now - minute })
    for (const none of ["Vehicle.IsMoving", "constructor", "__proto__"]) {
      expect(Readings.get(event.data, none), none).toBeUndefined()
    }
  })

  it("that is late is stored and leaves the current value alone", () => {
    const { events, twin } = given(speed(80)).when(speed(20, { at: now - minute }))
    expect(events).toHaveLength(1)
    expect(speedOf(twin)).toBe(80)
    expect(twin.revision).toBe(1)
  })

  it("that is late still brings the signals that nothing newer was known of", () => {
    const late = telemetry({ at: now - minute, readings: [reading("Vehicle.Speed", 20), reading("Vehicle.IsMoving", true)] })
    const { signals } = given(speed(80)).when(late).twin
    expect(signals["Vehicle.Speed"]?.value).toBe(80)
    expect(signals["Vehicle.IsMoving"]).toMatchObject({ value: true, at: now - minute })
  })

  it("of the same device time as the one before has the last word", () => {
    expect(speedOf(given(speed(80)).when(speed(81)).twin)).toBe(81)
  })

  it("with no readings says that the vehicle is there", () => {
    expect(given().when(telemetry({})).then({ type: "TelemetryReceived", data: { at: sent, readings: {} } }).lastSeenAt)
      .toBe(now)
  })

  it("received before the one before it, by a clock set back, has that one's receipt", () => {
    const { events, twin } = given(speed(80)).when(speed(81, { receivedAt: now - minute }))
    expect(events[0]?.metadata.receivedAt).toBe(toTime(now))
    expect(twin.updatedAt).toBe(now)
    expect(speedOf(twin)).toBe(81)
  })
})

describe("a clock that cannot be believed", () => {
  const ahead = now + 6 * minute
  const lost = Date.parse("1970-01-01T00:00:10.000Z")
  const fault = (at: number) => ({ type: "ClockFaultDetected", data: { at: toTime(at), offsetMs: at - now } }) as const

  it("is believed up to five minutes ahead and ten days behind", () => {
    for (const at of [now + 5 * minute, now - 10 * day]) {
      expect(speedOf(given().when(speed(1, { at })).twin), toTime(at)).toBe(1)
    }
    for (const at of [now + 5 * minute + 1, now - 10 * day - 1]) {
      const { events, twin } = given().when(speed(1, { at }))
      expect(events.map(({ type }) => type), toTime(at)).toEqual(["TelemetryReceived", "ClockFaultDetected"])
      expect(speedOf(twin), toTime(at)).toBeUndefined()
    }
  })

  it("is told, its reading stored, and the signal neither frozen nor rewound", () => {
    const twin = given(speed(80)).when(speed(20, { at: ahead })).then(
      { type: "TelemetryReceived", data: { at: toTime(ahead), clockFault: true, readings: { "Vehicle.Speed": 20 } } },
      fault(ahead),
    )
    expect(speedOf(twin)).toBe(80)
    expect(twin.clockOffsetMs).toBe(6 * minute)
    expect(speedOf(given(speed(80), speed(20, { at: ahead })).when(speed(30, { at: now })).twin)).toBe(30)
    expect(speedOf(given(speed(80), speed(20, { at: lost })).when(speed(30, { at: now })).twin)).toBe(30)
  })

  it("that is long past is none where the message was kept and sent later", () => {
    const month = now - 30 * day
    const twin = given().when(speed(20, { at: month, reissued: true })).then({
      type: "TelemetryReceived",
      data: { at: toTime(month), reissued: true, readings: { "Vehicle.Speed": 20 } },
    })
    expect(twin.signals["Vehicle.Speed"]?.at).toBe(month)
    const future = given().when(speed(20, { at: ahead, reissued: true }))
    expect(future.events.map(({ type }) => type)).toEqual(["TelemetryReceived", "ClockFaultDetected"])
  })

  it("is told once, and again when it jumps", () => {
    const types = given(speed(1, { at: ahead })).when(
      speed(2, { at: ahead + second }),
      speed(3, { at: ahead + 5 * minute }),
      speed(4, { at: lost }),
      speed(5, { at: lost + second }),
    ).events.map(({ type }) => type)
    expect(types).toEqual([
      "TelemetryReceived",
      "TelemetryReceived",
      "TelemetryReceived",
      "ClockFaultDetected",
      "TelemetryReceived",
    ])
  })

  it("is forgiven by a message of good time, and told anew after it", () => {
    const good = given(speed(1, { at: ahead }), speed(2))
    expect(good.state.twin.clockOffsetMs).toBeUndefined()
    expect(good.when(speed(3, { at: ahead })).events.map(({ type }) => type)).toContain("ClockFaultDetected")
  })

  it("of one reading leaves the others their word", () => {
    const message = telemetry({
      readings: [reading("Vehicle.Speed", 1), reading("Vehicle.IsMoving", true, { at: ahead })],
    })
    const twin = given().when(message).then(
      {
        type: "TelemetryReceived",
        data: {
          at: sent,
          readings: { "Vehicle.Speed": 1, "Vehicle.IsMoving": { value: true, at: toTime(ahead), clockFault: true } },
        },
      },
      fault(ahead),
    )
    expect(Object.keys(twin.signals)).toEqual(["Vehicle.Speed"])
  })

  it("of the message leaves readings with a good time of their own their word", () => {
    const message = telemetry({
      at: lost,
      readings: [reading("Vehicle.Speed", 1, { at: now - 2 * second }), reading("Vehicle.IsMoving", true, { at: lost })],
    })
    const { twin, events } = given().when(message)
    expect(events.map(({ type }) => type)).toEqual(["TelemetryReceived", "ClockFaultDetected"])
    expect(Object.keys(twin.signals)).toEqual(["Vehicle.Speed"])
  })

  it("is told by the time that is furthest off", () => {
    const { events } = given().when(telemetry({ at: ahead, readings: [reading("Vehicle.IsMoving", true, { at: lost })] }))
    expect(events[1]).toMatchObject(fault(lost))
  })
})

describe("an event's id", () => {
  const faulty = telemetry({ at: now + day, identity: Identity.sequenced("boot-1", 1) })
  const idsOf = (...observations: Parameters<typeof observeAll>[1]) => given().when(...observations).events.map(({ id }) => id)

  it("is the same for the same message, whatever state it meets", () => {
    const [first] = idsOf(faulty)
    const [, , again] = given().when(speed(1), speed(2), faulty).events.map(({ id }) => id)
    expect(again).toBe(first)
    expect(idsOf({ ...faulty, receivedAt: now + second, source: { kind: "kafka" } })[0]).toBe(first)
  })

  it("differs between the events of one message, between messages and between vehicles", () => {
    const here = idsOf(faulty)
    const other = observeAll({ ...given().state, twin: { ...given().state.twin, vin: `${vin.slice(0, 16)}2` } }, [faulty])
    const ids = [...here, ...idsOf(speed(1), speed(2)), ...other.events.map(({ id }) => id)]
    expect(ids).toHaveLength(6)
    expect(new Set(ids).size).toBe(6)
  })
})
