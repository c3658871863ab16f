/** Planners are told by their rules: a log, a database and real receivers. Hours pass by a clock that is moved. */
import { expect, it, vi } from "@effect/vitest"
import { Clock, Context, Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { join } from "node:path"
import { randomUUID } from "node:crypto"
import { isDeepStrictEqual } from "node:util"
import type { Rule } from "../../domain/notification/notification-rule-events.ts"
import { EventStore } from "../../src/eventstore/event-store.ts"
import { beginning, fromNumber } from "../../src/eventstore/position.ts"
import * as SqliteEventStore from "../../src/eventstore/sqlite.ts"
import * as DeliveryStore from "../../src/notify/delivery-store.ts"
import { sampleNews } from "../../src/notify/message.ts"
import * as Notifications from "../../src/notify/notifications.ts"
import * as NotificationRules from "../../src/notify/rules.ts"
import { secretsIn } from "../../src/notify/webhook-signature.ts"
import { layer as databaseLayer } from "../../src/sql/database.ts"
import { type NewDatabase, overDatabases } from "../contract/databases.ts"
import { day, minute, second } from "../support/given.ts"
import { mailServer } from "../support/mail-server.ts"
import { alertIdOf, raised, ruleOf, tell } from "../support/notified-alerts.ts"
import { secret } from "../support/notifications.ts"
import { vinOf } from "../support/observations.ts"
import { type ShiftedClock, shiftedClock } from "../support/shifted-clock.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { verified, webhookReceiver } from "../support/webhook-receiver.ts"

vi.setConfig({ testTimeout: 30_000 })

const hour = 60 * minute

const worldIn = Effect.fnUntraced(function*(newDatabase: NewDatabase) {
  const folder = yield* temporaryFolder
  const context = yield* Layer.build(SqliteEventStore.layer({ file: join(folder, "log.db") }))
  return { database: yield* newDatabase, store: Context.get(context, EventStore), time: shiftedClock() }
})
type World = Effect.Success<ReturnType<typeof worldIn>>

interface Services {
  readonly notifications: Notifications.Notifications["Service"]
  readonly rules: NotificationRules.NotificationRules["Service"]
  readonly sql: SqlClient.SqlClient
}

const webhook = { secrets: secretsIn(secret) ?? [], allowPrivate: true }

/** Notifications at work while `use` runs, on what those before left behind. */
const notifying = <A, E, R>(
  { database, store, time }: World,
  use: (services: Services) => Effect.Effect<A, E, R>,
  mail?: Notifications.NotificationsOptions["mail"],
) =>
  Effect.gen(function*() {
    return yield* use({
      notifications: yield* Notifications.Notifications,
      rules: yield* NotificationRules.NotificationRules,
      sql: yield* SqlClient.SqlClient,
    })
  }).pipe(
    Effect.provide(Layer.fresh(
      Notifications.layer({ webhook, mail, lookEvery: "20 millis" }).pipe(
        Layer.provideMerge(NotificationRules.layer({ canSign: true, canMail: true, allowPrivate: true })),
        Layer.provideMerge(databaseLayer(database)),
        Layer.provide(Layer.succeed(EventStore, store)),
      ),
    )),
    Effect.provideService(Clock.Clock, time.clock),
  )

const eventually = <A, E>(check: Effect.Effect<A | undefined, E>, between: Effect.Effect<void> = Effect.void) =>
  Effect.gen(function*() {
    while (true) {
      const found = yield* check
      if (found !== undefined) return found
      yield* between
      yield* Effect.sleep("10 millis")
    }
  })

const holds = (check: () => boolean, between?: Effect.Effect<void>) =>
  eventually(Effect.sync(() => check() ? true : undefined), between)

/** Everything in the log is taken down. */
const settled = ({ store }: World, { notifications }: Services) =>
  eventually(Effect.gen(function*() {
    const { position } = yield* notifications.status
    return position >= (yield* store.head) ? true : undefined
  }))

const raise = ({ store, time }: World, vin: string, rest: Parameters<typeof raised>[1] = {}, brand = "Brand") =>
  tell(store, vin, "AlertRaised", raised(vin, rest), { at: time.now(), brand })
const resolve = ({ store, time }: World, vin: string) =>
  tell(store, vin, "AlertResolved", { alertId: alertIdOf(vin), reason: "service" }, { at: time.now() })

const counts = ({ sql }: Services) =>
  Effect.map(sql`SELECT state, count(*) FROM notifications GROUP BY state`.values, (rows) => {
    const count = (state: string) => Number(rows.find(([name]) => name === state)?.[1] ?? 0)
    return { held: count("held"), waiting: count("waiting"), dead: count("dead") }
  })

/** So many there are, once all that is under way is written down. */
const counted = (services: Services, expected: Effect.Success<ReturnType<typeof counts>>) =>
  eventually(Effect.map(counts(services), (found) => isDeepStrictEqual(found, expected) ? true : undefined))

/** Nothing is left to be delivered. */
const delivered = (services: Services, between?: Effect.Effect<void>) =>
  eventually(Effect.map(counts(services), ({ held, waiting }) => held + waiting === 0 ? true : undefined), between)

/** Time goes on while the receiver is not at work. */
const goesOn = (time: ShiftedClock, receiver: { readonly open: () => number }, millis: number) =>
  Effect.sync(() => receiver.open() === 0 ? time.pass(millis) : undefined)

const passes = (time: ShiftedClock, millis: number) => Effect.sync(() => time.pass(millis))

const vin = vinOf(1)

overDatabases("notifications", (newDatabase) => {
  const world = worldIn(newDatabase)

  it.live("tell what a rule matches, signed as the official library verifies it, and nothing else", () =>
    Effect.gen(function*() {
      const here = yield* world
      const receiver = yield* webhookReceiver()
      yield* receiver.start
      yield* raise(here, vinOf(9))
      yield* notifying(here, (services) =>
        Effect.gen(function*() {
          const filter: Rule["filter"] = { brands: ["Brand"], components: ["brakes"], minUrgency: "service_soon" }
          yield* services.rules.save(ruleOf({ webhook: receiver.url }, { filter, also: ["resolved"] }), {})
          yield* raise(here, vinOf(2), {}, "Other")
          yield* raise(here, vinOf(3), { component: "motor" })
          yield* raise(here, vinOf(4), { urgency: "drive_on" })
          yield* raise(here, vin)
          yield* tell(here.store, vin, "AlertAcknowledged", { alertId: alertIdOf(vin), by: "Ada" }, { at: here.time.now() })
          yield* resolve(here, vin)
          yield* holds(() => receiver.received.length === 2)
          yield* settled(here, services)
          yield* delivered(services)
        }))
      const [first, second] = receiver.received
      expect(first && verified(first)).toMatchObject({
        type: "alert.raised",
        data: {
          alertId: alertIdOf(vin),
          vin,
          brand: "Brand",
          component: "brakes.front",
          urgency: "service_soon",
          emergency: false,
          summary: "Front brake pads are worn to 17 %",
          recommendedAction: "Replace the front pads",
          evidence: [{ text: "Pad wear was 83 % on 2026-11-21", events: [] }],
          remaining: { days: 12, low: 8, high: 17 },
        },
      })
      expect(second && verified(second)).toMatchObject({
        type: "alert.resolved",
        data: { alertId: alertIdOf(vin), acknowledgedBy: "Ada", resolvedBy: "service" },
      })
      const forged = first && { ...first, body: first.body.replace("17 %", "97 %") }
      expect(() => forged && verified(forged)).toThrow("No matching signature found")
      expect(() => first && verified(first, secret.replace("whsec_c", "whsec_d"))).toThrow("No matching signature found")
    }))

  it.live("arrive all, in each alert's order and under one id each, though the receiver is down, fails, limits and hangs up", () =>
    Effect.gen(function*() {
      const here = yield* world
      const receiver = yield* webhookReceiver((nth) => {
        const behaviours = [500, "drop", 204, { status: 429, headers: { "retry-after": "7" } }, 204, 503, 204] as const
        return behaviours[nth % behaviours.length] ?? 204
      })
      const vins = Array.from({ length: 8 }, (_, i) => vinOf(i))
      yield* notifying(here, (services) =>
        Effect.gen(function*() {
          yield* services.rules.save(ruleOf({ webhook: receiver.url }, { also: ["resolved"] }), {})
          for (const one of vins) yield* raise(here, one)
          for (const one of vins) yield* resolve(here, one)
          yield* settled(here, services)
          yield* passes(here.time, 10 * second)
          yield* receiver.start
          yield* delivered(services, goesOn(here.time, receiver, 10 * second))
          yield* counted(services, { held: 0, waiting: 0, dead: 0 })
        }))
      // At least once: what was taken again has an id that was taken before.
      const taken = [...new Map(receiver.taken().map((one) => [one.id, one])).values()]
      expect(taken.length).toBe(16)
      expect(receiver.received.length).toBeGreaterThan(25)
      expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(16)
      const bodies = new Map(receiver.received.map(({ body, id }) => [id, body]))
      for (const { body, id } of receiver.received) expect(body).toBe(bodies.get(id))
      for (const one of vins) {
        const types = taken.filter(({ alertIds }) => alertIds.includes(alertIdOf(one))).map(({ type }) => type)
        expect(types).toEqual(["alert.raised", "alert.resolved"])
      }
    }))

  it.live("are given up at once where the receiver is gone, and within an hour where it refuses; both can be retried", () =>
    Effect.gen(function*() {
      const here = yield* world
      let gone = true
      const receiver = yield* webhookReceiver((_, { data }) =>
        !gone ? 204 : data.alertId === alertIdOf(vin) ? 410 : { status: 302, headers: { location: "http://127.0.0.1:1/" } })
      yield* receiver.start
      yield* notifying(here, (services) =>
        Effect.gen(function*() {
          const { rule } = yield* services.rules.save(ruleOf({ webhook: receiver.url }), {})
          yield* raise(here, vin)
          yield* raise(here, vinOf(2))
          const failed = (count: number) => Effect.map(services.notifications.failed(10, undefined), (found) =>
            found.length === count ? found : undefined)
          const [first] = yield* eventually(failed(1))
          expect(first).toMatchObject({ ruleId: rule.id, attempts: 1, reason: "The receiver answered 410: it is gone for good" })
          expect(first?.news.map(({ alert }) => alert.vin)).toEqual([vin])
          const [refusing] = yield* eventually(failed(2), goesOn(here.time, receiver, 2 * minute))
          expect(refusing?.reason).toMatch(/302, a redirect/)
          expect((refusing?.failedAt ?? 0) - (refusing?.firstTriedAt ?? 0)).toBeLessThan(2 * hour)
          expect(refusing?.attempts).toBeGreaterThan(5)
          expect(yield* services.notifications.failedCount).toBe(2)
          expect(yield* services.notifications.failed(1, refusing)).toEqual([first])

          gone = false
          for (const { id } of [first, refusing].filter((one) => one !== undefined)) {
            yield* services.notifications.retry(id)
            yield* holds(() => receiver.taken().some((one) => one.id === id))
          }
          yield* eventually(failed(0))
          const again = yield* Effect.flip(services.notifications.retry(first?.id ?? ""))
          expect(again._tag).toBe("DeliveryNotFound")
        }))
    }))

  it.live("are sent again under the same id where the process ended before their arrival was written down", () =>
    Effect.gen(function*() {
      const here = yield* world
      const receiver = yield* webhookReceiver((nth) => nth === 0 ? "hang" : 204)
      yield* receiver.start
      // It stops while the request is under way.
      yield* notifying(here, ({ rules }) =>
        Effect.gen(function*() {
          yield* rules.save(ruleOf({ webhook: receiver.url }), {})
          yield* raise(here, vin)
          yield* holds(() => receiver.received.length === 1)
        }))
      yield* notifying(here, delivered)
      expect(receiver.received[1]?.id).toBe(receiver.received[0]?.id)

      // It is killed after the request: nobody could let go of what it had claimed.
      yield* receiver.stop
      yield* notifying(here, (services) => Effect.andThen(raise(here, vinOf(2)), settled(here, services)))
      yield* passes(here.time, minute)
      const claimed = yield* Effect.gen(function*() {
        const store = yield* DeliveryStore.make(yield* SqlClient.SqlClient)
        const [due] = yield* store.due(here.time.now())
        return due && (yield* store.claim(due, here.time.now() + 45 * second))
      }).pipe(Effect.provide(Layer.fresh(databaseLayer(here.database))))
      yield* receiver.start
      yield* notifying(here, () =>
        Effect.gen(function*() {
          yield* Effect.sleep("300 millis")
          expect(receiver.received.length).toBe(2)
          yield* passes(here.time, minute)
          yield* holds(() => receiver.received.length === 3)
        }))
      expect(receiver.received[2]?.id).toBe(claimed?.id)
    }))

  it.live("wait for the end of the quiet hours and come as one, but not those of emergencies", () =>
    Effect.gen(function*() {
      const here = yield* world
      const receiver = yield* webhookReceiver()
      yield* receiver.start
      here.time.set(Date.parse("2027-03-27T22:00:00Z"))
      const quiet = ruleOf({ webhook: receiver.url }, { timeZone: "Europe/Berlin", quietHours: { from: "22:00", to: "07:00" } })
      yield* notifying(here, (services) =>
        Effect.gen(function*() {
          yield* services.rules.save(quiet, {})
          yield* raise(here, vinOf(1))
          yield* raise(here, vinOf(2))
          yield* raise(here, vinOf(3))
          yield* raise(here, vinOf(4))
          yield* resolve(here, vinOf(3))
          const until = new Date(here.time.now() + day).toISOString()
          yield* tell(here.store, vinOf(4), "AlertSnoozed", { alertId: alertIdOf(vinOf(4)), until }, { at: here.time.now() })
          const crash = { component: "safety.crash", urgency: "stop", emergency: true, personal: { "Vehicle.CurrentLocation.Latitude": 48.1 } } as const
          yield* raise(here, vinOf(5), crash)
          yield* holds(() => receiver.received.length === 1)
          yield* settled(here, services)
          yield* counted(services, { held: 1, waiting: 0, dead: 0 })
        }))
      // 06:59 of the night that is an hour short, and a restart before.
      here.time.set(Date.parse("2027-03-28T04:59:00Z"))
      yield* notifying(here, () =>
        Effect.gen(function*() {
          yield* Effect.sleep("300 millis")
          expect(receiver.received.length).toBe(1)
          yield* passes(here.time, minute)
          yield* holds(() => receiver.received.length === 2)
        }))
      const [crash, morning] = receiver.received
      expect(crash).toMatchObject({ type: "alert.raised", alertIds: [alertIdOf(vinOf(5), "safety.crash")] })
      expect(JSON.parse(crash?.body ?? "{}")).toMatchObject({ data: { emergency: true, personal: { "Vehicle.CurrentLocation.Latitude": 48.1 } } })
      // What was resolved or put off meanwhile is no news any more.
      expect(morning).toMatchObject({ type: "alerts.digest", alertIds: [alertIdOf(vinOf(1)), alertIdOf(vinOf(2))] })
    }))

  it.live("gather for one digest a day, which arrives once though it fails at first", () =>
    Effect.gen(function*() {
      const here = yield* world
      const receiver = yield* webhookReceiver((nth) => nth === 0 ? 500 : 204)
      yield* receiver.start
      here.time.set(Date.parse("2027-05-03T08:00:00Z"))
      const daily = ruleOf({ webhook: receiver.url }, { timeZone: "UTC", digest: { at: "07:30" }, also: ["resolved"] })
      yield* notifying(here, (services) =>
        Effect.gen(function*() {
          yield* services.rules.save(daily, {})
          for (let i = 0; i < 3; i++) yield* raise(here, vinOf(i))
          yield* settled(here, services)
          here.time.set(Date.parse("2027-05-03T20:00:00Z"))
          yield* resolve(here, vinOf(1))
          yield* settled(here, services)
          yield* Effect.sleep("300 millis")
          expect(receiver.received).toEqual([])
          here.time.set(Date.parse("2027-05-04T07:30:00Z"))
          yield* holds(() => receiver.received.length === 1)
          // What happens now is told tomorrow.
          yield* resolve(here, vinOf(2))
          yield* settled(here, services)
          yield* passes(here.time, 10 * second)
          yield* holds(() => receiver.received.length === 2)
          here.time.set(Date.parse("2027-05-05T07:30:00Z"))
          yield* holds(() => receiver.received.length === 3)
        }))
      const [failed, taken, next] = receiver.received
      expect(failed?.body).toBe(taken?.body)
      expect(failed?.id).toBe(taken?.id)
      expect(taken?.alertIds).toEqual([0, 1, 2, 1].map((i) => alertIdOf(vinOf(i))))
      expect(next).toMatchObject({ type: "alert.resolved", alertIds: [alertIdOf(vinOf(2))] })
    }))

  it.live("come by mail too, and a mail that was not taken comes again as the same", () =>
    Effect.gen(function*() {
      const here = yield* world
      const server = yield* mailServer
      const work = ({ rules }: Services) =>
        Effect.gen(function*() {
          yield* rules.save(ruleOf({ email: ["ada@workshop.example"] }), {})
          server.state.answer = 451
          yield* raise(here, vin)
          yield* holds(() => server.refused() > 0)
          server.state.answer = undefined
          yield* holds(() => server.taken.length > 0, Effect.andThen(Effect.sleep("20 millis"), passes(here.time, second)))
        })
      yield* notifying(here, work, { url: server.url(), from: "alerts@fleet.example" })
      const [taken] = server.taken
      expect(taken?.to).toEqual(["ada@workshop.example"])
      expect(taken?.text).toContain("Front brake pads are worn to 17 %")
    }))

  it.live("tell nothing of imported history, and after the loss of the database only what is recent, under the same ids", () =>
    Effect.gen(function*() {
      const here = yield* world
      const receiver = yield* webhookReceiver()
      yield* receiver.start
      yield* notifying(here, (services) =>
        Effect.gen(function*() {
          yield* services.rules.save(ruleOf({ webhook: receiver.url }), {})
          for (let i = 10; i < 30; i++) {
            yield* tell(here.store, vinOf(i), "AlertRaised", raised(vinOf(i)), { at: here.time.now() - i * day })
          }
          yield* raise(here, vinOf(1))
          yield* holds(() => receiver.received.length === 1)
          yield* passes(here.time, 8 * day)
          yield* raise(here, vinOf(2))
          yield* holds(() => receiver.received.length === 2)
          yield* settled(here, services)
          yield* delivered(services)
          for (const table of ["notifier_checkpoint", "notifications", "notification_news"]) yield* services.sql`DROP TABLE ${services.sql(table)}`
        }))
      yield* notifying(here, (services) =>
        Effect.gen(function*() {
          yield* settled(here, services)
          yield* holds(() => receiver.received.length === 3)
          yield* counted(services, { held: 0, waiting: 0, dead: 0 })
        }))
      expect(receiver.received.map(({ alertIds }) => alertIds)).toEqual([1, 2, 2].map((i) => [alertIdOf(vinOf(i))]))
      expect(receiver.received[2]?.id).toBe(receiver.received[1]?.id)
    }))

  it.live("do not wait for a receiver of others that hangs, which has few requests open at a time", () =>
    Effect.gen(function*() {
      const here = yield* world
      let hangs = false
      const hanging = yield* webhookReceiver(() => hangs ? "hang" : 204)
      const prompt = yield* webhookReceiver()
      yield* hanging.start
      yield* prompt.start
      yield* notifying(here, ({ rules }) =>
        Effect.gen(function*() {
          for (let i = 0; i < 3; i++) yield* rules.save(ruleOf({ webhook: hanging.url }), {})
          yield* rules.save(ruleOf({ webhook: prompt.url }), {})
          yield* raise(here, vinOf(0))
          yield* holds(() => hanging.taken().length === 3 && hanging.open() === 0)
          hangs = true
          for (let i = 1; i < 30; i++) yield* raise(here, vinOf(i))
          yield* holds(() => prompt.taken().length === 30 && hanging.open() === 4)
          expect(hanging.most()).toBe(4)
        }))
    }))

  it.live("do not wait for many receivers that hang, of which each has one request open", () =>
    Effect.gen(function*() {
      const here = yield* world
      const hanging = yield* Effect.forEach(Array.from({ length: 20 }), () => webhookReceiver(() => "hang"))
      const prompt = yield* webhookReceiver()
      for (const { start } of [...hanging, prompt]) yield* start
      yield* notifying(here, ({ rules }) =>
        Effect.gen(function*() {
          for (const { url } of [...hanging, prompt]) yield* rules.save(ruleOf({ webhook: url }), {})
          for (let i = 0; i < 10; i++) yield* raise(here, vinOf(i))
          // Before the ten seconds are over that each of the others has.
          yield* Effect.timeout(holds(() => prompt.taken().length === 10), "8 seconds")
          expect(Math.max(...hanging.map(({ most }) => most()))).toBe(1)
        }))
    }))

  it.live("are of the brand that is known by then, where the alert was raised before the vehicle was registered", () =>
    Effect.gen(function*() {
      const here = yield* world
      const receiver = yield* webhookReceiver()
      yield* receiver.start
      const metadata = { schema: 1, receivedAt: new Date(here.time.now()).toISOString(), brand: "Brand" }
      const data = { brand: "Brand" }
      yield* here.store.append(`vehicle-${vin}`, "no_stream", [{ id: randomUUID(), type: "VehicleRegistered", data, metadata }])
      yield* notifying(here, (services) =>
        Effect.gen(function*() {
          yield* services.rules.save(ruleOf({ webhook: receiver.url }, { filter: { brands: ["Brand"] } }), {})
          for (const one of [vinOf(2), vin]) {
            yield* tell(here.store, one, "AlertRaised", raised(one), { at: here.time.now() })
          }
          yield* holds(() => receiver.received.length === 1)
          yield* settled(here, services)
          yield* counted(services, { held: 0, waiting: 0, dead: 0 })
        }))
      expect(receiver.received.map(({ body }) => JSON.parse(body))).toMatchObject([{ data: { vin, brand: "Brand" } }])
    }))

  it.live("of what was known before a long weekend come after it", () =>
    Effect.gen(function*() {
      const here = yield* world
      const receiver = yield* webhookReceiver()
      yield* receiver.start
      yield* notifying(here, ({ rules }) => rules.save(ruleOf({ webhook: receiver.url }), {}))
      const friday = here.time.now()
      yield* passes(here.time, 4 * day)
      // The reactor, too, goes on where it was: an alert has the time of the message that it comes of.
      yield* notifying(here, () =>
        Effect.gen(function*() {
          yield* tell(here.store, vin, "AlertRaised", raised(vin), { at: friday })
          yield* holds(() => receiver.received.length === 1)
        }))
      expect(receiver.received[0]?.alertIds).toEqual([alertIdOf(vin)])
    }))

  it.live("that have nothing left to tell when they are claimed are none", () =>
    Effect.gen(function*() {
      const here = yield* world
      yield* Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const store = yield* DeliveryStore.make(sql)
        const now = here.time.now()
        const news = sampleNews("alert", now)
        const position = fromNumber(1)
        yield* store.advance(beginning, position, [{ _tag: "Hold", ruleId: "rule", news: { ...news, position }, until: now }], now)
        const [due] = yield* store.due(now)
        // By what came between the claim and the reading.
        yield* sql`DELETE FROM notification_news`
        expect(due && (yield* store.claim(due, now + minute))).toBeUndefined()
        expect(yield* store.counts).toEqual({ held: 0, waiting: 0, dead: 0 })
      }).pipe(Effect.provide(Layer.fresh(databaseLayer(here.database))))
    }))

  it.live("end with their rule, and begin with it", () =>
    Effect.gen(function*() {
      const here = yield* world
      const receiver = yield* webhookReceiver()
      yield* notifying(here, (services) =>
        Effect.gen(function*() {
          yield* raise(here, vinOf(1))
          const removed = ruleOf({ webhook: receiver.url })
          const off = ruleOf({ webhook: receiver.url })
          yield* services.rules.save(removed, {})
          yield* services.rules.save(off, {})
          yield* raise(here, vinOf(2))
          yield* settled(here, services)
          yield* counted(services, { held: 0, waiting: 2, dead: 0 })
          yield* services.rules.remove(removed.id, {})
          yield* services.rules.save({ ...off, enabled: false }, {})
          yield* raise(here, vinOf(3))
          yield* services.rules.save(off, {})
          yield* settled(here, services)
          yield* counted(services, { held: 0, waiting: 0, dead: 0 })
          yield* receiver.start
          yield* raise(here, vinOf(4))
          yield* holds(() => receiver.received.length === 1)
        }))
      expect(receiver.received.map(({ alertIds }) => alertIds)).toEqual([[alertIdOf(vinOf(4))]])
    }))

  it.live("are sent once where two services share log and database", () =>
    Effect.gen(function*() {
      const here = yield* world
      const receiver = yield* webhookReceiver()
      yield* receiver.start
      yield* notifying(here, (services) =>
        Effect.gen(function*() {
          const second = yield* Effect.forkChild(notifying(here, () => Effect.never))
          yield* services.rules.save(ruleOf({ webhook: receiver.url }), {})
          for (let i = 0; i < 40; i++) yield* raise(here, vinOf(i))
          yield* holds(() => receiver.received.length >= 40)
          yield* settled(here, services)
          yield* delivered(services)
          yield* Fiber.interrupt(second)
        }))
      expect(receiver.received.length).toBe(40)
      expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(40)
    }))
})
