/** What the log remembers of a vehicle's events that were moved to files. */
import { Effect, Option, Schema, Stream } from "effect"
import * as Archived from "../../domain/vehicle/archived.ts"
import type { EventStore } from "../eventstore/event-store.ts"

const decode = Schema.decodeUnknownOption(Archived.EventsArchived)

/** One a file, in the order of the events. */
export const archivedOf = Effect.fnUntraced(function*(store: EventStore["Service"], vin: string) {
  const marks: Array<Archived.EventsArchived> = []
  yield* Stream.runForEachArray(store.read(Archived.streamOf(vin)), (events) =>
    Effect.sync(() => {
      for (const { data, type } of events) {
        const mark = type === Archived.eventType ? decode(data) : Option.none()
        if (Option.isSome(mark)) marks.push(mark.value)
      }
    }))
  return marks
})
