import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { cellFault } from "../../../../domain/maintenance/components/cell-fault.ts"
import type { CellFaultState } from "../../../../domain/maintenance/components/cell-state.ts"
import { minConfidence, observe } from "../../../../domain/maintenance/model.ts"
import * as Watch from "../../../../domain/maintenance/watch.ts"
import type { StoredReading, VehicleEvent } from "../../../../domain/vehicle/events.ts"
import * as Random from "../../../../src/simulator/random.ts"
import { toTime } from "../../../../domain/vehicle/readings.ts"
import { day, minute, now } from "../../../support/given.ts"
import { readings, recordsOf, serviced } from "../../../support/maintenance.ts"
import { batterySignal, eventOf, type Frame, frames, normal, type PackOptions } from "../../../support/packs.ts"

const fold = (events: ReadonlyArray<VehicleEvent>, from: CellFaultState = cellFault.initial) =>
  recordsOf(events).reduce((state, record) => cellFault.evolve(state, observe(record)), from)

const watching = (events: ReadonlyArray<VehicleEvent>) => {
  let watch = Watch.begin(cellFault, "well")
  const news: Array<{ readonly day: number; readonly summary: string; readonly urgency: string; readonly score: number }> = []
  for (const record of recordsOf(events)) {
    const observed = observe(record)
    const step = Watch.evolve(cellFault, watch, observed)
    watch = step.watch
    if (step.news !== undefined) news.push({ day: (observed.at - now) / day, ...step.news })
  }
  return news
}
const driven = (options: Omit<PackOptions, "every">) => [...frames({ every: 5, ...options })].map(eventOf)

/** A pack that rests, or is driven, in frames three minutes apart: so many mV from 3.7 V, and µΩ above 1000, a cell. */
const steady = (
  count: number,
  millivolts: ReadonlyArray<number>,
  { excess = [], from = now }: { readonly excess?: ReadonlyArray<number>; readonly from?: number } = {},
): ReadonlyArray<VehicleEvent> =>
  Array.from({ length: count }, (_, i) => {
    const amperes = excess.length === 0 ? 0 : i % 2 === 0 ? -60 : -10
    const frame: Frame = {
      at: from + i * 3 * minute,
      volts: millivolts.map((mv, cell) => 3.7 + mv / 1000 + amperes * (1000 + (excess[cell] ?? 0)) / 1e6),
      amperes,
      soc: 60,
      speed: amperes === 0 ? 0 : 50,
      charging: false,
    }
    return eventOf(frame)
  })

const assess = (events: ReadonlyArray<VehicleEvent>) => cellFault.assess(fold(events), now + day)

describe("the cell-fault model", () => {
  it("says nothing while it knows nothing", () => {
    expect(assess([])).toBeUndefined()
    expect(assess(steady(10, [0, 0, 0, 0, 0, 0, 0, 0]))).toBeUndefined()
  })

  it("has nothing to say against a healthy pack in two months", () => {
    const state = fold(driven({ seed: 1, days: 60 }))
    const told = cellFault.assess(state, now + 60 * day)
    expect(told?.score).toBeGreaterThan(cellFault.raiseAt)
    expect(told?.confidence).toBeGreaterThan(0.9)
    expect(JSON.stringify(state).length).toBeLessThan(5_000)
  })

  it("names the cell that loses charge, and calls for a stop when it loses it fast", () => {
    const [first, ...later] = watching(driven({
      seed: 2,
      days: 45,
      troubles: [{ cell: 40, from: 30, leakMilliamperes: 200 }],
    }))
    expect(first?.summary).toMatch(/^Cell 41 of 96: /u)
    expect(first).toMatchObject({ urgency: "service_soon" })
    expect(first?.day).toBeGreaterThan(30)
    expect(first?.day).toBeLessThan(38)
    expect(later).toMatchObject([{ urgency: "stop" }])
  })

  it("names the cell whose resistance grows", () => {
    const news = watching(driven({ seed: 3, days: 60, troubles: [{ cell: 7, resistanceGrowth: 0.5 }] }))
    expect(news).toMatchObject([{ urgency: "service_soon" }])
    expect(news[0]?.summary).toMatch(/^Cell 8 of 96: /u)
    const excess = Array.from({ length: 12 }, (_, i) => (i === 7 ? 400 : 5 * (i % 3)))
    const told = assess(steady(400, excess.map(() => 0), { excess }))
    expect(told?.summary).toBe("Cell 8 of 12: 396 µΩ more resistance than its siblings, 17.7 times the siblings' spread")
    expect(told?.evidence[0]?.text).toContain("the median cell has 1006 µΩ; since 2026-11-22 09:1")
  })

  it("says which field, since when, by how much, and on which events it rests", () => {
    const told = assess(steady(400, [0, 1, 2, 3, -60, 0, 1, 2, 3, 0]))
    expect(told?.summary).toBe("Cell 5 of 10: 62 mV below its siblings at rest, 27.7 times the siblings' spread")
    expect(told?.evidence[0]?.text).toContain("Cell 5 (CellVoltages[4]): 62 mV below")
    expect(told?.evidence[0]?.text).toContain("since 2026-11-22 09:1")
    expect(told?.evidence[0]?.events).toHaveLength(2)
    expect(told?.recommendedAction).toContain("Have cell 5 of the traction battery measured")
    expect(assess(steady(400, [0, 1, 2, 3, -260, 0, 1, 2, 3, 0]))).toMatchObject({ urgency: "stop" })
  })

  it("is not sure before it has seen it for hours", () => {
    const faulty = [0, 1, 2, 3, -60, 0, 1, 2, 3, 0]
    expect(assess(steady(60, faulty))?.score).toBeLessThan(cellFault.raiseAt)
    expect(assess(steady(60, faulty))?.confidence).toBeLessThan(minConfidence)
    expect(assess(steady(130, faulty))?.confidence).toBeGreaterThanOrEqual(minConfidence)
  })

  it("takes a module that deviates as a whole for no faulty cell", () => {
    const module = Array.from({ length: 96 }, (_, i) => (i >= 24 && i < 36 ? -40 : 0) + i % 3)
    expect(assess(steady(400, module))?.score).toBeGreaterThan(cellFault.recoverAt)
  })

  it("is not misled by error codes and single wild values", () => {
    const random = Random.make(5, "glitches")
    const events = Array.from({ length: 400 }, (_, i) => {
      const [event] = steady(1, [0, 1, 2, 3, 1, 0, 1, 2, 3, 0].map((mv) =>
        random.chance(0.01) ? random.pick([-3700, -1500, 900, 61_834]) : mv
      ), { from: now + i * 3 * minute })
      return event
    }).filter((event) => event !== undefined)
    expect(watching(events)).toEqual([])
  })

  it("forgets the pack that was worked on", () => {
    const faulty = steady(400, [0, 1, 2, 3, -60, 0, 1, 2, 3, 0])
    const service = serviced(now + 2 * day, { component: "tractionBattery" })
    const state = fold([...faulty, service])
    expect(cellFault.assess(state, now + 3 * day)).toBeUndefined()
    expect(fold(faulty, state)).toBe(state)
    expect(fold([serviced(now, { component: "tyres" })], state)).toBe(state)
  })

  it("samples one frame a minute, and leaves its state alone otherwise", () => {
    const state = fold(steady(5, [0, 1, 2, 3, 0, 1, 2, 3]))
    expect(fold(steady(5, [0, 9, 9, 9, 0, 1, 2, 3]), state)).toBe(state)
    const at = now + day
    expect(fold([readings(at, { [batterySignal.cells]: [3.7] })], state)).toBe(state)
    expect(fold([readings(at, { [batterySignal.cells]: { value: [3.7, 3.7], quality: "INVALID" } })], state)).toBe(state)
    const [early] = recordsOf(steady(1, [0, 1, 2, 3, 0, 1, 2, 3], { from: at }))
    if (early === undefined) throw new Error("no record")
    expect(cellFault.evolve(state, { ...observe(early), receivedAt: at - 2 * minute })).toBe(state)
  })

  it("takes voltages and current only where they are of one time, and no absurd state of charge", () => {
    const of = (current: StoredReading, soc: StoredReading) =>
      fold([readings(now, {
        [batterySignal.cells]: [3.7, 3.7, 3.7, 3.7, 3.7, 3.7, 3.7, 3.7],
        [batterySignal.current]: current,
        [batterySignal.soc]: soc,
      })])
    expect(of({ value: 0, at: toTime(now - 2 * minute) }, 60)).toBe(cellFault.initial)
    for (const soc of [-40, 101, 1e308]) expect(of(0, soc).windows.rest).toMatchObject({ n: 1, soc: 0, socs: 0 })
  })

  it("has nothing against small packs, nor against those of iron phosphate, whose voltage tells little", () => {
    for (const options of [{ cells: 12 }, { cells: 12, chemistry: "ironPhosphate" }, { chemistry: "ironPhosphate" }] as const) {
      expect(watching([...frames({ seed: 11, days: 45, every: 10, ...options })].map(eventOf))).toEqual([])
    }
  })

  it("counts down what remains while nothing comes in", () => {
    const events = driven({ seed: 2, days: 40, troubles: [{ cell: 40, from: 25, leakMilliamperes: 40 }] })
    const state = fold(events)
    const remains = (days: number) => cellFault.assess(state, state.minute * minute + days * day)?.remaining
    expect(remains(0)?.days).toBeGreaterThan(0)
    expect(remains(3)?.days).toBeCloseTo(Math.max(0, (remains(0)?.days ?? NaN) - 3))
    expect(remains(3_000)).toMatchObject({ days: 0, low: 0 })
  })

  it("starts anew with a pack of another number of cells, once it is sure", () => {
    const before = fold(steady(400, [0, 1, 2, 3, -60, 0, 1, 2, 3, 0]))
    const after = steady(15, [0, 1, 2, 3, 0, 1, 2, 3], { from: now + 2 * day })
    expect(fold(after.slice(0, 5), before).cells).toBe(10)
    expect(fold(after, before).cells).toBe(8)
    expect(fold(after, before).suspects).toEqual([])
  })

  const spread = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 11, maxLength: 11 })

  it("never scores higher for more wear", () => {
    const wear = fc.integer({ min: 0, max: 400 })
    fc.assert(
      fc.property(spread, wear, wear, fc.boolean(), (cells, one, other, isResistance) => {
        const score = (worn: number) =>
          assess(
            isResistance
              ? steady(160, cells.map(() => 0).concat(0), { excess: [...cells.map((mv) => 5 * mv), 20 + 3 * worn] })
              : steady(160, [...cells, -4 - worn]),
          )?.score ?? 100
        expect(score(Math.max(one, other))).toBeLessThanOrEqual(score(Math.min(one, other)))
      }),
      { numRuns: 30 },
    )
  })

  it("does not flap while a cell is about its limit", () => {
    fc.assert(
      fc.property(spread, fc.integer({ min: 16, max: 60 }), fc.integer(), (cells, worn, seed) => {
        const random = Random.make(seed, "noise")
        const events = Array.from({ length: 600 }, (_, i) =>
          steady(1, [...cells, -worn].map((mv) => Math.round(mv + 3 * normal(random))), { from: now + i * 3 * minute }))
        expect(watching(events.flat()).length).toBeLessThanOrEqual(1)
      }),
      { numRuns: 20 },
    )
  })

  it("says the same however the records are batched, and stored between", () => {
    const events = driven({ seed: 6, days: 12, troubles: [{ cell: 3, leakMilliamperes: 100 }] })
    const whole = fold(events)
    fc.assert(
      fc.property(fc.array(fc.nat(events.length), { maxLength: 8 }), (cuts) => {
        let state = cellFault.initial
        for (const [i, record] of recordsOf(events).entries()) {
          if (cuts.includes(i)) state = JSON.parse(JSON.stringify(state))
          state = cellFault.evolve(state, observe(record))
        }
        expect(state).toStrictEqual(whole)
      }),
      { numRuns: 5 },
    )
  })

  const number = fc.oneof(fc.double(), fc.double({ min: 2.5, max: 4.5 }), fc.integer({ min: 0, max: 5 }))
  const absurd: fc.Arbitrary<StoredReading> = fc.oneof(
    number.filter(Number.isFinite),
    fc.array(number, { minLength: 7, maxLength: 10 }).map((values) => values.map((value) => Number.isFinite(value) ? value : 3)),
    fc.boolean(),
    fc.string(),
  )

  it("takes any readings whatever", () => {
    fc.assert(fc.property(
      fc.array(fc.tuple(fc.array(fc.double({ min: -1e9, max: 70, noNaN: true }), { minLength: 8, maxLength: 8 }), absurd, absurd), {
        maxLength: 100,
      }),
      (messages) => {
        const events = messages.map(([cells, current, soc], i) =>
          readings(now + i * minute, {
            [batterySignal.cells]: cells.map((volt) => Math.abs(volt) > 1e6 ? 3.7 : volt),
            [batterySignal.current]: typeof current === "number" ? current : i,
            [batterySignal.soc]: soc,
          })
        )
        const state = fold(events)
        expect(JSON.parse(JSON.stringify(state))).toStrictEqual(state)
        const told = cellFault.assess(state, now + day)
        if (told === undefined) return
        expect(told.score).toBeGreaterThanOrEqual(0)
        expect(told.score).toBeLessThanOrEqual(100)
        expect(told.confidence).toBeGreaterThanOrEqual(0)
        expect(told.confidence).toBeLessThanOrEqual(1)
      },
    ))
  })
})
