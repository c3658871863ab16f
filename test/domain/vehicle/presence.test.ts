import { describe, expect, it } from "vitest"
import type { Presence } from "../../../domain/vehicle/observation.ts"
import { toTime } from "../../../domain/vehicle/readings.ts"
import { maxSessions } from "../../../domain/vehicle/state.ts"
import { day, given, minute, now, second, speed, status } from "../../support/given.ts"

const on = (session: string, at: number | undefined, receivedAt = now) => status(true, session, at, receivedAt)
const off = (session: string, at: number | undefined, receivedAt = now) => status(false, session, at, receivedAt)
const will = (session: string) => status(false, session, undefined)
const t = (seconds: number) => now - 600 * second + seconds * second

/** Delivers all, then again from each place on: whatever the broker sends again, it sends in order. */
const redeliveries = (statuses: ReadonlyArray<Presence>) => {
  const once = given().when(...statuses).twin
  const shown = ({ online, session }: typeof once) => ({ online, session })
  for (let upTo = 1; upTo <= statuses.length; upTo++) {
    for (let from = 0; from < upTo; from++) {
      const again = given(...statuses.slice(0, upTo)).when(...statuses.slice(from)).twin
      expect(shown(again), `${upTo} delivered, then again from ${from}`).toEqual(shown(once))
    }
  }
  return once
}

describe("a vehicle's presence", () => {
  it("begins and ends with its session", () => {
    given().when(on("a", t(1)), off("a", t(2))).then(
      { type: "VehicleConnected", data: { session: "a", at: toTime(t(1)) } },
      { type: "VehicleDisconnected", data: { session: "a", at: toTime(t(2)) } },
    )
    expect(given(on("a", t(1))).state.twin).toMatchObject({ online: true, session: "a", presenceAt: t(1), lastSeenAt: now })
    expect(given(on("a", t(1)), off("a", t(2))).state.twin).toMatchObject({ online: false, session: "a", presenceAt: t(2) })
  })

  it("ends by the will of the session that is online", () => {
    const twin = given(on("a", t(1))).when(will("a")).then({ type: "VehicleDisconnected", data: { session: "a" } })
    expect(twin).toMatchObject({ online: false, presenceAt: t(1) })
  })

  it("does not end by the will of an old session, nor by one of a session never begun", () => {
    const vehicle = given(on("a", t(1)), on("b", t(2)))
    expect(vehicle.when(will("a"), will("z"), off("a", t(9))).tags).toEqual(["Repeated", "Repeated", "Repeated"])
    expect(given().when(will("a"), off("a", t(1))).events).toEqual([])
  })

  it("says nothing new when told again, as a retained message is", () => {
    expect(given(on("a", t(1))).when(on("a", t(1)), on("a", t(5))).tags).toEqual(["Repeated", "Repeated"])
  })

  it("comes back within a session, after a will and after its own word", () => {
    for (const end of [will("a"), off("a", t(2))]) {
      expect(given(on("a", t(1)), end).when(on("a", t(3))).twin).toMatchObject({ online: true, presenceAt: t(3) })
    }
  })

  it("of a session that ended is not begun again by a message from before the end", () => {
    expect(given(on("a", t(1)), off("a", t(5))).when(on("a", t(1))).tags).toEqual(["Repeated"])
    expect(given(on("a", t(3))).when(off("a", t(2))).tags).toEqual(["Repeated"])
  })

  it("begins with a new session, though its clock was reset", () => {
    const reset = Date.parse("1970-01-01T00:00:05.000Z")
    const vehicle = given(on("a", t(1)), will("a"), on("b", reset))
    expect(vehicle.state.twin).toMatchObject({ online: true, session: "b" })
    expect(vehicle.when(off("b", reset + second)).twin.online).toBe(false)
  })

  it.each([["years ahead", 5000 * day], ["back in 1970", -now]])("is not frozen by a clock that was %s", (_, offset) => {
    const vehicle = given(on("a", now + offset))
    expect(vehicle.when(off("a", now + minute, now + minute)).twin.online).toBe(false)
    expect(vehicle.when(will("a"), on("a", now + minute, now + minute)).twin.online).toBe(true)
    expect(vehicle.when(on("b", now + minute, now + minute), will("b"), on("a", now + 2 * minute, now + 2 * minute)).twin)
      .toMatchObject({ online: true, session: "a" })
  })

  it("needs no time at all", () => {
    expect(given().when(on("a", undefined), will("a"), on("a", undefined), on("b", undefined)).twin)
      .toMatchObject({ online: true, session: "b", presenceAt: undefined })
  })

  it("is not touched by telemetry", () => {
    expect(given(on("a", t(1)), will("a")).when(speed(1)).twin.online).toBe(false)
  })

  it("has ids that differ for what two processes say at the same revision", () => {
    const at = given(on("a", t(1)))
    const ids = [off("a", t(2)), on("b", t(2)), will("a"), on("c", t(2))].map((one) => at.when(one).events[0]?.id)
    expect(new Set(ids).size).toBe(4)
    expect(at.when(will("a")).events[0]?.id).toBe(ids[2])
  })

  it("remembers the last sessions alone", () => {
    const many = Array.from({ length: 40 }, (_, i) => on(`boot-${i}`, t(i)))
    const { sessions } = given(...many).state
    expect(sessions).toHaveLength(maxSessions)
    expect(sessions.at(-1)).toBe("boot-39")
  })
})

describe("statuses that come again in order", () => {
  it("end where they ended before, over sessions, wills and returns", () => {
    expect(redeliveries([
      on("a", t(1)), on("a", t(2)), will("a"), on("a", t(3)), off("a", t(4)), on("b", t(5)), will("b"), on("b", t(6)),
    ])).toMatchObject({ online: true, session: "b", presenceAt: t(6) })
    expect(redeliveries([on("a", t(1)), will("a"), on("b", t(2)), on("c", t(3)), off("b", t(4)), will("c")]).online)
      .toBe(false)
  })

  it("end there though a clock was reset in between", () => {
    const reset = 5 * second
    expect(redeliveries([on("a", t(1)), off("a", t(2)), on("b", reset)])).toMatchObject({ online: true, session: "b" })
    expect(redeliveries([on("a", t(1)), will("a"), on("b", reset), off("b", reset + second), on("b", reset + minute)]))
      .toMatchObject({ online: true, session: "b" })
  })

  it("bring no session back that was left for one whose clock was reset", () => {
    const statuses = [on("a", t(1)), off("a", t(2)), on("b", 5 * second)]
    expect(given(...statuses).when(...statuses).tags).toEqual(["Repeated", "Repeated", "Repeated"])
  })
})
