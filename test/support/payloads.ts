/** Payloads as they come from anywhere: noise, any JSON, and messages that were right once. */
import * as fc from "fast-check"

const at = "2026-11-22T08:15:30.250Z"

const valid: ReadonlyArray<unknown> = [
  { v: 1, id: "m-1", at, signals: { "Vehicle.Speed": 88.5, "Vehicle.IsMoving": true } },
  {
    session: "boot-17",
    seq: 42,
    at,
    reissued: true,
    signals: {
      "Vehicle.CurrentLocation.Latitude": { value: 31.2304, at: "2026-11-22T16:15:29+08:00", quality: "GOOD" },
      "Vehicle.IsMoving": { value: null, quality: "INVALID" },
      "Vehicle.Twin.ElectricMotors.Speed": [9000, -1.5],
      "Vehicle.LowVoltageSystemState": "ON",
    },
  },
  [{ at, signals: { "Vehicle.TraveledDistance": 12345 } }, { at, session: "a", seq: 0, signals: {} }],
  { online: true, session: "boot-17", at },
  { online: false, session: "boot-17" },
  {
    id: "d-1",
    at,
    codes: [
      { code: "P0A80", state: "raised", severity: "critical", ecu: "BMS", text: "x", freezeFrame: { "Vehicle.Speed": 4 } },
      { code: "U0100", state: "cleared" },
    ],
  },
  { id: "s-1", at, component: "brakes.front", kind: "replaced", odometerKm: 1.5, parts: ["pads"], workshop: "North" },
]

const encoder = new TextEncoder()

export const noise = fc.uint8Array({ maxLength: 200 })

const names = fc.constantFrom(
  "v", "id", "at", "session", "seq", "signals", "reissued", "value", "quality", "online", "codes", "code", "state", "kind",
  "component", "parts", "odometerKm", "freezeFrame", "Vehicle.Speed", "Vehicle.IsMoving", "__proto__", "constructor",
  "toString", "",
)
const odd = fc.constantFrom<unknown>(
  null, true, 0, -1, 1.5, 2 ** 53, -(2 ** 53), 1e308, "", at, "9999-12-31T23:59:59-12:00", "2025-02-29T00:00:00Z", "raised",
  "INVALID", "\ud800", "\0", [], {}, [[]], [null], { toString: 1 }, { value: 1 }, { "Vehicle.Speed": 1 },
)

/** Envelopes whose parts are each right, or odd, or missing. */
const envelope = fc.record({
  v: fc.constantFrom<unknown>(1, 1, 1, 2, "1"),
  id: fc.oneof(fc.string({ minLength: 1 }), odd),
  at: fc.oneof({ weight: 9, arbitrary: fc.constant<unknown>(at) }, { weight: 1, arbitrary: odd }),
  session: fc.oneof(fc.string({ minLength: 1 }), odd),
  seq: fc.oneof(fc.maxSafeNat(), odd),
  online: fc.boolean(),
  signals: fc.dictionary(names, fc.oneof(odd, fc.double())),
  codes: fc.array(fc.record({ code: fc.string(), state: fc.constantFrom("raised", "cleared", "on") })),
}, { requiredKeys: ["at"] })

/** JSON of the words that the decoders look for. */
export const anyJson = fc.oneof(
  envelope.map((value) => JSON.stringify(value)),
  fc.json({ maxDepth: 4 }),
  fc.object({
    key: names,
    values: [odd as fc.Arbitrary<unknown>, fc.double(), fc.string({ unit: "binary" })],
    maxDepth: 4,
    maxKeys: 8,
  }).map((value) => JSON.stringify(value)),
  fc.array(fc.object({ key: names, values: [odd as fc.Arbitrary<unknown>], maxDepth: 2 }), { maxLength: 4 })
    .map((value) => JSON.stringify(value)),
).map((text) => encoder.encode(text))

/** The message with the value at one place, counted through all of it, made another. */
const replaced = (message: unknown, place: number, value: unknown): unknown => {
  const text = JSON.stringify(message)
  let count = 0
  JSON.parse(text, (_, one: unknown) => (count++, one))
  let at = 0
  return JSON.parse(text, (_, one: unknown) => at++ === place % count ? value : one)
}

const renamed = (text: string, place: number, name: string): string => {
  const keys = [...text.matchAll(/"[^"]*"(?=:)/g)]
  const key = keys[place % Math.max(1, keys.length)]
  if (key === undefined) return text
  return text.slice(0, key.index) + JSON.stringify(name) + text.slice(key.index + key[0].length)
}

const original = fc.constantFrom(...valid)
const place = fc.nat({ max: 10_000 })

/** What JSON.stringify would not write. */
const literals = fc.constantFrom(
  "1e999", "-0", "0.1e-999", "\"\\ud800\"", "\"\\u0000\"", "01", "NaN", "[".repeat(50),
)

const mutatedText: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(original, place, odd).map(([message, where, value]) => JSON.stringify(replaced(message, where, value))),
  fc.tuple(original, place, odd, place, odd).map(([message, where, value, next, other]) =>
    JSON.stringify(replaced(replaced(message, where, value), next, other))
  ),
  fc.tuple(original, place, names).map(([message, where, name]) => renamed(JSON.stringify(message), where, name)),
  fc.tuple(original, place, literals)
    .map(([message, where, literal]) => {
      const marked = JSON.stringify(replaced(message, where, "MARK"))
      return marked.replace("\"MARK\"", literal)
    }),
)

/** Right messages with a slip: bits flipped, cut short, a value of another kind, a key of another name. */
export const mutated: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 4, arbitrary: mutatedText.map((text) => encoder.encode(text)) },
  {
    weight: 2,
    arbitrary: fc.tuple(original, fc.array(place, { minLength: 1, maxLength: 3 })).map(([message, flips]) => {
      const bytes = encoder.encode(JSON.stringify(message))
      for (const flip of flips) {
        const index = (flip >> 3) % bytes.length
        bytes[index] = (bytes[index] ?? 0) ^ (1 << (flip & 7))
      }
      return bytes
    }),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(original, place).map(([message, end]) => {
      const bytes = encoder.encode(JSON.stringify(message))
      return bytes.slice(0, end % bytes.length)
    }),
  },
)
