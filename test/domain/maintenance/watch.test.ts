import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { observe } from "../../../domain/maintenance/model.ts"
import { serviceDue } from "../../../domain/maintenance/components/service-due.ts"
import * as Watch from "../../../domain/maintenance/watch.ts"
import type { VehicleEvent } from "../../../domain/vehicle/events.ts"
import { day, now } from "../../support/given.ts"
import { readings, recordsOf, remaining, serviced, signal } from "../../support/maintenance.ts"

const watching = (events: ReadonlyArray<VehicleEvent>, told: Watch.Told = "well") => {
  let watch = Watch.begin(serviceDue, told)
  const news: Array<number> = []
  for (const record of recordsOf(events)) {
    const step = Watch.evolve(serviceDue, watch, observe(record))
    watch = step.watch
    if (step.news !== undefined) news.push(step.news.score)
  }
  return { watch, news }
}

/** The date is far off, so distance decides. */
const dated = (...kilometres: ReadonlyArray<number>) =>
  remaining(...kilometres).map((event) =>
    event.type === "TelemetryReceived"
      ? { ...event, data: { ...event.data, readings: { ...event.data.readings, [signal.time]: 6e7 } } }
      : event
  )

describe("a watch", () => {
  it("has news once a score was at the line three times in a row, and then no more", () => {
    expect(watching(dated(2_000, 1_400, 1_300)).news).toEqual([])
    expect(watching(dated(2_000, 1_400, 1_300, 1_200)).news).toHaveLength(1)
    expect(watching(dated(2_000, 1_400, 1_300, 1_200, 1_100, 1_000, 900)).news).toHaveLength(1)
  })

  it("takes the same reading said again for a confirmation", () => {
    const told = [0, 1, 2].map((second) => readings(now + second * 1000, { [signal.due]: true }))
    expect(watching(told).news).toEqual([20])
  })

  it("has news when it becomes more urgent, and when all is well again", () => {
    expect(watching(dated(100, 100, 100, -1, -1, -1)).news).toHaveLength(2)
    expect(watching(dated(100, 100, 100, 29_000, 29_000, 29_000)).news).toHaveLength(2)
  })

  it("is not moved by one noisy reading, either way", () => {
    expect(watching(dated(20_000, -5_000, 20_000, 20_000, -5_000, 20_000)).news).toEqual([])
    expect(watching(dated(100, 100, 100, 30_000, 100, 30_000, 100)).news).toHaveLength(1)
  })

  it("asks once where it does not know what was told", () => {
    expect(watching(dated(20_000, 20_000, 20_000, 20_000, 20_000, 20_000), "unknown").news).toHaveLength(1)
  })

  it("needs no confirmation of the passing of time", () => {
    const { watch } = watching([serviced(now)])
    const [record] = recordsOf([serviced(now)])
    const state = record && serviceDue.evolve(serviceDue.initial, observe(record))
    const due = (state && serviceDue.deadline(state, now)) ?? NaN
    expect(Watch.pass(serviceDue, watch, due - day).news).toBeUndefined()
    const passed = Watch.pass(serviceDue, watch, due)
    expect(passed.news).toMatchObject({ score: 20 })
    expect(Watch.pass(serviceDue, passed.watch, due).news).toBeUndefined()
  })

  it("says the same however the records are batched, and stored between", () => {
    fc.assert(fc.property(
      fc.array(fc.double({ min: -2_000, max: 30_000, noNaN: true }), { maxLength: 30 }),
      fc.nat(30),
      (kilometres, cut) => {
        const records = recordsOf(dated(...kilometres))
        let whole = Watch.begin(serviceDue, "well")
        for (const record of records) whole = Watch.evolve(serviceDue, whole, observe(record)).watch
        let parts = Watch.begin(serviceDue, "well")
        records.forEach((record, i) => {
          if (i === cut) parts = JSON.parse(JSON.stringify(parts))
          parts = Watch.evolve(serviceDue, parts, observe(record)).watch
        })
        expect(parts).toEqual(whole)
      },
    ))
  })
})
