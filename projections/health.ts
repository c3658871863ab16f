/** How each component fares: one row a vehicle and component, by the component models in service. */
import { Result } from "effect"
import type { Evidence, Urgency } from "../domain/maintenance/alerts/alert-events.ts"
import {
  type Assessment,
  type ComponentModel,
  Interests,
  minConfidence,
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
  /** By this a planner's list is ordered: see `priorityOf`. 0 to 400. */
  readonly priority: number
  /** It is the vehicle's component of highest priority. */
  readonly worst: boolean
  readonly urgency: Urgency
  readonly summary: string
  readonly recommendedAction: string
  readonly model: string
  readonly modelVersion: string
  /** 0 to 1. At 0 nothing is known yet: the row only holds what the model has folded, and is not to be shown. */
  readonly confidence: number
  readonly evidence: ReadonlyArray<Evidence>
  /**
   * When it is expected to fail, and the interval that holds nine of ten cases, epoch ms, to the hour; null where there
   * is no telling, or no being sure.
   */
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

/** All that counting failures ahead reads: they may be many, and rows are large. */
const lookedAhead = ["failsFrom", "failsAt", "failsTo", "component", "vin"] as const

export const health: Projection<HealthRow> = {
  name: "health",
  /** Raise it whenever a model comes, goes, or has a new version. */
  version: 3,
  columns: {
    vin: "text",
    component: "text",
    score: "real",
    risk: "real",
    priority: "real",
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
  indexes: [["worst", "priority", "vin"], ["component", "priority", "vin"], lookedAhead],
  evolve: (vin, rows, record) => {
    if (record._tag !== "Vehicle") return rows
    const concerned = interests.of(record)
    if (concerned.length === 0) return rows
    const observed = observe(record)
    let evolved: Array<HealthRow> | undefined
    for (const model of concerned) {
      const place = places.of(evolved ?? rows, model.component)
      const before = rows[place]
      const after = rowAfter(vin, model, before, observed)
      if (after === before || after === undefined) continue
      evolved ??= [...rows]
      evolved[place] = after
    }
    return evolved === undefined ? rows : withWorst(evolved)
  },
}

/** Vehicles have their components mostly in the same places: the one where it was last is tried first. */
class Places {
  readonly #known = new Map<string, number>()

  /** Of a component's row; where there is none, the place after the last. */
  of(rows: ReadonlyArray<HealthRow>, component: string): number {
    const known = this.#known.get(component)
    if (known !== undefined && rows[known]?.component === component) return known
    let place = 0
    while (place < rows.length && rows[place]?.component !== component) place++
    this.#known.set(component, place)
    return place
  }
}

const places = new Places()

/** The row of before where the state stays. */
const rowAfter = (
  vin: string,
  model: ComponentModel,
  before: HealthRow | undefined,
  observed: Observed,
): HealthRow | undefined => {
  const known = before?.state ?? model.initial
  const { receivedAt: computedAt, record: { position } } = observed
  // A model that throws is passed over for that record. The reactor, which runs the same models, reports it.
  try {
    const state = model.evolve(known, observed)
    if (state === known) return before
    const fields = shown(model, model.assess(state, computedAt), computedAt)
    const { component, name, version } = model
    const worst = before?.worst ?? false
    return { vin, component, model: name, modelVersion: version, computedAt, position, ...fields, worst, state }
  } catch {
    return before
  }
}

/**
 * The row as its model sees it at a time, epoch ms: the longer a vehicle is silent, the less sure its score. What it is
 * listed by, and when it was computed, stay. The row as it is, where that version of the model is not in service.
 */
export const asOf = (row: HealthRow, at: number): HealthRow => {
  const model = models.find(({ component, name, version }) =>
    component === row.component && name === row.model && version === row.modelVersion)
  if (model === undefined || at <= row.computedAt) return row
  const fields = Result.try(() => shown(model, model.assess(row.state, at), at))
  return Result.isSuccess(fields) ? { ...row, ...fields.success, priority: row.priority } : row
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** What lies further ahead is told as this, which every database can hold. */
const longestDays = 36_500

/** More than a model can tell; and what is stored, and stands in an index, changes less often. */
const toHour = (time: number): number => Math.round(time / hourMs) * hourMs

/** What its model says at that time, epoch ms, as a row has it. */
const shown = (model: ComponentModel, assessment: Assessment | undefined, at: number) => {
  if (assessment === undefined) return unknown
  const { confidence, evidence, recommendedAction, remaining, score, summary, urgency } = assessment
  const isSure = confidence >= minConfidence
  const after = (days: number | null | undefined) =>
    days === null || days === undefined || !isSure ? null : toHour(at + Math.min(days, longestDays) * dayMs)
  return {
    score,
    risk: (100 - score) * confidence,
    priority: priorityOf(model, assessment),
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

const levels: Readonly<Record<Urgency, number>> = { drive_on: 1, service_soon: 2, stop: 3 }

/** Above this a row's priority is of a score that asks for that, or for more. */
export const priorityAbove = (urgency: Urgency): number => 100 * levels[urgency]

/** What a priority asks for. Below a model's line that is nothing, and the driver drives on. */
export const urgencyAt = (priority: number): Urgency =>
  priority > priorityAbove("stop") ? "stop" : priority > priorityAbove("service_soon") ? "service_soon" : "drive_on"

/**
 * Scores of different models are not of one scale: each draws the line where something has to be done by itself. So
 * what is past its model's line, for sure, comes before what is not, by urgency; risk orders only what is of one urgency.
 * 100 for each step (1 drive on, 2 service soon, 3 stop), and the risk on top of it.
 */
const priorityOf = ({ raiseAt }: ComponentModel, { confidence, score, urgency }: Assessment): number => {
  const isPastLine = score <= raiseAt && confidence >= minConfidence
  return (isPastLine ? priorityAbove(urgency) : 0) + (100 - score) * confidence
}

const unknown = {
  score: 100,
  risk: 0,
  priority: 0,
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
    const ahead = worst === undefined ? 1 : row.priority - worst.priority
    if (ahead > 0 || (ahead === 0 && worst !== undefined && row.component < worst.component)) worst = row
  }
  return rows.map((row) => row.worst === (row === worst) ? row : { ...row, worst: row === worst })
}
