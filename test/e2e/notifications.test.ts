/** From a vehicle's message to a planner's own system and mailbox. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { alertWorld } from "../support/alert-world.ts"
import { vin } from "../support/given.ts"
import { mailServer } from "../support/mail-server.ts"
import { metrics } from "../support/metrics.ts"
import { secret } from "../support/notifications.ts"
import { say } from "../support/say.ts"
import { until } from "../support/until.ts"
import { verified, webhookReceiver } from "../support/webhook-receiver.ts"

const remains = (km: number) => ({ "Vehicle.Service.DistanceToService": km, "Vehicle.Service.TimeToService": 62_000_000 })

const retried = (url: string) =>
  Effect.gen(function*() {
    while (((yield* metrics(url))("vehicle_twin_notifications_total", "outcome=\"failed\"")) === 0) {
      yield* Effect.sleep("50 millis")
    }
  })

const save = (input: object) =>
  [
    `mutation ($input: SaveNotificationRuleInput!) {
      saved: saveNotificationRule(input: $input) { ... on SaveNotificationRulePayload { rule { id } } ... on Error { message } }
    }`,
    { input },
  ] as const
interface Saved {
  readonly saved: { readonly rule?: { readonly id: string } }
}

describe("a planner's webhook", () => {
  it.live("gets an alert that was raised while it was away, through a crash of the service, and later its end", () =>
    Effect.gen(function*() {
      const receiver = yield* webhookReceiver()
      const { follow, next, query, record, send, service } = yield* alertWorld({
        WEBHOOK_SECRET: secret,
        WEBHOOK_ALLOW_PRIVATE: "true",
      })
      yield* follow
      const { saved } = yield* query<Saved>(
        ...save({ name: "Workshop", webhook: receiver.url, components: ["vehicle"], also: ["RESOLVED"] }),
      )
      assert.isDefined(saved.rule)

      for (const km of [1_200, 1_190, 1_180]) yield* send(remains(km))
      const { alert } = yield* next(({ state }) => state === "OPEN")
      yield* retried(service.url)
      assert.isTrue(yield* Effect.promise(() => fetch(`${service.url}/readyz`).then(({ ok }) => ok)))
      yield* service.kill
      yield* receiver.start
      yield* service.start
      yield* follow
      yield* until(() => receiver.received.length > 0)

      yield* record({ component: "vehicle", kind: "REPAIRED", odometerKm: 29_000.5 })
      yield* next(({ state }) => state === "RESOLVED")
      yield* until(() => receiver.received.some(({ type }) => type === "alert.resolved"))
      assert.deepStrictEqual(receiver.received.map(({ alertIds, type }) => [type, ...alertIds]), [
        ["alert.raised", alert.alertId],
        ["alert.resolved", alert.alertId],
      ])
      const [raised] = receiver.received.map((one) => verified(one))
      assert.deepNestedInclude(raised, { "data.vin": vin, "data.summary": alert.summary, "data.ruleId": saved.rule?.id })
      assert.strictEqual(new Set(receiver.received.map(({ id }) => id)).size, 2)
      assert.strictEqual(yield* service.stop, 0)
    }), 60_000)

  it.live("and a mailbox get a crash at once, past quiet hours and digests, with where the vehicle is; and nothing else then", () =>
    Effect.gen(function*() {
      const receiver = yield* webhookReceiver()
      yield* receiver.start
      const mails = yield* mailServer
      const { follow, next, query, send, service } = yield* alertWorld({
        WEBHOOK_SECRET: secret,
        WEBHOOK_ALLOW_PRIVATE: "true",
        SMTP_URL: mails.url(),
        MAIL_FROM: "Fleet alerts <alerts@fleet.example>",
      })
      yield* follow
      const timeAfter = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString().slice(11, 16)
      const later = {
        timeZone: "UTC",
        quietHours: { from: timeAfter(-2), to: timeAfter(2) },
        digest: { at: timeAfter(5) },
      }
      yield* query<Saved>(...save({ name: "System", webhook: receiver.url, ...later }))
      yield* query<Saved>(...save({ name: "Mailbox", email: ["ada@workshop.example"], ...later }))
      for (const km of [1_200, 1_190, 1_180]) yield* send(remains(km))
      yield* next(({ component }) => component === "vehicle")

      const crashed = Date.now()
      yield* send({
        "Vehicle.Speed": 58,
        "Vehicle.CurrentLocation.Latitude": 31.2304,
        "Vehicle.CurrentLocation.Longitude": 121.4737,
        "Vehicle.Cabin.Seat.Row1.DriverSide.Airbag.IsDeployed": true,
      })
      yield* until(() => receiver.received.length > 0)
      say(`A crash is at a webhook ${Date.now() - crashed} ms after the vehicle sent it`)
      yield* until(() => mails.taken.length > 0)
      say(`A crash is in a mailbox ${Date.now() - crashed} ms after the vehicle sent it`)
      const { alert } = yield* next(({ component }) => component === "safety.crash")
      assert.deepStrictEqual(receiver.received.map(({ alertIds, type }) => [type, ...alertIds]), [["alert.raised", alert.alertId]])
      const [crash] = receiver.received.map((one) => verified(one))
      assert.deepNestedInclude(crash, { "data.emergency": true, "data.urgency": "stop" })
      assert.match(JSON.stringify(crash), /"Vehicle\.CurrentLocation\.Latitude":31\.2304/)
      assert.deepStrictEqual(mails.taken.map(({ to }) => to), [["ada@workshop.example"]])
      assert.match(mails.taken[0]?.text ?? "", /^Subject: \[EMERGENCY\]/m)
      assert.strictEqual((yield* metrics(service.url))("vehicle_twin_notifications_held"), 2)
      assert.strictEqual(yield* service.stop, 0)
    }), 60_000)
})
