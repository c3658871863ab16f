/** A load that has come to its end, and the service behind it. */
import { Effect } from "effect"
import { fleetView, type VehicleView } from "./fleet-view.ts"
import { expectedSignals } from "./ledger.ts"
import type { LedgerEntry, Publisher } from "./publisher.ts"

/** No new messages; done once each is acknowledged. */
export const finished = (publishers: ReadonlyArray<Pick<Publisher, "finish">>, within: "60 seconds" | "2 minutes") =>
  Effect.forEach(publishers, (publisher) => Effect.promise(() => publisher.finish()), {
    concurrency: "unbounded",
    discard: true,
  }).pipe(Effect.timeout(within))

/**
 * Waits until log and read model have so many events of vehicles. What is lost never comes, so this ends too when
 * nothing has come for four seconds.
 */
export const settled = Effect.fnUntraced(function*(url: string, events: number) {
  for (let before = -1, still = 0; still < 40;) {
    const views = yield* fleetView(url)
    const count = views.reduce((sum, { events }) => sum + events.totalCount, 0)
    const shown = views.reduce((sum, { revision }) => sum + revision + 1, 0)
    if (count >= events && shown === count) break
    still = count + shown === before ? still + 1 : 0
    before = count + shown
    yield* Effect.sleep("100 millis")
  }
})

/** What an app must see once all of the ledger was taken; the vehicles by VIN. */
export const expectedFleet = (ledger: ReadonlyArray<LedgerEntry>): ReadonlyArray<VehicleView> =>
  [...Map.groupBy(ledger, ({ vin }) => vin)]
    .map(([vin, entries]) => {
      const sent = entries.map(({ message }) => message)
      return { vin, revision: sent.length - 1, signals: expectedSignals(sent), events: { totalCount: sent.length } }
    })
    .toSorted((a, b) => (a.vin < b.vin ? -1 : 1))
