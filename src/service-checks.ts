/** The way is open end to end: messages come in, the log takes them, and the read model follows. */
import { Effect, Layer } from "effect"
import { EventStore } from "./eventstore/event-store.ts"
import { Mqtt } from "./ingest/mqtt.ts"
import { Projector } from "./readmodel/projector.ts"
import { ReadModel } from "./readmodel/read-model.ts"
import { Readiness } from "./readiness.ts"

export const layer = Layer.effect(
  Readiness,
  Effect.gen(function*() {
    const mqtt = yield* Mqtt
    const store = yield* EventStore
    const projector = yield* Projector
    const readModel = yield* ReadModel
    return Readiness.of({
      checks: [
        { name: "mqtt", check: Effect.filterOrFail(mqtt.ready, (ready) => ready, () => "not connected and subscribed") },
        { name: "event store", check: store.head },
        { name: "read model", check: readModel.position },
        {
          name: "projector",
          check: Effect.filterOrFail(
            projector.status,
            ({ failure }) => failure === undefined,
            ({ failure }) => failure ?? "",
          ),
        },
      ],
    })
  }),
)
