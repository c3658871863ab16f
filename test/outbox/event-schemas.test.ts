/** The schemas that are published with the messages, held against the messages. */
import { readFileSync } from "node:fs"
import { Ajv2020 } from "ajv/dist/2020.js"
import { CloudEvent } from "cloudevents"
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import * as Alert from "../../domain/maintenance/alerts/alert.ts"
import * as Planner from "../../domain/maintenance/alerts/alert-commands.ts"
import { type AlertEvent, schemas as alertSchemas, streamOf as alertStreamOf } from "../../domain/maintenance/alerts/alert-events.ts"
import type { Stored } from "../../domain/vehicle/record.ts"
import { fromNumber } from "../../src/eventstore/position.ts"
import { type OutMessage, outgoing } from "../../src/outbox/cloud-event.ts"
import { current, print, schemaFolder } from "../../src/outbox/event-schemas.ts"
import { now, vin } from "../support/given.ts"

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true })
for (const { file } of current) ajv.addSchema(JSON.parse(readFileSync(new URL(file, schemaFolder), "utf8")))

const messageOf = (stored: Omit<Stored, "position">): OutMessage => {
  const position = fromNumber(stored.revision + 1)
  const made = Result.getOrThrow(outgoing({ ...stored, position, created: now }))
  if (made === undefined) throw new Error(`${stored.type} is not published`)
  return made.message
}

/** Empty where the value fits the schema that its header names. */
const complaints = ({ headers, value }: OutMessage) => {
  const validate = ajv.getSchema(headers["ce_dataschema"] ?? "")
  if (validate === undefined) throw new Error(`There is no schema ${headers["ce_dataschema"]}`)
  return validate(JSON.parse(value)) === true ? [] : validate.errors
}

const golden = readFileSync(new URL("../domain/vehicle/golden-events.jsonl", import.meta.url), "utf8")
  .trimEnd().split("\n").map((line): Omit<Stored, "position"> => JSON.parse(line))

/** All that can happen to an alert. */
const alertEvents = (): ReadonlyArray<AlertEvent> => {
  let state = Alert.initial(vin)
  const events: Array<AlertEvent> = []
  const happen = (next: ReadonlyArray<AlertEvent>) => {
    for (const event of next) {
      events.push(event)
      state = Alert.evolve(state, { event, revision: state.revision + 1 })
    }
  }
  const assess = (score: number, revision: number, urgency: "service_soon" | "stop") =>
    happen(Alert.decide(state, {
      _tag: "Assess",
      model: { component: "brakes.front", name: "pads", version: "2", raiseAt: 20, recoverAt: 35 },
      assessment: {
        score,
        confidence: 0.9,
        evidence: [{ text: "thin", events: [`event ${revision}`] }],
        urgency,
        recommendedAction: "Replace the pads",
        summary: "Pads are worn",
      },
      cause: { eventId: `event ${revision}`, revision, at: now + revision, deadline: false, brand: "Acme" },
    }))
  assess(15, 0, "service_soon")
  assess(5, 1, "stop")
  const alertId = state.open["brakes.front"]?.id ?? ""
  const told = { alertId, by: "Ada", note: "Monday", ifRevision: undefined, now: now + 2 }
  happen(Result.getOrThrow(Planner.acknowledge(state, told)))
  happen(Result.getOrThrow(Planner.assign(state, { ...told, to: "Bob" })))
  happen(Result.getOrThrow(Planner.snooze(state, { ...told, until: now + 1_000 })))
  assess(90, 3, "service_soon")
  return events
}

describe("the published schemas", () => {
  it.each(current.map((schema) => [schema.file, schema] as const))("%s says what is published today", (file, schema) => {
    // Where this fails: node src/outbox/write-schemas.ts
    expect(readFileSync(new URL(file, schemaFolder), "utf8")).toBe(print(schema))
  })

  it.each(golden)("hold for $revision, $type, of the golden events", (stored) => {
    expect(complaints(messageOf(stored))).toEqual([])
  })

  it("hold for all that happens to an alert", () => {
    const events = alertEvents()
    expect(new Set(events.map(({ type }) => type)))
      .toEqual(new Set(Object.keys(alertSchemas)))
    for (const [revision, event] of events.entries()) {
      expect(complaints(messageOf({ ...event, stream: alertStreamOf(vin), revision }))).toEqual([])
    }
  })

  it("refuse what lacks a part, or has one of another type", () => {
    const [telemetry] = golden
    if (telemetry === undefined) throw new Error("no golden event")
    const { headers, key, value } = messageOf(telemetry)
    const { at, ...rest } = JSON.parse(value)
    expect(complaints({ headers, key, value: JSON.stringify(rest) })).not.toEqual([])
    expect(complaints({ headers, key, value: JSON.stringify({ at: 12, ...rest }) })).not.toEqual([])
    expect(complaints({ headers, key, value: JSON.stringify({ at, ...rest }) })).toEqual([])
  })
})

describe("a message's headers", () => {
  it.each(golden)("make a valid CloudEvent of $revision, $type", (stored) => {
    const { headers, key, value } = messageOf(stored)
    const attributes: Record<string, string> = {}
    for (const [name, text] of Object.entries(headers)) {
      expect(text).not.toBe("")
      if (name === "content-type") continue
      // Letters and digits alone, as CloudEvents asks of every attribute.
      expect(name).toMatch(/^ce_[a-z0-9]{1,20}$/)
      attributes[name.slice("ce_".length)] = text
    }
    const { ce_source: source = "", ce_type: type = "" } = headers
    const event = new CloudEvent({ ...attributes, type, source, data: JSON.parse(value) })
    expect(event.validate()).toBe(true)
    expect(event.id).toBe(stored.id)
    expect(event.time).toBe(stored.metadata["receivedAt"])
    expect(key).toBe(event.subject)
  })

  it("tell where an event came from and what caused it, and leave out what is not known", () => {
    const stored = {
      id: "5f0c1a00-0000-5000-8000-000000000001",
      stream: `vehicle-${vin}`,
      type: "VehicleConnected",
      revision: 7,
      data: { session: "boot-1" },
      metadata: {
        schema: 1,
        receivedAt: "2026-11-22T08:00:00.000Z",
        source: { kind: "kafka", topic: "vehicle-telemetry", position: "3:1042" },
        identity: "id:17",
        brand: "长城",
        correlationId: "request-7",
        causationId: "5f0c1a00-0000-5000-8000-000000000000",
      },
    }
    expect(messageOf(stored).headers).toEqual({
      "content-type": "application/json",
      ce_specversion: "1.0",
      ce_id: stored.id,
      ce_source: `/streams/vehicle-${vin}`,
      ce_type: "vehicle-twin.VehicleConnected",
      ce_time: "2026-11-22T08:00:00.000Z",
      ce_subject: vin,
      ce_dataschema: "urn:vehicle-twin:schema:VehicleConnected.v1",
      ce_revision: "7",
      ce_position: fromNumber(8),
      ce_brand: "长城",
      ce_identity: "id:17",
      ce_correlationid: "request-7",
      ce_causationid: "5f0c1a00-0000-5000-8000-000000000000",
      ce_origin: "kafka:vehicle-telemetry#3:1042",
    })
    const metadata = { schema: 1, receivedAt: "2026-11-22T08:00:00.000Z", source: { kind: "api" } }
    const bare = messageOf({ ...stored, metadata })
    const optional = /brand|identity|correlationid|causationid/
    expect(Object.keys(bare.headers).filter((name) => optional.test(name))).toEqual([])
    expect(bare.headers["ce_origin"]).toBe("api")
  })
})
