/** Messages on their way in, what becomes of those that cannot be taken, and their second chance. */
import { Effect, Layer, Stream } from "effect"
import { type Catalogue, catalogue, withRelease } from "../../domain/signals/catalogue.ts"
import { fromVss } from "../../domain/signals/vss.ts"
import { streamOf } from "../../domain/vehicle/events.ts"
import type { Admission } from "../../domain/vehicle/decide.ts"
import { DeadLetterOffice, layer as office, type Letter, type LetterFilter } from "../../src/deadletters/dead-letter-office.ts"
import * as DeadLetters from "../../src/deadletters/event-store-dead-letters.ts"
import { Redelivery } from "../../src/deadletters/redelivery.ts"
import { EventStore } from "../../src/eventstore/event-store.ts"
import * as Intake from "../../src/ingest/intake.ts"
import * as KafkaRoutes from "../../src/ingest/kafka-routes.ts"
import * as Retry from "../../src/ingest/retry.ts"
import * as Topics from "../../src/ingest/topics.ts"
import * as LocalVehicles from "../../src/vehicles/local-vehicles.ts"
import { Vehicles } from "../../src/vehicles/vehicles.ts"
import type { Vin } from "../../domain/vehicle/vin.ts"

export const kafkaTopics = { telemetry: "vehicle-telemetry", diagnostics: "vehicle-diagnostics", service: "vehicle-service" }

export interface WorldOptions {
  readonly admission?: Admission
  /** What a retry knows; a message as it comes is decoded by the built-in one. */
  readonly today?: Catalogue
}

export const world = <E>(log: Layer.Layer<EventStore, E>, { admission = "open", today = catalogue }: WorldOptions = {}) =>
  Layer.mergeAll(
    office.pipe(Layer.provide(Retry.layer({ catalogue: today, topicPrefix: "", kafkaTopics }))),
    Intake.layer({ catalogue }),
  ).pipe(
    Layer.provideMerge(Layer.mergeAll(LocalVehicles.layer({ admission }), DeadLetters.layer)),
    Layer.provideMerge(log),
  )

/** VSS, as a release's JSON has it: sensors of a branch `Vehicle.Test`. */
export const vssOf = (names: ReadonlyArray<string>) => ({
  Vehicle: {
    type: "branch",
    description: "a vehicle",
    children: {
      Test: {
        type: "branch",
        description: "signals of a test",
        children: Object.fromEntries(
          names.map((name) => [name, { type: "sensor", datatype: "float", unit: "km", description: name }]),
        ),
      },
    },
  },
})

export const widened = (...names: ReadonlyArray<string>): Catalogue => {
  const signals = fromVss(vssOf(names))
  if (signals._tag === "Failure") throw new Error(signals.failure.message)
  return withRelease(signals.success)
}

const offer = (message: Omit<Intake.Incoming, "settled" | "receivedAt">, receivedAt: number) =>
  Effect.flatMap(Intake.Intake, (intake) =>
    Effect.callback<boolean>((resume) => {
      intake.offer({ ...message, receivedAt, settled: (durable) => resume(Effect.succeed(durable)) })
    }))

const bytes = (content: unknown): Buffer =>
  Buffer.isBuffer(content) ? content : Buffer.from(typeof content === "string" ? content : JSON.stringify(content))

/** Over MQTT; done once it is acknowledged. */
export const send = (topic: string, content: unknown, receivedAt = Date.now()) =>
  offer({ route: Topics.make("").route(topic), payload: bytes(content), source: { kind: "mqtt", topic } }, receivedAt)

const routes = KafkaRoutes.make(kafkaTopics, Topics.make(""))

export const sendByKafka = (topic: string, key: string, content: unknown, receivedAt = Date.now()) =>
  offer({ ...routes(topic, Buffer.from(key), bytes(content)), source: { kind: "kafka", topic, position: "0/1" } }, receivedAt)

/** What was told of a vehicle, by type. */
export const toldOf = (vin: string) =>
  Effect.flatMap(EventStore, (store) =>
    Effect.map(Stream.runCollect(store.read(streamOf(vin))), (events) => events.map(({ data, metadata, type }) => ({ type, data, metadata }))))

export const readingsOf = (vin: string) =>
  Effect.map(toldOf(vin), (events) =>
    events.flatMap(({ data, type }) => type === "TelemetryReceived" ? Object.entries(data["readings"] as object) : []))

export const register = (vin: string) =>
  Vehicles.use((_) =>
    _.register(vin as Vin, { description: {}, now: Date.now(), source: { kind: "api" } })
  )

/** All letters that match, newest first. */
export const listed = (filter: LetterFilter = {}, first = 200) =>
  Effect.gen(function*() {
    const letters: Array<Letter> = []
    const office = yield* DeadLetterOffice
    let after: Parameters<typeof office.list>[1]["after"]
    do {
      const page = yield* office.list(filter, { first, after })
      letters.push(...page.letters.map(({ letter }) => letter))
      after = page.next
    } while (after !== undefined)
    return letters
  })

/** All that are open and match, in the order they came; how each went. */
export const retriedAll = (filter: LetterFilter = {}, first = 200) =>
  Effect.gen(function*() {
    const office = yield* DeadLetterOffice
    const outcomes: Array<string> = []
    let run: Parameters<typeof office.select>[1]["run"]
    do {
      const selected = yield* office.select(filter, { first, run })
      for (const { outcome } of yield* office.retry(selected.letters, {})) outcomes.push(outcome._tag)
      run = selected.run
    } while (run !== undefined)
    return outcomes
  })

/** Lists, and retries nothing. */
export const officeAlone = office.pipe(
  Layer.provide(Layer.succeed(Redelivery, Redelivery.of({ take: () => Effect.die(new Error("not in this test")) }))),
)
