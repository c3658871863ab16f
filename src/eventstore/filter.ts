/** A filter of the whole log, as a test of an event in memory and as a condition in SQL. */
import type { Filter } from "./event-store.ts"

const prefixes = (filter: Filter): ReadonlyArray<string> => "streams" in filter ? filter.streams : filter.types

export const matches = (filter: Filter | undefined): (event: { stream: string; type: string }) => boolean => {
  if (filter === undefined) return () => true
  const wanted = prefixes(filter)
  const field = "streams" in filter ? "stream" : "type"
  return (event) => {
    for (const prefix of wanted) if (event[field].startsWith(prefix)) return true
    return false
  }
}

/** A condition on `events e` joined with `streams s`, and its parameters. */
export const condition = (filter: Filter | undefined): { readonly sql: string; readonly parameters: Array<string> } => {
  if (filter === undefined) return { sql: "TRUE", parameters: [] }
  const column = "streams" in filter ? "s.name" : "e.type"
  const parameters = [...prefixes(filter)]
  // Not LIKE, which ignores case and gives "_" a meaning.
  const tests = parameters.map((_, i) => `substr(${column}, 1, length(?${i + 4})) = ?${i + 4}`)
  return { sql: tests.length === 0 ? "FALSE" : `(${tests.join(" OR ")})`, parameters }
}
