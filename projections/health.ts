/** How each component fares: one row a vehicle and component, by the component models there are. */
import { Result } from "effect"
import type { Evidence } from "../domain/maintenance/alert-events.ts"
import { type ComponentModel, concerns, type ModelState } from "../domain/maintenance/model.ts"
import { models } from "../domain/maintenance/models.ts"
import type { VehicleRecord } from "../domain/vehicle/record.ts"
import type { Projection } from "./projection.ts"

export interface HealthRow {
  readonly vin: string
  readonly component: string
  /** 0 (failed) to 100 (as new). */
  readonly score: number
  readonly model: string
  readonly modelVersion: string
  /** 0 to 1. At 0 nothing is known yet: the row only holds what the model has folded, and is not to be shown. */
  readonly confidence: number
  readonly evidence: ReadonlyArray<Evidence>
  /** Receipt time of the newest event it rests on, epoch ms. */
  readonly computedAt: number
  readonly position: string
  /** What the model folds. */
  readonly state: ModelState
}

export const health: Projection<HealthRow> = {
  name: "health",
  /** Raise it whenever a model comes, goes, or has a new version. */
  version: 1,
  columns: {
    vin: "text",
    component: "text",
    score: "real",
    model: "text",
    modelVersion: "text",
    confidence: "real",
    evidence: "json",
    computedAt: "time",
    position: "text",
    state: "json",
  },
  key: ["component"],
  indexes: [["component", "score"]],
  evolve: (vin, rows, record) => {
    if (record._tag !== "Vehicle") return rows
    let evolved = rows
    for (const model of models) {
      if (!concerns(model, record)) continue
      const before = evolved.find((row) => row.component === model.component)
      // A model that throws is passed over for that record. The reactor, which runs the same models, reports it.
      const after = Result.getOrElse(Result.try(() => rowAfter(vin, model, before, record)), () => before)
      if (after === before || after === undefined) continue
      evolved = before === undefined ? [...evolved, after] : evolved.map((row) => row === before ? after : row)
    }
    return evolved
  },
}

const rowAfter = (
  vin: string,
  model: ComponentModel,
  before: HealthRow | undefined,
  record: VehicleRecord,
): HealthRow | undefined => {
  const known = before?.state ?? model.initial
  const state = model.evolve(known, record)
  if (state === known) return before
  const computedAt = Date.parse(record.event.metadata.receivedAt)
  const assessment = model.assess(state, computedAt)
  return {
    vin,
    component: model.component,
    score: assessment?.score ?? 100,
    model: model.name,
    modelVersion: model.version,
    confidence: assessment?.confidence ?? 0,
    evidence: assessment?.evidence ?? [],
    computedAt,
    position: record.position,
    state,
  }
}
