import { describe, expect, it } from "@effect/vitest"
import { randomUUID } from "node:crypto"
import { EventStoreDbLog, type ProposedEvent } from "./eventstoredb-server-log.ts"
import { parseMetadata } from "./eventstoredb-server-metadata.ts"

const event = (): ProposedEvent => ({
  id: randomUUID(),
  type: "Tested",
  json: true,
  data: Buffer.from("{}"),
  metadata: new Uint8Array(),
})

describe("the log of the EventStoreDB of the tests", () => {
  it("forgets the oldest ids once it remembers as many as it may", () => {
    const log = new EventStoreDbLog({ recentIds: 3 })
    const events = [event(), event(), event(), event()]
    for (const one of events) log.append("s", "any", [one])
    expect(log.append("s", "any", events.slice(1))).toMatchObject({ revision: 3n })
    expect(log.countOf("s")).toBe(4)
    log.append("s", "any", events.slice(0, 1))
    expect(log.countOf("s")).toBe(5)
  })

  it("finds what comes after a position, though positions have gaps", () => {
    const log = new EventStoreDbLog()
    for (let n = 0; n < 100; n++) log.append("s", "any", [event()])
    log.records.forEach((record, n) => {
      expect(log.indexAfter(record.position)).toBe(n + 1)
      expect(log.indexAfter(record.position - 1n)).toBe(n)
    })
    expect(log.indexAfter(0n)).toBe(0)
  })

  it("tells of an append once it can be read", () => {
    const log = new EventStoreDbLog()
    const seen: Array<number> = []
    const stop = log.onAppend(() => seen.push(log.countOf("s")))
    log.append("s", "any", [event(), event()])
    stop()
    log.append("s", "any", [event()])
    expect(seen).toEqual([2])
  })

  it("takes metadata that is no JSON, or past 64 bits, for none", () => {
    const of = (text: string) => parseMetadata(Buffer.from(text))
    expect(of(`{"$tb":3,"$maxCount":7}`)).toEqual({ truncateBefore: 3n, maxCount: 7n })
    expect(of(`{"$tb":9223372036854775807}`).truncateBefore).toBe(2n ** 63n - 1n)
    for (const text of [`{"$tb":9223372036854776000,"$maxCount":7}`, "not JSON", "[]", "3"]) {
      expect(of(text)).toEqual({ truncateBefore: undefined, maxCount: undefined })
    }
  })
})
