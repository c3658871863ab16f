/** The way in for dead letters: takes in what is missing of a message, by today's routes, catalogue and rules. */
import { Effect, Layer, Option, Result } from "effect"
import { maxRejections } from "../../domain/codecs/json.ts"
import type { Catalogue } from "../../domain/signals/catalogue.ts"
import { believed, furthestFault, maxBehindMs } from "../../domain/vehicle/clock.ts"
import type { Observation, Presence } from "../../domain/vehicle/observation.ts"
import type { Twin } from "../../domain/vehicle/twin.ts"
import { DeadLetters } from "../deadletters/dead-letters.ts"
import { type Outcome, type Redelivered, Redelivery } from "../deadletters/redelivery.ts"
import { EventStore } from "../eventstore/event-store.ts"
import type { InTopics } from "../kafka/topics.ts"
import { type RefusalReason, Vehicles } from "../vehicles/vehicles.ts"
import { decode, type Undecoded } from "./decode.ts"
import * as KafkaRoutes from "./kafka-routes.ts"
import { missing, standsForMore } from "./missing.ts"
import { type Taken, takenFrom } from "./taken.ts"
import * as Topics from "./topics.ts"

export interface RetryOptions {
  readonly catalogue: Catalogue
  /** `MQTT_TOPIC_PREFIX` */
  readonly topicPrefix: string
  /** `KAFKA_TOPIC_TELEMETRY`, `KAFKA_TOPIC_DIAGNOSTICS`, `KAFKA_TOPIC_SERVICE` */
  readonly kafkaTopics: InTopics
}

/** Needs `Vehicles`, and `DeadLetters` for what else is wrong with a message that was mended. */
export const layer = (options: RetryOptions) => Layer.effect(Redelivery, make(options))

const make = Effect.fnUntraced(function*({ catalogue, kafkaTopics, topicPrefix }: RetryOptions) {
  const store = yield* EventStore
  const vehicles = yield* Vehicles
  const deadLetters = yield* DeadLetters
  const mqtt = Topics.make(topicPrefix)
  const kafka = KafkaRoutes.make(kafkaTopics, mqtt)

  const undecoded = ({ key, payload, receivedAt, source }: Redelivered): Undecoded => {
    const topic = source.topic ?? ""
    const routed = source.kind === "kafka"
      ? kafka(topic, key === undefined ? null : Buffer.from(key), payload)
      : { route: mqtt.route(topic), payload }
    return { ...routed, receivedAt, source }
  }

  return Redelivery.of({
    take: Effect.fnUntraced(function*(letter) {
      const message = undecoded(letter)
      if (Result.isFailure(message.route)) return { _tag: "Rejected", ...message.route.failure } satisfies Outcome
      const { vin } = message.route.success
      const isOfMany = standsForMore(letter)
      const taken: Taken = isOfMany ? yield* takenFrom(store, vin, letter.receivedAt) : new Map()
      const decodePart = (content: Uint8Array) => decode({ ...message, content }, catalogue)
      const { observations, rejections } = missing(letter, message.content ?? message.payload, decodePart, taken)
      const [wrong] = rejections
      // Past that many not all are told, and none must be lost.
      if (observations.length === 0 || rejections.length >= maxRejections) {
        return wrong === undefined ? nothingThere : { _tag: "Rejected", ...wrong } satisfies Outcome
      }

      const twin = observations.every(({ _tag }) => _tag === "Telemetry") ? undefined : yield* vehicles.current(vin)
      const told: Array<Observation> = []
      let old: Outcome | undefined
      for (const observation of observations) {
        const why = outdated(observation, twin && Option.getOrUndefined(twin))
        if (why === undefined) told.push(asKept(observation))
        else old = why
      }
      if (told.length === 0 && old !== undefined) return old
      const outcomes = yield* vehicles.observe(vin, told)
      for (const outcome of outcomes) {
        if (outcome._tag === "Refused") return { ...outcome, _tag: "Rejected" } satisfies Outcome
      }
      const isNew = outcomes.some(({ _tag }) => _tag === "Accepted")
      if (isOfMany && !isNew && wrong !== undefined) return { _tag: "Rejected", ...wrong } satisfies Outcome
      if (isOfMany || (letter.path === undefined && !refused.has(letter.reason))) {
        const { key, payload, receivedAt, source } = letter
        yield* deadLetters.put(rejections.map((rejection) => ({ ...rejection, vin, key, payload, receivedAt, source })))
      }
      return { _tag: isNew ? "Accepted" : "Repeated" } satisfies Outcome
    }),
  })
})

/** What was decoded then, and told in letters, if something was wrong with it. */
const refused: ReadonlySet<string> = new Set<RefusalReason>([
  "not_registered",
  "stream_deleted",
  "stream_unreadable",
  "not_processed",
])

/**
 * What was believable at its receipt was kept here since, and is as good as what a vehicle kept; a clock that was wrong
 * then was wrong. Receipt stays what it was: nothing was heard of the vehicle now.
 */
const asKept = (observation: Observation): Observation =>
  observation._tag === "Telemetry" && furthestFault(observation) === undefined
    ? { ...observation, reissued: true }
    : observation

/** Why an observation is not to be told any more, if so. */
const outdated = (observation: Observation, twin: Twin | undefined): Outcome | undefined => {
  if (twin === undefined) return undefined
  const { at, receivedAt } = observation
  if (observation._tag === "Presence") return isOldPresence(observation, twin) ? oldPresence : undefined
  // As far back as this its time would not count, and it would be taken for the newest word.
  const isTooOld = observation._tag === "Diagnostics" && believed(at, Math.max(receivedAt, twin.updatedAt)) === undefined
  return isTooOld && believed(at, receivedAt) !== undefined ? oldCodes : undefined
}

/** A word on presence is of its moment. One without a time to believe has that of its receipt. */
const isOldPresence = ({ at, receivedAt, session }: Presence, twin: Twin): boolean =>
  twin.presenceAt === undefined
    ? twin.session !== undefined && twin.session !== session
    : (believed(at, receivedAt) ?? receivedAt) < twin.presenceAt

const oldPresence: Outcome = { _tag: "Superseded", message: "the vehicle has come or gone since" }

const oldCodes: Outcome = {
  _tag: "Rejected",
  reason: "time",
  message: `the trouble codes are older by more than ${maxBehindMs / 86_400_000} days than what is known of the vehicle, `
    + "and cannot be put in order with those told since",
}

const nothingThere: Outcome = {
  _tag: "Rejected",
  reason: "shape",
  message: "what it is about is not in the message, or says nothing of a vehicle",
}
