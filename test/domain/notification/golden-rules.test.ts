/** Rules' events as they were stored, each type in each version, one a line and never changed again. */
import { readFileSync } from "node:fs"
import { Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { evolve, initial, tells } from "../../../domain/notification/notification-rule.ts"
import { decode, RuleMetadata, schemas, versions } from "../../../domain/notification/notification-rule-events.ts"
import type { Stored } from "../../../domain/vehicle/record.ts"

const lines = readFileSync(new URL("golden-rules.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((text) => JSON.parse(text) as Omit<Stored, "position">)

const read = (line: (typeof lines)[number]) => {
  const record = Result.getOrThrow(decode({ ...line, position: String(line.revision) }))
  if (record === undefined) throw new Error(`${line.type} is none of a rule's types`)
  return record
}

describe("the stored events of notification rules", () => {
  it("are there in every version that was ever stored", () => {
    const promised = Object.entries(versions).flatMap(([type, version]) =>
      Array.from({ length: version }, (_, i) => `${type} ${i + 1}`)
    )
    expect(new Set(lines.map(({ metadata, type }) => `${type} ${String(metadata["schema"])}`))).toEqual(new Set(promised))
  })

  it.each(lines)("$revision, $type, is what its schema says, and nothing beside it", (line) => {
    const { event } = read(line)
    expect(Schema.decodeUnknownSync(schemas[event.type])(event.data)).toEqual(line.data)
    expect(Schema.decodeUnknownSync(RuleMetadata)(event.metadata)).toEqual(line.metadata)
  })

  it("make the rules that they made", () => {
    const { revision, rules } = lines.map(read).reduce(evolve, initial)
    expect(revision).toBe(2)
    expect(Object.values(rules).map(({ revision, rule: { name } }) => [name, revision])).toEqual([["长城 fleet", 1]])
    const [saved] = Object.values(rules)
    const alert = { brand: "长城", component: "tractionBattery.cells", urgency: "stop", snoozedUntil: null } as const
    expect(saved && tells({ ...saved.rule, enabled: true }, { kind: "resolved", at: 0, alert })).toBe(true)
  })
})
