import { Result } from "effect"
import { describe, expect, it } from "vitest"
import * as Emqx from "../../../domain/codecs/emqx.ts"
import { given, now, second, status, vin } from "../../support/given.ts"

const t = (seconds: number) => now - 600 * second + seconds * second

const observed = (columns: object) => {
  const envelope = Emqx.unwrap(new TextEncoder().encode(JSON.stringify({ clientid: vin, ...columns })))
  if (envelope === undefined || Result.isFailure(envelope)) throw new Error("not an event")
  const event = envelope.success
  return event._tag === "Presence" ? [status(event.online, Emqx.session, event.at)] : []
}
const came = (seconds: number) => observed({ event: "client.connected", connected_at: t(seconds) })
const went = (seconds: number, reason = "tcp_closed") =>
  observed({ event: "client.disconnected", disconnected_at: t(seconds), reason })

describe("presence by EMQX's events", () => {
  it("follows a vehicle through its connections", () => {
    const followed = given().when(...came(1), ...went(2), ...came(3))
    expect(followed.events.map(({ type }) => type)).toEqual([
      "VehicleConnected",
      "VehicleDisconnected",
      "VehicleConnected",
    ])
    expect(followed.twin).toMatchObject({ online: true, presenceAt: t(3) })
    expect(given(...came(1), ...went(2), ...came(3)).when(...went(4)).twin).toMatchObject({ online: false })
  })

  it("leaves a vehicle online whose connection was replaced by another", () => {
    expect(given().when(...came(1), ...came(3), ...went(3, "takenover"), ...went(3, "discarded")).twin.online).toBe(true)
  })

  it("is not turned back by events that come late, or again", () => {
    const vehicle = given(...came(1), ...went(2), ...came(3))
    expect(vehicle.when(...went(2), ...came(1), ...came(3)).tags).toEqual(["Repeated", "Repeated", "Repeated"])
    expect(given(...came(3), ...went(4)).when(...came(1), ...went(2), ...came(3)).twin.online).toBe(false)
  })

  it("leaves the end of a session to the vehicle where it tells of sessions itself", () => {
    const own = given(...came(1), status(true, "boot-1", t(2)))
    expect(own.when(...went(5)).twin).toMatchObject({ online: true, session: "boot-1" })
    expect(own.when(status(false, "boot-1", undefined), ...went(5), ...came(6)).twin)
      .toMatchObject({ online: true, session: "emqx" })
  })
})
