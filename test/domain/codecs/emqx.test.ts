import { Result } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Emqx from "../../../domain/codecs/emqx.ts"
import { anyJson, noise } from "../../support/payloads.ts"

const vin = "LSVAA4187E0000001"
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

/** As EMQX 5 writes all columns of a rule. */
const published = {
  clientid: vin,
  username: "u",
  topic: `vehicles/${vin}/telemetry`,
  payload: "{\"at\":\"2026-11-22T08:15:30.250Z\",\"signals\":{\"Vehicle.Speed\":1}}",
  qos: 1,
  flags: { retain: false, dup: false },
  pub_props: { "User-Property": {} },
  peerhost: "192.0.2.1",
  event: "message.publish",
  id: "0006414B3A5D6F5DF445000006330001",
  node: "emqx@127.0.0.1",
  publish_received_at: 1795335330250,
  timestamp: 1795335330251,
}
const connected = {
  clientid: vin,
  username: "undefined",
  event: "client.connected",
  connected_at: 1795335330000,
  timestamp: 1795335330001,
  keepalive: 60,
  clean_start: false,
  proto_ver: 5,
}
const disconnected = {
  clientid: vin,
  username: "undefined",
  event: "client.disconnected",
  reason: "keepalive_timeout",
  connected_at: 1795335330000,
  disconnected_at: 1795335390000,
  timestamp: 1795335390003,
}

const failureOf = (value: unknown) => {
  const envelope = Emqx.unwrap(encode(value))
  return envelope === undefined || Result.isSuccess(envelope) ? undefined : envelope.failure
}
const successOf = (value: unknown) => {
  const envelope = Emqx.unwrap(encode(value))
  return envelope === undefined || Result.isFailure(envelope) ? undefined : envelope.success
}

describe("an envelope of EMQX", () => {
  it("holds what was published, byte by byte, and its topic", () => {
    const payload = "{\"text\":\"蔚来 \\\"quoted\\\" \u{1F697}\"}"
    expect(successOf({ ...published, payload }))
      .toEqual({ _tag: "Published", topic: published.topic, content: new TextEncoder().encode(payload) })
  })

  it("needs no more columns than a rule that selects client id, topic and payload", () => {
    const { clientid, payload, topic } = published
    expect(successOf({ clientid, payload, topic })?._tag).toBe("Published")
  })

  it("says that a client came or went, at EMQX's own time", () => {
    const session = "emqx-1795335330000"
    expect(successOf(connected)).toEqual({ _tag: "Presence", vin, online: true, session, at: 1795335330000 })
    expect(successOf(disconnected)).toEqual({ _tag: "Presence", vin, online: false, session, at: 1795335390000 })
  })

  it("says that a client went, though not which of its connections, as EMQX had it before 5.8.6", () => {
    const { connected_at: _, ...before } = disconnected
    expect(successOf(before)).toEqual({ _tag: "Presence", vin, online: false, session: "emqx", at: 1795335390000 })
  })

  it.each(["takenover", "takeovered", "discarded"])("says nothing of the vehicle where a connection was %s", (reason) => {
    expect(successOf({ ...disconnected, reason })).toEqual({ _tag: "Replaced", vin })
  })

  it.each([
    { clientid: `car/${vin}` },
    { clientid: `tbox-${vin}` },
    { clientid: "7f2c", username: vin },
    { clientid: null, username: `fleet:${vin}` },
  ])("finds the vehicle in $clientid, or in $username", (names) => {
    expect(successOf({ ...connected, ...names })).toMatchObject({ vin })
  })

  it("is refused where its client is no vehicle, and says how to leave others out", () => {
    expect(failureOf({ ...connected, clientid: "dashboard-1" }))
      .toMatchObject({ reason: "vin", message: expect.stringContaining("WHERE") })
    // Seventeen characters at the end of a longer word are not a part of it.
    expect(failureOf({ ...connected, clientid: `X${vin}` })).toMatchObject({ reason: "vin" })
  })

  it.each([-1, 1.5, "2026-11-22T08:15:30Z", 1e20])("is refused where its time is %s", (connected_at) => {
    expect(failureOf({ ...connected, connected_at })).toMatchObject({ reason: "time" })
    expect(failureOf({ ...disconnected, connected_at })).toMatchObject({ reason: "time" })
  })

  it("is refused where it tells of something else", () => {
    expect(failureOf({ ...connected, event: "session.subscribed", topic: "vehicles/x" }))
      .toMatchObject({ reason: "shape", message: expect.stringContaining("session.subscribed") })
    expect(failureOf({ ...published, payload: { decoded: true } })).toMatchObject({ reason: "shape" })
  })

  it("is not taken for one where it is a vehicle's own message", () => {
    expect(Emqx.unwrap(new TextEncoder().encode(published.payload))).toBeUndefined()
    expect(Emqx.unwrap(encode({ at: "x", signals: {}, clientid: "x" }))).toBeUndefined()
    expect(Emqx.unwrap(encode([published]))).toBeUndefined()
    expect(Emqx.unwrap(encode({ at: "x", signals: { text: "\"clientid\"" } }))).toBeUndefined()
  })

  it("never throws, whatever comes", () => {
    fc.assert(fc.property(fc.oneof(noise, anyJson), (payload) => {
      Emqx.unwrap(payload)
    }))
    const odd = fc.jsonValue()
    fc.assert(fc.property(fc.record({ clientid: odd, event: odd, topic: odd, payload: odd, connected_at: odd }), (columns) => {
      Emqx.unwrap(encode(columns))
    }))
  })
})
