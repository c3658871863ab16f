/** What the rounds came to, as a table for people. */
import type { Round } from "./rounds.ts"

/** Seconds, of an array that is not empty. */
const p50AndMax = (millis: ReadonlyArray<number>): string => {
  const sorted = millis.toSorted((a, b) => a - b)
  const seconds = (at: number) => ((sorted[at] ?? Number.NaN) / 1_000).toFixed(1)
  return `${seconds(Math.floor((sorted.length - 1) / 2))} / ${seconds(sorted.length - 1)}`
}

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((all, one) => all + one, 0)

const row = (cells: ReadonlyArray<string | number>): string => `| ${cells.join(" | ")} |`

/** In Markdown: a row a kind of fault. Seconds are counted from the moment the fault was over. */
export const table = (rounds: ReadonlyArray<Round>): string => {
  const parts = Object.keys(rounds[0]?.recovery ?? {})
  const columns = ["fault", "rounds", "hit", "messages under way", ...parts.map((part) => `${part}, p50 / max s`)]
  const kinds = [...Map.groupBy(rounds, ({ kind }) => kind)].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const rowOf = (name: string, of: ReadonlyArray<Round>) =>
    row([
      name,
      of.length,
      of.filter(({ bit }) => bit).length,
      sum(of.map(({ underWay }) => underWay)),
      ...parts.map((part) => p50AndMax(of.map(({ recovery }) => recovery[part] ?? Number.NaN))),
    ])
  return [
    row(columns),
    row(columns.map((_, at) => (at === 0 ? "---" : "---:"))),
    ...kinds.map(([kind, of]) => rowOf(kind, of)),
    rowOf("all", rounds),
  ].join("\n")
}
