/**
 * Events as they were stored, each type in each version, one a line and never changed again: a service of any later day
 * reads them, and makes the same twin of them. The lines are one stream; `then` is what the twin is after the line:
 * `null` where it has nothing, and of the signals those that are named.
 */
import { readFileSync } from "node:fs"
import { Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { Metadata, schemas, type VehicleEvent, versions } from "../../../domain/vehicle/events.ts"
import * as Record from "../../../domain/vehicle/record.ts"
import * as State from "../../../domain/vehicle/state.ts"

interface Line extends Omit<Record.Stored, "position"> {
  readonly then: { readonly [part: string]: unknown }
}

const lines = readFileSync(new URL("golden-events.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((text) => JSON.parse(text) as Line)

const read = (line: Line): VehicleEvent => {
  const record = Result.getOrThrow(Record.decode({ ...line, position: String(line.revision) }))
  if (record === undefined) throw new Error(`${line.type} is none of a vehicle's types`)
  return record.event
}

/** The state before the first line, and after each. */
const states = [State.initial(lines[0]?.stream.slice("vehicle-".length) ?? "")]
for (const line of lines) {
  const before = states.at(-1)
  if (before !== undefined) states.push(State.evolve(before, read(line), line.revision))
}

describe("the stored events", () => {
  it("are there in every version that was ever stored", () => {
    const stored = new Set(lines.map(({ metadata, type }) => `${type} ${String(metadata["schema"])}`))
    const promised = Object.entries(versions).flatMap(([type, version]) =>
      Array.from({ length: version }, (_, i) => `${type} ${i + 1}`)
    )
    expect(stored).toEqual(new Set(promised))
  })

  it("are one stream, each with an id of its own", () => {
    expect(new Set(lines.map(({ id }) => id)).size).toBe(lines.length)
    expect(lines.map(({ revision }) => revision)).toEqual(lines.map((_, i) => i))
    expect(new Set(lines.map(({ stream }) => stream)).size).toBe(1)
  })

  it.each(lines)("$revision, $type, is what its schema says", (line) => {
    const event = read(line)
    expect(event.type).toBe(line.type)
    expect(Schema.is(schemas[event.type])(event.data)).toBe(true)
    expect(Schema.is(Metadata)(line.metadata)).toBe(true)
    // What the schema does not name would be lost on the way through it.
    expect(Schema.decodeUnknownSync(schemas[event.type])(event.data)).toEqual(event.data)
    expect(Schema.decodeUnknownSync(Metadata)(line.metadata)).toEqual(line.metadata)
  })

  it.each(lines)("$revision, $type, makes the twin that it made", ({ revision, then }) => {
    const twin = states[revision + 1]?.twin
    if (twin === undefined) throw new Error("no twin")
    const { signals = {}, ...rest } = then
    expect(Object.keys(then)).not.toEqual([])
    expect(twin.revision).toBe(revision)
    const actual = Object.fromEntries(Object.entries(twin))
    for (const [part, expected] of Object.entries(rest)) {
      expect(Object.hasOwn(actual, part), part).toBe(true)
      expect(actual[part], part).toEqual(expected ?? undefined)
    }
    for (const [path, expected] of Object.entries(signals ?? {})) expect(twin.signals[path], path).toEqual(expected)
  })

  it("leave the vehicle knowing what it has had", () => {
    const { seen, sessions } = states.at(-1) ?? State.initial("")
    expect([...seen.sessions]).toEqual([["boot-1", [0, 3, 5, 5]]])
    expect(seen.recent).toEqual([
      "id:01JD9Z", "hash:47DEQpj8HBSa-_TImW-5JC", "id:01JDA0", "id:d-1", "id:d-2", "id:s-1", "id:s-2", "id:s-3",
    ])
    expect(sessions).toEqual(["boot-1", "boot-2"])
  })
})
