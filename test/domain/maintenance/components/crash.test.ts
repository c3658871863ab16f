import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { crash, type CrashState } from "../../../../domain/maintenance/components/crash.ts"
import { observe } from "../../../../domain/maintenance/model.ts"
import { situationOf } from "../../../../domain/maintenance/components/situation.ts"
import * as Watch from "../../../../domain/maintenance/watch.ts"
import type { DataOf, StoredReading, VehicleEvent } from "../../../../domain/vehicle/events.ts"
import { toTime } from "../../../../domain/vehicle/readings.ts"
import * as Twin from "../../../../domain/vehicle/twin.ts"
import { day, minute, now, recorded, vin } from "../../../support/given.ts"
import { readings, recordsOf, serviced } from "../../../support/maintenance.ts"

const airbag = "Vehicle.Cabin.Seat.Row1.DriverSide.Airbag.IsDeployed"
const rearAirbag = "Vehicle.Cabin.Seat.Row2.PassengerSide.Airbag.IsDeployed"
const flag = "Vehicle.Twin.Safety.IsCrashDetected"
const acceleration = (axis: "Longitudinal" | "Lateral" | "Vertical") => `Vehicle.Acceleration.${axis}`

const hour = 60 * minute

const watching = (events: ReadonlyArray<VehicleEvent>) => {
  let watch = Watch.begin(crash, "well")
  const news: Array<string> = []
  for (const record of recordsOf(events)) {
    const step = Watch.evolve(crash, watch, observe(record))
    watch = step.watch
    if (step.news !== undefined && step.news.score < 50) news.push(`${step.news.score} ${step.news.summary}`)
  }
  return { news, state: watch.state as CrashState, assessment: crash.assess(watch.state as CrashState, now) }
}

/** A message as it is stored when the vehicle kept it, or its clock is wrong. */
const stored = (data: Partial<DataOf<"TelemetryReceived">>, receivedAt = now): VehicleEvent =>
  recorded({ type: "TelemetryReceived", data: { at: toTime(receivedAt), readings: {}, ...data } }, { receivedAt })

const troubleCode = (code: string, at = now): VehicleEvent =>
  recorded({ type: "TroubleCodeRaised", data: { at: toTime(at), code, severity: "critical" } }, { receivedAt: at })

const seenTo = (at: number, kind: "inspected" | "replaced" | "updated", component = "safety.crash"): VehicleEvent =>
  recorded({ type: "ServiceRecorded", data: { at: toTime(at), component, kind } }, { receivedAt: at })

describe("a crash", () => {
  it.each([
    ["an airbag", readings(now, { [airbag]: true }), /^0 Crash: airbag deployed, row 1, driver's side$/],
    ["an airbag in the rear", readings(now, { [rearAirbag]: true }), /row 2, passenger's side/],
    ["the vehicle's own word", readings(now, { [flag]: true }), /detected a crash/],
    ["a rollover", readings(now, { "Vehicle.Twin.Safety.IsRolloverDetected": true }), /rolled over/],
    ["an emergency call", readings(now, { "Vehicle.Twin.Safety.IsEmergencyCallActive": true }), /^0 Emergency call:/],
    ["deceleration", readings(now, { [acceleration("Longitudinal")]: -60 }), /60 m\/s² \(6\.1 g\)/],
    ["a blow from the side", readings(now, { [acceleration("Lateral")]: 45 }), /45 m\/s²/],
    ["both at once", readings(now, { [acceleration("Longitudinal")]: -30, [acceleration("Lateral")]: 30 }), /42\.4 m\/s²/],
    ["a code of the restraint module", troubleCode("B0052"), /code B0052/],
    ["an event of the telematics platform", troubleCode("CRASH"), /code CRASH/],
  ])("is told at once by %s", (_, event, words) => {
    const { news } = watching([event])
    expect(news).toEqual([expect.stringMatching(words)])
  })

  it.each([
    ["hard braking", readings(now, { [acceleration("Longitudinal")]: -12 })],
    ["a pothole", readings(now, { [acceleration("Vertical")]: 120 })],
    ["a sensor at its end", readings(now, { [acceleration("Longitudinal")]: 32_767 })],
    ["an airbag that is there", readings(now, { [airbag]: false })],
    ["a reading that its sender calls invalid", readings(now, { [airbag]: { value: true, quality: "INVALID" } })],
    ["a fault of the restraint module", troubleCode("B0051")],
    ["another code", troubleCode("P0A80")],
  ])("is not told by %s", (_, event) => {
    const { assessment, news } = watching([event])
    expect(news).toEqual([])
    expect(assessment).toBeUndefined()
  })

  it("is told once, by all its signs together, the surest first", () => {
    const { assessment, news } = watching([
      readings(now, { [acceleration("Longitudinal")]: -60 }),
      readings(now + 200, { [flag]: true, [acceleration("Longitudinal")]: -90 }),
      readings(now + 400, { [airbag]: true }),
      troubleCode("B0052", now + 1_000),
      readings(now + hour, { [airbag]: true, [flag]: true }),
      readings(now + 2 * day, { [airbag]: true, [flag]: true }),
    ])
    expect(news).toHaveLength(1)
    expect(assessment?.confidence).toBe(0.99)
    expect(assessment?.evidence.map(({ text }) => text)).toEqual([
      "Airbag deployed, row 1, driver's side",
      "The vehicle has detected a crash",
      "Code B0052",
      "90 m/s² (9.2 g) in the plane of the road",
      expect.stringMatching(/^It happened at 2026-11-22 08:15:31 UTC by the vehicle's clock$/),
    ])
  })

  it("that comes after another is told again, though nobody has seen to the first", () => {
    const { news } = watching([
      readings(now, { [flag]: true }),
      readings(now + minute, { [flag]: false }),
      readings(now + 2 * minute, { [flag]: true }),
      readings(now + 3 * minute, { [flag]: false }),
      readings(now + hour, { [flag]: true }),
    ])
    expect(news).toHaveLength(2)
  })

  it("of hours ago, kept by the vehicle until it could send, is told with its time", () => {
    const at = toTime(now - 5 * hour)
    const { assessment, news } = watching([
      readings(now - minute, { [flag]: false }),
      stored({ at, reissued: true, readings: { [flag]: true } }),
    ])
    expect(news).toEqual(["0 Crash: the vehicle has detected a crash, 5 h before it was received"])
    expect(assessment?.occurredAt).toBe(now - 5 * hour)
  })

  it.each([
    ["the message's", stored({ at: "1970-01-01T00:00:00.000Z", clockFault: true, readings: { [airbag]: true } })],
    ["the reading's", stored({
      readings: { [airbag]: { value: true, at: "2099-01-01T00:00:00.000Z", clockFault: true } },
    })],
    ["that of a backlog", stored({ at: "1970-01-01T00:00:00.000Z", reissued: true, readings: { [airbag]: true } })],
  ])("is told though the clock is wrong: %s", (_, event) => {
    const { assessment, news } = watching([event])
    expect(news).toHaveLength(1)
    expect(assessment?.occurredAt).toBe(now)
    expect(assessment?.evidence.at(-1)?.text).toMatch(/clock is wrong/)
  })

  it("is over once somebody has seen to it, and what comes of it later is no other", () => {
    const { assessment, news } = watching([
      readings(now, { [flag]: true, [airbag]: true }),
      seenTo(now + hour, "inspected"),
      readings(now + 2 * hour, { [flag]: true, [airbag]: true }),
      stored({ at: toTime(now + minute), reissued: true, readings: { [acceleration("Longitudinal")]: -80 } }, now + 3 * hour),
    ])
    expect(news).toHaveLength(1)
    expect(assessment).toMatchObject({ score: 100, summary: "No crash" })
  })

  it("after a repair is told by the same airbag again, without a word between that it was replaced", () => {
    expect(watching([
      readings(now, { [airbag]: true }),
      seenTo(now + day, "replaced", "safety"),
      readings(now + 40 * day, { [airbag]: true }),
    ]).news).toHaveLength(2)
  })

  it.each([
    ["new software", seenTo(now + hour, "updated")],
    ["work on something else", serviced(now + hour, { component: "brakes" })],
    ["what was done before it", seenTo(now - hour, "replaced")],
  ])("is not over by %s", (_, event) => {
    expect(watching([readings(now, { [airbag]: true }), event]).assessment?.score).toBe(0)
  })

  it("leaves a vehicle's state as it is while nothing happens", () => {
    const quiet = recordsOf([readings(now, { [airbag]: false, [flag]: false, [acceleration("Longitudinal")]: -4 })])
    for (const record of quiet) expect(crash.evolve(crash.initial, observe(record))).toBe(crash.initial)
  })

  const value = fc.oneof(
    fc.boolean(),
    fc.double(),
    fc.string(),
    fc.constant(-60),
    fc.record({ value: fc.oneof(fc.boolean(), fc.constant(null)), quality: fc.constantFrom("GOOD", "ABNORMAL") }),
  )
  const anything = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 100 }), fc.constantFrom(...crash.signals), value, fc.boolean()),
    { maxLength: 40 },
  ).map((all) =>
    all.map(([minutes, path, one, clockFault]) =>
      stored(
        { readings: { [path]: one as StoredReading }, ...(clockFault && { clockFault: true as const }) },
        now + minutes * minute,
      )
    )
  )

  it("is judged the same after any restart, and without a throw whatever is sent", () => {
    fc.assert(fc.property(anything, (events) => {
      let state = crash.initial
      let restarted = crash.initial
      for (const record of recordsOf(events)) {
        state = crash.evolve(state, observe(record))
        restarted = crash.evolve(JSON.parse(JSON.stringify(restarted)) as CrashState, observe(record))
        const assessment = crash.assess(state, now)
        expect(assessment === undefined || Number.isFinite(assessment.score)).toBe(true)
      }
      expect(restarted).toEqual(state)
      expect(JSON.parse(JSON.stringify(state))).toEqual(state)
    }))
  })

  it("that the vehicle goes on about without end is told once", () => {
    const stuck = Array.from({ length: 600 }, (_, i) => readings(now + i * minute, { [acceleration("Lateral")]: 300 }))
    expect(watching(stuck).news).toHaveLength(1)
    const later = now + 300 * minute + 1_000
    const { news } = watching([...stuck.slice(0, 300), readings(later, { [airbag]: true }), ...stuck.slice(301)])
    expect(news).toEqual([expect.stringContaining("300 m/s²"), expect.stringContaining("airbag deployed")])
  })

  it("after an emergency call is told, since that may have been for something else", () => {
    const call = "Vehicle.Twin.Safety.IsEmergencyCallActive"
    const { news } = watching([
      readings(now, { [call]: true }),
      readings(now + minute, { [call]: true, [flag]: true }),
      readings(now + 2 * minute, { [call]: true, [flag]: true, [airbag]: true }),
    ])
    expect(news).toEqual([expect.stringContaining("Emergency call"), expect.stringContaining("detected a crash")])
  })
})

describe("what is told of a vehicle in an emergency", () => {
  const [record] = recordsOf([readings(now, { [airbag]: true, "Vehicle.Speed": 12 })])
  const observed = record && observe(record)
  const before = recordsOf([
    recorded({
      type: "TelemetryReceived",
      data: {
        at: toTime(now - minute),
        readings: {
          "Vehicle.Speed": 80,
          "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current": { value: 40, quality: "ABNORMAL" },
          "Vehicle.Cabin.Door.Row2.PassengerSide.IsOpen": true,
        },
        personal: { "Vehicle.CurrentLocation.Latitude": 31.25, "Vehicle.CurrentLocation.Longitude": 121.5 },
      },
    }, { receivedAt: now - minute }),
  ])
  const twin = before.reduce((folded, { event, revision }) => Twin.evolve(folded, event, revision), Twin.initial(vin))

  it("is what the message says, and else what was last known and good, with its age", () => {
    const { evidence, personal, readings } = observed ? situationOf(now, observed, twin) : {}
    expect(readings).toEqual({
      "Vehicle.Speed": 12,
      [airbag]: true,
      "Vehicle.Cabin.Door.Row2.PassengerSide.IsOpen": true,
    })
    expect(personal).toEqual({
      "Vehicle.CurrentLocation.Latitude": 31.25,
      "Vehicle.CurrentLocation.Longitude": 121.5,
      "Vehicle.CurrentLocation.Timestamp": toTime(now - minute),
    })
    expect(evidence?.map(({ text }) => text)).toEqual([
      "When it happened: 12 km/h; airbags deployed: front driver side; doors open: rear passenger side; "
      + "position known (60 s before)",
    ])
  })

  it("is what the message says alone, where there was no time for more", () => {
    const { evidence, personal, readings } = observed ? situationOf(now, observed, undefined) : {}
    expect(readings).toEqual({ "Vehicle.Speed": 12, [airbag]: true })
    expect(personal).toEqual({})
    expect(evidence?.[0]?.text).toMatch(/position not known$/)
  })
})
