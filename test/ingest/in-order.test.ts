import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { InOrder } from "../../src/ingest/in-order.ts"

describe("acknowledgements", () => {
  it("leave in the order of receipt, as soon as all before them are durable, however they finish", () => {
    const orders = fc.integer({ min: 0, max: 3000 }).chain((size) =>
      fc.shuffledSubarray(Array.from({ length: size }, (_, i) => i))
    )
    fc.assert(fc.property(orders, (finishing) => {
      const size = Math.max(-1, ...finishing) + 1
      const order = new InOrder()
      const acknowledged: Array<number> = []
      const durable = Array.from({ length: size }, (_, i) => order.add(() => acknowledged.push(i)))
      const done = new Set<number>()
      for (const index of finishing) {
        durable[index]?.()
        done.add(index)
      }
      let first = 0
      while (done.has(first)) first++
      expect(acknowledged).toEqual(Array.from({ length: first }, (_, i) => i))
    }), { numRuns: 50 })
  })
})
