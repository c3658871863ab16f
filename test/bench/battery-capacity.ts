/**
 * The state of health as judged on simulated packs with known fade:
 *
 *     node test/bench/battery-capacity.ts [packs] [first seed] [charges a year]
 */
import { figuresOf, judge, type Judgement } from "../support/capacity-study.ts"

const [packs = 200, seed = 5_000, chargesAYear = 40] = process.argv.slice(2).map(Number)
const judgements = judge({ packs, seed, chargesAYear, years: 5.2, everyYears: 0.5, period: [10, 30] })

const row = (name: string, some: ReadonlyArray<Judgement>) => {
  if (some.length === 0) return
  const { bias, count, coverage, meanAbsolute, rootMeanSquare, worst } = figuresOf(some)
  const figures = [meanAbsolute, rootMeanSquare, bias, worst].map((points) => points.toFixed(2).padStart(8)).join("")
  console.log(`${name.padEnd(34)}${String(count).padStart(6)}${figures}${(100 * coverage).toFixed(1).padStart(9)} %`)
}

console.log(`${packs} packs from seed ${seed}, ${chargesAYear} charges a year`)
console.log(`${"points of state of health".padEnd(34)}     n     MAE    RMSE    bias   worst  covered`)
row("all", judgements)
row("seen from new", judgements.filter(({ basis }) => basis === "new"))
row("seen used, by the maker's figures", judgements.filter(({ basis }) => basis === "maker"))
row("seen used, against when first seen", judgements.filter(({ basis }) => basis === "seen"))
for (const [from, to] of [[92, 101], [85, 92], [75, 85], [0, 75]] as const) {
  row(`true state of health ${from} to ${to} %`, judgements.filter(({ truth }) => truth > from && truth <= to))
}
const told = judgements.filter(({ remaining, truthRemaining }) => remaining !== undefined && truthRemaining > 0)
const held = told.filter(({ remaining, truthRemaining }) =>
  remaining !== undefined && truthRemaining >= remaining.low &&
  (remaining.high === null || truthRemaining <= remaining.high)
)
console.log(`time to 80 %: ${held.length} of ${told.length} intervals hold it`)
