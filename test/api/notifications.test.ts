/** Notification rules and failed deliveries over GraphQL, as a planner works with them. */
import { join } from "node:path"
import { Effect, Layer, ManagedRuntime, Scope } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { EventStore } from "../../src/eventstore/event-store.ts"
import * as Notifications from "../../src/notify/notifications.ts"
import * as NotificationRules from "../../src/notify/rules.ts"
import { secretsIn } from "../../src/notify/webhook-signature.ts"
import * as SqliteClient from "../../src/sql/sqlite-client.ts"
import { temporary } from "../support/event-store.ts"
import { alertIdOf, raised, tell } from "../support/notified-alerts.ts"
import { secret } from "../support/notifications.ts"
import { vinOf } from "../support/observations.ts"
import { temporaryFolder } from "../support/temporary-folder.ts"
import { webhookReceiver } from "../support/webhook-receiver.ts"
import { ask } from "./client.ts"
import { serve, type Served } from "./world.ts"

const services = Layer.unwrap(Effect.map(temporaryFolder, (folder) =>
  Notifications.layer({ webhook: { secrets: secretsIn(secret) ?? [], allowPrivate: true }, mail: undefined, lookEvery: "20 millis" }).pipe(
    Layer.provideMerge(NotificationRules.layer({ canSign: true, canMail: false, allowPrivate: true })),
    Layer.provide(SqliteClient.layer({ file: join(folder, "reactor.db"), synchronous: "NORMAL" })),
  ))).pipe(Layer.orDie, Layer.provideMerge(temporary))
const runtime = ManagedRuntime.make(services)

let served: Served
let answer = 204
let receiver: Effect.Success<ReturnType<typeof webhookReceiver>>
beforeAll(async () => {
  const context = await runtime.context()
  const scoped = await runtime.scope
  receiver = await Effect.runPromise(Effect.provideService(webhookReceiver(() => answer), Scope.Scope, scoped))
  await Effect.runPromise(receiver.start)
  served = await serve({ notifications: Layer.succeedContext(context) })
})
afterAll(async () => {
  await served.stop()
  await runtime.dispose()
})

const rule = `rule { id name enabled brands components minUrgency also webhook email timeZone
  quietHours { from to } digest { at days } revision }`

interface Result {
  readonly result: Record<string, unknown> & { readonly rule: { readonly id: string; readonly revision: number } }
}
const mutate = async (field: string, type: string, selection: string, input: object) =>
  (await ask<Result>(
    served.url,
    `mutation ($input: ${type}Input!) { result: ${field}(input: $input) {
      ... on ${type}Payload { clientMutationId ${selection} } ... on Error { code message } } }`,
    { input },
  )).result
const save = (input: object) => mutate("saveNotificationRule", "SaveNotificationRule", rule, input)
const remove = (input: object) => mutate("removeNotificationRule", "RemoveNotificationRule", rule, input)

const rules = async () =>
  (await ask<{ notificationRules: ReadonlyArray<unknown> }>(served.url, `{ notificationRules { id name } }`)).notificationRules

describe("notification rules", () => {
  it("are made once for a client's id, changed as a whole, and removed", async () => {
    const whole = {
      name: "Night shift",
      brands: ["Brand"],
      components: ["brakes"],
      minUrgency: "SERVICE_SOON",
      also: ["RESOLVED"],
      webhook: receiver.url,
      timeZone: "Europe/Berlin",
      quietHours: { from: "22:00", to: "07:00" },
      digest: { at: "07:30", days: ["MON", "FRI"] },
    }
    const made = await save({ ...whole, clientMutationId: "made once" })
    expect(made).toMatchObject({ clientMutationId: "made once", rule: { ...whole, enabled: true, email: null, revision: 0 } })
    expect(await save({ ...whole, clientMutationId: "made once" })).toEqual(made)
    const { id } = made.rule
    expect(await save({ id, name: "Off", webhook: receiver.url, enabled: false, ifRevision: 0 }))
      .toMatchObject({ rule: { id, enabled: false, brands: null, also: [], quietHours: null, digest: null, revision: 1 } })
    expect(await save({ id, name: "Late", webhook: receiver.url, ifRevision: 0 })).toMatchObject({ code: "CONFLICT" })
    expect(await rules()).toEqual([{ id, name: "Off" }])
    expect(await remove({ id })).toMatchObject({ rule: { id, name: "Off" } })
    expect(await remove({ id })).toMatchObject({ code: "NOT_FOUND" })
    expect(await save({ id, name: "Gone", webhook: receiver.url })).toMatchObject({ code: "NOT_FOUND" })
    expect(await rules()).toEqual([])
  })

  it.each([
    [{}, /webhook.*email/],
    [{ webhook: "https://example.com", email: ["ada@example.com"] }, /webhook.*email/],
    [{ email: ["ada@example.com"] }, /SMTP_URL and MAIL_FROM are unset/],
    [{ webhook: "example" }, /URL/],
    [{ webhook: "http://169.254.169.254/latest" }, /no public address/],
    [{ webhook: "https://example.com", digest: { at: "07:30" } }, /timeZone/],
  ])("say what is wrong of %j", async (input, message) => {
    expect(await save({ name: "Wrong", ...input })).toMatchObject({ code: "BAD_INPUT", message: expect.stringMatching(message) })
  })
})

describe("deliveries", () => {
  const eventually = async <A>(get: () => Promise<A>, holds: (value: A) => boolean): Promise<A> => {
    for (;;) {
      const value = await get()
      if (holds(value)) return value
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  interface Listed {
    readonly failedDeliveries: {
      readonly totalCount: number
      readonly edges: ReadonlyArray<{ readonly cursor: string; readonly node: { readonly id: string } }>
      readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
    }
  }
  const failed = async (variables: object = {}) =>
    (await ask<Listed>(
      served.url,
      `query ($first: Int, $after: String) { failedDeliveries(first: $first, after: $after) {
        totalCount edges { cursor node { id ruleId reason attempts firstTriedAt failedAt news { kind at alertId vin component summary } } }
        pageInfo { hasNextPage endCursor } } }`,
      { ...variables },
    )).failedDeliveries

  it("are tried out with a sample, listed once they have failed, and retried", async () => {
    const { rule: { id } } = await save({ name: "Tried out", webhook: receiver.url })
    const test = () => mutate("testNotificationRule", "TestNotificationRule", "delivered problem", { id })
    expect(await test()).toMatchObject({ delivered: true, problem: null })
    answer = 410
    expect(await test()).toMatchObject({ delivered: false, problem: "The receiver answered 410: it is gone for good" })

    await runtime.runPromise(Effect.gen(function*() {
      const store = yield* EventStore
      for (let i = 0; i < 3; i++) yield* tell(store, vinOf(i), "AlertRaised", raised(vinOf(i)), { at: Date.now() })
    }))
    const { edges } = await eventually(failed, ({ totalCount }) => totalCount === 3)
    const page = await failed({ first: 2 })
    expect(page).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: true } })
    const rest = await failed({ first: 2, after: page.pageInfo.endCursor })
    expect([...page.edges, ...rest.edges]).toEqual(edges)
    expect(edges.map(({ node }) => node)).toContainEqual(expect.objectContaining({
      ruleId: id,
      attempts: 1,
      news: [expect.objectContaining({
        kind: "RAISED",
        vin: vinOf(0),
        component: "brakes.front",
        alertId: Buffer.from(`Alert:${vinOf(0)}:${alertIdOf(vinOf(0))}`).toString("base64"),
      })],
    }))

    answer = 204
    const [first] = edges
    const retry = () => mutate("retryDelivery", "RetryDelivery", "delivery { id }", { id: first?.node.id })
    expect(await retry()).toMatchObject({ delivery: { id: first?.node.id } })
    await eventually(failed, ({ totalCount }) => totalCount === 2)
    await eventually(async () => receiver.taken(), (taken) => taken.at(-1)?.id === first?.node.id)
    expect(await retry()).toMatchObject({ code: "NOT_FOUND" })
    // With its rule goes what it could not deliver.
    await remove({ id })
    await eventually(failed, ({ totalCount }) => totalCount === 0)
  })
})
