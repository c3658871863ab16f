import { it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { describe, expect } from "vitest"
import * as Topics from "../../src/ingest/topics.ts"
import { vinOf } from "../support/messages.ts"

const vin = vinOf(1)

describe("topics", () => {
  it("route a vehicle's topics to its VIN and kind, whatever the prefix", () => {
    for (const prefix of ["", "fleet", "fleet/", "eu/fleet", "/fleet/"]) {
      const topics = Topics.make(prefix)
      for (const [index, kind] of Topics.kinds.entries()) {
        const topic = topics.filters[index]?.replace("+", vin) ?? ""
        expect(topics.route(topic)).toEqual(Result.succeed({ vin, kind }))
        expect(topics.isUp(topic)).toBe(true)
      }
    }
    expect(Topics.make("fleet/").filters[0]).toBe("fleet/vehicles/+/telemetry")
  })

  it.each([
    ["vehicles", "topic"],
    ["vehicles/", "topic"],
    [`vehicles/${vin}`, "topic"],
    [`vehicles/${vin}/`, "topic"],
    [`vehicles/${vin}/telemetry/more`, "topic"],
    [`vehicles/${vin}/gbt32960`, "topic"],
    [`other/vehicles/${vin}/telemetry`, "topic"],
    ["vehicles//telemetry", "vin"],
    ["vehicles/lsvaa4187e0000001/telemetry", "vin"],
    ["vehicles/LSVAA4187E000000O/status", "vin"],
    ["vehicles/LSVAA4187E00000012/status", "vin"],
  ])("reject %s for its %s", (topic, reason) => {
    expect(Topics.make("").route(topic)).toMatchObject({ failure: { reason } })
  })

  it("leave commands to the vehicle alone", () => {
    expect(Topics.make("").isUp(`vehicles/${vin}/commands`)).toBe(false)
    expect(Topics.make("").isUp(`vehicles/${vin}/commands/ack`)).toBe(true)
    expect(Topics.make("a").isUp(`vehicles/${vin}/telemetry`)).toBe(false)
  })

  it("answer any topic at all", () => {
    const topics = Topics.make("")
    fc.assert(fc.property(fc.oneof(fc.string(), fc.string().map((text) => `vehicles/${text}`)), (topic) => {
      const route = topics.route(topic)
      const means = Result.match(route, {
        onSuccess: ({ kind, vin }) => `vehicles/${vin}/${kind}`,
        onFailure: ({ message }) => (message === "" ? "no word" : topic),
      })
      expect(means).toBe(topic)
    }))
  })
})
