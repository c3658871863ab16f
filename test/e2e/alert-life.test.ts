/** An alert's life, from the vehicle's message to the end of it, as a planner sees it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { clientOf, newName } from "../ingest/kafka-support.ts"
import { alertWorld } from "../support/alert-world.ts"
import { vin } from "../support/given.ts"
import { kafkaBrokers, kafkaIsThere } from "../support/kafka.ts"
import { topicMessages } from "../support/kafka-topic.ts"
import { say } from "../support/say.ts"

const timeout = 90_000

/** The car's own word on its next service; three in a row are believed. */
const remains = (km: number) => ({ "Vehicle.Service.DistanceToService": km, "Vehicle.Service.TimeToService": 62_000_000 })

describe("an alert", () => {
  it.live("is raised, taken on, escalated, assigned, snoozed, and over once the work is done, also over a restart", () =>
    Effect.gen(function*() {
      const { follow, health, next, plan, record, send, service, stored } = yield* alertWorld()
      yield* follow
      yield* send(remains(12_000))
      for (const km of [1_200, 1_190, 1_180]) yield* send(remains(km))
      const { alert: raised } = yield* next(({ state }) => state === "OPEN")
      assert.deepInclude(raised, { vin, component: "vehicle", urgency: "DRIVE_ON", isEmergency: false, confidence: 0.95 })

      const taken = yield* plan("acknowledge", { id: raised.id, by: "Ada", ifRevision: raised.revision })
      assert.deepInclude(taken.alert, { state: "ACKNOWLEDGED", acknowledgedBy: "Ada" })
      yield* plan("assign", { id: raised.id, to: "North workshop", by: "Ada", note: "with the tyres" })
      const until = new Date(Date.now() + 3 * 24 * 3_600_000).toISOString()
      const snoozed = yield* plan("snooze", { id: raised.id, until })
      assert.deepInclude(snoozed.alert, { isSnoozed: true, snoozedUntil: until, assignedTo: "North workshop" })
      assert.strictEqual((yield* plan("snooze", { id: raised.id, until })).alert?.revision, snoozed.alert?.revision)
      yield* next(({ isSnoozed }) => isSnoozed)

      // What was put off was less urgent: it is open again, and awake, and still theirs.
      for (const km of [-10, -20, -30]) yield* send(remains(km))
      const { alert: escalated } = yield* next(({ urgency }) => urgency === "SERVICE_SOON")
      assert.deepInclude(escalated, { alertId: raised.alertId, state: "OPEN", isSnoozed: false, acknowledgedBy: null })
      assert.strictEqual(escalated.assignedTo, "North workshop")
      const late = yield* plan("acknowledge", { id: raised.id, by: "Bob", ifRevision: raised.revision })
      assert.strictEqual(late.__typename, "ConflictError")

      yield* service.kill
      yield* service.start
      yield* follow
      for (const km of [-40, -50, -60]) yield* send(remains(km))
      yield* record({ component: "vehicle", kind: "UPDATED" })
      yield* record({ component: "vehicle", kind: "REPAIRED", odometerKm: 29_000.5, workshop: "North" })
      const { alert: over } = yield* next(({ state }) => state === "RESOLVED")
      assert.strictEqual(over.alertId, raised.alertId)
      for (const km of [29_900, 29_890, 29_880]) yield* send(remains(km))
      yield* eventually(Effect.map(health("vehicle"), (score) => score !== undefined && score > 90))

      assert.deepStrictEqual((yield* stored).map(({ type }) => type), [
        "AlertRaised",
        "AlertAcknowledged",
        "AlertAssigned",
        "AlertSnoozed",
        "AlertEscalated",
        "AlertResolved",
      ])
      assert.strictEqual(yield* service.stop, 0)
    }), timeout)

  it.live("is over too where the score recovers by itself", () =>
    Effect.gen(function*() {
      const { follow, next, send, stored } = yield* alertWorld()
      yield* follow
      for (const km of [1_200, 1_190, 1_180]) yield* send(remains(km))
      yield* next(({ state }) => state === "OPEN")
      // Nobody has told of the service; the car says that it was done.
      for (const km of [29_900, 29_890, 29_880]) yield* send(remains(km))
      const { alert } = yield* next(({ state }) => state === "RESOLVED")
      assert.isAbove(alert.score, 80)
      const [, resolved] = yield* stored
      assert.deepInclude(resolved?.data, { reason: "recovered" })
    }), timeout)

  it.live("of a crash tells at once where the vehicle is and how it was, once, and is over when it was seen to", () =>
    Effect.gen(function*() {
      const { diagnose, follow, health, next, plan, record, send, service, stored } = yield* alertWorld()
      yield* follow
      yield* send({
        "Vehicle.Speed": 61,
        "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current": 54,
        "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked": true,
        "Vehicle.CurrentLocation.Latitude": 31.2304,
        "Vehicle.CurrentLocation.Longitude": 121.4737,
      })
      yield* send({ "Vehicle.Acceleration.Vertical": 70, "Vehicle.Acceleration.Longitudinal": -9 })
      const crashed = Date.now()
      yield* send({
        "Vehicle.Speed": 58,
        "Vehicle.Acceleration.Longitudinal": -212,
        "Vehicle.Cabin.Seat.Row1.DriverSide.Airbag.IsDeployed": true,
      })
      const { alert, at } = yield* next(({ component }) => component === "safety.crash")
      say(`A crash is told to a subscriber ${at - crashed} ms after the vehicle sent it`)
      assert.deepInclude(alert, { vin, state: "OPEN", urgency: "STOP", isEmergency: true, score: 0 })
      assert.match(alert.summary, /^Crash: airbag deployed/)
      assert.deepInclude(alert.position, { latitude: 31.2304, longitude: 121.4737 })
      const situation = new Map(alert.situation.map(({ path, value }) => [path, value]))
      assert.strictEqual(situation.get("Vehicle.Speed"), 58)
      assert.strictEqual(situation.get("Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"), 54)
      const words = alert.evidence.map(({ text }) => text).join("\n")
      assert.match(words, /58 km\/h.*battery at 54 %.*airbags deployed: front driver side.*doors locked: front driver side/)
      assert.notMatch(words, /31\.2|121\.4/)

      const refused = yield* plan("snooze", { id: alert.id, until: new Date(Date.now() + 3_600_000).toISOString() })
      assert.deepInclude(refused, { __typename: "BadInputError" })
      assert.match(refused.message ?? "", /emergency/)

      // More signs of the same crash, and the same again after a restart, are no more alerts.
      yield* send({ "Vehicle.Twin.Safety.IsCrashDetected": true })
      yield* service.kill
      yield* service.start
      yield* follow
      yield* send({ "Vehicle.Cabin.Seat.Row1.DriverSide.Airbag.IsDeployed": true, "Vehicle.Speed": 0 })
      yield* diagnose({ code: "B0052", state: "raised", severity: "critical", ecu: "SRS" })
      yield* record({ component: "safety.crash", kind: "INSPECTED", workshop: "Rescue" })
      yield* next(({ component, state }) => component === "safety.crash" && state === "RESOLVED")
      yield* eventually(Effect.map(health("safety.crash"), (score) => score === 100))
      // The code has an alert of its own, for a workshop.
      const own = (yield* stored).filter(({ data }) => data["alertId"] === alert.alertId)
      assert.deepStrictEqual(own.map(({ type }) => type), ["AlertRaised", "AlertResolved"])
      assert.lengthOf((yield* stored).filter(({ data }) => data["component"] === "safety.crash"), 1)
    }), timeout)

  it.live("of a crash that the vehicle could only tell later says when it happened", () =>
    Effect.gen(function*() {
      const { follow, next, send } = yield* alertWorld()
      yield* follow
      yield* send({ "Vehicle.Speed": 0, "Vehicle.Twin.Safety.IsCrashDetected": false })
      const at = new Date(Date.now() - 3 * 3_600_000).toISOString()
      yield* send(
        { "Vehicle.Twin.Safety.IsCrashDetected": true, "Vehicle.Speed": 90 },
        { at, reissued: true, session: "boot-0", seq: 0 },
      )
      const { alert } = yield* next(({ component }) => component === "safety.crash")
      assert.strictEqual(alert.occurredAt, at)
      assert.match(alert.summary, /3 h before it was received/)
      assert.strictEqual(alert.situation.find(({ path }) => path === "Vehicle.Speed")?.value, 90)
    }), timeout)

  it.live.skipIf(!kafkaIsThere)("goes out over Kafka, and is over by a workshop's word that came in there", () =>
    Effect.gen(function*() {
      const brokers = yield* kafkaBrokers
      const name = newName()
      const { follow, next, send } = yield* alertWorld({
        KAFKA_BROKERS: brokers,
        KAFKA_CREATE_TOPICS: "true",
        KAFKA_GROUP_ID: name,
        ...Object.fromEntries(topics.map((topic) => [`KAFKA_TOPIC_${topic}`, topicOf(name, topic)])),
      })
      yield* follow
      for (const km of [1_200, 1_190, 1_180]) yield* send(remains(km))
      const { alert } = yield* next(({ state }) => state === "OPEN")
      const done = { id: "job-7", at: new Date().toISOString(), component: "vehicle", kind: "replaced", workshop: "North" }
      yield* produce(brokers, topicOf(name, "SERVICE"), vin, JSON.stringify(done))
      yield* next(({ alertId, state }) => alertId === alert.alertId && state === "RESOLVED")
      // A topic that was made just now may be without a leader yet.
      const out = topicMessages(brokers, topicOf(name, "ALERTS")).pipe(
        Effect.sandbox,
        Effect.retry({ times: 50, schedule: Schedule.spaced("100 millis") }),
        Effect.orDie,
        Effect.map((messages) => messages.map(({ headers }) => `${headers?.["ce_type"]}`)),
      )
      yield* eventually(Effect.map(out, ({ length }) => length === 2))
      assert.deepStrictEqual((yield* out).map((type) => type.split(".").at(-1)), ["AlertRaised", "AlertResolved"])
    }), timeout)
})

const topics = ["TELEMETRY", "DIAGNOSTICS", "SERVICE", "EVENTS", "ALERTS"]
const topicOf = (name: string, topic: string): string => `${name}-${topic.toLowerCase()}`

const produce = (brokers: string, topic: string, key: string, value: string) =>
  Effect.promise(async () => {
    const producer = clientOf(brokers).producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ key, value }] })
    await producer.disconnect()
  })

const eventually = (holds: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.flatMap(holds, (held) => held ? Effect.void : Effect.delay(eventually(holds), "20 millis"))
