/**
 * Snapshots as they were stored, in each version, one a line and never changed again. Each is of the stream in
 * `golden-events.jsonl` up to a revision: a service of any later day makes the same state of the one and of the other.
 */
import { readFileSync } from "node:fs"
import { Option, Result } from "effect"
import { describe, expect, it } from "vitest"
import * as Record from "../../../domain/vehicle/record.ts"
import * as Snapshot from "../../../domain/vehicle/snapshot.ts"
import * as State from "../../../domain/vehicle/state.ts"

type Line = Pick<Record.Stored, "stream" | "type" | "data" | "metadata">

const linesOf = <A>(file: string): ReadonlyArray<A> =>
  readFileSync(new URL(file, import.meta.url), "utf8").trimEnd().split("\n").map((text) => JSON.parse(text) as A)

const events = linesOf<Omit<Record.Stored, "position">>("golden-events.jsonl")
const snapshots = linesOf<Line>("golden-snapshots.jsonl")
const vin = events[0]?.stream.slice("vehicle-".length) ?? ""

const folded = (revision: number): State.State =>
  events.slice(0, revision + 1).reduce((state, line) => {
    const record = Result.getOrThrow(Record.decode({ ...line, position: String(line.revision) }))
    return record === undefined ? state : State.evolve(state, record.event, line.revision)
  }, State.initial(vin))

describe("the stored snapshots", () => {
  it("are there in every version that was ever stored", () => {
    const stored = new Set(snapshots.map(({ metadata }) => metadata["schema"]))
    expect(stored).toEqual(new Set(Array.from({ length: Snapshot.version }, (_, i) => i + 1)))
    expect(Snapshot.upcasters).toHaveLength(Snapshot.version - 1)
    expect(new Set(snapshots.map(({ stream, type }) => `${stream} ${type}`))).toEqual(
      new Set([`${Snapshot.streamOf(vin)} ${Snapshot.eventType}`]),
    )
  })

  it.each(snapshots)("of version $metadata.schema at $metadata.revision is the fold until then", ({ data, metadata }) => {
    const state = Option.getOrThrow(Snapshot.decode(vin, data, metadata))
    expect(state).toStrictEqual(folded(Number(metadata["revision"])))
    expect(Date.parse(String(metadata["receivedAt"]))).toBe(state.twin.updatedAt)
  })

  it("of the current version would be stored just so today", () => {
    for (const { data, metadata } of snapshots.filter((one) => one.metadata["schema"] === Snapshot.version)) {
      const state = folded(Number(metadata["revision"]))
      expect(JSON.parse(JSON.stringify(Snapshot.encode(state)))).toEqual(data)
      expect(Snapshot.metadata(state, String(metadata["receivedAt"]))).toEqual(metadata)
    }
  })
})
