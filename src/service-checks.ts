/** The way is open end to end: messages come in, the log takes them, and read model and alerts follow. */
import { Effect, Layer, Option } from "effect"
import { EventStore } from "./eventstore/event-store.ts"
import { KafkaIn } from "./ingest/kafka.ts"
import { Mqtt } from "./ingest/mqtt.ts"
import { Reactor } from "./maintenance/reactor.ts"
import { Notifications } from "./notify/notifications.ts"
import { Outbox } from "./outbox/outbox.ts"
import { Projector } from "./readmodel/projector.ts"
import { ReadModel } from "./readmodel/read-model.ts"
import { Readiness } from "./readiness.ts"

export const layer = Layer.effect(
  Readiness,
  Effect.gen(function*() {
    const mqtt = yield* Mqtt
    const store = yield* EventStore
    const projector = yield* Projector
    const reactor = yield* Reactor
    const notifications = yield* Notifications
    const readModel = yield* ReadModel
    const kafkaIn = yield* Effect.serviceOption(KafkaIn)
    const outbox = yield* Effect.serviceOption(Outbox)
    return Readiness.of({
      checks: [
        { name: "mqtt", check: Effect.filterOrFail(mqtt.ready, (ready) => ready, () => "not connected and subscribed") },
        ...Option.toArray(kafkaIn).map(({ status }) => ({ name: "kafka in", check: Effect.flatMap(status, atWork) })),
        ...Option.toArray(outbox).map(({ status }) => ({ name: "kafka out", check: Effect.flatMap(status, atWork) })),
        { name: "event store", check: store.head },
        { name: "read model", check: readModel.position },
        { name: "projector", check: Effect.flatMap(projector.status, atWork) },
        { name: "maintenance reactor", check: Effect.flatMap(reactor.status, atWork) },
        // Not the receivers: that one of them is away is no reason to take no messages.
        { name: "notifier", check: Effect.flatMap(notifications.status, atWork) },
      ],
    })
  }),
)

const atWork = ({ failure }: { readonly failure: string | undefined }) =>
  failure === undefined ? Effect.void : Effect.fail(failure)
