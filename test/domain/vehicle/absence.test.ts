import { describe, expect, it } from "vitest"
import * as Decide from "../../../domain/vehicle/decide.ts"
import type { State } from "../../../domain/vehicle/state.ts"
import { diagnostics, code, fold, given, minute, now, said, second, speed, status } from "../../support/given.ts"

const lapse = (state: State, rest: Partial<Decide.Lapse> = {}) =>
  Decide.lapse(state, {
    to: "stale",
    revision: state.twin.revision,
    lastSeenAt: state.twin.lastSeenAt ?? 0,
    rhythmMs: 10 * second,
    limitMs: 30 * second,
    now: now + minute,
    ...rest,
  })

const after = (state: State, rest: Partial<Decide.Lapse> = {}) => fold(lapse(state, rest), state)

const seen = "2026-11-22T08:15:31.000Z"

describe("a vehicle that may have been quiet for too long", () => {
  it("is stale, then silent, each told once, with what it was judged by", () => {
    const { state } = given(speed(1))
    expect(said(lapse(state))).toEqual([
      { type: "VehicleWentStale", data: { lastSeenAt: seen, rhythmMs: 10_000, limitMs: 30_000 } },
    ])
    const stale = after(state)
    expect(stale.twin.silence).toBe("stale")
    expect(lapse(stale)).toEqual([])
    expect(said(lapse(stale, { to: "silent", rhythmMs: undefined }))).toEqual([
      { type: "VehicleWentSilent", data: { lastSeenAt: seen, limitMs: 30_000 } },
    ])
    const silent = after(stale, { to: "silent" })
    expect(silent.twin.silence).toBe("silent")
    expect(lapse(silent, { to: "silent" })).toEqual([])
    expect(lapse(silent)).toEqual([])
  })

  it("is not, where something has happened that who asks does not know of", () => {
    const { state } = given(speed(1))
    const { state: later } = given(speed(1), speed(2))
    expect(lapse(later, { revision: state.twin.revision })).toEqual([])
  })

  it("is not, where it was never heard of", () => {
    const registered = Decide.register(given().state, { description: {}, now, source: { kind: "api" } })
    if (registered._tag === "Failure") throw registered.failure
    expect(lapse(given().state)).toEqual([])
    expect(lapse(fold(registered.success))).toEqual([])
  })

  it.each([
    ["telemetry", speed(2, { receivedAt: now + 2 * minute })],
    ["its word that it is there", status(true, "boot-2", undefined, now + 2 * minute)],
    ["its goodbye", status(false, "boot-1", undefined, now + 2 * minute)],
    ["a trouble code", diagnostics([code("P0A80", "raised")], { receivedAt: now + 2 * minute })],
  ])("is back with %s, and may be missed again", (_, news) => {
    const before = given(speed(1), status(true, "boot-1", now))
    const stale = after(before.state)
    const decision = Decide.observe(stale, news, "open")
    if (decision._tag !== "Accepted") throw new Error(decision._tag)
    const back = fold(decision.events, stale)
    expect(back.twin.silence).toBe(undefined)
    expect(said(lapse(back, { now: now + 10 * minute }))).toMatchObject([{ type: "VehicleWentStale" }])
  })

  it("is the same event, whoever asks and whenever that is", () => {
    const { state } = given(speed(1))
    const ids = [now + minute, now + 5 * minute].map((time) => lapse(state, { now: time })[0]?.id)
    expect(ids[0]).toBe(ids[1])
    expect(lapse(after(state), { to: "silent" })[0]?.id).not.toBe(ids[0])
    const again = fold([...lapse(state)], state)
    const back = Decide.observe(again, speed(2, { receivedAt: now + 2 * minute }), "open")
    if (back._tag !== "Accepted") throw new Error(back._tag)
    expect(lapse(fold(back.events, again), { now: now + 5 * minute })[0]?.id).not.toBe(ids[0])
  })
})
