/**
 * Whatever comes, a decoder does not throw, and ends with an observation that is in order or with a rejection. The seed
 * is fixed, so that a failure comes again; FUZZ_SEED takes another.
 */
import { Result, Schema } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Decoded, Message } from "../../../domain/codecs/decoded.ts"
import * as Json from "../../../domain/codecs/json.ts"
import { catalogue } from "../../../domain/signals/catalogue.ts"
import { isPersonal } from "../../../domain/signals/personal.ts"
import { Metadata, schemas } from "../../../domain/vehicle/events.ts"
import type { Identity } from "../../../domain/vehicle/identity.ts"
import type { Observation, Reading } from "../../../domain/vehicle/observation.ts"
import * as State from "../../../domain/vehicle/state.ts"
import { isVin } from "../../../domain/vehicle/vin.ts"
import * as Topics from "../../../src/ingest/topics.ts"
import { now, observeAll, source, vin } from "../../support/given.ts"
import { anyJson, mutated, noise } from "../../support/payloads.ts"

const seed = Number(process.env["FUZZ_SEED"] ?? 20261122)
const decoders: ReadonlyArray<(message: Message) => Decoded> = [
  (message) => Json.decodeTelemetry(message, catalogue),
  Json.decodeStatus,
  Json.decodeDiagnostics,
  Json.decodeService,
]

const latest = Date.parse("9999-12-31T23:59:59.999Z")
const isTime = (at: number) => Number.isInteger(at) && at >= 0 && at <= latest

const isIdentity = (identity: Identity) =>
  identity._tag === "Sequenced"
    ? identity.session.length > 0 && Number.isSafeInteger(identity.seq) && identity.seq >= 0
    : /^(id:.+|hash:[\w-]{22})$/s.test(identity.key)

const isReading = ({ at, path, personal, quality, value }: Reading) => {
  const signal = catalogue.get(path)
  return signal !== undefined && isTime(at) && personal === isPersonal(path) &&
    ["GOOD", "ABNORMAL", "INVALID"].includes(quality) &&
    (value === null ? quality !== "GOOD" : signal.accepts(value))
}

const isValid = (observation: Observation) =>
  observation.receivedAt === now && observation.source === source &&
  (observation.at === undefined || isTime(observation.at)) &&
  (observation._tag === "Presence"
    ? observation.session.length > 0
    : isTime(observation.at) && isIdentity(observation.identity)) &&
  (observation._tag !== "Telemetry" || observation.readings.every(isReading))

const isStorable = (observation: Observation) =>
  observeAll(State.initial(vin), [observation]).events.every(({ data, metadata, type }) => {
    const stored: unknown = JSON.parse(JSON.stringify(data))
    return Schema.is(schemas[type])(stored) && Schema.is(Metadata)(metadata)
  })

/** What became of the payloads, so that a test can tell that it tried something. */
const tally = { observed: 0, rejected: 0 }

const check = (payload: Uint8Array) => {
  for (const decode of decoders) {
    const { observations, rejections } = decode({ vin, payload, receivedAt: now, source })
    if (observations.length === 0 && rejections.length === 0) throw new Error("neither observed nor rejected")
    if (rejections.length > Json.maxRejections + 1) throw new Error(`${rejections.length} rejections`)
    for (const { message } of rejections) {
      if (message === "" || message.length > 1000 || message.includes("\n")) throw new Error(`told badly: ${message}`)
    }
    for (const observation of observations) {
      if (!isValid(observation)) throw new Error(`not in order: ${JSON.stringify(observation)}`)
      if (!isStorable(observation)) throw new Error(`not to be stored: ${JSON.stringify(observation)}`)
    }
    tally.observed += observations.length
    tally.rejected += rejections.length
  }
}

const fuzz = (payloads: fc.Arbitrary<Uint8Array>, numRuns: number) => {
  tally.observed = 0
  tally.rejected = 0
  fc.assert(fc.property(payloads, check), { seed, numRuns })
  return { ...tally }
}

describe("the JSON decoders", () => {
  it("take any bytes", () => {
    expect(fuzz(noise, 20_000).rejected).toBeGreaterThan(20_000)
  })

  it("take any JSON", () => {
    const { observed, rejected } = fuzz(anyJson, 20_000)
    expect(rejected).toBeGreaterThan(20_000)
    expect(observed).toBeGreaterThan(1000)
  })

  it("take messages with a slip in them", () => {
    const { observed, rejected } = fuzz(mutated, 50_000)
    expect(observed).toBeGreaterThan(10_000)
    expect(rejected).toBeGreaterThan(10_000)
  })
})

describe("the topics", () => {
  const part = fc.oneof(
    fc.constantFrom("vehicles", "fleet", vin, "telemetry", "status", "diagnostics", "commands", "+", "#", "$SYS", ""),
    fc.string({ unit: "binary", maxLength: 20 }),
  )
  const slip = fc.string({ unit: "binary", maxLength: 2 })
  const slipped = fc.tuple(fc.constantFrom(...Topics.kinds), fc.nat({ max: 40 }), slip).map(([kind, place, text]) => {
    const topic = `vehicles/${vin}/${kind}`
    return topic.slice(0, place) + text + topic.slice(place + text.length)
  })
  const topic = fc.oneof(slipped, fc.array(part, { maxLength: 6 }).map((parts) => parts.join("/")))

  it.each(["", "fleet", "fleet/"])("below %j are a vehicle's or refused, never in between", (prefix) => {
    const topics = Topics.make(prefix)
    const base = prefix === "" ? "" : "fleet/"
    let routed = 0
    fc.assert(fc.property(topic, fc.boolean(), (text, below) => {
      const full = below ? base + text : text
      const route = topics.route(full)
      if (Result.isFailure(route)) {
        const { message, reason } = route.failure
        expect(["topic", "vin"]).toContain(reason)
        expect(message.length).toBeLessThan(2000)
      } else {
        routed++
        const { kind, vin: named } = route.success
        expect(isVin(named)).toBe(true)
        expect(full).toBe(`${base}vehicles/${named}/${kind}`)
        expect(topics.isUp(full)).toBe(true)
      }
    }), { seed, numRuns: 7000 })
    expect(routed).toBeGreaterThan(0)
  })
})
