/**
 * What the reactor keeps of a vehicle and a model: the model's state, and what the decider was told last. A command
 * comes of it only when a score has crossed a line and stayed across it, so that one noisy reading does nothing.
 */
import type { Urgency } from "./alerts/alert-events.ts"
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
  /** When it is to be looked at again though nothing came in, epoch ms. */
  readonly deadline: number | null
}

export interface Step {
  readonly watch: Watch
  /** The decider is to be told. */
  readonly news: Assessment | undefined
}

/** Something said once, that nothing contradicted for so long, is believed without being said again. */
const silenceConfirmsMs = 24 * 3_600_000

const deadlineOf = (model: ComponentModel, state: ModelState, leaning: Told | null, after: number): number | null => {
  const own = model.deadline(state, after) ?? null
  if (leaning === null || leaning === "well") return own
  return Math.min(own ?? Infinity, after + silenceConfirmsMs)
}

export const begin = (model: ComponentModel, told: Told): Watch => ({
  version: model.version,
  state: model.initial,
  told,
  leaning: null,
  streak: 0,
  deadline: null,
})

/** How the decider has it is known, epoch ms, and what the model leaned to is of no account any more. */
export const settle = (model: ComponentModel, watch: Watch, told: Told, at: number): Watch => ({
  ...watch,
  told,
  leaning: null,
  streak: 0,
  deadline: deadlineOf(model, watch.state, null, at),
})

/** After a record that concerns the model. The same watch where nothing changes. */
export const evolve = (model: ComponentModel, watch: Watch, observed: Observed): Step => {
  const state = model.evolve(watch.state, observed)
  // With the state as it was, so is the score, but for its date, which has deadlines.
  if (state === watch.state && watch.leaning === null) return { watch, news: undefined }
  const { receivedAt } = observed
  const next = { ...watch, state }
  const assessment = model.assess(state, receivedAt)
  const leaning = leaningOf(model, hasHappenedAgain(model, watch, assessment) ? "well" : watch.told, assessment)
  if (leaning === null || assessment === undefined) {
    return { watch: settle(model, next, watch.told, receivedAt), news: undefined }
  }
  const streak = leaning === watch.leaning ? watch.streak + 1 : 1
  return streak < model.confirmations
    ? {
      watch: { ...next, leaning, streak, deadline: deadlineOf(model, state, leaning, receivedAt) },
      news: undefined,
    }
    : { watch: settle(model, next, leaning, receivedAt), news: assessment }
}

/** Time has passed. If the deadline has, it takes no confirmation, as time is not noisy. */
export const pass = (model: ComponentModel, watch: Watch, now: number): Step => {
  if (watch.deadline === null || watch.deadline > now) return { watch, news: undefined }
  const assessment = model.assess(watch.state, now)
  const leaning = leaningOf(model, watch.told, assessment)
  return leaning === null || leaning === "well" || assessment === undefined
    ? { watch: { ...watch, deadline: deadlineOf(model, watch.state, null, now) }, news: undefined }
    : { watch: settle(model, watch, leaning, now), news: assessment }
}

/** The models of what happens fold few records, so the assessment of before can be made again. */
const hasHappenedAgain = (model: ComponentModel, before: Watch, assessment: Assessment | undefined): boolean => {
  if (assessment?.occurredAt === undefined) return false
  const known = model.assess(before.state, assessment.occurredAt)?.occurredAt
  return known !== undefined && assessment.occurredAt > known
}

const leaningOf = (model: ComponentModel, told: Told, assessment: Assessment | undefined): Told | null => {
  if (assessment === undefined || assessment.confidence < minConfidence) return null
  const { score, urgency } = assessment
  if (score >= model.recoverAt) return told === "well" ? null : "well"
  if (score > model.raiseAt) return null
  if (told === "unknown" || told === "well") return urgency
  return isMoreUrgent(urgency, told) ? urgency : null
}
