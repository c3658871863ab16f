/** Vehicles that report a trouble code and take it back, by turns, so that each message changes something. */
import type { RecordedEvent } from "../../src/eventstore/event-store.ts"
import { whilePublishing } from "../support/ledger.ts"
import type { LedgerEntry } from "../support/publisher.ts"

export interface Diagnostics {
  readonly session: string
  readonly seq: number
  readonly at: string
  readonly codes: ReadonlyArray<{ readonly code: string; readonly state: "raised" | "cleared" }>
}

export const diagnosticsFrom = (began: number, periodMillis: number) => (_: string, n: number): Diagnostics => ({
  session: "boot-1",
  seq: n,
  at: new Date(began + Math.floor(n * periodMillis)).toISOString(),
  codes: [{ code: "P0A80", state: n % 2 === 0 ? "raised" : "cleared" }],
})

/** Messages of which no event came, or not in its place; and events beyond. */
export const misplaced = (
  ledger: ReadonlyArray<LedgerEntry<Diagnostics>>,
  streams: ReadonlyMap<string, ReadonlyArray<RecordedEvent>>,
): number => {
  let count = 0
  for (const [vin, entries] of Map.groupBy(ledger, ({ vin }) => vin)) {
    const events = whilePublishing(streams.get(`vehicle-${vin}`) ?? [])
    count += Math.max(0, events.length - entries.length)
    for (const { message: { at, codes }, n } of entries) {
      const type = codes[0]?.state === "raised" ? "TroubleCodeRaised" : "TroubleCodeCleared"
      if (events[n]?.type !== type || events[n].data["at"] !== at) count++
    }
  }
  return count
}
