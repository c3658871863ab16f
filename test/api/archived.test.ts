/** Events of a vehicle whose older ones are in the archive: lists end where the log begins, and what is before says so. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Archived from "../../domain/vehicle/archived.ts"
import * as Identity from "../../domain/vehicle/identity.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import { encodeId } from "../../src/api/builder.ts"
import { fromNumber } from "../../src/eventstore/position.ts"
import { answer, ask } from "./client.ts"
import { serve, type Served, vinOf } from "./world.ts"

const vin = vinOf(1)
const start = Date.now() - 86_400_000

let served: Served
/** Of the events, before any was archived. */
let cursors: ReadonlyArray<string>

const page = "edges { cursor node { revision } } pageInfo { hasNextPage hasPreviousPage } totalCount"
interface Page {
  readonly edges: ReadonlyArray<{ readonly cursor: string; readonly node: { readonly revision: number } }>
  readonly pageInfo: { readonly hasNextPage: boolean; readonly hasPreviousPage: boolean }
  readonly totalCount: number | null
}

const events = async (args: string) => {
  const { vehicle } = await ask<{ vehicle: { events: Page } }>(
    served.url,
    `{ vehicle(vin: "${vin}") { events${args} { ${page} } } }`,
  )
  const { edges, pageInfo, totalCount } = vehicle.events
  return { revisions: edges.map(({ node }) => node.revision), ...pageInfo, totalCount }
}

const archived = (revision: number, file: string, fromRevision: number, toRevision: number) => {
  const stream = Archived.streamOf(vin)
  const { world } = served
  world.streams.set(stream, [...(world.streams.get(stream) ?? []), {
    id: Identity.uuid(file),
    stream,
    type: Archived.eventType,
    revision,
    position: fromNumber(++world.position),
    created: start,
    metadata: { schema: Archived.version },
    data: { file, fromRevision, toRevision, firstReceivedAt: toTime(start), lastReceivedAt: toTime(start) },
  }])
}

beforeAll(async () => {
  served = await serve()
  for (let n = 0; n < 10; n++) served.world.telemetry(vin, { "Vehicle.Speed": n }, start + n * 60_000)
  const { vehicle } = await ask<{ vehicle: { events: Page } }>(
    served.url,
    `{ vehicle(vin: "${vin}") { events(first: 10) { ${page} } } }`,
  )
  cursors = vehicle.events.edges.map(({ cursor }) => cursor)
  archived(0, "events-000001.parquet", 0, 2)
  archived(1, "events-000002.parquet", 3, 5)
})
afterAll(() => served.stop())

describe("the events of a vehicle whose older ones are in the archive", () => {
  it("begin where the log does, from either end", async () => {
    const whole = { hasNextPage: false, hasPreviousPage: false, totalCount: 4 }
    expect(await events("(first: 3)")).toEqual({ ...whole, revisions: [6, 7, 8], hasNextPage: true })
    expect(await events("")).toEqual({ ...whole, revisions: [6, 7, 8, 9] })
    expect(await events("(last: 10)")).toEqual({ ...whole, revisions: [6, 7, 8, 9] })
    expect(await events("(last: 3)")).toEqual({ ...whole, revisions: [7, 8, 9], hasPreviousPage: true })
    expect(await events(`(last: 3, before: "${cursors[8]}")`)).toMatchObject({
      revisions: [6, 7],
      hasPreviousPage: false,
    })
    expect(await events(`(last: 3, before: "${cursors[6]}")`)).toMatchObject({ revisions: [] })
    expect(await events(`(first: 3, after: "${cursors[5]}")`)).toMatchObject({ revisions: [6, 7, 8] })
  })

  it.each([
    ["after", 0, 1, "events-000001.parquet"],
    ["after", 4, 5, "events-000002.parquet"],
    ["before", 4, 4, "events-000002.parquet"],
  ])("are not gone on with %s event %i, which says which file has them", async (side, cursor, event, file) => {
    const size = side === "after" ? "first" : "last"
    const { errors } = await answer(
      served.url,
      `{ vehicle(vin: "${vin}") { events(${size}: 3, ${side}: "${cursors[cursor]}") { ${page} } } }`,
    )
    expect(errors?.[0]).toMatchObject({
      message: `Event ${event} of vehicle ${vin} is in the archive, in ${file}`,
      extensions: { code: "ARCHIVED", file },
    })
  })

  it("are found by their ids in the log, and the others' say which file has them", async () => {
    const node = (revision: number) =>
      answer<unknown>(
        served.url,
        `{ node(id: "${encodeId("Event", `${vin}:${revision}`)}") { ... on Event { revision } } }`,
      )
    expect(await node(6)).toEqual({ data: { node: { revision: 6 } } })
    expect((await node(5)).errors?.[0]?.extensions).toEqual({ code: "ARCHIVED", file: "events-000002.parquet" })
    expect((await node(2)).errors?.[0]?.extensions).toEqual({ code: "ARCHIVED", file: "events-000001.parquet" })
  })
})
