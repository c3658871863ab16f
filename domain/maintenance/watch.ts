/**
 * What the reactor keeps of a vehicle and a model: the model's state, and what the decider was told last. A command
 * comes of it only when a score has crossed a line and stayed across it, so that one noisy reading does nothing.
 */
import type { Urgency } from "./alert-events.ts"
import {
  type Assessment,
  type ComponentModel,
  isMoreUrgent,
  minConfidence,
  type ModelState,
  type Observed,
} from "./model.ts"

/** How the decider has the component: `unknown` until it is asked, `well` with no open alert. */
export type Told = "unknown" | "well" | Urgency

export interface Watch {
  readonly version: string
  readonly state: ModelState
  readonly told: Told
  /** What the last assessments say that was not told yet, and how many of them in a row. */
  readonly leaning: Told | null
  readonly streak: number
}

export interface Step {
  readonly watch: Watch
  /** The decider is to be told. */
  readonly news: Assessment | undefined
}

export const begin = (model: ComponentModel, told: Told): Watch => ({
  version: model.version,
  state: model.initial,
  told,
  leaning: null,
  streak: 0,
})

/** After a record that concerns the model. The same watch where nothing changes. */
export const evolve = (model: ComponentModel, watch: Watch, observed: Observed): Step => {
  const state = model.evolve(watch.state, observed)
  // With the state as it was, so is the score, but for its date, which has deadlines.
  if (state === watch.state && watch.leaning === null) return { watch, news: undefined }
  const next = { ...watch, state }
  const assessment = model.assess(state, observed.receivedAt)
  const leaning = leaningOf(model, watch.told, assessment)
  if (leaning === null || assessment === undefined) return { watch: { ...next, leaning: null, streak: 0 }, news: undefined }
  const streak = leaning === watch.leaning ? watch.streak + 1 : 1
  return streak < model.confirmations
    ? { watch: { ...next, leaning, streak }, news: undefined }
    : { watch: { ...next, leaning: null, streak: 0, told: leaning }, news: assessment }
}

/** A deadline has passed. Time is not noisy, so it takes no confirmation. */
export const pass = (model: ComponentModel, watch: Watch, now: number): Step => {
  const assessment = model.assess(watch.state, now)
  const leaning = leaningOf(model, watch.told, assessment)
  return leaning === null || leaning === "well" || assessment === undefined
    ? { watch, news: undefined }
    : { watch: { ...watch, leaning: null, streak: 0, told: leaning }, news: assessment }
}

const leaningOf = (model: ComponentModel, told: Told, assessment: Assessment | undefined): Told | null => {
  if (assessment === undefined || assessment.confidence < minConfidence) return null
  const { score, urgency } = assessment
  if (score >= model.recoverAt) return told === "well" ? null : "well"
  if (score > model.raiseAt) return null
  if (told === "unknown" || told === "well") return urgency
  return isMoreUrgent(urgency, told) ? urgency : null
}
