/** How each component fares: one row a vehicle and component, by the component models in service. */
import { Result } from "effect"
import type { Evidence, Urgency } from "../domain/maintenance/alert-events.ts"
import {
  type Assessment,
  type ComponentModel,
  Interests,
  type ModelState,
  observe,
  type Observed,
} from "../domain/maintenance/model.ts"
import { models } from "../domain/maintenance/models.ts"
import type { Projection } from "./projection.ts"

export interface HealthRow {
  readonly vin: string
  readonly component: string
  /** 0 (failed) to 100 (as new). */
  readonly score: number
  /** What is lacking of 100, times how sure that is: 0 to 100. */
  readonly risk: number
  /** It is the vehicle's component of highest risk. */
  readonly worst: boolean
  readonly urgency: Urgency
  readonly summary: string
  readonly recommendedAction: string
  readonly model: string
  readonly modelVersion: string
  /** 0 to 1. At 0 nothing is known yet: the row only holds what the model has folded, and is not to be shown. */
  readonly confidence: number
  readonly evidence: ReadonlyArray<Evidence>
  /** When it is expected to fail, and the interval that holds nine of ten cases, epoch ms; null where there is no telling. */
  readonly failsAt: number | null
  readonly failsFrom: number | null
  readonly failsTo: number | null
  /** Receipt time of the newest event it rests on, epoch ms. */
  readonly computedAt: number
  readonly position: string
  /** What the model folds. */
  readonly state: ModelState
}

const interests = new Interests(models)

export const health: Projection<HealthRow> = {
  name: "health",
  /** Raise it whenever a model comes, goes, or has a new version. */
  version: 2,
  columns: {
    vin: "text",
    component: "text",
    score: "real",
    risk: "real",
    worst: "boolean",
    urgency: "text",
    summary: "text",
    recommendedAction: "text",
    model: "text",
    modelVersion: "text",
    confidence: "real",
    evidence: "json",
    failsAt: "time",
    failsFrom: "time",
    failsTo: "time",
    computedAt: "time",
    position: "text",
    state: "json",
  },
  key: ["component"],
  indexes: [["component", "risk"], ["worst", "risk", "vin"], ["failsAt"]],
  evolve: (vin, rows, record) => {
    if (record._tag !== "Vehicle") return rows
    const concerned = interests.of(record)
    if (concerned.length === 0) return rows
    const observed = observe(record)
    let evolved = rows
    for (const model of concerned) {
      const before = evolved.find((row) => row.component === model.component)
      // A model that throws is passed over for that record. The reactor, which runs the same models, reports it.
      const after = Result.getOrElse(Result.try(() => rowAfter(vin, model, before, observed)), () => before)
      if (after === before || after === undefined) continue
      evolved = before === undefined ? [...evolved, after] : evolved.map((row) => row === before ? after : row)
    }
    return evolved === rows ? rows : withWorst(evolved)
  },
}

const rowAfter = (
  vin: string,
  model: ComponentModel,
  before: HealthRow | undefined,
  observed: Observed,
): HealthRow | undefined => {
  const known = before?.state ?? model.initial
  const state = model.evolve(known, observed)
  if (state === known) return before
  const { receivedAt: computedAt, record: { position } } = observed
  const row = { vin, component: model.component, model: model.name, modelVersion: model.version, computedAt, position }
  return { ...row, ...shown(model.assess(state, computedAt), computedAt), worst: before?.worst ?? false, state }
}

const dayMs = 24 * 3_600_000

/** An assessment made at that time, epoch ms, as a row has it. */
export const shown = (assessment: Assessment | undefined, at: number) => {
  if (assessment === undefined) return unknown
  const { confidence, evidence, recommendedAction, remaining, score, summary, urgency } = assessment
  const after = (days: number | null | undefined) => days === null || days === undefined ? null : at + days * dayMs
  return {
    score,
    risk: (100 - score) * confidence,
    urgency,
    summary,
    recommendedAction,
    confidence,
    evidence,
    failsAt: after(remaining?.days),
    failsFrom: after(remaining?.low),
    failsTo: after(remaining?.high),
  }
}

const unknown = {
  score: 100,
  risk: 0,
  urgency: "drive_on",
  summary: "",
  recommendedAction: "",
  confidence: 0,
  evidence: [],
  failsAt: null,
  failsFrom: null,
  failsTo: null,
} as const

/** Of equal ones the first by name, so that it is the same however the rows came to be. */
const withWorst = (rows: ReadonlyArray<HealthRow>): ReadonlyArray<HealthRow> => {
  let worst: HealthRow | undefined
  for (const row of rows) {
    if (row.confidence === 0) continue
    if (worst === undefined || row.risk > worst.risk || (row.risk === worst.risk && row.component < worst.component)) {
      worst = row
    }
  }
  return rows.map((row) => row.worst === (row === worst) ? row : { ...row, worst: row === worst })
}
