import { Result } from "effect"
import { describe, expect, it } from "vitest"
import * as Emqx from "../../../domain/codecs/emqx.ts"
import { given, now, second, status, vin } from "../../support/given.ts"

const t = (seconds: number) => now - 600 * second + seconds * second

const observed = (columns: object) => {
  const envelope = Emqx.unwrap(new TextEncoder().encode(JSON.stringify({ clientid: vin, ...columns })))
  if (envelope === undefined || Result.isFailure(envelope)) throw new Error("not an event")
  const event = envelope.success
  return event._tag === "Presence" ? [status(event.online, event.session, event.at)] : []
}
const came = (seconds: number) => observed({ event: "client.connected", connected_at: t(seconds) })
const went = (from: number, to: number, reason = "tcp_closed") =>
  observed({ event: "client.disconnected", connected_at: t(from), disconnected_at: t(to), reason })
/** Before EMQX 5.8.6. */
const someWent = (to: number) => observed({ event: "client.disconnected", disconnected_at: t(to), reason: "tcp_closed" })

describe("presence by EMQX's events", () => {
  it("follows a vehicle through its connections", () => {
    const followed = given().when(...came(1), ...went(1, 2), ...came(3))
    expect(followed.events.map(({ type }) => type)).toEqual([
      "VehicleConnected",
      "VehicleDisconnected",
      "VehicleConnected",
    ])
    expect(followed.twin).toMatchObject({ online: true, presenceAt: t(3) })
    expect(given(...came(1), ...went(1, 2), ...came(3)).when(...went(3, 4)).twin).toMatchObject({ online: false })
  })

  it("leaves a vehicle online whose connection was replaced by another", () => {
    const replaced = [...went(1, 3, "takenover"), ...went(1, 3, "discarded")]
    expect(given().when(...came(1), ...came(3), ...replaced).twin.online).toBe(true)
  })

  it("leaves a vehicle online that is back before the end of its last connection is told", () => {
    const back = given(...came(1), ...came(3))
    expect(back.when(...went(1, 2)).twin.online).toBe(true)
    // By the clock of another node.
    expect(back.when(...went(1, 4)).twin.online).toBe(true)
    expect(back.when(...went(1, 2), ...went(3, 5)).twin.online).toBe(false)
    expect(given(...came(1), ...went(1, 4), ...came(3)).when().twin.online).toBe(true)
  })

  it("follows connections whose ends do not say which it was by time", () => {
    expect(given(...came(1)).when(...someWent(2)).twin.online).toBe(false)
    expect(given(...came(1), ...came(3)).when(...someWent(2)).twin.online).toBe(true)
    expect(given(...came(1), ...came(3)).when(...someWent(4)).twin.online).toBe(false)
    expect(given(...came(1), ...someWent(2)).when(...came(1)).twin.online).toBe(false)
  })

  it("is not turned back by events that come late, or again", () => {
    const vehicle = given(...came(1), ...went(1, 2), ...came(3))
    expect(vehicle.when(...went(1, 2), ...came(1), ...came(3)).tags).toEqual(["Repeated", "Repeated", "Repeated"])
    expect(given(...came(3)).when(...came(1), ...went(1, 2)).tags).toEqual(["Repeated", "Repeated"])
    expect(given(...came(3), ...went(3, 4)).when(...came(1), ...went(1, 2), ...came(3)).twin.online).toBe(false)
    const many = Array.from({ length: 40 }, (_, n) => [...came(2 * n), ...went(2 * n, 2 * n + 1)]).flat()
    expect(given(...many).when(...many).events).toEqual([])
  })

  it("leaves the end of a session to the vehicle where it tells of sessions itself", () => {
    const own = given(...came(1), status(true, "boot-1", t(2)))
    expect(own.when(...went(1, 5)).twin).toMatchObject({ online: true, session: "boot-1" })
    expect(own.when(status(false, "boot-1", undefined), ...went(1, 5), ...came(6)).twin)
      .toMatchObject({ online: true, session: `emqx-${t(6)}` })
    // Its own word was here first.
    expect(given(status(true, "boot-1", t(2))).when(...came(1)).twin).toMatchObject({ online: true, session: "boot-1" })
  })
})
