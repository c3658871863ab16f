/** Events as an export has them, for tests of what reads exports. */
import { writeFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import * as Alert from "../../domain/maintenance/alerts/alert-events.ts"
import { uuid } from "../../domain/vehicle/identity.ts"
import { streamOf } from "../../domain/vehicle/events.ts"
import { toTime } from "../../domain/vehicle/readings.ts"
import type { RecordedEvent } from "../../src/eventstore/event-store.ts"
import { fromNumber } from "../../src/eventstore/position.ts"
import { Encoder } from "../../src/replay/parquet.ts"
import type { EventLine } from "../../src/replay/event-line.ts"
import { eventColumns, EventTable } from "../../src/replay/event-table.ts"
import { now, second } from "../support/given.ts"
import { vinOf } from "../support/messages.ts"

/** Telemetry of several vehicles in turns that follow from `seed`, as a log would have it. */
export const fleetEvents = (count: number, { seed = 1, vehicles = 5 } = {}): ReadonlyArray<RecordedEvent> => {
  const revisions = new Map<string, number>()
  let random = seed
  return Array.from({ length: count }, (_, i) => {
    random = (random * 48271) % 2147483647
    const vin = vinOf(random % vehicles)
    const stream = streamOf(vin)
    const revision = revisions.get(stream) ?? 0
    revisions.set(stream, revision + 1)
    const at = toTime(now + i * second)
    return {
      position: fromNumber(3 * i + 1),
      stream,
      revision,
      id: uuid(`${vin} ${revision}`),
      type: "TelemetryReceived",
      created: now + i * second + 300,
      data: { at, session: "boot-1", seq: revision, readings: { "Vehicle.Speed": i % 250 } },
      metadata: {
        schema: 1,
        receivedAt: toTime(now + i * second + 250),
        source: { kind: "mqtt", topic: `vehicles/${vin}/telemetry` },
        identity: `seq:${revision}@boot-1`,
      },
    }
  })
}

export const alertRaised = (vin: string, position: number): RecordedEvent => ({
  position: fromNumber(position),
  stream: Alert.streamOf(vin),
  revision: 0,
  id: uuid(`alert of ${vin}`),
  type: "AlertRaised",
  created: now,
  data: {
    alertId: uuid(`${vin} brakes`),
    component: "brakes.front",
    urgency: "service_soon",
    score: 40,
    model: "brakes",
    modelVersion: "1",
    summary: "worn",
    recommendedAction: "replace",
    evidence: [{ text: "thin", events: [] }],
  },
  metadata: { schema: 1, receivedAt: toTime(now), causationRevision: 0 },
})

const vehicleStream = /^(?:vehicle|maintenance|snapshot|archive)-(.+)$/

/** What an export says of an event. */
export const toLine = (event: RecordedEvent): EventLine => {
  const { at } = event.data
  const { receivedAt } = event.metadata
  const created = new Date(event.created).toISOString()
  return {
    position: event.position,
    stream: event.stream,
    revision: event.revision,
    id: event.id,
    type: event.type,
    vin: vehicleStream.exec(event.stream)?.[1] ?? null,
    observedAt: typeof at === "string" ? at : null,
    receivedAt: typeof receivedAt === "string" ? receivedAt : created,
    created,
    data: event.data,
    metadata: event.metadata,
  }
}

export const writeLines = (file: string, lines: ReadonlyArray<EventLine>): string => {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("")
  writeFileSync(file, file.endsWith(".gz") ? gzipSync(text) : text)
  return file
}

export const writeEvents = (file: string, events: ReadonlyArray<RecordedEvent>): string => {
  if (!file.endsWith(".parquet")) return writeLines(file, events.map(toLine))
  const encoder = new Encoder(eventColumns)
  const parts: Array<Uint8Array> = []
  const table = new EventTable()
  for (const event of events) table.add(event)
  parts.push(encoder.rows(table.take()), encoder.end())
  writeFileSync(file, Buffer.concat(parts))
  return file
}
