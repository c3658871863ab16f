/**
 * The cell-fault model on two real cars with a faulty cell (Nie, Deng et al., Energy 323 (2025) 135754). The data does
 * not say which cell that is, so it is taken from the data: the one whose voltage, through all the data, is the furthest below
 * the median of the eight cells next to it, in units of that same figure's spread over the pack.
 *
 * Version 1 was fixed before it saw a row. Version 2 was fixed after.
 */
import { describe, expect, it } from "@effect/vitest"
import { cellFault, cellFault1 } from "../../../domain/maintenance/components/cell-fault.ts"
import { type ComponentModel, observe } from "../../../domain/maintenance/model.ts"
import { locationOf, median } from "../../../domain/maintenance/statistics.ts"
import * as Watch from "../../../domain/maintenance/watch.ts"
import { toTime } from "../../../domain/vehicle/readings.ts"
import { carEvent, type CarRow, carRows, carsAreThere, firstOfMinutes } from "../../support/battery-cars.ts"
import { day } from "../../support/given.ts"
import { recordsOf } from "../../support/maintenance.ts"
import { say, skipped } from "../../support/say.ts"

if (!carsAreThere) skipped("no batteries in ../shared/data/battery-faults, so the cell-fault model is not judged on them")

const isCell = (volt: number) => volt > 0.1 && volt < 5

/** Of each cell the median, over every fourth minute, of its deviation from the eight cells next to it, mV. */
const deviationsOf = (rows: ReadonlyArray<CarRow>): ReadonlyArray<number> =>
  (rows[0]?.volts ?? []).map((_, cell) => {
    const deviations: Array<number> = []
    for (const { volts } of rows) {
      const volt = volts[cell] ?? 0
      const near = median([...volts.slice(Math.max(0, cell - 4), cell), ...volts.slice(cell + 1, cell + 5)].filter(isCell))
      if (isCell(volt) && near !== undefined) deviations.push(1000 * (volt - near))
    }
    return median(deviations) ?? 0
  })

/** The cell furthest below, from 1, and how many times the spread it and the next one are. */
const faultyOf = (rows: ReadonlyArray<CarRow>) => {
  const deviations = deviationsOf(firstOfMinutes(rows).filter((_, i) => i % 4 === 0))
  const { spread } = locationOf(deviations) ?? { spread: 1 }
  const sorted = deviations.map((mv, i) => ({ cell: i + 1, mv, times: -mv / spread })).toSorted((a, b) => a.mv - b.mv)
  return { first: sorted[0], second: sorted[1] }
}

interface Alert {
  readonly at: string
  readonly resolved: boolean
  readonly summary: string
}

const judge = (model: ComponentModel, rows: ReadonlyArray<CarRow>) => {
  let watch = Watch.begin(model, "well")
  const alerts: Array<Alert> = []
  const named = new Set<number>()
  for (const record of recordsOf(firstOfMinutes(rows).map(carEvent))) {
    const observed = observe(record)
    const step = Watch.evolve(model, watch, observed)
    watch = step.watch
    if (step.news === undefined) continue
    const { evidence, score, summary } = step.news
    const resolved = score >= model.recoverAt
    alerts.push({ at: toTime(observed.at), resolved, summary })
    if (!resolved) for (const { text } of evidence) named.add(Number(/^Cell (\d+) /u.exec(text)?.[1]))
  }
  const end = model.assess(watch.state, rows.at(-1)?.at ?? 0)
  return { alerts, named: [...named], end }
}

describe.runIf(carsAreThere)("two real cars with a faulty cell", () => {
  const cars = carsAreThere ? ([1, 2] as const).map(carRows) : []

  it.each([
    { car: 1, cells: 96, faulty: 58 },
    { car: 2, cells: 88, faulty: 82 },
  ])("car $car: the data shows cell $faulty of $cells to be the one", ({ car, cells, faulty }) => {
    const rows = cars[car - 1] ?? []
    const { first, second } = faultyOf(rows)
    expect(rows[0]?.volts).toHaveLength(cells)
    expect(first?.cell).toBe(faulty)
    say(
      `Car ${car}: cell ${first?.cell} ${first?.mv.toFixed(0)} mV, ${first?.times.toFixed(1)} times the spread; ` +
        `next cell ${second?.cell} ${second?.mv.toFixed(0)} mV, ${second?.times.toFixed(1)} times`,
    )
  })

  it.each([
    // Fixed before the data was seen: it finds one of two, and loses it again when the pack's own spread grows.
    { model: cellFault1, car: 1, alerts: [], named: [] },
    {
      model: cellFault1,
      car: 2,
      alerts: [["2019-05-27T16:26", false], ["2019-07-18T10:32", true]],
      named: [82],
    },
    { model: cellFault, car: 1, alerts: [["2021-05-06T18:13", false]], named: [58] },
    { model: cellFault, car: 2, alerts: [["2019-04-22T06:44", false]], named: [82] },
  ])("car $car, version $model.version: alerts at $alerts, naming $named", ({ model, car, alerts, named }) => {
    const rows = cars[car - 1] ?? []
    const found = judge(model, rows)
    expect(found.alerts.map(({ at, resolved }) => [at.slice(0, 16), resolved])).toEqual(alerts)
    expect(found.named).toEqual(named)
    const warned = rows.find(({ warning }) => warning === 3)
    const lead = warned && found.alerts[0] && (warned.at - Date.parse(found.alerts[0].at)) / day
    say(
      `Car ${car}, cell-fault ${model.version}: ` +
        (found.alerts.map(({ at, summary }) => `${at.slice(0, 16)} ${summary}`).join("; ") || "no alert") +
        `; at the end: ${found.end?.summary} (score ${found.end?.score.toFixed(0)}), ` +
        `${found.end?.evidence[0]?.text}` +
        (warned === undefined ? "" : `; first warning of level 3 ${toTime(warned.at).slice(0, 16)}`) +
        (lead === undefined ? "" : `, ${lead.toFixed(1)} days after the alert`),
    )
  })
})
