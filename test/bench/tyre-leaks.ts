/**
 * How well the tyre models find slow leaks, and how often they cry wolf, over simulated cars (`test/support/tyres.ts`)
 * that none of their settings was chosen by: `node test/bench/tyre-leaks.ts [leaks] [years]`, by default 600 leaks of
 * 3 kPa a day and 100 car-years without any. Some minutes.
 */
import { tyreLeaks } from "../../domain/maintenance/components/tyre-leak.ts"
import * as Watch from "../../domain/maintenance/watch.ts"
import { proportion, rate } from "../../domain/maintenance/backtest/intervals.ts"
import { day } from "../support/given.ts"
import { epoch, randomOf, tyreMessages, type TyreWorld } from "../support/tyres.ts"

/** Seeds below are those of tests and of tuning. */
const firstSeed = 5_000_000
const leakKPaADay = 3
const stepKPa = 2.5
const wanted = 5

interface Alert {
  readonly wheel: number
  /** Since the epoch. */
  readonly day: number
  readonly summary: string
}

interface Drive {
  /** Since the epoch: whole days on which it was driven. */
  readonly days: ReadonlySet<number>
  readonly alerts: ReadonlyArray<Alert>
}

/** Until `enough`, if that is given. */
const drive = (world: TyreWorld, enough: (alert: Alert) => boolean = () => false): Drive => {
  const days = new Set<number>()
  const alerts: Array<Alert> = []
  const watched = tyreLeaks.map((model) => ({ model, watch: Watch.begin(model, "well") }))
  for (const observed of tyreMessages(world)) {
    const x = (observed.at - epoch) / day
    days.add(Math.floor(x))
    for (const [wheel, one] of watched.entries()) {
      const { news, watch } = Watch.evolve(one.model, one.watch, observed)
      one.watch = watch
      if (news === undefined || news.score > one.model.raiseAt) continue
      const alert = { wheel, day: x, summary: news.summary }
      alerts.push(alert)
      if (enough(alert)) return { days, alerts }
    }
  }
  return { days, alerts }
}

const ascending = (a: number, b: number): number => a - b
const round = (value: number): number => Math.round(value * 100) / 100

const leaking = (count: number) => {
  const delays: Array<number> = []
  let drivenInTime = 0
  let inTime = 0
  let others = 0
  for (let i = 0; i < count; i++) {
    const { between, uniform } = randomOf(firstSeed - 1 - i)
    const wheel = Math.floor(4 * uniform())
    const from = between(20, 200)
    const isIt = (alert: Alert) => alert.wheel === wheel && alert.day >= from
    const world = { seed: firstSeed + i, days: Math.ceil(from) + 30, step: stepKPa, hasTemperature: true }
    const { alerts, days } = drive({ ...world, leak: { wheel, rate: leakKPaADay, from } }, isIt)
    const found = alerts.find(isIt)
    others += alerts.filter((alert) => !isIt(alert)).length
    if (found === undefined) {
      delays.push(Infinity)
      continue
    }
    delays.push(found.day - from)
    // The day on which it begins is not a whole one.
    if ([...days].filter((one) => one > Math.floor(from) && one <= found.day).length <= wanted) drivenInTime++
    if (found.day - from <= wanted) inTime++
  }
  delays.sort(ascending)
  const at = (share: number) => round(delays[Math.min(delays.length - 1, Math.floor(share * delays.length))] ?? NaN)
  return {
    leaks: count,
    withinFiveDays: proportion(inTime, count),
    withinFiveDrivenDays: proportion(drivenInTime, count),
    notFoundIn30Days: delays.filter((delay) => delay === Infinity).length,
    days: { median: at(0.5), nineOfTen: at(0.9), ninetyNine: at(0.99), longest: at(1) },
    alarmsOfSoundTyres: others,
  }
}

const sound = (years: number) => {
  const alarms: Array<string> = []
  for (let i = 0; i < years; i++) {
    const { alerts } = drive({ seed: 2 * firstSeed + i, days: 365, step: stepKPa, hasTemperature: true })
    for (const { day, summary } of alerts) alarms.push(`car ${i}, day ${Math.floor(day)}: ${summary}`)
  }
  return { tyreYears: 4 * years, falseAlarms: rate(alarms.length, 4 * years), alarms }
}

if (import.meta.main) {
  const [leaks = 600, years = 100] = process.argv.slice(2).map(Number)
  const began = performance.now()
  console.log(JSON.stringify({ leaking: leaking(leaks), sound: sound(years) }, undefined, 2))
  console.log(`${Math.round((performance.now() - began) / 1000)} s`)
}
