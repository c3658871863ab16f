import { describe, expect, it } from "vitest"
import type { Decoded, Message } from "../../../domain/codecs/decoded.ts"
import * as Json from "../../../domain/codecs/json.ts"
import { catalogue } from "../../../domain/signals/catalogue.ts"
import * as Identity from "../../../domain/vehicle/identity.ts"
import type { Telemetry } from "../../../domain/vehicle/observation.ts"
import { now, source, vin } from "../../support/given.ts"

const at = "2026-11-22T08:15:30.250Z"
const time = Date.parse(at)
const received = { receivedAt: now, source }

const bytes = (payload: string | Uint8Array): Message => ({
  vin,
  payload: typeof payload === "string" ? new TextEncoder().encode(payload) : payload,
  ...received,
})
const telemetry = (body: unknown) => Json.decodeTelemetry(bytes(JSON.stringify(body)), catalogue)
const raw = (payload: string | Uint8Array) => Json.decodeTelemetry(bytes(payload), catalogue)
const status = (body: unknown) => Json.decodeStatus(bytes(JSON.stringify(body)))
const diagnostics = (body: unknown) => Json.decodeDiagnostics(bytes(JSON.stringify(body)))
const service = (body: unknown) => Json.decodeService(bytes(JSON.stringify(body)))

/** The one observation of a message that has nothing wrong with it. */
const whole = ({ observations, rejections }: Decoded) => {
  expect(rejections).toEqual([])
  expect(observations).toHaveLength(1)
  return observations[0]
}
const one = (decoded: Decoded): Telemetry => {
  const observation = whole(decoded)
  if (observation?._tag !== "Telemetry") throw new Error("no telemetry")
  return observation
}
/** Why a message came to nothing. */
const refusal = ({ observations, rejections }: Decoded) => {
  expect(observations).toEqual([])
  expect(rejections).toHaveLength(1)
  return rejections[0]
}
const readingsOf = ({ observations }: Decoded) =>
  observations.flatMap((observation) => observation._tag === "Telemetry" ? observation.readings : [])
const signalsOf = (signals: object) => telemetry({ at, id: "x", signals })
const valueOf = (decoded: Decoded) => readingsOf(decoded)[0]?.value

describe("telemetry", () => {
  it("is read in the contract's form", () => {
    const decoded = telemetry({
      v: 1,
      session: "boot-17",
      seq: 42,
      at,
      reissued: true,
      signals: {
        "Vehicle.Speed": 88.5,
        "Vehicle.CurrentLocation.Latitude": { value: 31.2304, at: "2026-11-22T08:15:29Z", quality: "GOOD" },
        "Vehicle.IsMoving": { value: null, quality: "INVALID" },
        "Vehicle.Twin.ElectricMotors.Speed": [1, 2],
      },
    })
    const good = { at: time, quality: "GOOD", personal: false }
    expect(one(decoded)).toEqual({
      _tag: "Telemetry",
      identity: Identity.sequenced("boot-17", 42),
      at: time,
      ...received,
      reissued: true,
      readings: [
        { path: "Vehicle.Speed", value: 88.5, ...good },
        { path: "Vehicle.CurrentLocation.Latitude", value: 31.2304, at: time - 1250, quality: "GOOD", personal: true },
        { path: "Vehicle.IsMoving", value: null, ...good, quality: "INVALID" },
        { path: "Vehicle.Twin.ElectricMotors.Speed", value: [1, 2], ...good },
      ],
    })
  })

  it("needs no more than a time and signals, and passes over what it does not know", () => {
    expect(one(telemetry({ at, signals: {}, extra: { deep: [1] } }))).toMatchObject({ reissued: false, readings: [] })
  })

  it("keeps the good readings beside a bad one, and says of each bad one what is wrong with it", () => {
    const decoded = signalsOf({
      "Vehicle.Sped": 1,
      "Vehicle.Speed": 88.5,
      "Vehicle.IsMoving": "yes",
      "Vehicle.Cabin.Nothing.Alike.Whatsoever.Qqqq": 1,
      "Vehicle.CurrentLocation.Latitude": { value: 91 },
      "Vehicle.CurrentLocation.Longitude": { value: 1, at: "yesterday" },
      "Vehicle.CurrentLocation.Altitude": { value: 1, quality: "FINE" },
      "Vehicle.LowVoltageSystemState": "BROKEN",
    })
    expect(readingsOf(decoded).map(({ path }) => path)).toEqual(["Vehicle.Speed"])
    const expected = "expected RFC 3339 with a zone, such as 2026-11-22T08:15:30.250Z"
    expect(decoded.rejections).toEqual([
      {
        reason: "path",
        path: "Vehicle.Sped",
        message: "Vehicle.Sped: no such signal in the catalogue; did you mean Vehicle.Speed?",
      },
      {
        reason: "type",
        path: "Vehicle.IsMoving",
        message: "Vehicle.IsMoving: found \"yes\", expected true or false",
      },
      {
        reason: "path",
        path: "Vehicle.Cabin.Nothing.Alike.Whatsoever.Qqqq",
        message: "Vehicle.Cabin.Nothing.Alike.Whatsoever.Qqqq: no such signal in the catalogue",
      },
      {
        reason: "range",
        path: "Vehicle.CurrentLocation.Latitude",
        message: "Vehicle.CurrentLocation.Latitude: found 91, expected -90 to 90 degrees",
      },
      {
        reason: "time",
        path: "Vehicle.CurrentLocation.Longitude",
        message: `Vehicle.CurrentLocation.Longitude: "at" is "yesterday"; ${expected}`,
      },
      {
        reason: "shape",
        path: "Vehicle.CurrentLocation.Altitude",
        message: "Vehicle.CurrentLocation.Altitude: quality \"FINE\"; expected GOOD, ABNORMAL or INVALID",
      },
      {
        reason: "range",
        path: "Vehicle.LowVoltageSystemState",
        message:
          `Vehicle.LowVoltageSystemState: found "BROKEN", expected one of "UNDEFINED", "LOCK", "OFF", "ACC", "ON", "START"`,
      },
    ])
  })

  it("takes no value for a good one, and any for none at all only with a word on its quality", () => {
    for (const sent of [null, { value: null }, {}, { quality: "INVALID" }, { value: null, quality: "GOOD" }]) {
      expect(signalsOf({ "Vehicle.Speed": sent }).rejections, JSON.stringify(sent)).toMatchObject([{ reason: "type" }])
    }
    expect(signalsOf({ "Vehicle.Speed": { value: null, quality: "ABNORMAL" } }).rejections).toEqual([])
    const abnormal = signalsOf({ "Vehicle.Speed": { value: "fast", quality: "ABNORMAL" } })
    expect(abnormal.rejections).toMatchObject([{ reason: "type" }])
  })
})

describe("a message's identity", () => {
  const identity = (body: object) => one(telemetry({ at, signals: { "Vehicle.Speed": 1 }, ...body })).identity

  it("is its id, before session and number, before its content", () => {
    expect(identity({ id: "a", session: "s", seq: 1 })).toEqual(Identity.byId("a"))
    expect(identity({ session: "s", seq: 0 })).toEqual(Identity.sequenced("s", 0))
    expect(identity({})).toMatchObject({ _tag: "Unique", key: expect.stringMatching(/^hash:[\w-]{22}$/) })
  })

  it("is the same for the same content over two brokers, and however the instant is written", () => {
    const body = JSON.stringify({ at, signals: { "Vehicle.Speed": 1 } })
    const kafka: Message = { ...bytes(body), receivedAt: now + 5000, source: { kind: "kafka", position: "0/7" } }
    const [first, second] = [raw(body), Json.decodeTelemetry(kafka, catalogue)].map((decoded) => one(decoded).identity)
    expect(second).toEqual(first)
    expect(identity({ at: "2026-11-22T16:15:30.25+08:00" })).toEqual(first)
    expect(one(raw(` {"signals" :{"Vehicle.Speed":1.0},\n"at":"${at}"}`)).identity).toEqual(first)
  })

  it("by content differs with time and content", () => {
    const keys = [{}, { at: "2026-11-22T08:15:30.251Z" }, { signals: { "Vehicle.Speed": 2 } }, { signals: {} }].map(identity)
    expect(new Set(keys.map(Identity.toText)).size).toBe(4)
  })

  it("is never a telemetry message's number where it is not telemetry, since that may be counted apart", () => {
    const body = { session: "s", seq: 1, at, codes: [{ code: "P0A80", state: "raised" }] }
    expect(diagnostics(body).observations).toMatchObject([{ identity: { _tag: "Unique" } }])
  })

  it("needs session and number together", () => {
    expect(refusal(telemetry({ at, session: "s", signals: {} })))
      .toEqual({ reason: "shape", message: "\"session\" alone; the two go together, or an \"id\" does" })
    expect(refusal(telemetry({ at, seq: 1, signals: {} }))?.message).toMatch(/^"seq" alone/)
    expect(identity({ id: "a", seq: 1 })).toEqual(Identity.byId("a"))
  })

  it.each([-1, 1.5, 2 ** 53, "1", null, true])("has no number %j", (seq) => {
    expect(refusal(telemetry({ at, session: "s", seq, signals: {} }))).toMatchObject({
      reason: "shape",
      message: expect.stringContaining("[\"seq\"]"),
    })
  })

  it("counts up to 2^53 − 1, from 0 of either sign", () => {
    expect(identity({ session: "s", seq: Number.MAX_SAFE_INTEGER })).toEqual(Identity.sequenced("s", 2 ** 53 - 1))
    const zero = one(raw(`{"at":"${at}","session":"s","seq":-0,"signals":{}}`)).identity
    expect(Identity.toText(zero)).toBe("seq:0@s")
  })

  it.each([["empty", ""], ["too long", "x".repeat(257)]])("is no name that is %s", (_, name) => {
    expect(refusal(telemetry({ at, id: name, signals: {} }))).toMatchObject({ reason: "shape" })
    expect(refusal(telemetry({ at, session: name, seq: 1, signals: {} }))).toMatchObject({ reason: "shape" })
  })
})

describe("a device time", () => {
  const timeOf = (text: unknown) => telemetry({ at: text, id: "x", signals: {} }).observations[0]
  it.each([
    ["2026-11-22T08:15:30.250Z", time],
    ["2026-11-22t08:15:30.25z", time],
    ["2026-11-22T16:15:30.250+08:00", time],
    ["2026-11-21T23:45:30.250-08:30", time],
    ["2026-11-22T08:15:30.250999999Z", time],
    ["2026-11-22T08:15:30Z", time - 250],
    ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29)],
    ["2000-02-29T00:00:00Z", Date.UTC(2000, 1, 29)],
    ["1970-01-01T00:00:00Z", 0],
    ["9999-12-31T23:59:59.999Z", 253402300799999],
  ])("%s is taken", (text, expected) => {
    expect(timeOf(text)).toMatchObject({ at: expected })
  })

  it.each([
    "2026-11-22T08:15:30", "2026-11-22", "2026-11-22 08:15:30Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
    "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
    "2026-11-22T24:00:00Z", "2026-11-22T08:60:00Z", "2026-11-22T08:15:30.Z", "2026-11-22T08:15:30+0800",
    "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+08:00", "9999-12-31T23:59:59-12:00", "+010000-01-01T00:00:00Z", "now", "",
    "٢٠٢٦-11-22T08:15:30Z", `${at}\n`,
  ])("%j is not", (text) => {
    expect(refusal(telemetry({ at: text, id: "x", signals: {} }))).toMatchObject({
      reason: "time",
      message: expect.stringContaining("expected RFC 3339 with a zone"),
    })
  })

  it.each([1795335330250, null, true, {}, [at]])("%j is not even text", (sent) => {
    expect(refusal(telemetry({ at: sent, id: "x", signals: {} }))).toEqual({
      reason: "shape",
      message: "Expected string at [\"at\"]",
    })
  })
})

describe("an envelope", () => {
  it.each([
    ["a number", 5, "Expected object"],
    ["null", null, "Expected object"],
    ["text", "{}", "Expected object"],
    ["no time", { signals: {} }, "Missing key at [\"at\"]"],
    ["no signals", { at }, "Missing key at [\"signals\"]"],
    ["a list of signals", { at, signals: [] }, "Expected object at [\"signals\"]"],
    ["a version in words", { v: "1", at, signals: {} }, "Expected number at [\"v\"]"],
    ["reissued in words", { at, signals: {}, reissued: "no" }, "Expected boolean at [\"reissued\"]"],
  ])("with %s is refused by its shape", (_, body, message) => {
    expect(refusal(telemetry(body))).toEqual({ reason: "shape", message })
  })

  it("of another format is not guessed at", () => {
    for (const v of [0, 2]) {
      expect(refusal(telemetry({ v, at, signals: {} })))
        .toEqual({ reason: "version", message: `format ${v}; this service knows format 1` })
    }
  })
})

describe("a batch", () => {
  it("is each of its messages, and a bad one is named by its place", () => {
    const message = (speed: unknown) => ({ at, session: "s", seq: 1, signals: { "Vehicle.Speed": speed } })
    const decoded = telemetry([message(1), { at }, message("fast"), 7, message(2)])
    expect(readingsOf(decoded).map(({ value }) => value)).toEqual([1, 2])
    expect(decoded.observations).toHaveLength(3)
    expect(decoded.rejections.map(({ message: text, reason }) => `${reason}: ${text}`)).toEqual([
      "shape: message 1: Missing key at [\"signals\"]",
      "type: message 2: Vehicle.Speed: found \"fast\", expected a number (float)",
      "shape: message 3: Expected object",
    ])
  })

  it("may be of one, but not of none, nor of batches", () => {
    expect(telemetry([{ at, signals: {} }]).observations).toHaveLength(1)
    expect(refusal(telemetry([]))).toEqual({ reason: "shape", message: "an empty array; expected at least one message" })
    expect(refusal(telemetry([[{ at, signals: {} }]]))).toMatchObject({ reason: "shape" })
  })

  it("of statuses, diagnostics or services is one too", () => {
    expect(status([{ online: true, session: "a" }, { online: false, session: "a" }]).observations).toHaveLength(2)
    expect(diagnostics([{ at, codes: [] }, { at, codes: [] }]).observations).toHaveLength(2)
    expect(service([{ at, component: "vehicle", kind: "inspected" }]).observations).toHaveLength(1)
  })

  it("tells its first rejections one by one and the rest as a number, and keeps what is good behind them", () => {
    const junk = Array.from({ length: 20_000 }, () => 0)
    const decoded = telemetry([...junk, { at, signals: { "Vehicle.Speed": 1 } }])
    expect(readingsOf(decoded)).toHaveLength(1)
    expect(decoded.rejections).toHaveLength(Json.maxRejections + 1)
    expect(decoded.rejections.at(-1)?.message).toBe(
      `${20_000 - Json.maxRejections} more were rejected and are not told one by one`,
    )
    const signals = Object.fromEntries([...junk.entries()].map(([i]) => [`Vehicle.Unheard${i}`, 1]))
    const unknown = signalsOf({ ...signals, "Vehicle.Speed": 1 })
    expect(readingsOf(unknown)).toHaveLength(1)
    expect(unknown.rejections).toHaveLength(Json.maxRejections + 1)
  })
})

describe("a status", () => {
  it("is read with and without its time", () => {
    expect(whole(status({ online: true, session: "boot-17", at })))
      .toEqual({ _tag: "Presence", online: true, session: "boot-17", at: time, ...received })
    expect(whole(status({ online: false, session: "boot-17" })))
      .toEqual({ _tag: "Presence", online: false, session: "boot-17", at: undefined, ...received })
  })

  it("is refused with what is wrong", () => {
    expect(refusal(status({ online: "yes", session: "a" }))?.message).toBe("Expected boolean at [\"online\"]")
    expect(refusal(status({ online: true }))?.message).toBe("Missing key at [\"session\"]")
    expect(refusal(status({ online: true, session: "" }))?.message).toContain("[\"session\"]")
    expect(refusal(status({ online: true, session: "a", at: "now" })))
      .toMatchObject({ reason: "time", message: expect.stringMatching(/^"at" is "now"; expected RFC 3339/) })
  })
})

describe("diagnostics", () => {
  it("are read in the contract's form, a warning where nothing is said", () => {
    const full = {
      code: "P0A80",
      state: "raised",
      severity: "critical",
      ecu: "BMS",
      text: "Replace pack",
      freezeFrame: { "Vehicle.Speed": 40, any: ["a", true] },
    }
    expect(whole(diagnostics({ id: "d-1", at, codes: [full, { code: "U0100", state: "cleared" }] }))).toEqual({
      _tag: "Diagnostics",
      identity: Identity.byId("d-1"),
      at: time,
      ...received,
      codes: [full, { code: "U0100", state: "cleared", severity: "warning" }],
    })
  })

  it("are refused with what is wrong", () => {
    const wrong = (code: unknown) =>
      refusal(diagnostics({ id: "d", at, codes: [{ code: "A", state: "raised" }, code] }))?.message
    expect(wrong({ code: "B", state: "on" })).toBe("Expected \"raised\" | \"cleared\" at [\"codes\"][1][\"state\"]")
    expect(wrong({ code: "", state: "raised" })).toContain("[\"codes\"][1][\"code\"]")
    expect(wrong({ code: "B", state: "raised", text: "x".repeat(1025) })).toContain("[\"codes\"][1][\"text\"]")
    expect(wrong({ code: "B", state: "raised", freezeFrame: { a: null } })).toContain("[\"freezeFrame\"][\"a\"]")
    expect(refusal(diagnostics({ v: 2, at, codes: [] }))).toMatchObject({ reason: "version" })
  })

  it("keep no number in a freeze frame that JSON could not give back", () => {
    const payload = `{"id":"d","at":"${at}","codes":[{"code":"A","state":"raised","freezeFrame":{"x":1e999}}]}`
    expect(refusal(Json.decodeDiagnostics(bytes(payload)))).toMatchObject({ reason: "shape" })
  })
})

describe("work done", () => {
  it("is read in the contract's form", () => {
    const body = {
      component: "brakes.front",
      kind: "replaced",
      odometerKm: 123456.7,
      parts: ["pads"],
      workshop: "North",
    }
    expect(whole(service({ id: "s-1", at, ...body })))
      .toEqual({ _tag: "ServiceDone", identity: Identity.byId("s-1"), at: time, ...received, ...body })
    expect(whole(service({ id: "s-1", at, component: "vehicle", kind: "inspected" }))).toEqual({
      _tag: "ServiceDone",
      identity: Identity.byId("s-1"),
      at: time,
      ...received,
      component: "vehicle",
      kind: "inspected",
      parts: [],
    })
  })

  it("is refused with what is wrong", () => {
    const wrong = (body: object) => refusal(service({ at, component: "vehicle", kind: "inspected", ...body }))?.message
    expect(wrong({ kind: "painted" })).toContain("at [\"kind\"]")
    expect(wrong({ component: "" })).toContain("at [\"component\"]")
    expect(wrong({ odometerKm: -1 })).toContain("at [\"odometerKm\"]")
    expect(wrong({ parts: "pads" })).toContain("at [\"parts\"]")
  })

  it("is another identity where anything of it differs", () => {
    const body = { at, component: "vehicle", kind: "inspected" }
    const keys = [{}, { kind: "repaired" }, { component: "x" }, { odometerKm: 1 }, { workshop: "N" }, { parts: ["a"] }].map(
      (change) => JSON.stringify(whole(service({ ...body, ...change }))).match(/hash:[\w-]+/)?.[0],
    )
    expect(new Set(keys).size).toBe(6)
  })
})

describe("a hostile payload", () => {
  it("that names what every object has, names no signal", () => {
    const payload = `{"at":"${at}","id":"x","signals":{"__proto__":{"Vehicle.Speed":9},"constructor":1,"toString":2}}`
    const { rejections, observations } = raw(payload)
    expect(rejections.map(({ path, reason }) => [reason, path])).toEqual([
      ["path", "__proto__"],
      ["path", "constructor"],
      ["path", "toString"],
    ])
    expect(observations).toMatchObject([{ readings: [] }])
    const inherited = raw(`{"__proto__":{"at":"${at}","signals":{}}}`)
    expect(refusal(inherited)).toMatchObject({ reason: "shape" })
    expect(({} as { at?: unknown }).at).toBeUndefined()
  })

  it("with an object that cannot be shown is refused as any other", () => {
    const sly = { toString: 1, valueOf: null }
    const readings = [{ value: 1, quality: sly }, { value: 1, at: sly }, { value: sly }, { value: 1, at: [sly] }, [sly]]
    for (const reading of readings) {
      expect(signalsOf({ "Vehicle.Speed": reading }).rejections, JSON.stringify(reading)).toHaveLength(1)
    }
  })

  it("with numbers at the ends of what there is, is read or refused as its signal says", () => {
    const speed = (text: string) => raw(`{"at":"${at}","id":"x","signals":{"Vehicle.Speed":${text}}}`)
    for (const text of ["1e999", "-1e999", "3.5e38"]) {
      expect(speed(text).rejections, text).toMatchObject([{ reason: "range", path: "Vehicle.Speed" }])
    }
    expect(valueOf(speed("1e-999"))).toBe(0)
    const metres = (text: string) => raw(`{"at":"${at}","id":"x","signals":{"Vehicle.TraveledDistance":${text}}}`)
    expect(metres("9007199254740992").rejections).toMatchObject([{ reason: "range" }])
    expect(metres("4294967295").rejections).toEqual([])
    expect(metres("4294967296").rejections).toMatchObject([{ reason: "range" }])
  })

  it("with a zero below zero is read as zero, as the log will give it back", () => {
    const signals = [
      "\"Vehicle.Speed\":-0.0",
      "\"Vehicle.Twin.ElectricMotors.Torque\":[-0.0,1]",
      "\"Vehicle.Acceleration.Longitudinal\":{\"value\":-0}",
    ]
    const zeros = raw(`{"at":"${at}","id":"x","signals":{${signals.join(",")}}}`)
    expect(zeros.rejections).toEqual([])
    expect(readingsOf(zeros).map(({ value }) => value)).toStrictEqual([0, [0, 1], 0])
  })

  it("that is deep is refused, or passed over where nobody looks", () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`
    for (const payload of [deep, `{"a":`.repeat(100_000) + "1" + "}".repeat(100_000), `{"at":${deep},"signals":{}}`]) {
      expect(refusal(raw(payload))).toMatchObject({ reason: "shape" })
    }
    expect(refusal(raw(`{"at":"${at}","signals":{"Vehicle.Speed":${deep}}}`))).toMatchObject({
      reason: "shape",
      message: expect.stringContaining("too deep"),
    })
    for (const reading of [deep, `{"value":${deep}}`, `{"value":1,"at":${deep}}`, `{"value":1,"quality":${deep}}`]) {
      expect(raw(`{"at":"${at}","id":"x","signals":{"Vehicle.Speed":${reading}}}`).rejections).toHaveLength(1)
    }
    expect(raw(`{"at":"${at}","id":"x","signals":{},"extra":${deep}}`).observations).toHaveLength(1)
  })

  it("that is large is told in few words", () => {
    const large = "x".repeat(1_000_000)
    const decoded = [
      raw(large), raw(JSON.stringify(large)), telemetry({ at: large, signals: {} }), signalsOf({ [large]: 1 }),
      signalsOf({ "Vehicle.Speed": large }), signalsOf({ "Vehicle.Speed": { value: 1, quality: large } }), status(large),
      diagnostics({ id: "d", at, codes: [{ code: large, state: "raised" }] }), service({ at, component: large, kind: large }),
    ]
    for (const { rejections } of decoded) {
      expect(rejections).toHaveLength(1)
      expect(rejections[0]?.message.length).toBeLessThan(600)
    }
  })

  it("that is no JSON is refused with the reason", () => {
    for (const text of ["", " ", "{", "{\"at\":1,}", "undefined", "NaN", "{} {}", "\u0000"]) {
      const message: unknown = expect.stringMatching(/^not JSON: ./)
      expect(refusal(raw(text)), JSON.stringify(text)).toMatchObject({ reason: "json", message })
    }
    for (const invalid of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0x22, 0xc0, 0x80, 0x22]]) {
      expect(refusal(raw(Uint8Array.from(invalid)))).toEqual({ reason: "json", message: "not JSON: the bytes are not UTF-8" })
    }
  })

  it("with a byte order mark is read all the same", () => {
    expect(one(raw(`\ufeff{"at":"${at}","signals":{}}`)).at).toBe(time)
  })

  it("with text that a database cannot hold is refused whole", () => {
    for (const escape of ["\\ud800", "\\udc00x", "\\u0000", "\\ude00\\ud83d"]) {
      const payloads = [
        `{"at":"${at}","id":"${escape}","signals":{}}`,
        `{"at":"${at}","signals":{"${escape}":1}}`,
        `{"at":"${at}","signals":{"Vehicle.VehicleIdentification.Model":["a","${escape}"]}}`,
      ]
      for (const payload of payloads) {
        expect(refusal(raw(payload)), payload).toEqual({
          reason: "json",
          message: "a text has a NUL or half a surrogate pair in it; leave it out",
        })
      }
    }
    expect(valueOf(raw(`{"at":"${at}","signals":{"Vehicle.VehicleIdentification.Model":"\\ud83d\\ude00 \\u6caa \\\\u0000"}}`)))
      .toBe("😀 沪 \\u0000")
  })
})
