import { Effect } from "effect"

/** What a service counts: the sum of a metric over its series, or over those with a label such as `source="mqtt"`. */
export type Metrics = (name: string, label?: string) => number

export const metrics = (url: string): Effect.Effect<Metrics> =>
  Effect.promise(async () => {
    const lines = (await (await fetch(`${url}/metrics`)).text()).split("\n")
    return (name, label = "") =>
      lines
        .filter((line) => (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) && line.includes(label))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0)
  })
