/**
 * False alarms and detection of the cell-fault model's versions over simulated packs of 96 cells, a frame in ten minutes:
 *
 *     node test/bench/cell-fault.ts [healthy packs, a year each = 200] [faulty packs a fault = 8]
 *
 * Every other pack starts with its cells more out of balance. A faulty one has one faulty cell from day 30 on, and is
 * followed for 120 days more.
 */
import { cellFault, cellFault1 } from "../../domain/maintenance/components/cell-fault.ts"
import { type ComponentModel, observe } from "../../domain/maintenance/model.ts"
import { quantileOf } from "../../domain/maintenance/statistics.ts"
import * as Watch from "../../domain/maintenance/watch.ts"
import { day, now } from "../support/given.ts"
import { recordsOf } from "../support/maintenance.ts"
import { type CellTrouble, eventOf, frames, type PackOptions } from "../support/packs.ts"
import { say } from "../support/say.ts"

interface Raised {
  readonly day: number
  readonly urgency: string
  readonly named: ReadonlyArray<number>
}

const versions: ReadonlyArray<ComponentModel> = [cellFault1, cellFault]

/** By version. */
const raisedOf = (options: PackOptions): ReadonlyArray<ReadonlyArray<Raised>> => {
  const imbalance = options.seed % 2 === 0 ? 0.005 : 0.012
  const records = recordsOf([...frames({ every: 10, imbalance, ...options })].map(eventOf)).map(observe)
  return versions.map((model) => {
    let watch = Watch.begin(model, "well")
    const raised: Array<Raised> = []
    for (const observed of records) {
      const { news, watch: next } = Watch.evolve(model, watch, observed)
      watch = next
      if (news === undefined || news.score > model.raiseAt) continue
      const named = news.evidence.map(({ text }) => Number(/^Cell (\d+) /u.exec(text)?.[1]) - 1)
      raised.push({ day: (observed.at - now) / day, urgency: news.urgency, named })
    }
    return raised
  })
}

const [healthy = 200, faulty = 8] = process.argv.slice(2).map(Number)
const from = 30

const alarms = versions.map(() => 0)
for (let seed = 0; seed < healthy; seed++) {
  for (const [i, raised] of raisedOf({ seed, days: 365 }).entries()) alarms[i] = (alarms[i] ?? 0) + raised.length
}
for (const [i, { version }] of versions.entries()) {
  say(`Version ${version}: ${alarms[i]} false alarms in ${healthy} healthy vehicle-years`)
}

const faults: ReadonlyArray<readonly [string, Omit<CellTrouble, "cell" | "from">]> = [
  ...[5, 20, 100, 400].map((mA) => [`a leak of ${mA} mA`, { leakMilliamperes: mA }] as const),
  ...[0.2, 0.5].map((share) => [`resistance +${100 * share} % a month`, { resistanceGrowth: share }] as const),
  ...[0.03, 0.1].map((share) => [`capacity -${100 * share} % a month`, { capacityLoss: share }] as const),
]
const daysOf = (days: ReadonlyArray<number>): string =>
  quantileOf(days.toSorted((a, b) => a - b), 0.5)?.toFixed(0) ?? "-"
for (const [name, fault] of faults) {
  const runs = Array.from({ length: faulty }, (_, i) => {
    const cell = ((500 + i) * 37) % 96
    return { cell, raised: raisedOf({ seed: 500 + i, days: from + 120, troubles: [{ cell, from, ...fault }] }) }
  })
  for (const [i, { version }] of versions.entries()) {
    const all = runs.flatMap(({ cell, raised }) => (raised[i] ?? []).map((alert) => ({ ...alert, cell })))
    const firsts = runs.flatMap(({ cell, raised }) =>
      (raised[i] ?? []).filter((alert) => alert.day >= from && alert.named.includes(cell)).slice(0, 1)
    )
    const stops = all.filter(({ cell, named, urgency }) => urgency === "stop" && named.includes(cell))
    const wrong = all.filter(({ cell, named }) => !named.includes(cell)).length
    say(
      `${name}, version ${version}: found in ${firsts.length} of ${faulty}, after ${
        daysOf(firsts.map((alert) => alert.day - from))
      } days (median); told to stop in ${stops.length}, after ${daysOf(stops.map((alert) => alert.day - from))} days; ` +
        `${wrong} alerts name another cell`,
    )
  }
}
