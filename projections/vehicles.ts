/** The fleet as it stands: one row a vehicle. */
import type { Powertrain } from "../domain/vehicle/events.ts"
import * as Twin from "../domain/vehicle/twin.ts"
import type { Projection } from "./projection.ts"
import type { ReportingState } from "./reporting.ts"

export interface VehicleRow {
  readonly vin: string
  readonly brand: string | null
  readonly model: string | null
  readonly year: number | null
  readonly powertrain: Powertrain | null
  readonly tags: ReadonlyArray<string>
  readonly depot: string | null
  readonly region: string | null
  readonly online: boolean
  /** Whether it reports as it should; null until something was heard of it. */
  readonly reporting: ReportingState | null
  readonly lastSeenAt: number | null
  readonly registeredAt: number | null
  readonly revision: number
  /** Of the newest record folded: what a reader has seen up to a cursor is told by it. */
  readonly position: string
  readonly twin: Twin.Twin
}

export const vehicles: Projection<VehicleRow> = {
  name: "vehicles",
  version: 3,
  columns: {
    vin: "text",
    brand: "text",
    model: "text",
    year: "integer",
    powertrain: "text",
    tags: "json",
    depot: "text",
    region: "text",
    online: "boolean",
    reporting: "text",
    lastSeenAt: "time",
    registeredAt: "time",
    revision: "integer",
    position: "text",
    twin: "json",
  },
  key: [],
  indexes: [
    ["brand", "vin"],
    ["depot", "vin"],
    ["region", "vin"],
    ["lastSeenAt", "vin"],
    ["reporting", "vin"],
    ["position"],
  ],
  evolve: (vin, rows, record) => {
    if (record._tag !== "Vehicle") return rows
    const twin = Twin.evolve(rows[0]?.twin ?? Twin.initial(vin), record.event, record.revision)
    return [rowOf(twin, record.position)]
  },
}

const rowOf = (twin: Twin.Twin, position: string): VehicleRow => ({
  vin: twin.vin,
  brand: twin.description.brand ?? null,
  model: twin.description.model ?? null,
  year: twin.description.year ?? null,
  powertrain: twin.description.powertrain ?? null,
  tags: twin.description.tags ?? [],
  depot: twin.description.depot ?? null,
  region: twin.description.region ?? null,
  online: twin.online,
  reporting: reportingOf(twin),
  lastSeenAt: twin.lastSeenAt ?? null,
  registeredAt: twin.registeredAt ?? null,
  revision: twin.revision,
  position,
  twin,
})

/** A vehicle is expected to report unless its last word was that it goes; of many there is never a word. */
const reportingOf = ({ lastSeenAt, online, session, silence }: Twin.Twin): ReportingState | null => {
  if (lastSeenAt === undefined) return null
  if (silence !== undefined) return silence === "stale" ? "STALE" : "SILENT"
  return online || session === undefined ? "REPORTING" : "OFFLINE"
}
