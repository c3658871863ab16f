/** What the log has of a vehicle's messages of telemetry: signals by the message's identity. */
import { Effect, Option, Stream } from "effect"
import { streamOf } from "../../domain/vehicle/events.ts"
import type { Vin } from "../../domain/vehicle/vin.ts"
import type { EventStore, RecordedEvent } from "../eventstore/event-store.ts"

/** A message that was rejected in part may have come again some time after its first receipt. */
const lookedAt = 1_024

export type Taken = ReadonlyMap<string, ReadonlySet<string>>

/** Of the messages received from this time on, as far as one looks. */
export const takenFrom = Effect.fnUntraced(function*(store: EventStore["Service"], vin: Vin, receivedAt: number) {
  const stream = streamOf(vin)
  // Receipt never goes back within a stream: by halves.
  let low = 0
  let high = (yield* store.revision(stream)) + 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const event = Option.getOrUndefined(yield* Stream.runHead(store.read(stream, { from: middle, limit: 1 })))
    if (event !== undefined && receiptOf(event) < receivedAt) low = middle + 1
    else high = middle
  }
  const taken = new Map<string, Set<string>>()
  yield* store.read(stream, { from: low, limit: lookedAt }).pipe(
    Stream.runForEachArray((events) => Effect.sync(() => {
      for (const { data, metadata, type } of events) {
        const { identity } = metadata
        if (type !== "TelemetryReceived" || typeof identity !== "string") continue
        taken.set(identity, new Set([...keysOf(data["readings"]), ...keysOf(data["personal"])]))
      }
    })),
  )
  return taken as Taken
})

const receiptOf = ({ metadata }: RecordedEvent): number => Date.parse(String(metadata["receivedAt"]))

const keysOf = (readings: unknown): ReadonlyArray<string> =>
  typeof readings === "object" && readings !== null ? Object.keys(readings) : []
