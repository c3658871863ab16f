/** Dead letters over GraphQL, as one who works them off has them. */
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { DeadLetterOffice } from "../../src/deadletters/dead-letter-office.ts"
import { register, send, sendByKafka, world } from "../support/dead-letters.ts"
import { temporary } from "../support/event-store.ts"
import { vinOf } from "../support/messages.ts"
import { answer, ask } from "./client.ts"
import { serve, type Served } from "./world.ts"

const runtime = ManagedRuntime.make(world(temporary, { admission: "registered" }))
const at = new Date(Date.now() - 60_000).toISOString()
const message = (seq: number, signals: object) => ({ session: "boot-1", seq, at, signals })

let served: Served
beforeAll(async () => {
  const office = await runtime.runPromise(DeadLetterOffice)
  served = await serve({ office: Layer.succeed(DeadLetterOffice, office) })
  await runtime.runPromise(Effect.gen(function*() {
    for (let seq = 0; seq < 5; seq++) yield* send(`vehicles/${vinOf(1)}/telemetry`, message(seq, { "Vehicle.Speed": seq }))
    yield* send("vehicles/x/telemetry", Buffer.from([0xff, 0xfe]))
    yield* sendByKafka("vehicle-telemetry", vinOf(2), "{")
  }))
})
afterAll(async () => {
  await served.stop()
  await runtime.dispose()
})

interface Listed {
  readonly deadLetters: {
    readonly edges: ReadonlyArray<{ readonly cursor: string; readonly node: { readonly id: string } }>
    readonly pageInfo: { readonly hasNextPage: boolean; readonly hasPreviousPage: boolean; readonly endCursor: string }
  }
}
const list = async (variables: Record<string, unknown>) =>
  (await ask<Listed>(
    served.url,
    `query ($first: Int, $after: String, $filter: DeadLetterFilter) {
      deadLetters(first: $first, after: $after, filter: $filter) {
        edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage endCursor }
      }
    }`,
    variables,
  )).deadLetters
const ids = async (filter: object) => (await list({ filter })).edges.map(({ node }) => node.id)

interface Result {
  readonly result: Record<string, unknown>
}
const retry = async (input: object) =>
  (await ask<Result>(
    served.url,
    `mutation ($input: RetryDeadLettersInput!) { result: retryDeadLetters(input: $input) {
      ... on RetryDeadLettersPayload { clientMutationId endCursor results { outcome reason message deadLetter { id state settledBy } } }
      ... on Error { code message }
    } }`,
    { input },
  )).result

describe("dead letters over GraphQL", () => {
  it("are listed newest first, page by page from a cursor or from an edge", async () => {
    const first = await list({ first: 3 })
    expect(first.edges.map(({ node }) => node.id)).toEqual(["kafka-0", "mqtt-5", "mqtt-4"])
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false })
    const second = await list({ first: 3, after: first.pageInfo.endCursor })
    expect(second.edges.map(({ node }) => node.id)).toEqual(["mqtt-3", "mqtt-2", "mqtt-1"])
    const third = await list({ first: 3, after: second.edges[1]?.cursor })
    expect(third.edges.map(({ node }) => node.id)).toEqual(["mqtt-1", "mqtt-0"])
    expect(third.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true })
  })

  it("are picked by a filter", async () => {
    expect(await ids({ sources: ["KAFKA"] })).toEqual(["kafka-0"])
    expect(await ids({ reasons: ["vin", "json"] })).toEqual(["kafka-0", "mqtt-5"])
    expect(await ids({ vins: [vinOf(2)] })).toEqual(["kafka-0"])
    expect(await ids({ states: ["DISCARDED", "RETRIED"] })).toEqual([])
    expect(await ids({ to: at })).toEqual([])
  })

  it("are shown by id with their payload, and null where there is none", async () => {
    const show = (id: string) =>
      ask<{ readonly deadLetter: unknown }>(
        served.url,
        `query ($id: ID!) { deadLetter(id: $id) { id state reason vin source topic position key payload { encoding content isWhole bytes } } }`,
        { id },
      )
    expect(await show("kafka-0")).toEqual({
      deadLetter: {
        id: "kafka-0",
        state: "OPEN",
        reason: "json",
        vin: vinOf(2),
        source: "KAFKA",
        topic: "vehicle-telemetry",
        position: "0/1",
        key: vinOf(2),
        payload: { encoding: "UTF8", content: "{", isWhole: true, bytes: 1 },
      },
    })
    expect(await show("mqtt-5")).toMatchObject({ deadLetter: { vin: null, payload: { encoding: "BASE64", content: "//4=" } } })
    expect(await show("mqtt-77")).toEqual({ deadLetter: null })
  })

  it.each([
    ["{ deadLetter(id: \"seventeen\") { id } }", "not the id of a dead letter"],
    ["{ deadLetters(filter: { reasons: [\"nope\"] }) { edges { cursor } } }", "\"nope\" is no reason for a dead letter; there are topic, vin"],
    ["{ deadLetters(filter: { from: \"yesterday\" }) { edges { cursor } } }", "is no moment"],
    ["{ deadLetters(after: \"abc\") { edges { cursor } } }", "is not of this list"],
    ["{ deadLetters(first: 201) { edges { cursor } } }", "it may be 0 to 200"],
  ])("refuse %s", async (query, text) => {
    const { errors } = await answer(served.url, query)
    expect(errors).toMatchObject([{ message: expect.stringContaining(text), extensions: { code: "BAD_INPUT" } }])
  })

  it.each([
    [{}, "BAD_INPUT", "Give `ids`, or a `filter`"],
    [{ ids: ["mqtt-1"], filter: {} }, "BAD_INPUT", "not both"],
    [{ ids: ["mqtt-1", "mqtt-77"] }, "NOT_FOUND", "no dead letter \"mqtt-77\""],
    [{ ids: ["mqtt-1", "mqtt-2"], mended: { topic: "t" } }, "BAD_INPUT", "a single dead letter"],
    [{ filter: {}, after: "abc" }, "BAD_INPUT", "is not of this list"],
    [{ filter: {}, by: " " }, "BAD_INPUT", "`by` is empty"],
  ])("are not retried by %j", async (input, code, text) => {
    expect(await retry(input)).toEqual({ code, message: expect.stringContaining(text) })
    expect(await ids({ states: ["RETRIED"] })).toEqual([])
  })

  it("are retried in portions, in order, each telling how it went; and again, which changes nothing", async () => {
    await runtime.runPromise(register(vinOf(1)))
    const results: Array<unknown> = []
    let after: unknown = null
    let portions = 0
    do {
      const { endCursor, results: some } = await retry({ filter: { sources: ["MQTT"] }, first: 2, after, by: "Ada" })
      results.push(...some as ReadonlyArray<unknown>)
      after = endCursor
      portions++
    } while (after !== null)
    expect(portions).toBe(3)
    expect(results).toMatchObject([
      ...Array.from({ length: 5 }, (_, n) => ({ outcome: "TAKEN_IN", deadLetter: { id: `mqtt-${n}`, state: "RETRIED", settledBy: "Ada" } })),
      { outcome: "REJECTED", reason: "vin", message: expect.stringContaining("a VIN has 17"), deadLetter: { state: "OPEN" } },
    ])
    expect(await retry({ ids: ["mqtt-3", "mqtt-3"], clientMutationId: "c" })).toMatchObject({
      clientMutationId: "c",
      endCursor: null,
      results: [{ outcome: "KNOWN", deadLetter: { settledBy: "Ada" } }],
    })
  })

  it("are retried with what is mended", async () => {
    const payload = Buffer.from(JSON.stringify(message(6, { "Vehicle.Speed": 6 }))).toString("base64")
    const mended = { payload, encoding: "BASE64", topic: `vehicles/${vinOf(1)}/telemetry` }
    expect(await retry({ ids: ["mqtt-5"], mended })).toMatchObject({ results: [{ outcome: "TAKEN_IN" }] })
  })

  it("are discarded, for the record", async () => {
    const { result } = await ask<Result>(
      served.url,
      `mutation { result: discardDeadLetters(input: { filter: { reasons: ["json"] }, by: "Ada" }) {
        ... on DiscardDeadLettersPayload { deadLetters { id state settledBy } endCursor } ... on Error { message }
      } }`,
    )
    expect(result).toEqual({ deadLetters: [{ id: "kafka-0", state: "DISCARDED", settledBy: "Ada" }], endCursor: null })
    expect(await ids({ states: ["OPEN"] })).toEqual([])
  })
})
