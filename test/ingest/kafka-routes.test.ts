import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { catalogue } from "../../domain/signals/catalogue.ts"
import { decode } from "../../src/ingest/decode.ts"
import * as KafkaRoutes from "../../src/ingest/kafka-routes.ts"
import * as Topics from "../../src/ingest/topics.ts"
import { status, telemetry, vinOf } from "../support/messages.ts"

const vin = vinOf(1)
const topics = { telemetry: "vehicle-telemetry", diagnostics: "vehicle-diagnostics", service: "vehicle-service" }
const routes = KafkaRoutes.make(topics, Topics.make("fleet"))
const at = "2026-11-22T08:15:30.250Z"

const route = (topic: string, key: string | Uint8Array | null, value: string | null) => {
  const routed = routes(
    topic,
    typeof key === "string" ? Buffer.from(key) : key,
    value === null ? null : Buffer.from(value),
  )
  return { ...routed, receivedAt: Date.parse(at), source: { kind: "kafka" as const, topic } }
}
const decoded = (...args: Parameters<typeof route>) => decode(route(...args), catalogue)
const envelope = (topic: string, payload: string) => JSON.stringify({ clientid: "tbox", event: "message.publish", topic, payload })

describe("a message from Kafka", () => {
  it("is of the vehicle that its key names, and of the kind that its topic says", () => {
    const diagnostics = JSON.stringify({ id: "d", at, codes: [{ code: "P0A80", state: "raised" }] })
    const service = JSON.stringify({ id: "s", at, component: "brakes.front", kind: "replaced" })
    expect(decoded(topics.telemetry, vin, telemetry(1)).observations).toMatchObject([{ _tag: "Telemetry" }])
    expect(decoded(topics.diagnostics, vin, diagnostics).observations).toMatchObject([{ _tag: "Diagnostics" }])
    expect(decoded(topics.service, vin, service).observations).toMatchObject([{ _tag: "ServiceDone" }])
    expect(Result.getOrThrow(route(topics.telemetry, vin, telemetry(1)).route)).toEqual({ vin, kind: "telemetry" })
  })

  it.each([
    [null, "vin", "no key; expected the VIN"],
    ["", "vin", "no key; expected the VIN"],
    [Buffer.from([0xC3, 0x28]), "vin", "not UTF-8"],
    ["LSVAA4187E000000I", "vin", "the key is not a VIN"],
    ["short", "vin", "5 characters; a VIN has 17"],
  ])("with the key %s is a dead letter that says what was expected", (key, reason, message) => {
    expect(decoded(topics.telemetry, key, telemetry(1)))
      .toMatchObject({ observations: [], rejections: [{ reason, message: expect.stringContaining(message) }] })
  })

  it("without a value is a dead letter, and keeps its key", () => {
    expect(decoded(topics.telemetry, vin, null).rejections)
      .toEqual([{ reason: "shape", message: "no value (a tombstone); expected a message" }])
    expect(route(topics.telemetry, vin, null)).toMatchObject({ key: vin, payload: new Uint8Array() })
  })

  it("on a topic that is none of ours is a dead letter", () => {
    expect(decoded("other", vin, telemetry(1)).rejections).toMatchObject([{ reason: "topic" }])
  })

  it("that is too large is a dead letter, also in an envelope", () => {
    const large = "x".repeat(300_000)
    expect(decoded(topics.telemetry, vin, large).rejections).toMatchObject([{ reason: "too_large" }])
    expect(decoded(topics.telemetry, vin, envelope(`fleet/vehicles/${vin}/telemetry`, large)).rejections)
      .toMatchObject([{ reason: "too_large" }])
  })
})

describe("a message that EMQX brought to Kafka", () => {
  it("is what was published on MQTT, by the topic it was published on, whatever its key", () => {
    const [observation] = decoded(topics.telemetry, "tbox", envelope(`fleet/vehicles/${vin}/telemetry`, telemetry(7))).observations
    const [direct] = decoded(topics.telemetry, vin, telemetry(7)).observations
    expect(observation).toEqual(direct)
    expect(decoded(topics.telemetry, null, envelope(`fleet/vehicles/${vin}/status`, status(true))).observations)
      .toMatchObject([{ _tag: "Presence", online: true, session: "boot-1" }])
    const diagnostics = JSON.stringify({ id: "d", at, codes: [] })
    expect(decoded(topics.telemetry, null, envelope(`fleet/vehicles/${vin}/diagnostics`, diagnostics)).observations)
      .toMatchObject([{ _tag: "Diagnostics" }])
  })

  it("keeps the envelope as its payload, which is what a dead letter stores", () => {
    const value = envelope("elsewhere", "{}")
    const routed = route(topics.telemetry, "tbox", value)
    expect(Buffer.from(routed.payload).toString()).toBe(value)
    expect(decode(routed, catalogue).rejections).toMatchObject([{ reason: "topic" }])
  })

  it("that tells of a connection is presence at EMQX's time", () => {
    const times = { connected_at: 1795335330000, disconnected_at: 1795335390000 }
    const event = { clientid: vin, event: "client.disconnected", reason: "tcp_closed", ...times }
    expect(decoded(topics.telemetry, vin, JSON.stringify(event)).observations).toMatchObject([
      { _tag: "Presence", online: false, session: "emqx-1795335330000", at: 1795335390000 },
    ])
    expect(decoded(topics.telemetry, vin, JSON.stringify({ ...event, reason: "takenover" })))
      .toEqual({ observations: [], rejections: [] })
  })

  it("that took a retained message back says nothing of the vehicle", () => {
    expect(decoded(topics.telemetry, null, envelope(`fleet/vehicles/${vin}/status`, "")))
      .toEqual({ observations: [], rejections: [] })
  })
})
